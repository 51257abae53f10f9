/** What a CFI flash answers in query mode: geometry, timing, command set (JESD68.01 §3; JEP137 for the command sets). */
import { assert } from '../../base/assert.ts';

/** Bytes of a block: what one erase command erases. QEMU's PC has small ones. */
export const BLOCK_BYTES = 4096;
/** Bytes that one buffered write programs at most: 2^8, as the table says. */
export const WRITE_BUFFER_BYTES = 256;

const QUERY_STRING = 0x10;
const EXTENDED_TABLE = 0x31;
const INTEL_EXTENDED = 0x0001;
const TABLE_BYTES = 0x52;

/** The table of an 8-bit part of `size` bytes, a multiple of {@link BLOCK_BYTES}, up to 256 MiB. */
export function queryTable(size: number): Uint8Array {
  const blocks = size / BLOCK_BYTES;
  assert(Number.isInteger(blocks) && blocks >= 1 && blocks <= 0x1_0000, 'a flash is up to 65536 whole blocks');
  const table = new Uint8Array(TABLE_BYTES);
  const put = (offset: number, ...bytes: readonly number[]): void => table.set(bytes, offset);
  const word = (value: number): [number, number] => [value & 0xff, (value >>> 8) & 0xff];
  put(QUERY_STRING, ...letters('QRY'), ...word(INTEL_EXTENDED), ...word(EXTENDED_TABLE));
  put(0x1b, 0x45, 0x55, 0, 0); // Vcc 4.5 V to 5.5 V, no Vpp
  put(0x1f, 7, 7, 10, 0); // typical times, powers of 2: byte and buffer 128 us, block erase 1024 ms, no chip erase
  put(0x23, 4, 4, 4, 0); // the longest ones, powers of 2 times those
  // The exponent of the size; of a size that is no power of 2, as QEMU's, that of its lowest bit.
  put(0x27, 31 - Math.clz32(size & -size));
  put(0x28, ...word(0x0002)); // 8 and 16 bits wide
  put(0x2a, ...word(Math.log2(WRITE_BUFFER_BYTES)));
  put(0x2c, 1, ...word(blocks - 1), ...word(BLOCK_BYTES / 256)); // one region of equal blocks
  put(EXTENDED_TABLE, ...letters('PRI10')); // no optional feature
  put(0x3f, 1); // one protection field
  return table;
}

function letters(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}
