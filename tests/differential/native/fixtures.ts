/**
 * What a processor did, stored: `npm run native-fixtures` writes it from a batch on that processor, and
 * native-fixtures.test.ts replays it where there is no such processor, or no compiler.
 *
 * A case is kept as what differs from the base state of its seed, and its end as what differs from its start; nearly all of
 * that is zeros. A change of `baseState` or of the layout takes a new file.
 */
import { deflateSync, inflateSync } from 'fflate';
import type { Row } from '../../../src/cpu/isa/row.ts';
import { Dice } from '../../fuzz/dice.ts';
import { baseState, inLegacyCode, startsWithX87 } from './base-state.ts';
import { AT, CASE_BYTES, CaseView } from './case-layout.ts';

export const FIXTURES = new URL('native-fixtures.bin', import.meta.url);

export interface Fixture {
  /** The row, as {@link rowKey} names it. */
  readonly key: string;
  readonly before: CaseView;
  readonly after: CaseView;
}

interface Head {
  /** Name of the processor. */
  readonly processor: string;
  readonly keys: readonly string[];
}

export interface FixtureFile {
  readonly processor: string;
  readonly fixtures: readonly Fixture[];
}

/** A row by what its bytes are and its operands: the same as long as the instruction is. */
export function rowKey(row: Row): string {
  const { map, opcode, prefixes, ext, rm, mod, modes, vex } = row;
  const pattern = [map, opcode.toString(16), prefixes, ext ?? '-', rm ?? '-', mod, modes];
  if (vex) pattern.push('vex', vex.lengths, vex.wide);
  return `${row.mnemonic} ${row.operands.join()} ${pattern.join('.')}`;
}

/** Number of the row, its kind of base state, its seed and its segments, in front of the two differences. */
const HEAD_BYTES = 20;
const SEGMENTS = 6;
const RECORD_BYTES = HEAD_BYTES + 2 * CASE_BYTES;
const WITH_X87 = 1;
const LEGACY = 2;

function reference(kind: number, seed: number, selectors: readonly number[]): CaseView {
  const one = new CaseView(new Uint8Array(CASE_BYTES), 0);
  baseState(one, new Dice(seed), (kind & WITH_X87) !== 0);
  if (kind & LEGACY) inLegacyCode(one, selectors);
  return one;
}

function exclusiveOr(to: Uint8Array, a: Uint8Array, b: Uint8Array): void {
  for (let index = 0; index < to.length; index++) to[index] = a[index]! ^ b[index]!;
}

export function encodeFixtures(
  processor: string,
  cases: readonly { readonly row: Row; readonly before: CaseView; readonly after: CaseView }[],
): Uint8Array {
  const keys = [...new Set(cases.map(({ row }) => rowKey(row)))];
  const numbers = new Map(keys.map((key, number) => [key, number]));
  const head = new TextEncoder().encode(JSON.stringify({ processor, keys } satisfies Head));
  const bytes = new Uint8Array(4 + head.length + cases.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.length, true);
  bytes.set(head, 4);
  for (const [index, { row, before, after }] of cases.entries()) {
    const at = 4 + head.length + index * RECORD_BYTES;
    const kind = (startsWithX87(row) ? WITH_X87 : 0) | (before.is64 ? 0 : LEGACY);
    const seed = before.u32(AT.seed);
    const selectors = Array.from({ length: SEGMENTS }, (_, number) => before.segment(number));
    view.setUint16(at, numbers.get(rowKey(row))!, true);
    view.setUint8(at + 2, kind);
    view.setUint32(at + 4, seed, true);
    for (const [number, selector] of selectors.entries()) view.setUint16(at + 8 + number * 2, selector, true);
    const start = at + HEAD_BYTES;
    exclusiveOr(bytes.subarray(start, start + CASE_BYTES), before.bytes, reference(kind, seed, selectors).bytes);
    exclusiveOr(bytes.subarray(start + CASE_BYTES, start + 2 * CASE_BYTES), after.bytes, before.bytes);
  }
  return deflateSync(bytes, { level: 9 });
}

export function decodeFixtures(file: Uint8Array): FixtureFile {
  const bytes = inflateSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headBytes = view.getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headBytes))) as Head;
  const fixtures: Fixture[] = [];
  for (let at = 4 + headBytes; at < bytes.length; at += RECORD_BYTES) {
    const start = at + HEAD_BYTES;
    const selectors = Array.from({ length: SEGMENTS }, (_, number) => view.getUint16(at + 8 + number * 2, true));
    const before = reference(view.getUint8(at + 2), view.getUint32(at + 4, true), selectors);
    exclusiveOr(before.bytes, before.bytes, bytes.subarray(start, start + CASE_BYTES));
    const after = new CaseView(before.bytes.slice(), 0);
    exclusiveOr(after.bytes, before.bytes, bytes.subarray(start + CASE_BYTES, start + 2 * CASE_BYTES));
    fixtures.push({ key: head.keys[view.getUint16(at, true)]!, before, after });
  }
  return { processor: head.processor, fixtures };
}
