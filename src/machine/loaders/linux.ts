/**
 * Enters a Linux bzImage directly, without firmware (Documentation/arch/x86/boot.rst of the kernel: "64-bit Boot Protocol",
 * "32-bit Boot Protocol"; zero-page.rst for boot_params).
 *
 * Does not implement: the 16-bit entry, the EFI handover protocol, several initrds (they are joined, which the kernel
 * takes), loading above 4 GiB.
 */
import { gpa } from '../../base/address.ts';
import { alignDown, alignUp } from '../../base/bits.ts';
import type { BootGdt } from '../../cpu/types.ts';
import { type LinuxHeader, readLinuxHeader } from './linux-header.ts';
import { type LoadError, type LoadOptions, type LoadResult, type LoadSegment, loadFailed } from './load-plan.ts';
import { MEMORY_TYPES } from './multiboot-information.ts';
import { PAGE, PageTables } from './page-tables.ts';

/** Below 640 KiB, clear of the BIOS data areas; the kernel reads all of it before it uses that memory. */
const PARAMETERS = 0x1_0000;
const COMMAND_LINE = 0x1_1000;
const COMMAND_LINE_LIMIT = 0x8000;
const GDT = 0x1_f000;
const TABLES = 0x2_0000;
const TABLES_LIMIT = 0x8000;
const STACK_TOP = 0x3_0000;

/** Offsets in boot_params. */
const SCREEN_INFO = 0x000;
const ACPI_RSDP_ADDRESS = 0x070;
const E820_COUNT = 0x1e8;
const SETUP_HEADER = 0x1f1;
const VIDEO_MODE = 0x1fa;
const TYPE_OF_LOADER = 0x210;
const CODE32_START = 0x214;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const COMMAND_LINE_POINTER = 0x228;
const E820_TABLE = 0x2d0;
const E820_MAX = 128;
/** A loader without a number of its own. */
const LOADER_UNDEFINED = 0xff;
const VIDEO_NORMAL = 0xffff;
const ENTRY_64 = 0x200;

/** __BOOT_CS and __BOOT_DS. */
const CODE = 0x10;
const DATA = 0x18;
const CODE_64_DESCRIPTOR = 0x00af_9b00_0000_ffffn;
const CODE_32_DESCRIPTOR = 0x00cf_9b00_0000_ffffn;
const DATA_DESCRIPTOR = 0x00cf_9300_0000_ffffn;

export function loadLinux(bytes: Uint8Array, options: LoadOptions): LoadResult {
  const header = readLinuxHeader(bytes);
  if ('problem' in header) return { ok: false, error: header };
  const text = new TextEncoder().encode(options.commandLine);
  const most = Math.min(header.commandLineMax, COMMAND_LINE_LIMIT - 1);
  if (text.length > most) {
    return loadFailed(`the command line has ${text.length} bytes, this kernel takes ${most}`, 'shorten -append');
  }
  const code = bytes.subarray(header.setupBytes);
  const kernel: LoadSegment = {
    address: gpa(header.loadAddress),
    bytes: code,
    memorySize: Math.max(code.length, header.initSize),
    what: 'kernel',
  };
  const initrd = placeInitrd(options, header, kernel);
  if (initrd !== undefined && 'problem' in initrd) return { ok: false, error: initrd };
  const parameters = bootParameters(bytes, header, options, initrd);
  const segments: LoadSegment[] = [
    kernel,
    segment(PARAMETERS, parameters, 'boot_params'),
    segment(COMMAND_LINE, Uint8Array.of(...text, 0), 'command line'),
    segment(GDT, gdtBytes(header), 'GDT'),
    ...(initrd === undefined ? [] : [initrd]),
  ];
  const registers = { esi: PARAMETERS };
  if (!header.has64BitEntry) {
    const entry = gpa(header.loadAddress);
    return {
      ok: true,
      plan: { protocol: 'linux', segments, entry: { mode: 'protected32', entry, registers, gdt: SEGMENTS } },
    };
  }
  const tables = new PageTables(gpa(TABLES), TABLES_LIMIT);
  tables.mapLow4Gib();
  return {
    ok: true,
    plan: {
      protocol: 'linux',
      segments: [...segments, tables.segment()],
      entry: {
        mode: 'long64',
        entry: BigInt(header.loadAddress + ENTRY_64),
        pageTables: gpa(TABLES),
        stack: gpa(STACK_TOP),
        registers,
        gdt: SEGMENTS,
      },
    },
  };
}

const SEGMENTS: BootGdt = { base: gpa(GDT), limit: 4 * 8 - 1, code: CODE, data: DATA };

function segment(address: number, bytes: Uint8Array, what: string): LoadSegment {
  return { address: gpa(address), bytes, memorySize: bytes.length, what };
}

function gdtBytes(header: LinuxHeader): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * 8));
  view.setBigUint64(CODE, header.has64BitEntry ? CODE_64_DESCRIPTOR : CODE_32_DESCRIPTOR, true);
  view.setBigUint64(DATA, DATA_DESCRIPTOR, true);
  return new Uint8Array(view.buffer);
}

/** As high as the kernel and the memory allow, so that it is out of the way of the kernel's growth. */
function placeInitrd(
  options: LoadOptions,
  header: LinuxHeader,
  kernel: LoadSegment,
): LoadSegment | LoadError | undefined {
  const { modules } = options;
  if (modules.length === 0) return undefined;
  const size = modules.reduce((sum, module) => alignUp(sum, 4) + module.bytes.length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const module of modules) {
    at = alignUp(at, 4);
    bytes.set(module.bytes, at);
    at += module.bytes.length;
  }
  const end = kernel.address + kernel.memorySize;
  let best: number | undefined;
  for (const row of options.memoryMap) {
    if (row.type !== 'usable') continue;
    const start = alignDown(Math.min(row.start + row.size, header.initrdMax + 1) - size, PAGE);
    if (start >= row.start && start >= end && start > (best ?? 0)) best = start;
  }
  if (best !== undefined) return segment(best, bytes, 'initial RAM disk');
  return {
    problem: `the initial RAM disk of ${size} bytes does not fit behind the kernel, which ends at 0x${end.toString(16)}`,
    hint: 'give the machine more memory: -m 512M',
  };
}

function bootParameters(
  image: Uint8Array,
  header: LinuxHeader,
  options: LoadOptions,
  initrd: LoadSegment | undefined,
): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  const view = new DataView(bytes.buffer);
  bytes.set(image.subarray(SETUP_HEADER, header.headerEnd), SETUP_HEADER);
  if (options.textDisplay === true) describeTextMode(view);
  if (options.acpiRoot !== undefined) view.setBigUint64(ACPI_RSDP_ADDRESS, BigInt(options.acpiRoot), true);
  view.setUint16(VIDEO_MODE, VIDEO_NORMAL, true);
  view.setUint8(TYPE_OF_LOADER, LOADER_UNDEFINED);
  view.setUint32(CODE32_START, header.loadAddress, true);
  view.setUint32(COMMAND_LINE_POINTER, COMMAND_LINE, true);
  if (initrd !== undefined) {
    view.setUint32(RAMDISK_IMAGE, initrd.address, true);
    view.setUint32(RAMDISK_SIZE, initrd.bytes.length, true);
  }
  const rows = options.memoryMap.slice(0, E820_MAX);
  view.setUint8(E820_COUNT, rows.length);
  for (const [index, row] of rows.entries()) {
    const at = E820_TABLE + index * 20;
    view.setBigUint64(at, BigInt(row.start), true);
    view.setBigUint64(at + 8, BigInt(row.size), true);
    view.setUint32(at + 16, MEMORY_TYPES[row.type], true);
  }
  return bytes;
}

/** Mode 3: 80x25 on a VGA (struct screen_info). */
function describeTextMode(view: DataView): void {
  view.setUint8(SCREEN_INFO + 0x06, 3);
  view.setUint8(SCREEN_INFO + 0x07, 80);
  view.setUint8(SCREEN_INFO + 0x0e, 25);
  view.setUint8(SCREEN_INFO + 0x0f, 1);
  view.setUint16(SCREEN_INFO + 0x10, 16, true);
}
