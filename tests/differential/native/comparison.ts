/** Two ends of one case, field by field. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import { codeBits } from './local-segments.ts';
import { hasPrefix, isWide } from './prefixes.ts';

/** CF PF AF ZF SF TF IF DF OF IOPL NT RF AC ID. */
const COMPARED_FLAGS = 0x25_7fd5;
/** c p a z s o as EFLAGS bits. */
const FLAG_BITS = [0, 2, 4, 6, 7, 11];
const PAGE_FAULT = 14;
const OPERAND_SIZE = 0x66;
/** Its number among the registers. */
const CL = 1;
/** Linux does not tell user mode whether an address beyond its own is mapped: bit 0 of the error code. */
const KERNEL_START = 0x7fff_ffff_f000n;
const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SEGMENTS = 'cs ss ds es fs gs'.split(' ');

const hex = (value: bigint | number) => value.toString(16);

/** Arithmetic flags of this instance that the manual leaves undefined. */
function undefinedFlags(row: Row): number {
  let mask = 0;
  for (const [index, bit] of FLAG_BITS.entries()) if (row.undefinedFlags & (1 << index)) mask |= 1 << bit;
  // The table knows no counts: OF of a shift or rotation is defined for a count of 1 only.
  if (/^(RO|RC|SH|SA)[LR]D?$/.test(row.mnemonic)) mask |= 0x800;
  return mask;
}

/** SHLD and SHRD of 16 bits by more than 16, and BSWAP of 16 bits, have no defined result (SDM Vol. 2). */
function resultUndefined(row: Row, before: CaseView): boolean {
  const isShift = /^SH[LR]D$/.test(row.mnemonic);
  if (!isShift && row.mnemonic !== 'BSWAP') return false;
  if (isWide(before) || hasPrefix(before, OPERAND_SIZE) === (codeBits(before.segment(0)) === 16)) return false;
  const immediate = before.bytes[AT.code + before.u32(AT.codeLength) - 1]!;
  const count = row.operands.includes('CL') ? Number(before.gpr(CL) & 31n) : immediate & 31;
  return !isShift || count > 16;
}

/** Distance of two 64-bit significands or doubles as units in the last place; anything else is far. */
function near(a: bigint, b: bigint): boolean {
  const distance = a > b ? a - b : b - a;
  return distance <= 1n;
}

/** Whether a reciprocal is 0 or so near to the smallest normal number that it is the processor's choice (SDM Vol. 2, RCPPS). */
const mayBeTiny = (value: number) => Math.abs(value) <= 2 ** -126 * (1 + 2 ** -10);

/** Values of RCPPS and RSQRTPS: each is within 1.5 * 2^-12 of the true one (SDM Vol. 2). */
function approximates(a: bigint, b: bigint): boolean {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, a, true);
  view.setBigUint64(8, b, true);
  return [0, 4].every((at) => {
    const [x, y] = [view.getFloat32(at, true), view.getFloat32(at + 8, true)];
    return (
      view.getUint32(at) === view.getUint32(at + 8) ||
      Math.abs(x - y) <= 3 * 2 ** -12 * Math.abs(y) ||
      (Math.sign(1 / x) === Math.sign(1 / y) && mayBeTiny(x) && mayBeTiny(y))
    );
  });
}

function vectors(row: Row, is64: boolean, ours: CaseView, theirs: CaseView, found: string[]): void {
  const approximate = row.options.includes('approximate');
  for (let index = 0; index < (is64 ? 32 : 16); index++) {
    const [a, b] = [ours.u64(AT.xmm + index * 8), theirs.u64(AT.xmm + index * 8)];
    if (a !== b && !(approximate && approximates(a, b))) found.push(`xmm.${index} ${hex(a)} not ${hex(b)}`);
    const [c, d] = [ours.u64(AT.ymmHigh + index * 8), theirs.u64(AT.ymmHigh + index * 8)];
    if (c !== d && !(approximate && approximates(c, d))) found.push(`ymm high.${index} ${hex(c)} not ${hex(d)}`);
  }
}

function quads(name: string, start: number, count: number, ours: CaseView, theirs: CaseView, found: string[]): void {
  for (let index = 0; index < count; index++) {
    const [a, b] = [ours.u64(start + index * 8), theirs.u64(start + index * 8)];
    if (a !== b) found.push(`${name}${index} ${hex(a)} not ${hex(b)}`);
  }
}

function x87(row: Row, ours: CaseView, theirs: CaseView, found: string[]): void {
  const approximate = row.options.includes('near');
  for (const [name, offset] of [
    ['fcw', 0],
    ['fsw', 2],
    ['ftw', 4],
  ] as const) {
    const [a, b] = [ours.view.getUint16(AT.fx + offset, true), theirs.view.getUint16(AT.fx + offset, true)];
    // C1 tells which way an inexact result was rounded.
    const mask = approximate && name === 'fsw' ? ~0x200 : ~0;
    if ((a & mask) !== (b & mask)) found.push(`${name} ${hex(a)} not ${hex(b)}`);
  }
  for (let index = 0; index < 8; index++) {
    const [low, high] = [AT.st + index * 16, AT.st + index * 16 + 8];
    const [a, b] = [ours.u64(low), theirs.u64(low)];
    const [c, d] = [ours.u64(high) & 0xffffn, theirs.u64(high) & 0xffffn];
    if (
      (a === b && c === d) ||
      (approximate && near((c << 63n) + (a & (2n ** 63n - 1n)), (d << 63n) + (b & (2n ** 63n - 1n))))
    )
      continue;
    found.push(`st${index} ${hex(c)}:${hex(a)} not ${hex(d)}:${hex(b)}`);
  }
}

/** The host's IRET to user mode makes null selectors 1 to 3 zeros (SDM Vol. 2, IRET). */
const nullAsZero = (selector: number) => (selector < 4 ? 0 : selector);

/** LAR leaves bits 19-16 undefined (SDM Vol. 2). */
const definedBits = (row: Row) => (row.mnemonic === 'LAR' ? ~0xf_0000n : -1n);

function registers(row: Row, is64: boolean, ours: CaseView, theirs: CaseView, found: string[]): void {
  const mask = (is64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn) & definedBits(row);
  for (let index = 0; index < (is64 ? 16 : 8); index++) {
    const [a, b] = [ours.gpr(index) & mask, theirs.gpr(index) & mask];
    if (a !== b) found.push(`${NAMES[index]} ${hex(a)} not ${hex(b)}`);
  }
  for (const [index, name] of SEGMENTS.entries()) {
    const [a, b] = [nullAsZero(ours.segment(index)), nullAsZero(theirs.segment(index))];
    if (a !== b) found.push(`${name} ${hex(a)} not ${hex(b)}`);
  }
}

function ending(ours: CaseView, theirs: CaseView, found: string[]): void {
  const [a, b] = [ours.u32(AT.vector), theirs.u32(AT.vector)];
  if (a !== b) {
    found.push(`exception ${a} not ${b}`);
    return;
  }
  let mask = 0xffff_ffff;
  if (a === PAGE_FAULT) {
    const [c, d] = [ours.u64(AT.address), theirs.u64(AT.address)];
    if (c !== d) found.push(`cr2 ${hex(c)} not ${hex(d)}`);
    if (d >= KERNEL_START) mask &= ~1;
  }
  const [e, f] = [ours.u32(AT.error) & mask, theirs.u32(AT.error) & mask];
  if (e !== f) found.push(`error code ${hex(e)} not ${hex(f)}`);
}

/** What differs, as text: ours, not theirs. Empty: the same, or left undefined by the manual. */
export function differences(row: Row, before: CaseView, ours: CaseView, theirs: CaseView): string[] {
  if (resultUndefined(row, before)) return [];
  const found: string[] = [];
  ending(ours, theirs, found);
  const [a, b] = [ours.u64(AT.rip), theirs.u64(AT.rip)];
  if (a !== b) found.push(`rip ${hex(a)} not ${hex(b)}`);
  const mask = COMPARED_FLAGS & ~undefinedFlags(row);
  const [c, d] = [ours.u32(AT.flags) & mask, theirs.u32(AT.flags) & mask];
  if (c !== d) found.push(`flags ${hex(c)} not ${hex(d)}`);
  registers(row, before.is64, ours, theirs, found);
  vectors(row, before.is64, ours, theirs, found);
  const [e, f] = [ours.u32(AT.mxcsr), theirs.u32(AT.mxcsr)];
  if (e !== f) found.push(`mxcsr ${hex(e)} not ${hex(f)}`);
  x87(row, ours, theirs, found);
  if (Buffer.compare(ours.bytes.subarray(AT.data), theirs.bytes.subarray(AT.data)) !== 0) {
    quads('data.', AT.data, at.WINDOW_BYTES / 8, ours, theirs, found);
  }
  if (ours.u32(AT.outside) !== theirs.u32(AT.outside))
    found.push(`writes outside ${ours.u32(AT.outside)} not ${theirs.u32(AT.outside)}`);
  return found;
}
