/**
 * A plain ELF64 without a boot header: entered in 64-bit mode at its entry point, with the low 4 GiB identity-mapped
 * and each segment also mapped where it is linked. rdi holds nothing; there is no information structure.
 *
 * Does not implement: relocation (ET_DYN loads at its own addresses), a 32-bit ELF without a Multiboot header.
 */
import { gpa } from '../../base/address.ts';
import { elfSegments } from './elf-segments.ts';
import { type LoadOptions, type LoadResult, type LoadSegment, loadFailed } from './load-plan.ts';

const PAGE = 4096;
const LARGE_PAGE = 0x20_0000;
/** Page tables stand in low memory, above the structures of the other protocols' loaders. */
const TABLES_ADDRESS = 0x1_0000;
const TABLES_LIMIT = 0x8_0000;
const STACK_TOP = 0x9_0000;
const PRESENT_WRITABLE = 0x3n;
const LARGE = 0x80n;

export function loadPlainElf(bytes: Uint8Array, options: LoadOptions): LoadResult {
  const elf = elfSegments(bytes);
  if ('problem' in elf) return { ok: false, error: elf };
  if (elf.bits === 32) {
    return loadFailed(
      'this 32-bit ELF file has no Multiboot header, so nothing says how to enter it',
      'add a Multiboot 1 header within the first 8 KiB of the file',
    );
  }
  if (elf.dynamic && elf.segments.some(({ physical }) => physical === 0)) {
    return loadFailed(
      'the ELF file is a program for an operating system: it wants a dynamic linker, and is linked at address 0',
      'give a kernel: linked with -static -nostdlib at its load address',
    );
  }
  const tables = new PageTables();
  for (let address = 0; address < 2 ** 32; address += LARGE_PAGE) tables.mapLarge(BigInt(address), address);
  for (const segment of elf.segments) {
    const highest = segment.virtual + BigInt(segment.memorySize);
    if (segment.virtual >= 0x1_0000_0000n) {
      const offset = segment.virtual % BigInt(PAGE);
      if (offset !== BigInt(segment.physical % PAGE)) {
        return loadFailed(
          'a segment of the ELF file stands at different page offsets in p_vaddr and p_paddr',
          'align it',
        );
      }
      for (let at = segment.virtual - offset; at < highest; at += BigInt(PAGE)) {
        if (!tables.map(at, segment.physical + Number(at - segment.virtual))) {
          return loadFailed('the ELF file is too large for the loader to map', 'give it a Multiboot header');
        }
      }
    }
  }
  const segments: LoadSegment[] = [...elf.segments.map((segment) => segment.load), tables.segment()];
  for (const [index, module] of options.modules.entries()) {
    return loadFailed(
      `module ${index} (${module.name}) cannot be handed to a plain ELF file: there is no protocol to say where it is`,
      'use a Multiboot header, or leave out -initrd',
    );
  }
  return {
    ok: true,
    plan: {
      protocol: 'elf64',
      segments,
      entry: { mode: 'long64', entry: elf.entry, pageTables: gpa(TABLES_ADDRESS), stack: gpa(STACK_TOP) },
    },
  };
}

/** 4-level page tables built in a buffer (Intel SDM Vol. 3A 4.5). */
class PageTables {
  readonly #view = new DataView(new ArrayBuffer(TABLES_LIMIT - TABLES_ADDRESS));
  #used = PAGE;

  mapLarge(virtual: bigint, physical: number): boolean {
    return this.#set(virtual, 2, BigInt(physical) | PRESENT_WRITABLE | LARGE);
  }

  map(virtual: bigint, physical: number): boolean {
    return this.#set(virtual, 1, BigInt(physical) | PRESENT_WRITABLE);
  }

  segment(): LoadSegment {
    const bytes = new Uint8Array(this.#view.buffer, 0, this.#used);
    return { address: gpa(TABLES_ADDRESS), bytes, memorySize: bytes.length, what: 'initial page tables' };
  }

  /** Writes `entry` at `level` (1 = page table, 2 = page directory); false when the buffer is full. */
  #set(virtual: bigint, level: 1 | 2, entry: bigint): boolean {
    let table = 0;
    for (let depth = 4; depth > level; depth -= 1) {
      const at = table + this.#index(virtual, depth);
      const current = this.#view.getBigUint64(at, true);
      if (current === 0n) {
        if (this.#used + PAGE > this.#view.byteLength) return false;
        this.#view.setBigUint64(at, BigInt(TABLES_ADDRESS + this.#used) | PRESENT_WRITABLE, true);
        table = this.#used;
        this.#used += PAGE;
      } else {
        table = Number(current & ~0xfffn) - TABLES_ADDRESS;
      }
    }
    this.#view.setBigUint64(table + this.#index(virtual, level), entry, true);
    return true;
  }

  #index(virtual: bigint, depth: number): number {
    return Number((virtual >> BigInt(12 + 9 * (depth - 1))) & 511n) * 8;
  }
}
