/**
 * Segments of the local descriptor table: bases, small limits and 16-bit code and stacks, which Linux has none of. host.c
 * gives them to modify_ldt(2); the emulator makes descriptors of them.
 */
import { CODE, CODE_32, CODE_64, CODE_BYTES, DATA } from './case-layout.ts';

export interface LocalSegment {
  readonly name: string;
  readonly base: number;
  /** Last offset; a multiple of 4 KiB, less one, where `pages` is set. */
  readonly limit: number;
  /** The D or B bit: 16-bit code has 16-bit operands and addresses, a 16-bit stack uses SP. */
  readonly bits: 16 | 32;
  /** `down`: an expand-down segment, whose offsets are those above the limit. Linux allows no conforming code. */
  readonly kind: 'data' | 'down' | 'code';
  /** Data that may not be written; code that may not be read. */
  readonly guarded?: true;
  /** The G bit. */
  readonly pages?: true;
  readonly absent?: true;
}

/** The data segments' base: the data's offsets fit into 16 bits. */
const BASE = 0x4_8000;
/** The code pages are the last of 64 KiB from here, and one behind them. */
const CODE_BASE = CODE - 0xf000;
/** The first page of the code segments is the second code page again: instructions may go from FFFF to 0. */
export const WRAPPED_CODE = CODE_BASE;
/** Behind the first page of the data, in the windows that begin in it. */
const DATA_MIDDLE = DATA + 0x6ff - BASE;
/** In the first code page, behind where code stands otherwise. */
const CODE_MIDDLE = CODE + 0x8ff - CODE_BASE;

/** In the order of the table. The first is what cases with one local segment use. */
export const LOCAL_SEGMENTS: readonly LocalSegment[] = [
  { name: 'data', base: BASE, limit: 0x9fff, bits: 32, kind: 'data' },
  { name: 'data with a small limit', base: BASE, limit: DATA_MIDDLE, bits: 32, kind: 'data' },
  { name: 'data that may only be read', base: BASE, limit: DATA_MIDDLE, bits: 32, kind: 'data', guarded: true },
  { name: 'data from a limit on', base: BASE, limit: DATA_MIDDLE - 0x200, bits: 32, kind: 'down' },
  { name: 'data in pages', base: BASE, limit: 0x9fff, bits: 32, kind: 'data', pages: true },
  {
    name: 'data around the end of addresses',
    base: 0xffff_8000,
    limit: 0xffff_ffff,
    bits: 32,
    kind: 'data',
    pages: true,
  },
  { name: 'data that is absent', base: BASE, limit: 0x9fff, bits: 32, kind: 'data', absent: true },
  { name: 'code', base: CODE_BASE, limit: CODE + CODE_BYTES - 1 - CODE_BASE, bits: 32, kind: 'code' },
  { name: 'code with a small limit', base: CODE_BASE, limit: CODE_MIDDLE, bits: 32, kind: 'code', guarded: true },
  { name: 'code in pages', base: CODE_BASE, limit: 0xfff_ffff, bits: 32, kind: 'code', pages: true },
  { name: '16-bit data', base: BASE, limit: 0x9fff, bits: 16, kind: 'data' },
  { name: '16-bit data with a small limit', base: BASE, limit: DATA_MIDDLE, bits: 16, kind: 'data' },
  { name: '16-bit data from a limit on', base: BASE, limit: DATA_MIDDLE - 0x200, bits: 16, kind: 'down' },
  { name: '64 KiB of 16-bit data', base: DATA + 0x1000 - 0x1_0000, limit: 0xffff, bits: 16, kind: 'data' },
  { name: '16-bit code', base: CODE_BASE, limit: 0xffff, bits: 16, kind: 'code' },
  { name: '16-bit code behind 64 KiB', base: CODE_BASE, limit: 0x1_0fff, bits: 16, kind: 'code' },
  {
    name: '16-bit code with a small limit',
    base: CODE_BASE,
    limit: CODE_MIDDLE,
    bits: 16,
    kind: 'code',
    guarded: true,
  },
];

/** How many of them have 32 bits: they come first. */
export const LOCAL_SEGMENTS_32 = LOCAL_SEGMENTS.findIndex(({ bits }) => bits === 16);

export const selectorOf = (index: number): number => (index << 3) | 7;

/** The plain one. */
export const LOCAL_DATA = selectorOf(0);

/** The segment that a selector of user mode names, if it is a local one. */
export function localSegment(selector: number): LocalSegment | undefined {
  return (selector & 7) === 7 ? LOCAL_SEGMENTS[selector >> 3] : undefined;
}

export const baseOf = (selector: number): number => localSegment(selector)?.base ?? 0;

/** Bits of operands and addresses in a code segment. */
export function codeBits(selector: number): 16 | 32 | 64 {
  return selector === CODE_64 ? 64 : (localSegment(selector)?.bits ?? 32);
}

function selectors(which: (segment: LocalSegment) => boolean): readonly number[] {
  return LOCAL_SEGMENTS.flatMap((segment, index) => (which(segment) ? [selectorOf(index)] : []));
}

export const CODE_SEGMENTS_16 = selectors((segment) => segment.kind === 'code' && segment.bits === 16);
export const CODE_SEGMENTS_32: readonly number[] = [
  CODE_32,
  ...selectors((segment) => segment.kind === 'code' && segment.bits === 32),
];
/** What SS may hold, and what the other data segment registers may. */
export const STACKS = selectors((segment) => segment.kind !== 'code' && !segment.absent && !segment.guarded);
export const DATA_SEGMENTS = selectors((segment) => segment.kind !== 'code' && !segment.absent);

/** Bits 55-40 of a descriptor: the segment's attributes as the processor keeps them. DPL 3, accessed. */
export function attributesOf({ kind, bits, guarded, pages, absent }: LocalSegment): number {
  const type = { data: 1, down: 5, code: 9 }[kind] | (guarded ? 0 : 2);
  return type | 0x70 | (absent ? 0 : 0x80) | (bits === 32 ? 0x4000 : 0) | (pages ? 0x8000 : 0);
}

/** The segment as an eight-byte descriptor. */
export function descriptorOf(segment: LocalSegment): bigint {
  const base = BigInt(segment.base);
  const limit = BigInt(segment.pages ? Math.floor(segment.limit / 0x1000) : segment.limit);
  return (
    (limit & 0xffffn) |
    ((base & 0xff_ffffn) << 16n) |
    (BigInt(attributesOf(segment)) << 40n) |
    ((limit >> 16n) << 48n) |
    ((base >> 24n) << 56n)
  );
}

/** The segments as an array of Linux's `struct user_desc`. */
export function userDescriptors(segments: readonly LocalSegment[]): Uint8Array {
  const words = segments.flatMap(({ base, limit, bits, kind, guarded, pages, absent }, index) => {
    const contents = { data: 0, down: 1, code: 2 }[kind];
    const flags =
      (bits === 32 ? 1 : 0) | (contents << 1) | (guarded ? 8 : 0) | (pages ? 16 : 0) | (absent ? 32 : 0) | 64;
    return [index, base, pages ? Math.floor(limit / 0x1000) : limit, flags];
  });
  return new Uint8Array(Uint32Array.from(words).buffer);
}
