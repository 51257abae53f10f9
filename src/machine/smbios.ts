/**
 * SMBIOS: what the machine is called and what is plugged into it, in the structures and with the strings of QEMU 7.2's
 * q35 (DMTF DSP0134 version 2.8, with the 32-bit entry point).
 */
import { ascii, little } from './acpi/aml.ts';

const MANUFACTURER = 'QEMU';
const PRODUCT = 'Standard PC (Q35 + ICH9, 2009)';
const VERSION = 'pc-q35-7.2';
const BIOS_VERSION = 'dmascope';

const HANDLE = { bios: 0, system: 0x100, chassis: 0x300, processor: 0x400, memoryArray: 0x1000, memory: 0x1100 };
const HANDLE_ARRAY_ADDRESS = 0x1300;
const HANDLE_BOOT = 0x2000;
const HANDLE_END = 0x7f00;
/** No structure, no error information. */
const NO_HANDLE = 0xfffe;
const NO_HANDLE_AT_ALL = 0xffff;
const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;
const FOUR_GIB = 4 * GIB;
/** One DIMM holds at most so much. */
const DIMM_MAX = 16 * GIB;
const MEGAHERTZ = 2000;
const ENTRY_SIZE = 31;

export interface SmbiosFacts {
  readonly ramBytes: number;
  readonly below4g: number;
  readonly above4g: number;
  /** Processors in each package, one number a package. */
  readonly packages: readonly { readonly cores: number; readonly threads: number }[];
  /** CPUID leaf 1: EAX, and EDX without the bit that tells of neighbours (28). */
  readonly processorSignature: number;
  readonly processorFeatures: number;
  /** 16 bytes as written; zeros: not set. */
  readonly uuid: Uint8Array;
}

/** A structure with its strings; fields refer to these by number from 1. */
class Structures {
  readonly #bytes: number[] = [];
  count = 0;
  largest = 0;

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  add(type: number, handle: number, fields: readonly number[], strings: readonly string[] = []): void {
    const texts = strings.flatMap((text) => [...ascii(text), 0]);
    const end = strings.length === 0 ? [0, 0] : [0];
    const structure = [type, 4 + fields.length, ...little(handle, 2), ...fields, ...texts, ...end];
    for (const byte of structure) this.#bytes.push(byte);
    this.count += 1;
    this.largest = Math.max(this.largest, structure.length);
  }
}

export interface Smbios {
  readonly tables: Uint8Array;
  /** The entry point, for structures at `address`. */
  readonly entry: (address: number) => Uint8Array;
}

/** @param withBios with type 0, which SeaBIOS and OVMF add themselves. */
export function smbios(facts: SmbiosFacts, withBios: boolean): Smbios {
  const structures = new Structures();
  if (withBios) addBios(structures);
  addSystem(structures, facts);
  addChassis(structures);
  for (const index of facts.packages.keys()) addProcessor(structures, facts, index);
  addMemory(structures, facts);
  structures.add(32, HANDLE_BOOT, [0, 0, 0, 0, 0, 0, 0]);
  structures.add(127, HANDLE_END, []);
  const tables = structures.bytes;
  return { tables, entry: (address) => entryPoint(structures, tables.length, address) };
}

/** 7.1: BIOS information; characteristics: not supported; a virtual machine, with a boot specification for CD. */
function addBios(structures: Structures): void {
  const characteristics = [...little(0x08, 4), ...little(0, 4)];
  structures.add(
    0,
    HANDLE.bios,
    [1, 2, ...little(0xe800, 2), 3, 0, ...characteristics, 0x00, 0x14, 0, 0, 0xff, 0xff],
    [MANUFACTURER, BIOS_VERSION, '01/01/2024'],
  );
}

/** 7.2: system; the UUID's first three fields are little-endian since 2.6. */
function addSystem(structures: Structures, { uuid }: SmbiosFacts): void {
  const mixed = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((index) => uuid[index]!);
  const WAKE_POWER_SWITCH = 6;
  structures.add(1, HANDLE.system, [1, 2, 3, 0, ...mixed, WAKE_POWER_SWITCH, 0, 0], [MANUFACTURER, PRODUCT, VERSION]);
}

/** 7.4: a chassis of kind "other", all of it safe. */
function addChassis(structures: Structures): void {
  const [other, safe, noSecurity] = [1, 3, 2];
  structures.add(
    3,
    HANDLE.chassis,
    [1, other, 2, 0, 0, safe, safe, safe, noSecurity, ...little(0, 4), 0, 0, 0, 0, 0],
    [MANUFACTURER, VERSION],
  );
}

/** 7.5: one socket. */
function addProcessor(structures: Structures, facts: SmbiosFacts, index: number): void {
  const { cores, threads } = facts.packages[index]!;
  const [central, otherFamily, populatedAndEnabled, otherUpgrade] = [3, 1, 0x41, 1];
  structures.add(
    4,
    HANDLE.processor + index,
    [
      ...[1, central, otherFamily, 2],
      ...little(facts.processorSignature, 4),
      ...little(facts.processorFeatures, 4),
      ...[3, 0, ...little(0, 2), ...little(MEGAHERTZ, 2), ...little(MEGAHERTZ, 2)],
      ...[populatedAndEnabled, otherUpgrade],
      ...new Array<number>(6).fill(0xff),
      ...[0, 0, 0, cores, cores, cores * threads],
      // 64-bit and execute-disable are not told apart: "unknown".
      ...little(2, 2),
      ...little(otherFamily, 2),
    ],
    [`CPU ${index}`, MANUFACTURER, VERSION],
  );
}

/** 7.17, 7.18, 7.20: the memory array, its DIMMs, and the addresses that they answer. */
function addMemory(structures: Structures, facts: SmbiosFacts): void {
  const { ramBytes, below4g, above4g } = facts;
  const dimms = Math.ceil(ramBytes / DIMM_MAX);
  const [other, systemMemory, multiBitEcc] = [1, 3, 6];
  structures.add(16, HANDLE.memoryArray, [
    ...[other, systemMemory, multiBitEcc],
    ...little(ramBytes / KIB, 4),
    ...little(NO_HANDLE, 2),
    ...little(dimms, 2),
    ...little(0, 8),
  ]);
  for (let index = 0; index < dimms; index += 1) {
    const megabytes = Math.min(DIMM_MAX, ramBytes - index * DIMM_MAX) / MIB;
    const [dimm, ram, otherDetail] = [9, 7, 2];
    structures.add(
      17,
      HANDLE.memory + index,
      [
        ...little(HANDLE.memoryArray, 2),
        ...little(NO_HANDLE, 2),
        ...little(NO_HANDLE_AT_ALL, 2),
        ...little(NO_HANDLE_AT_ALL, 2),
        ...little(megabytes, 2),
        ...[dimm, 0, 1, 0, ram, ...little(otherDetail, 2), ...little(0, 2)],
        ...[2, 0, 0, 0, 0, ...little(0, 4), ...little(0, 2), ...little(0, 6)],
      ],
      [`DIMM ${index}`, MANUFACTURER],
    );
  }
  const ranges = [{ start: 0, size: below4g }];
  if (above4g > 0) ranges.push({ start: FOUR_GIB, size: above4g });
  for (const [index, { start, size }] of ranges.entries()) {
    structures.add(19, HANDLE_ARRAY_ADDRESS + index, [
      ...little(start / KIB, 4),
      ...little((start + size) / KIB - 1, 4),
      ...little(HANDLE.memoryArray, 2),
      1,
      ...little(0, 16),
    ]);
  }
}

/** 5.2.1; both checksums are left to whoever knows the address if that is 0 (firmware adds them). */
function entryPoint(structures: Structures, length: number, address: number): Uint8Array {
  const bytes = Uint8Array.from([
    ...[...ascii('_SM_'), 0, ENTRY_SIZE, 2, 8],
    ...[...little(structures.largest, 2), 0, 0, 0, 0, 0, 0],
    ...[...ascii('_DMI_'), 0, ...little(length, 2), ...little(address, 4), ...little(structures.count, 2), 0x28],
  ]);
  if (address === 0) return bytes;
  const complement = (from: number): number => -bytes.subarray(from).reduce((sum, byte) => sum + byte, 0) & 0xff;
  bytes[21] = complement(16);
  bytes[4] = complement(0);
  return bytes;
}
