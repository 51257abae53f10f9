/**
 * PVH: an ELF kernel with the Xen note PHYS32_ENTRY is entered in 32-bit protected mode with EBX at a start-info structure
 * (Xen's docs/misc/pvh.pandoc; public/arch-x86/hvm/start_info.h for the layout, version 1). Linux' vmlinux is one.
 */
import { gpa } from '../../base/address.ts';
import { alignUp } from '../../base/bits.ts';
import { PT_NOTE, readElf } from '../../symbols/elf/file.ts';
import { elfSegments } from './elf-segments.ts';
import { type LoadOptions, type LoadResult, type LoadSegment, loadFailed } from './load-plan.ts';
import { MEMORY_TYPES, StructureWriter } from './multiboot-information.ts';
import { PAGE } from './page-tables.ts';

const NOTE_NAME = 'Xen';
const NOTE_PHYS32_ENTRY = 18;
const NOTES_MAX = 64;
const INFORMATION = 0x9000;
const INFORMATION_LIMIT = 0x1_0000;
const START_INFO_MAGIC = 0x336e_c578;
const START_INFO_SIZE = 56;
const MODULE_SIZE = 32;
const MEMORY_ROW_SIZE = 24;

/** The address of the PVH entry point; `undefined`: the file has none. */
export function findPvhEntry(bytes: Uint8Array): number | undefined {
  const read = readElf(bytes);
  if (!read.ok) return undefined;
  for (const { type, offset, fileSize } of read.value.segments) {
    if (type !== PT_NOTE || offset + fileSize > bytes.length) continue;
    const entry = entryInNotes(bytes.subarray(offset, offset + fileSize));
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function entryInNotes(notes: Uint8Array): number | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  for (let at = 0, count = 0; at + 12 <= notes.length && count < NOTES_MAX; count += 1) {
    const nameSize = view.getUint32(at, true);
    const descSize = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const desc = at + 12 + alignUp(nameSize, 4);
    if (desc + descSize > notes.length) return undefined;
    const name = String.fromCharCode(...notes.subarray(at + 12, at + 12 + NOTE_NAME.length));
    if (type === NOTE_PHYS32_ENTRY && name === NOTE_NAME && descSize >= 4) return view.getUint32(desc, true);
    at = desc + alignUp(descSize, 4);
  }
  return undefined;
}

export function loadPvh(bytes: Uint8Array, entry: number, options: LoadOptions): LoadResult {
  const elf = elfSegments(bytes);
  if ('problem' in elf) return { ok: false, error: elf };
  const segments = elf.segments.map((segment) => segment.load);
  let next = Math.max(0x10_0000, ...segments.map((segment) => segment.address + segment.memorySize));
  const modules: LoadSegment[] = [];
  for (const [index, module] of options.modules.entries()) {
    const address = gpa(alignUp(next, PAGE));
    const what = index === 0 ? 'initial RAM disk' : `module ${index}`;
    modules.push({ address, bytes: module.bytes, memorySize: module.bytes.length, what });
    next = address + module.bytes.length;
  }
  const information = startInformation(options, modules);
  if (information === undefined) return loadFailed('the command line is too long for PVH', 'shorten -append');
  return {
    ok: true,
    plan: {
      protocol: 'pvh',
      segments: [...segments, ...modules, information],
      entry: { mode: 'protected32', entry: gpa(entry), registers: { ebx: INFORMATION } },
    },
  };
}

function startInformation(options: LoadOptions, modules: readonly LoadSegment[]): LoadSegment | undefined {
  const { memoryMap, commandLine } = options;
  const fixed = START_INFO_SIZE + modules.length * MODULE_SIZE + memoryMap.length * MEMORY_ROW_SIZE;
  if (fixed + new TextEncoder().encode(commandLine).length + 64 > INFORMATION_LIMIT) return undefined;
  const writer = new StructureWriter(INFORMATION, INFORMATION_LIMIT);
  const info = writer.reserve(START_INFO_SIZE);
  const list = writer.reserve(modules.length * MODULE_SIZE);
  const map = writer.reserve(memoryMap.length * MEMORY_ROW_SIZE);
  const { view } = writer;
  const address = (at: number, offset: number): void => view.setBigUint64(at, BigInt(offset), true);
  view.setUint32(info, START_INFO_MAGIC, true);
  view.setUint32(info + 4, 1, true);
  view.setUint32(info + 12, modules.length, true);
  address(info + 16, modules.length === 0 ? 0 : INFORMATION + list);
  address(info + 24, writer.string(commandLine));
  address(info + 32, options.acpiRoot ?? 0);
  address(info + 40, INFORMATION + map);
  view.setUint32(info + 48, memoryMap.length, true);
  for (const [index, module] of modules.entries()) {
    address(list + index * MODULE_SIZE, module.address);
    address(list + index * MODULE_SIZE + 8, module.bytes.length);
  }
  for (const [index, row] of memoryMap.entries()) {
    address(map + index * MEMORY_ROW_SIZE, row.start);
    address(map + index * MEMORY_ROW_SIZE + 8, row.size);
    view.setUint32(map + index * MEMORY_ROW_SIZE + 16, MEMORY_TYPES[row.type], true);
  }
  const used = writer.used;
  return { address: gpa(INFORMATION), bytes: used, memorySize: used.length, what: 'PVH start information' };
}
