/**
 * Where our decoder and iced-x86 differ, each class with its reason. Anything that is not here is a mistake of one of
 * them: the proof fails on it. Where makers of processors differ, Intel SDM Vol. 2, appendix A (opcode maps) decides.
 */
import type { Row } from '../../../src/cpu/isa/row.ts';
import type { CodeSize } from '../../../src/cpu/testing/decode-probe.ts';
import type { Judged } from './iced.ts';

/** One string of bytes, as both see it. */
export interface Seen {
  readonly codeSize: CodeSize;
  readonly length: number;
  /** Row of our table; none for what we refuse. */
  readonly row: Row | undefined;
  readonly judged: Judged;
}

export interface Difference {
  readonly name: string;
  readonly reason: string;
  readonly explains: (seen: Seen) => boolean;
}

const words = (text: string) => new Set(text.split(/\s+/));

/** What one row of the table stands for that iced-x86 names by operand size, direction or addressing form. */
const NAMES: Readonly<Record<string, string>> = {
  CALLF: 'CALL',
  CBW: 'CWDE CDQE',
  CMPS: 'CMPSB CMPSW CMPSD CMPSQ',
  CMPXCHG8B: 'CMPXCHG16B',
  CWD: 'CDQ CQO',
  FWAIT: 'WAIT',
  FXRSTOR: 'FXRSTOR64',
  FXSAVE: 'FXSAVE64',
  INS: 'INSB INSW INSD',
  IRET: 'IRETD IRETQ',
  JMPF: 'JMP',
  JRCXZ: 'JCXZ JECXZ',
  LODS: 'LODSB LODSW LODSD LODSQ',
  MOVD: 'MOVQ',
  MOVHPS: 'MOVLHPS',
  MOVLPS: 'MOVHLPS',
  MOVS: 'MOVSB MOVSW MOVSD MOVSQ',
  OUTS: 'OUTSB OUTSW OUTSD',
  PCMPESTRI: 'PCMPESTRI64',
  PCMPESTRM: 'PCMPESTRM64',
  PEXTRD: 'PEXTRQ',
  PINSRD: 'PINSRQ',
  POPA: 'POPAD',
  POPF: 'POPFD POPFQ',
  PREFETCH: 'PREFETCHT0 PREFETCHT1 PREFETCHT2 PREFETCHNTA',
  PREFETCHW: 'PREFETCH PREFETCHWT1',
  PUSHA: 'PUSHAD',
  PUSHF: 'PUSHFD PUSHFQ',
  SCAS: 'SCASB SCASW SCASD SCASQ',
  STOS: 'STOSB STOSW STOSD STOSQ',
  SYSEXIT: 'SYSEXITQ',
  SYSRET: 'SYSRETQ',
  VMOVHPS: 'VMOVLHPS',
  VMOVLPS: 'VMOVHLPS',
  VMOVD: 'VMOVQ',
  VPCMPESTRI: 'VPCMPESTRI64',
  VPCMPESTRM: 'VPCMPESTRM64',
  VPEXTRD: 'VPEXTRQ',
  VPINSRD: 'VPINSRQ',
  XLAT: 'XLATB',
  XRSTOR: 'XRSTOR64',
  XSAVE: 'XSAVE64',
  XRSTORS: 'XRSTORS64',
  XSAVES: 'XSAVES64',
  XSAVEC: 'XSAVEC64',
  XSAVEOPT: 'XSAVEOPT64',
};
const NAME_SETS = new Map(Object.entries(NAMES).map(([ours, theirs]) => [ours, words(theirs)]));

export function sameName(row: Row, mnemonic: string): boolean {
  return row.mnemonic === mnemonic || NAME_SETS.get(row.mnemonic)?.has(mnemonic) === true;
}

/** Extensions that the table has no rows for: #UD, and CPUID does not offer them. By what iced-x86 says they need. */
const ABSENT: readonly (readonly [string, string, string])[] = [
  [
    'AMD only',
    'of AMD alone: no instruction in Intel’s opcode maps',
    'D3NOW D3NOWEXT SSE4A SVM SKINIT SKINIT_or_SVM CLZERO MCOMMIT MONITORX RDPRU INVLPGB SEV_ES SEV_SNP RMPQUERY XOP FMA4 TBM LWP',
  ],
  [
    'VIA only',
    'of VIA alone: no instruction in Intel’s opcode maps',
    'PADLOCK_ACE PADLOCK_PHE PADLOCK_PMM PADLOCK_RNG PADLOCK_GMI PADLOCK_UNDOC CENTAUR_AIS CYRIX_D3NOW',
  ],
  [
    'AVX and later',
    'registers wider than 128 bits are not offered',
    'AVX AVX2 FMA F16C VAES VPCLMULQDQ AVX_VNNI AVX_IFMA AVX_NE_CONVERT AVX_VNNI_INT8 AVX_VNNI_INT16 AVX512F AVX512VL AVX512BW AVX512DQ AVX512CD AVX512ER AVX512PF AVX512_FP16 AVX512_VBMI AVX512_VBMI2 AVX512_VNNI AVX512_IFMA AVX512_BITALG AVX512_BF16 AVX512_VPOPCNTDQ AVX512_VP2INTERSECT AVX512_4FMAPS AVX512_4VNNIW KNC AMX_TILE AMX_INT8 AMX_BF16 AMX_FP16 AMX_COMPLEX SHA512 SM3 SM4 GFNI',
  ],
  ['BMI', 'encoded with VEX, which is not offered', 'BMI1 BMI2 CMPCCXADD'],
  [
    'virtualisation and enclaves',
    'VMX, SMX, SGX, TDX and total storage encryption are not offered',
    'VMX SMX SGX1 OSS INVEPT INVVPID TDX PCONFIG TSE',
  ],
  ['shadow stacks', 'control-flow enforcement is not offered', 'CET_SS CET_IBT'],
  ['transactions', 'transactional memory is not offered', 'RTM HLE HLE_or_RTM TSXLDTRK'],
  ['key locker and user interrupts', 'not offered', 'AESKLE KL WIDE_KL UINTR'],
  ['protection keys', 'not offered', 'PKU'],
  [
    'small extensions',
    'not offered',
    'MOVDIRI MOVDIR64B ENQCMD WAITPKG PTWRITE SERIALIZE HRESET RAO_INT WRMSRNS MSRLIST FRED LKGS RDPID XSAVEC XSAVES',
  ],
];

const absent: Difference[] = ABSENT.map(([name, reason, list]) => {
  const features = words(list);
  return {
    name: `absent: ${name}`,
    reason,
    explains: ({ row, judged }) =>
      row === undefined && judged.valid && judged.features.some((feature) => features.has(feature)),
  };
});

const isNopSpace = (row: Row) => row.map === 1 && row.handler === 'nop' && row.hasModrm;

export const DIFFERENCES: readonly Difference[] = [
  ...absent,
  {
    name: 'register that does not exist',
    reason: 'MOV with CR1, DR8 or segment register 6 decodes, and raises #UD when it runs',
    explains: ({ row, judged }) => row !== undefined && !judged.valid && /\b(Cy|Dy|Sw)\b/.test(row.operands.join()),
  },
  {
    name: 'SYSCALL outside 64-bit mode',
    reason: 'AMD has it in protected mode, Intel does not (SDM Vol. 2, SYSCALL)',
    explains: ({ row, codeSize, judged }) => row === undefined && codeSize !== 64 && judged.mnemonic === 'SYSCALL',
  },
  {
    name: 'hint',
    reason: 'an instruction that a processor without the extension runs as NOP',
    explains: ({ row, judged }) =>
      row !== undefined &&
      isNopSpace(row) &&
      words('RESERVEDNOP NOP CLDEMOTE PREFETCHIT0 PREFETCHIT1 PREFETCH PREFETCHWT1 RDSSPD RDSSPQ ENDBR32 ENDBR64').has(
        judged.mnemonic,
      ),
  },
  {
    name: 'PAUSE',
    reason: 'NOP with a REP prefix; the table has one row for both',
    explains: ({ row, judged }) => row?.handler === 'nop' && judged.mnemonic === 'PAUSE',
  },
  {
    name: 'PAUSE with REX.B',
    reason: 'F3 49 90 is XCHG R8, RAX to processors (seen on AMD Zen 3), PAUSE to iced-x86 only',
    explains: ({ row, judged }) => row?.mnemonic === 'XCHG' && judged.mnemonic === 'PAUSE',
  },
  {
    name: 'WBNOINVD',
    reason: 'WBINVD to a processor without it (SDM Vol. 2, WBNOINVD)',
    explains: ({ row, judged }) => row?.mnemonic === 'WBINVD' && judged.mnemonic === 'WBNOINVD',
  },
  {
    name: 'VMGEXIT',
    reason: 'VMMCALL with a prefix that counts on AMD’s encrypting processors only; both are #UD',
    explains: ({ row, judged }) => row?.mnemonic === 'VMMCALL' && judged.mnemonic === 'VMGEXIT',
  },
];
