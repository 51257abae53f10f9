/** The segments that a case in 16- or 32-bit code runs in. */
import type { Dice } from '../../fuzz/dice.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import {
  CODE_SEGMENTS_16,
  CODE_SEGMENTS_32,
  DATA_SEGMENTS,
  LOCAL_DATA,
  localSegment,
  STACKS,
} from './local-segments.ts';

/** Whether the middle of the window is in the segment, and 16-bit addresses reach it where they have to. */
function reaches(selector: number, window: number, bits: 16 | 32): boolean {
  const segment = localSegment(selector);
  if (segment === undefined) return bits === 32;
  const offset = (window + 0x200 - segment.base) >>> 0;
  if (bits === 16 && offset > 0xffff) return false;
  return segment.kind === 'down' ? offset > segment.limit : offset <= segment.limit;
}

/** One of the segments that the host has; nearly always one in which the data is. */
function pick(one: CaseView, dice: Dice, from: readonly number[], bits: 16 | 32, locals: number): number {
  const there = from.filter((selector) => selector >> 3 < locals);
  const good = there.filter((selector) => reaches(selector, one.u32(AT.window), bits));
  return good.length > 0 && !dice.chance(32) ? dice.pick(good) : there.length > 0 ? dice.pick(there) : at.FLAT_DATA;
}

/**
 * Selectors of cs ss ds es fs gs: flat ones, the plain local one, or each of its own. 16-bit code has its own always, and
 * most often a 16-bit stack.
 */
export function chooseSegments(one: CaseView, dice: Dice, bits: 16 | 32, locals: number): readonly number[] {
  const kind = bits === 16 ? 2 : locals === 0 ? 0 : dice.below(4);
  const { FLAT_DATA } = at;
  if (kind === 0) return [at.CODE_32, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA, locals > 0 ? LOCAL_DATA : FLAT_DATA];
  if (kind === 1) return [at.CODE_32, LOCAL_DATA, LOCAL_DATA, LOCAL_DATA, FLAT_DATA, LOCAL_DATA];
  const code =
    bits === 16
      ? CODE_SEGMENTS_16
      : CODE_SEGMENTS_32.filter((selector) => selector >> 3 < locals || selector === at.CODE_32);
  const narrow = STACKS.filter((selector) => localSegment(selector)!.bits === 16);
  const stacks = bits === 16 && !dice.chance(4) ? narrow : STACKS;
  const data = () => pick(one, dice, DATA_SEGMENTS, bits, locals);
  return [dice.pick(code), pick(one, dice, stacks, bits, locals), data(), data(), data(), data()];
}

/** Garbage above the 16 bits that a 16-bit stack and 16-bit addresses use. */
export function spoilUpperHalves(one: CaseView, dice: Dice, bits: 16 | 32): void {
  const narrowStack = localSegment(one.segment(1))?.bits === 16;
  for (const register of [3, 4, 5, 6, 7]) {
    const unused = register === 4 || register === 5 ? narrowStack : bits === 16;
    if (unused && dice.chance(2)) one.setGpr(register, one.gpr(register) ^ (BigInt(dice.below(0x1_0000)) << 16n));
  }
}
