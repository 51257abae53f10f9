/** Images that the guest `boot-disk` starts from: a disk, and a disc with El Torito (guests/boot-disk/boot.S). */
import { readFileSync } from 'node:fs';

const SECTOR = 512;
/** Of a disc (ECMA-119 §6.1.2). */
const BLOCK = 2048;
const BOOT_CODE = new URL('../../guests/built/boot-disk.bin', import.meta.url);

export interface BootDiskContents {
  /** Of the data, a multiple of 4. */
  readonly sectors: number;
  /** Differs from disk to disk: what the data are made of. */
  readonly seed: number;
  readonly waitsForKey?: boolean;
  /** It turns the last sector over and writes it back. */
  readonly writes?: boolean;
}

/** The boot code, then its data. */
export function bootDisk(contents: BootDiskContents): Uint8Array {
  const code = readFileSync(BOOT_CODE);
  const data = dataOf(contents);
  const image = new Uint8Array(code.length + data.length);
  image.set(code);
  image.set(data, code.length);
  return image;
}

function dataOf({ sectors, seed, waitsForKey = false, writes = false }: BootDiskContents): Uint8Array {
  const data = new DataView(new ArrayBuffer(sectors * SECTOR));
  let word = seed;
  for (let at = 0; at < data.byteLength; at += 4) {
    // A linear congruential generator (Numerical Recipes, 2nd edition, §7.1).
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    data.setUint32(at, word, true);
  }
  const bytes = new Uint8Array(data.buffer);
  bytes.set(new TextEncoder().encode('DMASDATA'));
  data.setUint32(8, sectors, true);
  data.setUint16(12, (waitsForKey ? 1 : 0) | (writes ? 2 : 0), true);
  return bytes;
}

/** The sum of the data's 32-bit words, as the guest prints it. */
export function dataSum(contents: BootDiskContents): string {
  return sumOf(dataOf(contents));
}

/** The same of its last sector when every bit is turned over. */
export function writtenSum(contents: BootDiskContents): string {
  return sumOf(
    dataOf(contents)
      .slice(-SECTOR)
      .map((byte) => ~byte),
  );
}

function sumOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4) sum = (sum + view.getUint32(at, true)) >>> 0;
  return sum.toString(16).padStart(8, '0');
}

/** Blocks 0-15 are the system's; then the volume descriptors, the catalog, and the image. */
const PRIMARY_DESCRIPTOR = 16;
const BOOT_RECORD = 17;
const TERMINATOR = 18;
const BOOT_CATALOG = 19;
const ROOT_DIRECTORY = 20;
const PATH_TABLE = 21;
const BOOT_IMAGE = 22;
const BOOT_TABLE_AT = 8;

/** A disc whose boot image, without emulation, is the boot code (El Torito 1.0); the data stand behind it. */
export function bootDisc(contents: BootDiskContents): Uint8Array {
  const image = bootDisk(contents);
  const blocks = BOOT_IMAGE + Math.ceil(image.length / BLOCK);
  const disc = new Uint8Array(blocks * BLOCK);
  const view = new DataView(disc.buffer);
  const text = (at: number, words: string): void => disc.set(new TextEncoder().encode(words), at);
  for (const [block, type] of [
    [PRIMARY_DESCRIPTOR, 1],
    [BOOT_RECORD, 0],
    [TERMINATOR, 255],
  ] as const) {
    disc[block * BLOCK] = type;
    text(block * BLOCK + 1, 'CD001');
    disc[block * BLOCK + 6] = 1;
  }
  primaryDescriptor(disc.subarray(PRIMARY_DESCRIPTOR * BLOCK, (PRIMARY_DESCRIPTOR + 1) * BLOCK), blocks);
  text(BOOT_RECORD * BLOCK + 7, 'EL TORITO SPECIFICATION');
  view.setUint32(BOOT_RECORD * BLOCK + 0x47, BOOT_CATALOG, true);
  bootCatalog(new DataView(disc.buffer, BOOT_CATALOG * BLOCK, BLOCK), BOOT_IMAGE);
  disc.set(image, BOOT_IMAGE * BLOCK);
  view.setUint32(BOOT_IMAGE * BLOCK + BOOT_TABLE_AT, PRIMARY_DESCRIPTOR, true);
  view.setUint32(BOOT_IMAGE * BLOCK + BOOT_TABLE_AT + 4, BOOT_IMAGE, true);
  return disc;
}

/** ECMA-119 §8.4: numbers stand in both byte orders. An empty root directory. */
function primaryDescriptor(bytes: Uint8Array, blocks: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK);
  const both32 = (at: number, value: number): void => {
    view.setUint32(at, value, true);
    view.setUint32(at + 4, value);
  };
  const both16 = (at: number, value: number): void => {
    view.setUint16(at, value, true);
    view.setUint16(at + 2, value);
  };
  bytes.fill(0x20, 8, 72);
  bytes.set(new TextEncoder().encode('DMASCOPE'), 40);
  both32(80, blocks);
  both16(120, 1);
  both16(124, 1);
  both16(128, BLOCK);
  both32(132, 0);
  view.setUint32(140, PATH_TABLE, true);
  // The root's directory record (§9.1): a folder of one block, its name a zero byte.
  bytes[156] = 34;
  both32(158, ROOT_DIRECTORY);
  both32(166, BLOCK);
  bytes[181] = 2;
  both16(184, 1);
  bytes[188] = 1;
  bytes[881] = 1;
}

/** El Torito §2: the validation entry, whose words add up to 0, and the default entry. */
function bootCatalog(view: DataView, image: number): void {
  view.setUint8(0, 1);
  view.setUint16(30, 0xaa55, true);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += view.getUint16(at, true);
  view.setUint16(28, -sum & 0xffff, true);
  view.setUint8(32, 0x88);
  // Eight sectors of 512 bytes: the boot code.
  view.setUint16(38, 8, true);
  view.setUint32(40, image, true);
}
