/** Finds a Multiboot 1 or 2 header and plans the load (Multiboot Specification 0.6.96; Multiboot2 Specification 2.0). */
import { gpa } from '../../base/address.ts';
import { alignUp } from '../../base/bits.ts';
import { elfSegments } from './elf-segments.ts';
import { type EntryState, type LoadOptions, type LoadResult, type LoadSegment, loadFailed } from './load-plan.ts';
import { multibootInformation, type PlacedModule } from './multiboot-information.ts';
import { multiboot2Information } from './multiboot2-information.ts';

/** Multiboot 1 3.1: the header stands, 4-byte aligned, within the first 8192 bytes. */
const HEADER_SEARCH_BYTES = 8192;
const HEADER_MAGIC = 0x1bad_b002;
const LOADER_MAGIC = 0x2bad_b002;
const FLAG_ADDRESSES = 1 << 16;
/** Bits 0-15 are requirements; those that we can meet: page-aligned modules, memory map. */
const KNOWN_REQUIREMENTS = 0x3;

/** Multiboot 2 3.1: 8-byte aligned within the first 32768 bytes. */
const HEADER2_SEARCH_BYTES = 32_768;
const HEADER2_MAGIC = 0xe852_50d6;
const LOADER2_MAGIC = 0x36d7_6289;
const HEADER2_TAGS_MAX = 64;

const PAGE = 4096;

interface Addresses {
  readonly header: number;
  readonly load: number;
  readonly loadEnd: number;
  readonly bssEnd: number;
  readonly entry: number;
}

interface Program {
  readonly segments: readonly LoadSegment[];
  readonly entry: number;
}

export function findMultibootHeader(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = Math.min(bytes.length, HEADER_SEARCH_BYTES) - 12;
  for (let at = 0; at <= last; at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const sum = HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

export function findMultiboot2Header(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = Math.min(bytes.length, HEADER2_SEARCH_BYTES) - 16;
  for (let at = 0; at <= last; at += 8) {
    if (view.getUint32(at, true) !== HEADER2_MAGIC) continue;
    let sum = 0;
    for (let word = 0; word < 4; word += 1) sum += view.getUint32(at + word * 4, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

export function loadMultiboot(bytes: Uint8Array, header: number, options: LoadOptions): LoadResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint32(header + 4, true);
  const unknown = flags & 0xffff & ~KNOWN_REQUIREMENTS;
  if (unknown !== 0) {
    const video = (unknown & 4) !== 0;
    return loadFailed(
      `the Multiboot header requires ${video ? 'a video mode (flag bit 2)' : `features 0x${unknown.toString(16)}`}, which this machine does not offer`,
      'clear that bit in the header flags; print to the serial port instead',
    );
  }
  const program = (flags & FLAG_ADDRESSES) !== 0 ? programByAddresses(bytes, header) : programByElf(bytes);
  if ('problem' in program) return { ok: false, error: program };
  return plan('multiboot', program, options, (modules) => multibootInformation(options, modules), LOADER_MAGIC);
}

export function loadMultiboot2(bytes: Uint8Array, header: number, options: LoadOptions): LoadResult {
  const tags = readHeader2Tags(bytes, header);
  if ('problem' in tags) return { ok: false, error: tags };
  const program =
    tags.addresses === undefined ? programByElf(bytes) : segmentByAddresses(bytes, header, tags.addresses);
  if ('problem' in program) return { ok: false, error: program };
  const entered = tags.entry === undefined ? program : { ...program, entry: tags.entry };
  return plan('multiboot2', entered, options, (modules) => multiboot2Information(options, modules), LOADER2_MAGIC);
}

interface Problem {
  readonly problem: string;
  readonly hint: string;
}

function programByElf(bytes: Uint8Array): Program | Problem {
  const elf = elfSegments(bytes);
  if ('problem' in elf) return elf;
  // The entry point of a higher-half ELF64 is virtual; the protocol enters with paging off, at its physical twin.
  const home = elf.segments.find(
    (segment) => elf.entry >= segment.virtual && elf.entry < segment.virtual + BigInt(segment.memorySize),
  );
  const entry = home === undefined ? elf.entry : elf.entry - home.virtual + BigInt(home.physical);
  if (entry >= 0x1_0000_0000n) {
    return {
      problem: `the entry point 0x${entry.toString(16)} is not below 4 GiB, but Multiboot enters in 32-bit mode`,
      hint: 'set the physical load addresses (AT(...) in the linker script) below 4 GiB',
    };
  }
  return { segments: elf.segments.map((segment) => segment.load), entry: Number(entry) };
}

function programByAddresses(bytes: Uint8Array, header: number): Program | Problem {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header + 32 > bytes.length) {
    return { problem: 'the Multiboot header is cut off before its address fields', hint: 'rebuild the image' };
  }
  const word = (offset: number): number => view.getUint32(header + offset, true);
  return segmentByAddresses(bytes, header, {
    header: word(12),
    load: word(16),
    loadEnd: word(20),
    bssEnd: word(24),
    entry: word(28),
  });
}

function segmentByAddresses(bytes: Uint8Array, header: number, addresses: Addresses): Program | Problem {
  const start = header - (addresses.header - addresses.load);
  if (addresses.header < addresses.load || start < 0) {
    return {
      problem: `the Multiboot address fields do not fit the file: header_addr 0x${addresses.header.toString(16)}, load_addr 0x${addresses.load.toString(16)}, header at file offset 0x${header.toString(16)}`,
      hint: 'header_addr - load_addr must not exceed the offset of the header in the file',
    };
  }
  const loadSize = addresses.loadEnd === 0 ? bytes.length - start : addresses.loadEnd - addresses.load;
  if (loadSize <= 0 || (addresses.bssEnd !== 0 && addresses.bssEnd < addresses.load + loadSize)) {
    return {
      problem: `the Multiboot address fields contradict each other: load_end_addr 0x${addresses.loadEnd.toString(16)}, bss_end_addr 0x${addresses.bssEnd.toString(16)}`,
      hint: 'load_addr < load_end_addr <= bss_end_addr must hold',
    };
  }
  const content = bytes.subarray(start, Math.min(bytes.length, start + loadSize));
  const memorySize = addresses.bssEnd === 0 ? loadSize : addresses.bssEnd - addresses.load;
  return {
    segments: [{ address: gpa(addresses.load), bytes: content, memorySize, what: 'kernel' }],
    entry: addresses.entry,
  };
}

function readHeader2Tags(
  bytes: Uint8Array,
  header: number,
): { readonly addresses: Addresses | undefined; readonly entry: number | undefined } | Problem {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(bytes.length, header + view.getUint32(header + 8, true));
  let addresses: Addresses | undefined;
  let entry: number | undefined;
  let at = header + 16;
  for (let count = 0; count < HEADER2_TAGS_MAX && at + 8 <= end; count += 1) {
    const type = view.getUint16(at, true);
    const optional = (view.getUint16(at + 2, true) & 1) !== 0;
    const size = view.getUint32(at + 4, true);
    if (type === 0 || size < 8 || at + size > end) break;
    if (type === 2 && size >= 24) {
      const word = (index: number): number => view.getUint32(at + 8 + index * 4, true);
      addresses = { header: word(0), load: word(1), loadEnd: word(2), bssEnd: word(3), entry: 0 };
    } else if (type === 3 && size >= 12) {
      entry = view.getUint32(at + 8, true);
    } else if (!optional && ![1, 4, 6].includes(type)) {
      return {
        problem: `the Multiboot2 header requires tag type ${type}, which this machine does not offer`,
        hint: 'mark the tag as optional (flags bit 0)',
      };
    }
    at += alignUp(size, 8);
  }
  if (addresses !== undefined && entry === undefined) {
    return { problem: 'the Multiboot2 header has an address tag but no entry address tag', hint: 'add tag type 3' };
  }
  return { addresses, entry };
}

/** Places the modules behind the kernel, page-aligned, and joins everything into one plan. */
function plan(
  protocol: 'multiboot' | 'multiboot2',
  program: Program,
  options: LoadOptions,
  information: (modules: readonly PlacedModule[]) => LoadSegment,
  magic: number,
): LoadResult {
  let next = Math.max(0x10_0000, ...program.segments.map((segment) => segment.address + segment.memorySize));
  const segments = [...program.segments];
  const placed: PlacedModule[] = [];
  for (const [index, module] of options.modules.entries()) {
    const start = alignUp(next, PAGE);
    segments.push({
      address: gpa(start),
      bytes: module.bytes,
      memorySize: module.bytes.length,
      what: `module ${index} (${module.name})`,
    });
    next = start + module.bytes.length;
    placed.push({ start, end: next, commandLine: module.commandLine });
  }
  const informationSegment = information(placed);
  segments.push(informationSegment);
  const entry: EntryState = {
    mode: 'protected32',
    entry: gpa(program.entry),
    registers: { eax: magic, ebx: informationSegment.address },
  };
  return { ok: true, plan: { protocol, segments, entry } };
}
