/** SCSI's numbers: most significant byte first. */

/** `count` bytes (at most 6: exact in a number) at `at`. */
export function readBig(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

/** Eight bytes; `Infinity` beyond what a number holds exactly, which no medium reaches. */
export function readBig64(bytes: Uint8Array, at: number): number {
  const value = readBig(bytes, at, 4) * 2 ** 32 + readBig(bytes, at + 4, 4);
  return value <= Number.MAX_SAFE_INTEGER ? value : Number.POSITIVE_INFINITY;
}

export function writeBig(bytes: Uint8Array, at: number, count: number, value: number): void {
  let rest = value;
  for (let index = count - 1; index >= 0; index -= 1) {
    bytes[at + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
