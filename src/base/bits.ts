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
