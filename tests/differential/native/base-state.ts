/** The state that a case starts from before its instruction asks for something: fixed by its seed alone. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import { Random } from '../../../src/cpu/testing/random.ts';
import { fxImage, X87_PLAIN, x87Memory, x87Of } from '../../../src/cpu/testing/x87-cases.ts';
import type { Dice } from '../../fuzz/dice.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import { baseOf } from './local-segments.ts';

const POOL_BYTES = 0x1_0000;
const POOL_SEED = 20_241_028;

function pool(value: (random: Random) => bigint): Uint8Array {
  const bytes = new Uint8Array(POOL_BYTES);
  const view = new DataView(bytes.buffer);
  const random = new Random(POOL_SEED);
  for (let index = 0; index < POOL_BYTES; index += 8) view.setBigUint64(index, BigInt.asUintN(64, value(random)), true);
  return bytes;
}

/** Values at which integer instructions change their minds, and the same for floating point. */
const INTEGERS = pool((random) => random.integer());
const FLOATS = pool((random) => random.floating());
const MIXED = pool((random) => (random.below(2) === 0 ? random.floating() : random.integer()));

function slice(dice: Dice, from: Uint8Array, bytes: number): Uint8Array {
  const start = dice.below((POOL_BYTES - bytes) / 8) * 8;
  return from.subarray(start, start + bytes);
}

export function integer(dice: Dice): bigint {
  const bytes = slice(dice, INTEGERS, 8);
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

/** Where windows lie: in a page, across two, at the end of all that is mapped, behind what may only be read. */
const WINDOWS = [0x400, 0x400, 0xc00, at.DATA_BYTES - at.WINDOW_BYTES, 0].map((offset) => at.DATA + offset);

function flags(dice: Dice): number {
  let value = 0x202;
  for (const bit of [0, 2, 4, 6, 7, 11]) if (dice.chance(2)) value |= 1 << bit;
  if (dice.chance(6)) value |= 0x400;
  if (dice.chance(6)) value |= at.TRAP_FLAG;
  if (dice.chance(16)) value |= at.ALIGNMENT_CHECK;
  return value;
}

/** All exceptions masked most often; a rounding mode, DAZ and FTZ now and then. */
function mxcsr(dice: Dice): number {
  const masks = dice.chance(8) ? dice.below(64) << 7 : 0x1f80;
  const modes = dice.chance(3)
    ? (dice.below(4) << 13) | (dice.chance(3) ? 0x8000 : 0) | (dice.chance(3) ? 0x40 : 0)
    : 0;
  return masks | modes | (dice.chance(4) ? dice.below(64) : 0);
}

/** Whether the cases of a row begin with values in the x87 registers. */
export const startsWithX87 = (row: Row) => row.options.includes('x87') || row.options.includes('mmx');

/**
 * Fills a case. rbx, rsp, rbp, rsi and rdi point into the window. With `x87` the x87 registers, and memory from rbx on,
 * hold values that matter to it.
 */
export function baseState(one: CaseView, dice: Dice, x87: boolean): void {
  one.bytes.fill(0);
  one.bytes.set(slice(dice, INTEGERS, 128), AT.gpr);
  one.bytes.set(slice(dice, MIXED, at.WINDOW_BYTES), AT.data);
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  const random = new Random(dice.next());
  const words = fxImage(x87 ? x87Of(random) : X87_PLAIN);
  for (const [index, word] of words.entries()) view.setBigUint64(index * 8, word, true);
  one.bytes.set(image, AT.fx);
  one.bytes.set(slice(dice, dice.chance(3) ? INTEGERS : FLOATS, 256), AT.xmm);
  one.setU32(AT.mxcsr, mxcsr(dice));
  const window = dice.pick(WINDOWS);
  one.setU32(AT.window, window);
  one.setU64(AT.flags, BigInt(flags(dice)));
  one.setGpr(3, BigInt(window + 0x80));
  one.setGpr(4, BigInt(window + 0x200 + (dice.chance(8) ? dice.below(16) : 0)));
  one.setGpr(5, BigInt(window + 0x280 + (dice.chance(8) ? dice.below(16) : 0)));
  one.setGpr(6, BigInt(window + 0x100 + dice.below(16)));
  one.setGpr(7, BigInt(window + 0x180 + dice.below(16)));
  if (!x87) return;
  const memory = Array.from({ length: 32 }, (_, index) => one.u64(AT.data + index * 8));
  x87Memory(random, memory, 16);
  for (const [index, word] of memory.entries()) one.setU64(AT.data + index * 8, word);
}

/** Segment registers that rbx, rsp, rbp, rsi and rdi point into, as indices of a case's segments. */
const POINTERS = [
  [3, 2],
  [4, 1],
  [5, 1],
  [6, 2],
  [7, 3],
] as const;

/** Makes the state one of 16- or 32-bit code: eight registers of 32 bits; segments `cs ss ds es fs gs`. */
export function inLegacyCode(one: CaseView, selectors: readonly number[]): void {
  for (const [index, selector] of selectors.entries()) one.setSegment(index, selector);
  for (const [register, segment] of POINTERS)
    one.setGpr(register, one.gpr(register) - BigInt(baseOf(one.segment(segment))));
  for (let number = 0; number < 16; number++) one.setGpr(number, number < 8 ? one.gpr(number) & 0xffff_ffffn : 0n);
  one.bytes.fill(0, AT.xmm + 128, AT.xmm + 256);
  one.setU32(AT.codeBase, baseOf(selectors[0]!));
}

export function in64BitCode(one: CaseView): void {
  for (const [index, selector] of [at.CODE_64, at.FLAT_DATA, 0, 0, 0, 0].entries()) one.setSegment(index, selector);
}
