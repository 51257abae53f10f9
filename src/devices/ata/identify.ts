/** IDENTIFY DEVICE and IDENTIFY PACKET DEVICE data, word by word as QEMU's drives give them (ATA8-ACS §7.16, §7.17). */

/** Bytes of identification data: 256 words. */
export const IDENTIFY_BYTES = 512;
/** Sectors for each DRQ block that READ MULTIPLE can take, and the count after reset. */
export const MULTIPLE_SECTORS_MAX = 16;
/** Most sectors that a 28-bit command reaches. */
export const LBA28_SECTORS_MAX = 0x0fff_ffff;

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** Which transfer mode SET FEATURES chose: the words that show it. */
export interface TransferModes {
  /** Word 62, single word DMA. */
  single: number;
  /** Word 63, multiword DMA. */
  multi: number;
  /** Word 88, Ultra DMA. */
  ultra: number;
}

export interface DiskIdentity {
  readonly serial: string;
  readonly model: string;
  readonly firmware: string;
}

export interface DiskFacts extends DiskIdentity {
  readonly sectors: number;
  readonly geometry: Geometry;
  readonly multiple: number;
  readonly modes: TransferModes;
  readonly writeCache: boolean;
  readonly smart: boolean;
}

/** The geometry that BIOSes give a disk without one: 16 heads of 63 sectors, at most 16383 cylinders. */
export function geometryOf(sectors: number): Geometry {
  const cylinders = Math.min(16383, Math.max(2, Math.floor(sectors / (16 * 63))));
  return { cylinders, heads: 16, sectors: 63 };
}

export function resetModes(): TransferModes {
  return { single: 0x07, multi: 0x07, ultra: 0x203f };
}

export function identifyDisk(facts: DiskFacts): Uint8Array {
  const { geometry, sectors } = facts;
  const { words, bytes } = identityWords(facts);
  const chs = geometry.cylinders * geometry.heads * geometry.sectors;
  const lba28 = Math.min(sectors, LBA28_SECTORS_MAX);
  const values: readonly (readonly [word: number, value: number])[] = [
    [0, 0x0040],
    [1, geometry.cylinders],
    [3, geometry.heads],
    [4, 512 * geometry.sectors],
    [5, 512],
    [6, geometry.sectors],
    [47, 0x8000 | MULTIPLE_SECTORS_MAX],
    [48, 1],
    // IORDY, LBA and DMA.
    [49, 0x0b00],
    [51, 0x0200],
    [52, 0x0200],
    // Words 54-58, 64-70 and 88 are valid.
    [53, 0x0007],
    [54, geometry.cylinders],
    [55, geometry.heads],
    [56, geometry.sectors],
    [57, chs & 0xffff],
    [58, chs >>> 16],
    [59, facts.multiple === 0 ? 0 : 0x100 | facts.multiple],
    [60, lba28 & 0xffff],
    [61, lba28 >>> 16],
    [64, 0x0003],
    [65, 120],
    [66, 120],
    [67, 120],
    [68, 120],
    // A trimmed sector reads the same each time.
    [69, 0x4000],
    [75, 31],
    // Native Command Queuing.
    [76, 0x0100],
    [80, 0x00f0],
    [81, 0x0016],
    // NOP, write cache, SMART; flush cache (ext), 48-bit.
    [82, 0x4021],
    [83, 0x7400],
    [84, 0x4000],
    [85, 0x4000 | (facts.writeCache ? 0x20 : 0) | (facts.smart ? 1 : 0)],
    [86, 0x3400],
    [87, 0x4000],
    [93, 0x6001],
    [100, sectors % 0x1_0000],
    [101, Math.floor(sectors / 0x1_0000) % 0x1_0000],
    [102, Math.floor(sectors / 0x1_0000_0000)],
    [106, 0x6000],
    // DATA SET MANAGEMENT takes TRIM.
    [169, 1],
  ];
  for (const [word, value] of values) words.setUint16(2 * word, value, true);
  modeWords(words, facts.modes);
  return bytes;
}

export function identifyPacketDevice(identity: DiskIdentity, modes: TransferModes): Uint8Array {
  const { words, bytes } = identityWords(identity);
  const values: readonly (readonly [word: number, value: number])[] = [
    // A removable CD-ROM with twelve-byte packets that asks within 50 us.
    [0, 0x85c0],
    [48, 1],
    [49, 0x0300],
    [53, 0x0007],
    [64, 0x0003],
    [65, 0xb4],
    [66, 0xb4],
    [67, 0x12c],
    [68, 0xb4],
    [71, 30],
    [72, 30],
    [75, 31],
    [76, 0x0100],
    [80, 0x001e],
  ];
  for (const [word, value] of values) words.setUint16(2 * word, value, true);
  modeWords(words, modes);
  return bytes;
}

function identityWords(identity: DiskIdentity): { readonly words: DataView; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  const words = new DataView(bytes.buffer);
  words.setUint16(2 * 20, 3, true);
  words.setUint16(2 * 21, 512, true);
  words.setUint16(2 * 22, 4, true);
  text(words, 10, 10, identity.serial);
  text(words, 23, 4, identity.firmware);
  text(words, 27, 20, identity.model);
  return { words, bytes };
}

function modeWords(words: DataView, modes: TransferModes): void {
  words.setUint16(2 * 62, modes.single, true);
  words.setUint16(2 * 63, modes.multi, true);
  words.setUint16(2 * 88, modes.ultra, true);
}

/** Letters of ATA strings stand in big-endian words, padded with spaces. */
function text(words: DataView, first: number, count: number, value: string): void {
  const padded = value.padEnd(2 * count).slice(0, 2 * count);
  for (let index = 0; index < count; index += 1) {
    words.setUint16(2 * (first + index), (padded.charCodeAt(2 * index) << 8) | padded.charCodeAt(2 * index + 1), true);
  }
}
