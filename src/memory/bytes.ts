/** Copies and little-endian values over bytes, without allocating for the short ones. */

/** Up to here a loop over bytes is faster than a view made for `Uint8Array.set` (measured in bench/dma.ts). */
const BYTE_LOOP_MAX = 32;

export function copyBytes(from: Uint8Array, at: number, into: Uint8Array, to: number, size: number): void {
  if (size > BYTE_LOOP_MAX) into.set(from.subarray(at, at + size), to);
  else {
    // Whole 32-bit indices keep the loop free of floating point: no backing is longer than 4 GiB.
    const source = at >>> 0;
    const target = to >>> 0;
    for (let i = 0; i < size; i += 1) into[target + i] = from[source + i]!;
  }
}

export function storeValue(into: Uint8Array, at: number, size: number, low: number, high: number): void {
  for (let i = 0; i < size; i += 1) into[at + i] = (i < 4 ? low : high) >>> (8 * (i & 3));
}

/** Bytes `at`..`at + 4` of a little-endian value of `size` bytes. */
export function loadLow(from: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = Math.min(size, 4) - 1; i >= 0; i -= 1) value = value * 256 + from[at + i]!;
  return value;
}

/** The upper half of a little-endian value of `size` bytes; 0 up to 4 bytes. */
export function loadHigh(from: Uint8Array, at: number, size: number): number {
  return size > 4 ? loadLow(from, at + 4, size - 4) : 0;
}
