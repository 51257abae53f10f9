/** Builds the Multiboot 2 boot information tags (Multiboot2 Specification 2.0, section 3.6). */
import { gpa } from '../../base/address.ts';
import { alignUp } from '../../base/bits.ts';
import type { LoadOptions, LoadSegment } from './load-plan.ts';
import { contiguousKib, INFORMATION_ADDRESS, MEMORY_TYPES, type PlacedModule } from './multiboot-information.ts';

const TAG_END = 0;
const TAG_COMMAND_LINE = 1;
const TAG_LOADER_NAME = 2;
const TAG_MODULE = 3;
const TAG_BASIC_MEMORY = 4;
const TAG_MEMORY_MAP = 6;

function tag(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(alignUp(8 + payload.length, 8));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, 8 + payload.length, true);
  bytes.set(payload, 8);
  return bytes;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function multiboot2Information(options: LoadOptions, modules: readonly PlacedModule[]): LoadSegment {
  const map = new DataView(new ArrayBuffer(options.memoryMap.length * 24));
  for (const [index, row] of options.memoryMap.entries()) {
    map.setBigUint64(index * 24, BigInt(row.start), true);
    map.setBigUint64(index * 24 + 8, BigInt(row.size), true);
    map.setUint32(index * 24 + 16, MEMORY_TYPES[row.type], true);
  }
  const lower = contiguousKib(options.memoryMap, 0);
  const upper = contiguousKib(options.memoryMap, 0x10_0000);
  const tags = join([
    tag(TAG_COMMAND_LINE, text(options.commandLine)),
    tag(TAG_LOADER_NAME, text('dmascope')),
    ...modules.map((module) => tag(TAG_MODULE, join([words(module.start, module.end), text(module.commandLine)]))),
    tag(TAG_BASIC_MEMORY, words(lower, upper)),
    // Entry size 24, entry version 0.
    tag(TAG_MEMORY_MAP, join([words(24, 0), new Uint8Array(map.buffer)])),
    tag(TAG_END, new Uint8Array(0)),
  ]);
  const bytes = join([words(8 + tags.length, 0), tags]);
  return { address: gpa(INFORMATION_ADDRESS), bytes, memorySize: bytes.length, what: 'multiboot2 information' };
}
