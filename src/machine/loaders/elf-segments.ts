/** The loadable part of an ELF file, checked: what a boot loader needs of it. */
import { gpa } from '../../base/address.ts';
import { PT_LOAD, readElf } from '../../symbols/elf/file.ts';
import type { LoadError, LoadSegment } from './load-plan.ts';

const PT_INTERP = 3;
const EM_386 = 3;
const EM_X86_64 = 62;
/** No PC has more physical memory than this; a larger p_memsz is a damaged file. */
const SEGMENT_SIZE_MAX = 2 ** 40;

const MACHINE_NAMES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  8: 'MIPS',
  20: 'PowerPC',
  40: '32-bit Arm',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

export interface ElfLoad {
  readonly bits: 32 | 64;
  /** Virtual, as the file says it. */
  readonly entry: bigint;
  /** It names a dynamic linker. */
  readonly dynamic: boolean;
  readonly segments: readonly {
    readonly virtual: bigint;
    readonly physical: number;
    readonly memorySize: number;
    readonly load: LoadSegment;
  }[];
}

export function elfSegments(bytes: Uint8Array): ElfLoad | LoadError {
  const read = readElf(bytes);
  if (!read.ok) {
    const { field, message } = read.problem;
    return { problem: `the ELF file is damaged: ${field} ${message}`, hint: 'rebuild or copy it again' };
  }
  const elf = read.value;
  if (elf.machine !== EM_386 && elf.machine !== EM_X86_64) {
    const name = MACHINE_NAMES[elf.machine] ?? `machine ${elf.machine}`;
    return { problem: `the ELF file is for ${name}, this machine is an x86-64 PC`, hint: 'build it for x86_64' };
  }
  if (elf.type === 1) {
    return { problem: 'the ELF file is a relocatable object (.o), not a linked kernel', hint: 'link it first' };
  }
  const segments: ElfLoad['segments'][number][] = [];
  for (const [index, segment] of elf.segments.entries()) {
    if (segment.type !== PT_LOAD || segment.memorySize === 0) continue;
    if (segment.offset + segment.fileSize > bytes.length) {
      return {
        problem: `segment ${index} of the ELF file ends at byte ${segment.offset + segment.fileSize}, but the file has ${bytes.length}`,
        hint: 'the file is cut off: copy or build it again',
      };
    }
    if (segment.physicalAddress >= BigInt(SEGMENT_SIZE_MAX) || segment.memorySize >= SEGMENT_SIZE_MAX) {
      return {
        problem: `segment ${index} of the ELF file wants to be loaded at physical 0x${segment.physicalAddress.toString(16)}`,
        hint: 'a higher-half kernel gives a physical load address: AT(ADDR(.text) - OFFSET) in the linker script',
      };
    }
    const physical = Number(segment.physicalAddress);
    const content = bytes.subarray(segment.offset, segment.offset + segment.fileSize);
    segments.push({
      virtual: segment.virtualAddress,
      physical,
      memorySize: segment.memorySize,
      load: { address: gpa(physical), bytes: content, memorySize: segment.memorySize, what: `kernel segment ${index}` },
    });
  }
  if (segments.length === 0) return { problem: 'the ELF file has nothing to load', hint: 'check the linker script' };
  const dynamic = elf.segments.some(({ type }) => type === PT_INTERP);
  return { bits: elf.bits, entry: elf.entry, dynamic, segments };
}
