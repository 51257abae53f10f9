/** SMART as far as a healthy disk needs it: data, thresholds, logs and self-tests that never fail (ATA8-ACS §7.52). */

/** LBA bits 23-8 of every SMART command. */
export const SMART_KEY = 0xc24f;
export const SMART_BYTES = 512;

/** Attribute: id, flags, value, worst, raw (six bytes), threshold. */
const ATTRIBUTES: readonly (readonly [number, number, number, number, number, number])[] = [
  [0x01, 0x0003, 100, 100, 0, 6],
  [0x03, 0x0003, 100, 100, 16, 0],
  [0x04, 0x0002, 100, 100, 100, 20],
  [0x05, 0x0003, 100, 100, 0, 36],
  [0x09, 0x0003, 100, 100, 1, 0],
  [0x0c, 0x0002, 100, 100, 0, 20],
  [0xbe, 0x0003, 69, 69, 31, 50],
];
const ENTRY_BYTES = 12;

export function smartData(): Uint8Array {
  const bytes = new Uint8Array(SMART_BYTES);
  bytes[0] = 1;
  for (const [index, [id, flags, value, worst, raw]] of ATTRIBUTES.entries()) {
    bytes.set([id, flags & 0xff, flags >> 8, value, worst, raw], 2 + index * ENTRY_BYTES);
  }
  // Off-line collection done; it can be run at once, and so can short and extended self-tests.
  bytes[362] = 0x02;
  bytes[364] = 0x14;
  bytes[365] = 1;
  bytes[367] = 0x1b;
  // Attributes are saved; error logging works.
  bytes[368] = 3;
  bytes[370] = 1;
  bytes[372] = 2;
  bytes[373] = 54;
  return checksummed(bytes);
}

export function smartThresholds(): Uint8Array {
  const bytes = new Uint8Array(SMART_BYTES);
  bytes[0] = 1;
  for (const [index, attribute] of ATTRIBUTES.entries())
    bytes.set([attribute[0], attribute[5]], 2 + index * ENTRY_BYTES);
  return checksummed(bytes);
}

/** Logs 0 (directory), 1 (no error happened) and 6 (no self-test was run); `undefined` for others. */
export function smartLog(address: number): Uint8Array | undefined {
  const bytes = new Uint8Array(SMART_BYTES);
  if (address === 0x00) {
    bytes[0] = 1;
    bytes[2] = 1;
    bytes[12] = 1;
    return bytes;
  }
  if (address !== 0x01 && address !== 0x06) return undefined;
  bytes[0] = 1;
  return checksummed(bytes);
}

/** The last byte makes the sum of all a multiple of 256. */
function checksummed(bytes: Uint8Array): Uint8Array {
  bytes[SMART_BYTES - 1] = 0;
  bytes[SMART_BYTES - 1] = 256 - (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff);
  return bytes;
}
