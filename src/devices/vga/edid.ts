/**
 * The monitor's description, EDID 1.4 with a CTA-861 extension (VESA Enhanced EDID Standard, release A, revision 2):
 * QEMU's monitor, which prefers 1280x800.
 */

const BLOCK_BYTES = 128;

/** The base block without its checksum (§3.1). */
const BASE_BLOCK = [
  [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], // header
  [0x49, 0x14, 0x34, 0x12, 0, 0, 0, 0], // "RHT", product 0x1234, no serial number
  [42, 24, 1, 4], // week 42 of 2014, EDID 1.4
  [0xa5, 32, 20, 0x78, 0x06], // digital, 8 bits a colour, DisplayPort; 32 cm by 20 cm; gamma 2.2; sRGB
  [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], // sRGB's chromaticities
  [0x21, 0x08, 0x00], // 640x480, 800x600 and 1024x768 at 60 Hz
  [0xe1, 0xc0, 0xd1, 0xc0, 0xd1, 0x00, 0xa9, 0x40, 0xb3, 0x00, 0x95, 0x00, 0x81, 0x80, 0x81, 0x40], // standard timings
  // Detailed timing: 1280x800, 107.3 MHz, blanking 448 by 28, 325 mm by 203 mm.
  [0xea, 0x29, 0x00, 0xc0, 0x51, 0x20, 0x1c, 0x30, 0x40, 0x26, 0x44, 0x40, 0x45, 0xcb, 0x10, 0x00, 0x00, 0x18],
  [0, 0, 0, 0xf7, 0, 0x0a, 0, 0x40, 0x82, 0x00, 0x28, 0x20, 0, 0, 0, 0, 0, 0], // established timings III
  [0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 0xff, 0x01, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20], // range limits
  [0, 0, 0, 0xfc, 0, ...text('QEMU Monitor\n')],
  [1], // one extension
];

/** CTA-861-G §7.5: one data block of video modes that televisions know. */
const CTA_BLOCK = [
  [0x02, 0x03, 11, 0x00],
  [0x46, 125, 101, 96, 89, 31, 97],
];
/** Empty detailed timings: dummy descriptors. */
const CTA_DUMMIES_FROM = 11 + 3;
const CTA_DUMMY_STEP = 18;
const CTA_DUMMIES = 6;
const DUMMY_TAG = 0x10;

function text(value: string): number[] {
  return Array.from(value, (character) => character.charCodeAt(0));
}

/** The bytes of a block, its last one such that all of them add up to 0. */
function block(parts: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes.set(parts.flat());
  return bytes;
}

function seal(bytes: Uint8Array): Uint8Array {
  bytes[BLOCK_BYTES - 1] = -bytes.reduce((sum, byte) => sum + byte, 0);
  return bytes;
}

/** All blocks of the EDID, 256 bytes. */
export function displayEdid(): Uint8Array {
  const cta = block(CTA_BLOCK);
  for (let index = 0; index < CTA_DUMMIES; index += 1) cta[CTA_DUMMIES_FROM + index * CTA_DUMMY_STEP] = DUMMY_TAG;
  const edid = new Uint8Array(2 * BLOCK_BYTES);
  edid.set(seal(block(BASE_BLOCK)));
  edid.set(seal(cta), BLOCK_BYTES);
  return edid;
}
