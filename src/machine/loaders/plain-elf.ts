/**
 * A plain ELF64 without a boot header: entered in 64-bit mode at its entry point, with the low 4 GiB identity-mapped
 * and each segment also mapped where it is linked. rdi holds nothing; there is no information structure.
 *
 * Does not implement: relocation (ET_DYN loads at its own addresses), a 32-bit ELF without a Multiboot header.
 */
import { gpa } from '../../base/address.ts';
import { elfSegments } from './elf-segments.ts';
import { type LoadOptions, type LoadResult, type LoadSegment, loadFailed } from './load-plan.ts';
import { PAGE, PageTables } from './page-tables.ts';

/** Page tables stand in low memory, above the structures of the other protocols' loaders. */
const TABLES_ADDRESS = 0x1_0000;
const TABLES_LIMIT = 0x8_0000;
const STACK_TOP = 0x9_0000;

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
  const tables = new PageTables(gpa(TABLES_ADDRESS), TABLES_LIMIT - TABLES_ADDRESS);
  tables.mapLow4Gib();
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
