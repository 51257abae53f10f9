/** Builds the Multiboot 1 information structure (Multiboot Specification 0.6.96, section 3.3) and its strings. */
import { gpa } from '../../base/address.ts';
import { alignUp } from '../../base/bits.ts';
import type { LoadOptions, LoadSegment, MemoryMapEntry } from './load-plan.ts';

/** Below 640 KiB, above the BIOS data area, where no kernel is loaded. */
export const INFORMATION_ADDRESS = 0x9000;
const INFORMATION_SIZE = 0x7_0000;

const FLAG_MEMORY = 1 << 0;
const FLAG_COMMAND_LINE = 1 << 2;
const FLAG_MODULES = 1 << 3;
const FLAG_MEMORY_MAP = 1 << 6;
const FLAG_LOADER_NAME = 1 << 9;

export const MEMORY_TYPES: Readonly<Record<MemoryMapEntry['type'], number>> = { usable: 1, reserved: 2, acpi: 3 };

export interface PlacedModule {
  readonly start: number;
  readonly end: number;
  readonly commandLine: string;
}

/** Writes structures one behind the other into a buffer that stands at a fixed guest address. */
export class StructureWriter {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  #used = 0;

  constructor(
    readonly base: number,
    limit: number,
  ) {
    this.bytes = new Uint8Array(limit);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Reserves `size` bytes and returns their offset. The caller has checked that they fit. */
  reserve(size: number, alignment = 8): number {
    const offset = alignUp(this.#used, alignment);
    this.#used = offset + size;
    return offset;
  }

  /** Appends a zero-terminated string and returns its guest address. */
  string(text: string): number {
    const encoded = new TextEncoder().encode(text);
    const offset = this.reserve(encoded.length + 1, 1);
    this.bytes.set(encoded, offset);
    return this.base + offset;
  }

  get used(): Uint8Array {
    return this.bytes.subarray(0, this.#used);
  }
}

/** KiB of usable memory that starts at `start`. */
export function contiguousKib(memoryMap: readonly MemoryMapEntry[], start: number): number {
  const row = memoryMap.find(
    (entry) => entry.type === 'usable' && entry.start <= start && start < entry.start + entry.size,
  );
  return row === undefined ? 0 : Math.floor((row.start + row.size - start) / 1024);
}

export function multibootInformation(options: LoadOptions, modules: readonly PlacedModule[]): LoadSegment {
  const writer = new StructureWriter(INFORMATION_ADDRESS, INFORMATION_SIZE);
  const view = writer.view;
  const information = writer.reserve(116);
  const mapOffset = writer.reserve(options.memoryMap.length * 24);
  const moduleOffset = writer.reserve(modules.length * 16);
  const commandLine = [options.imageName, options.commandLine].filter((part) => part !== '').join(' ');

  view.setUint32(
    information,
    FLAG_MEMORY | FLAG_COMMAND_LINE | FLAG_MODULES | FLAG_MEMORY_MAP | FLAG_LOADER_NAME,
    true,
  );
  view.setUint32(information + 4, contiguousKib(options.memoryMap, 0), true);
  view.setUint32(information + 8, contiguousKib(options.memoryMap, 0x10_0000), true);
  view.setUint32(information + 16, writer.string(commandLine), true);
  view.setUint32(information + 20, modules.length, true);
  view.setUint32(information + 24, writer.base + moduleOffset, true);
  view.setUint32(information + 44, options.memoryMap.length * 24, true);
  view.setUint32(information + 48, writer.base + mapOffset, true);
  view.setUint32(information + 64, writer.string('dmascope'), true);

  for (const [index, module] of modules.entries()) {
    const at = moduleOffset + index * 16;
    view.setUint32(at, module.start, true);
    view.setUint32(at + 4, module.end, true);
    view.setUint32(at + 8, writer.string(module.commandLine), true);
  }
  for (const [index, row] of options.memoryMap.entries()) {
    const at = mapOffset + index * 24;
    // The size field counts the bytes that follow it.
    view.setUint32(at, 20, true);
    view.setBigUint64(at + 4, BigInt(row.start), true);
    view.setBigUint64(at + 12, BigInt(row.size), true);
    view.setUint32(at + 20, MEMORY_TYPES[row.type], true);
  }
  const bytes = writer.used;
  return { address: gpa(INFORMATION_ADDRESS), bytes, memorySize: bytes.length, what: 'multiboot information' };
}
