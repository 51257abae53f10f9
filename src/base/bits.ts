/** Small integer helpers on unsigned 32-bit values and on addresses (numbers up to 2^53). */

/** Rounds `value` down to a multiple of `alignment` (any positive number; exact up to 2^53). */
export function alignDown(value: number, alignment: number): number {
  return value - (value % alignment);
}

/** Rounds `value` up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number): number {
  return alignDown(value + alignment - 1, alignment);
}

export function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

/** The `high`..`low` field of a 32-bit word, as the specification prints it (inclusive). */
export function field(word: number, high: number, low: number): number {
  const width = high - low + 1;
  return width === 32 ? word >>> 0 : (word >>> low) & ((1 << width) - 1);
}

/** `word` with its `high`..`low` field replaced. */
export function withField(word: number, high: number, low: number, value: number): number {
  const width = high - low + 1;
  const mask = width === 32 ? 0xffff_ffff : (((1 << width) - 1) << low) >>> 0;
  return ((word & ~mask) | ((value << low) & mask)) >>> 0;
}
