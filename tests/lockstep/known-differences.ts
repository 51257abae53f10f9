/**
 * Where QEMU 7.2's TCG is known to differ from the manual, or the manual leaves the answer open. Each entry says which
 * registers may then differ, and why; QEMU's values are taken over so that the run goes on. What is not listed here is a
 * divergence.
 */
import type { RegisterDump } from './register-dump.ts';

export interface KnownDifference {
  readonly id: string;
  readonly reason: string;
  /** Only these registers may differ. */
  readonly registers: readonly string[];
  /** Mnemonics after which it happens, all when absent; `reset`: before the first instruction. */
  readonly after?: readonly string[];
  /** QEMU's registers before the instruction must be such. */
  readonly when?: (before: RegisterDump) => boolean;
  /** Bits that may differ; all when absent. */
  readonly mask?: bigint;
}

const EAX = 0;
const RF = 0x1_0000n;
const SVM_LEAF = 0x8000_000a;
const EXTENDED_FEATURES_LEAF = 0x8000_0001;
const leaf = (...leaves: readonly number[]) => {
  return (before: RegisterDump): boolean => leaves.includes(Number(before.register(EAX) & 0xffff_ffffn));
};

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    id: 'fpu-reset',
    reason:
      'RESET leaves the x87 control word at 0x40 and the tags at "zero" (Intel SDM Vol. 3A table 9-1); QEMU resets the x87 as FNINIT does.',
    registers: ['fcw', 'ftw'],
    after: ['reset'],
  },
  {
    id: 'accessed-bit',
    reason:
      'Loading a segment register sets the accessed bit of its descriptor (Vol. 3A 3.4.5.1). QEMU does so for MOV, POP and LxS, but not where a far transfer, IRET or a gate loads CS or SS.',
    registers: ['cs.attributes', 'ss.attributes'],
    mask: 1n,
  },
  {
    id: 'tss-busy',
    reason:
      'LTR marks the TSS busy, in the descriptor and in TR (Vol. 3C 26.3.1.2 wants a busy type there). QEMU marks the descriptor only.',
    registers: ['tr.attributes'],
    after: ['ltr'],
    mask: 2n,
  },
  {
    id: 'repeat-resumes',
    reason:
      'Between two iterations of a REP, RF is set, so that an interrupt there pushes it (Vol. 3B 17.3.1.1). QEMU leaves it clear.',
    registers: ['rflags'],
    mask: RF,
  },
  {
    id: 'svm',
    reason: 'QEMU offers SVM in its models, which our processor does not have: CPUID 0x80000001 ECX bit 2.',
    registers: ['rcx'],
    after: ['cpuid'],
    when: leaf(EXTENDED_FEATURES_LEAF),
    mask: 4n,
  },
  {
    id: 'svm-leaf',
    reason: 'CPUID 0x8000000a describes SVM.',
    registers: ['rax', 'rbx', 'rcx', 'rdx'],
    after: ['cpuid'],
    when: leaf(SVM_LEAF),
  },
];

/** The entry that allows a difference after the instruction `mnemonic`. */
export function knownDifference(
  { name, ours, theirs }: { readonly name: string; readonly ours: bigint; readonly theirs: bigint },
  mnemonic: string,
  before: RegisterDump | undefined,
): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(
    (entry) =>
      entry.registers.includes(name) &&
      (entry.after === undefined || entry.after.includes(mnemonic)) &&
      (entry.when === undefined || (before !== undefined && entry.when(before))) &&
      (entry.mask === undefined || ((ours ^ theirs) & ~entry.mask) === 0n),
  );
}
