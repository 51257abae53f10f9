/** What a loader wants done before the first instruction: bytes in memory, and the processor's state at the entry. */
import type { Gpa } from '../../base/address.ts';
import type { BootGdt, EntryRegisters } from '../../cpu/types.ts';

export interface LoadSegment {
  readonly address: Gpa;
  readonly bytes: Uint8Array;
  /** Bytes in memory; what lies beyond `bytes` is zeroed. */
  readonly memorySize: number;
  /** What it is, for messages: `kernel`, `module 0`, `multiboot information`. */
  readonly what: string;
}

/** The processor state that a boot protocol prescribes: flat segments, interrupts off. */
export type EntryState =
  /** 32-bit protected mode, paging off (Multiboot 1 3.2, Multiboot 2 3.3, PVH, Linux' 32-bit boot protocol). */
  | {
      readonly mode: 'protected32';
      readonly entry: Gpa;
      readonly registers: EntryRegisters;
      readonly gdt?: BootGdt;
    }
  /** 64-bit mode with the low 4 GiB identity-mapped by `pageTables` (a plain ELF64, Linux' 64-bit boot protocol). */
  | {
      readonly mode: 'long64';
      readonly entry: bigint;
      readonly pageTables: Gpa;
      readonly stack: Gpa;
      readonly registers?: EntryRegisters;
      readonly gdt?: BootGdt;
    };

export interface LoadPlan {
  readonly protocol: 'multiboot' | 'multiboot2' | 'elf64' | 'linux' | 'pvh';
  readonly segments: readonly LoadSegment[];
  readonly entry: EntryState;
}

export interface LoadOptions {
  /** Kernel command line, without the image name. */
  readonly commandLine: string;
  /** The image's own name, first word of a Multiboot command line. */
  readonly imageName: string;
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array; readonly commandLine: string }[];
  readonly memoryMap: readonly MemoryMapEntry[];
  /** Where the ACPI root pointer was placed; `undefined`: the machine has no ACPI tables. */
  readonly acpiRoot?: Gpa;
  /** The display shows 80x25 text, for kernels that are told so. */
  readonly textDisplay?: boolean;
}

/** One row of the BIOS memory map (INT 15h, AX=E820h). */
export interface MemoryMapEntry {
  readonly start: number;
  readonly size: number;
  readonly type: 'usable' | 'reserved' | 'acpi';
}

/** A refusal that names the thing and the next step. */
export interface LoadError {
  readonly problem: string;
  readonly hint: string;
}

export type LoadResult =
  | { readonly ok: true; readonly plan: LoadPlan }
  | { readonly ok: false; readonly error: LoadError };

export function loadFailed(problem: string, hint: string): LoadResult {
  return { ok: false, error: { problem, hint } };
}

/** Checks that `segments` lie in usable memory and do not overlap; `undefined` when all is well. */
export function findMisplacedSegment(
  segments: readonly LoadSegment[],
  memoryMap: readonly MemoryMapEntry[],
): LoadError | undefined {
  const sorted = [...segments].sort((a, b) => a.address - b.address);
  for (const [index, segment] of sorted.entries()) {
    const end = segment.address + segment.memorySize;
    const inside = memoryMap.some(
      (row) => row.type === 'usable' && segment.address >= row.start && end <= row.start + row.size,
    );
    if (!inside) {
      const top = Math.max(...memoryMap.filter((row) => row.type === 'usable').map((row) => row.start + row.size));
      return {
        problem: `the ${segment.what} wants memory 0x${segment.address.toString(16)}..0x${(end - 1).toString(16)}, which is not all RAM`,
        hint:
          end > top
            ? 'give the machine more memory with --ram'
            : 'link it at 1 MiB or above, outside the reserved areas',
      };
    }
    const next = sorted[index + 1];
    if (next !== undefined && end > next.address) {
      return {
        problem: `the ${segment.what} and the ${next.what} both want memory at 0x${next.address.toString(16)}`,
        hint: 'check the load addresses in the linker script',
      };
    }
  }
  return undefined;
}
