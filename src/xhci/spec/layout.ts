/** How a structure in guest memory is described as data: a name, a section, and fields at bit positions of 32-bit words. */
import type { SpecRef } from '../../base/registers.ts';

/** A field `high`..`low` of the 32-bit word `word`, as the specification prints it. */
export interface FieldPosition {
  readonly word: number;
  readonly high: number;
  readonly low: number;
}

/** The field `high`..`low` (inclusive) of word `word`; one bit when `low` is left out. */
export function at(word: number, high: number, low: number = high): FieldPosition {
  return { word, high, low };
}

export interface Layout {
  readonly name: string;
  readonly spec: SpecRef;
  readonly fields: Readonly<Record<string, FieldPosition>>;
}

/** Which kind of ring a TRB may stand on (xHCI 1.2 Table 6-91). */
export type TrbRing = 'transfer' | 'command' | 'event';

export interface TrbLayout extends Layout {
  /** The TRB Type field, 0-63. */
  readonly type: number;
  readonly rings: readonly TrbRing[];
}

/** One field out of a structure's words. */
export function fieldOf(words: ArrayLike<number>, position: FieldPosition): number {
  const word = words[position.word] ?? 0;
  const width = position.high - position.low + 1;
  return width === 32 ? word >>> 0 : (word >>> position.low) & ((1 << width) - 1);
}

/** `word` with the field at `position` replaced; the caller picks the right word. */
export function placeField(word: number, position: FieldPosition, value: number): number {
  const width = position.high - position.low + 1;
  const mask = width === 32 ? 0xffff_ffff : (((1 << width) - 1) << position.low) >>> 0;
  return ((word & ~mask) | ((value << position.low) & mask)) >>> 0;
}

/** Replaces one field in a structure's words. */
export function setField(words: Uint32Array, position: FieldPosition, value: number): void {
  words[position.word] = placeField(words[position.word] ?? 0, position, value);
}
