/** Differences between the host's processor and ours that are no mistake, each with its reason. */
import { readFileSync } from 'node:fs';
import type { Row } from '../../../src/cpu/isa/row.ts';
import { AT, type CaseView, CODE_64, TRAP_FLAG } from './case-layout.ts';
import { codeBits, localSegment } from './local-segments.ts';
import { hasPrefix, isWide } from './prefixes.ts';

export interface Compared {
  readonly row: Row;
  readonly before: CaseView;
  readonly ours: CaseView;
  readonly theirs: CaseView;
  /** What differs, as `differences` says it. */
  readonly found: readonly string[];
}

const INVALID_OPCODE = 6;
const DEBUG = 1;
const STACK_FAULT = 12;
const PAGE_FAULT = 14;
const ALIGNMENT = 17;
/** MXCSR.MM. */
const MISALIGNED_MASK = 0x2_0000;
const RESUME_FLAG = 0x1_0000;
const GENERAL_PROTECTION = 13;
/** Bits of the x87 status word. */
const C1 = 0x200;
const UNDERFLOW = 0x10;
const OVERFLOW = 0x08;
/** The page that ends canonical addresses of user mode, by its number. */
const LAST_PAGE = 0x7_ffff_ffffn;

/** Near enough for the longest operand of one part, 32 bytes, to go across. */
const isAtEndOf4GiB = (address: bigint) => address > 0xffff_ffe0n && address <= 0xffff_ffffn;

/** Instructions on one single or double: not those on packed doublewords, PMAXSD and the like. */
const SCALAR = /^(?!V?P)\w*S[SD](2SI)?$/;

interface Known {
  readonly reason: string;
  readonly explains: (compared: Compared) => boolean;
}

const hostProcessor = readFileSync('/proc/cpuinfo', 'utf8');
const isAmd = /^vendor_id\s*: AuthenticAMD$/m.test(hostProcessor);
const isVirtual = /^flags\s*:.* hypervisor( |$)/m.test(hostProcessor);

const isAddressFault = (vector: number) => vector >= STACK_FAULT && vector <= PAGE_FAULT;
const isOperandFault = (vector: number) => isAddressFault(vector) || vector === ALIGNMENT;

const KNOWN: readonly Known[] = [
  {
    reason: 'AMD looks at the alignment of an operand before its pages, Intel after (SDM Vol. 3A table 6-2)',
    explains: ({ before, ours, theirs }) =>
      isAmd &&
      theirs.u32(AT.vector) === ALIGNMENT &&
      isAddressFault(ours.u32(AT.vector)) &&
      ours.u64(AT.rip) === before.u64(AT.rip),
  },
  {
    reason:
      'whether operands of 16 bytes and more have to be aligned for AC is the processor’s choice (SDM Vol. 2, MOVDQU)',
    explains: ({ row, theirs }) =>
      theirs.u32(AT.vector) === ALIGNMENT &&
      !SCALAR.test(row.mnemonic) &&
      (row.options.includes('sse') || row.options.includes('avx') || /^(fx(save|rstor)|maskmovq)$/.test(row.handler)),
  },
  {
    reason: 'AMD takes near branches with 66 as 16-bit in 64-bit mode, Intel ignores it (SDM Vol. 2, JMP)',
    explains: ({ row, before }) => isAmd && before.is64 && row.options.includes('f64') && hasPrefix(before, 0x66),
  },
  {
    reason: 'AMD has no far pointers with 64-bit offsets (APM Vol. 3, LSS), Intel has (SDM Vol. 2)',
    explains: ({ row, before }) =>
      isAmd && isWide(before) && /^sys_(load_far|(call|jmp)_far_indirect)$/.test(row.handler),
  },
  {
    reason: 'AMD refuses PREFETCHW with a register, Intel runs it as NOP (SDM Vol. 2, opcode map)',
    explains: ({ row, theirs }) => isAmd && row.mnemonic === 'PREFETCHW' && theirs.u32(AT.vector) === INVALID_OPCODE,
  },
  {
    reason:
      'AMD pushes in the mode of the new code segment, Intel in that of the old (CALL far between 64-bit and other code)',
    explains: ({ row, before, ours, theirs }) =>
      isAmd &&
      /^sys_call_far/.test(row.handler) &&
      (before.is64
        ? [ours, theirs].every((one) => isAddressFault(one.u32(AT.vector)))
        : localSegment(before.segment(1)) !== undefined),
  },
  {
    reason:
      'AMD adds to the stack pointer in the mode of the new code segment, Intel in that of the old (far RET and IRET to 64-bit code from a 16-bit stack)',
    explains: ({ row, before, ours, theirs, found }) =>
      isAmd &&
      /^sys_(ret_far|iret)$/.test(row.handler) &&
      localSegment(before.segment(1))?.bits === 16 &&
      ours.segment(0) === CODE_64 &&
      found.length === 1 &&
      found[0]!.startsWith('rsp ') &&
      (ours.gpr(4) & 0xffffn) === (theirs.gpr(4) & 0xffffn),
  },
  {
    reason: 'AMD raises #UD for UD1 before it has fetched all of it',
    explains: ({ row, theirs }) => isAmd && row.handler === 'ud' && theirs.u32(AT.vector) === INVALID_OPCODE,
  },
  {
    reason:
      'an operand that is misaligned and beyond its segment or canonical addresses: which fault is first is the processor’s choice',
    explains: ({ row, ours, theirs }) =>
      (row.options.includes('sse') || row.options.includes('avx') || /^fx(save|rstor)$/.test(row.handler)) &&
      [ours, theirs].some((one) => one.u32(AT.vector) === STACK_FAULT) &&
      [ours, theirs].some((one) => one.u32(AT.vector) === GENERAL_PROTECTION),
  },
  {
    reason: 'AMD takes misaligned operands of SHA instructions, Intel raises #GP (SDM Vol. 2, table 2-21)',
    explains: ({ row, before, ours, theirs }) =>
      isAmd &&
      row.feature === 'sha-ni' &&
      ours.u32(AT.vector) === GENERAL_PROTECTION &&
      ours.u64(AT.rip) === before.u64(AT.rip) &&
      (theirs.u32(AT.vector) !== GENERAL_PROTECTION || theirs.u64(AT.rip) !== before.u64(AT.rip)),
  },
  {
    reason: 'AMD takes the condition of LOOPE and LOOPNE from F2 and F3 in front of them',
    explains: ({ row, before }) =>
      isAmd && /^loopn?e$/.test(row.handler) && (hasPrefix(before, 0xf2) || hasPrefix(before, 0xf3)),
  },
  {
    reason: 'AMD reads the operand of VERR, VERW, LAR and the like before it refuses a LOCK prefix',
    explains: ({ row, before, ours }) =>
      isAmd && row.handler.startsWith('sys_') && hasPrefix(before, 0xf0) && ours.u32(AT.vector) === INVALID_OPCODE,
  },
  {
    reason: 'AMD pushes before it looks at the target of a CALL, Intel after (SDM Vol. 2, CALL)',
    explains: ({ row, ours, theirs, found }) =>
      isAmd &&
      /^(call|sys_call_far)/.test(row.handler) &&
      ours.u32(AT.vector) === GENERAL_PROTECTION &&
      ([STACK_FAULT, PAGE_FAULT].includes(theirs.u32(AT.vector)) ||
        (row.handler.startsWith('sys_call_far') && found.every((text) => /^(data\.|writes outside)/.test(text)))),
  },
  {
    reason: 'AMD has MXCSR.MM, bit 17; it is reserved at Intel (SDM Vol. 1 10.2.3)',
    explains: ({ row, ours, theirs }) =>
      isAmd &&
      /^(ldmxcsr|fxrstor)$/.test(row.handler) &&
      ours.u32(AT.vector) === GENERAL_PROTECTION &&
      (theirs.u32(AT.mxcsr) & MISALIGNED_MASK) !== 0,
  },
  {
    reason: 'which byte of a masked or long operand a page fault names is the processor’s choice (SDM Vol. 3A 6.15)',
    explains: ({ row, found }) =>
      /^(v?maskmov|fxsave|fxrstor|fldenv|fn?stenv|fn?save|frstor)/.test(row.handler) &&
      found.length === 1 &&
      found[0]!.startsWith('cr2 '),
  },
  {
    reason:
      'a long operand that is beyond its segment and on a page that is not there: which fault is first is the processor’s choice (SDM Vol. 3A 6.9)',
    explains: ({ row, ours, theirs }) =>
      /^(fxsave|fxrstor|fldenv|fn?stenv|fn?save|frstor)/.test(row.handler) &&
      [ours, theirs].every((one) => isAddressFault(one.u32(AT.vector))) &&
      [ours, theirs].some((one) => one.u32(AT.vector) === PAGE_FAULT),
  },
  {
    reason: 'AMD has MXCSR.MM: FXSAVE shows it in MXCSR_MASK',
    explains: ({ row, found }) =>
      isAmd && row.handler === 'fxsave' && found.length === 1 && /^data\S* ffff\S+ not 2ffff/.test(found[0]!),
  },
  {
    reason: 'AMD refuses SYSEXIT in long mode after it has looked at the privilege',
    explains: ({ row, theirs }) => isAmd && row.mnemonic === 'SYSEXIT' && theirs.u32(AT.vector) === GENERAL_PROTECTION,
  },
  {
    reason:
      'AMD leaves RF clear when a single step comes between the iterations of a REP, Intel sets it (SDM Vol. 3B 17.3.1.1)',
    explains: ({ row, ours, found }) =>
      isAmd &&
      row.options.includes('rep') &&
      ours.u32(AT.vector) === DEBUG &&
      (ours.u32(AT.flags) & RESUME_FLAG) !== 0 &&
      found.length === 1 &&
      found[0]!.startsWith('flags '),
  },
  {
    reason:
      'the hypervisor of the host gives the debug exception of INT1 the address of the INT1; it is a trap (SDM Vol. 3A 6.4.4)',
    explains: ({ row, before, theirs, found }) =>
      isVirtual &&
      row.handler === 'sys_int1' &&
      found.length === 1 &&
      found[0]!.startsWith('rip ') &&
      theirs.u64(AT.rip) === before.u64(AT.rip),
  },
  {
    reason: 'whether MASKMOVQ and MASKMOVDQU ask for bytes that are not chosen is the processor’s choice (SDM Vol. 2)',
    explains: ({ row, before, ours, theirs }) =>
      /^(MASKMOVQ|V?MASKMOVDQU)$/.test(row.mnemonic) &&
      isAddressFault(theirs.u32(AT.vector)) &&
      (ours.u64(AT.rip) !== before.u64(AT.rip) || isAddressFault(ours.u32(AT.vector))),
  },
  {
    reason:
      'AMD has popped some registers when POPA faults: a handler that returns to it pops them again (SDM Vol. 2, POPA)',
    explains: ({ row, ours, theirs, found }) =>
      isAmd &&
      row.handler === 'popa' &&
      [ours, theirs].every((one) => isAddressFault(one.u32(AT.vector))) &&
      found.every((text) => /^(r?[abcd]x|r(bp|si|di)) /.test(text)),
  },
  {
    reason: 'which of several faults of a frame on the stack comes first is the processor’s choice (SDM Vol. 3A 6.9)',
    explains: ({ row, before, ours, theirs }) =>
      /^sys_(ret_far|iret)$/.test(row.handler) &&
      [ours, theirs].every((one) => isAddressFault(one.u32(AT.vector)) && one.u64(AT.rip) === before.u64(AT.rip)),
  },
  {
    reason:
      'an operand across the end of 4 GiB in a segment without a limit: whether it is beyond the segment is the processor’s choice (SDM Vol. 3A 5.3)',
    explains: ({ before, ours, theirs, found }) =>
      !before.is64 &&
      found[0]!.startsWith('exception ') &&
      [ours, theirs].some((one) => one.u32(AT.vector) === PAGE_FAULT && isAtEndOf4GiB(one.u64(AT.address))) &&
      [ours, theirs].some((one) => [STACK_FAULT, GENERAL_PROTECTION].includes(one.u32(AT.vector))),
  },
  {
    reason: 'an operand across the end of canonical addresses: which of its faults is first is the processor’s choice',
    explains: ({ before, ours, theirs, found }) =>
      before.is64 &&
      found[0]!.startsWith('exception ') &&
      [ours, theirs].some((one) => one.u32(AT.vector) === PAGE_FAULT && one.u64(AT.address) >> 12n === LAST_PAGE) &&
      [ours, theirs].some((one) => [STACK_FAULT, GENERAL_PROTECTION].includes(one.u32(AT.vector))),
  },
  {
    reason:
      'AMD reads an operand of several parts part by part, and 16-bit addresses go on at 0 between them; at Intel the operand has to be within the segment (SDM Vol. 3B, segment wraparound)',
    explains: ({ row, before, ours }) =>
      isAmd &&
      !before.is64 &&
      (codeBits(before.segment(0)) === 16) !== hasPrefix(before, 0x67) &&
      (row.operands.includes('Mt') ||
        /^(BOUND|L[DEFGS]S|CALLF|JMPF|F(LD|NST)ENV|FNSAVE|FRSTOR|FXSAVE|FXRSTOR|VP?MASKMOV)/.test(row.mnemonic)) &&
      [STACK_FAULT, GENERAL_PROTECTION].includes(ours.u32(AT.vector)) &&
      ours.u64(AT.rip) === before.u64(AT.rip),
  },
  {
    reason:
      'AMD reads ES:rDI of CMPS first: which of two operands that both fault is reported is the processor’s choice',
    explains: ({ row, before, ours, theirs }) =>
      isAmd &&
      row.handler === 'cmps' &&
      [ours, theirs].every((one) => isOperandFault(one.u32(AT.vector)) && one.u64(AT.rip) === before.u64(AT.rip)),
  },
  {
    reason:
      'an interrupt of the host came between the instruction and the end of its segment: the return to it faults, with RF clear',
    explains: ({ before, theirs, found }) =>
      found.length === 1 &&
      found[0]!.startsWith('flags ') &&
      theirs.u32(AT.vector) === GENERAL_PROTECTION &&
      theirs.u64(AT.rip) > BigInt(localSegment(before.segment(0))?.limit ?? 0xffff_ffff),
  },
  {
    reason:
      'whether a result is denormal or too large, where one unit in the last place decides it (the manual promises one unit)',
    explains: ({ row, ours, theirs, found }) =>
      row.options.includes('near') &&
      found.length === 1 &&
      found[0]!.startsWith('fsw ') &&
      [UNDERFLOW, OVERFLOW].includes(
        (ours.view.getUint16(AT.fx + 2, true) ^ theirs.view.getUint16(AT.fx + 2, true)) & ~C1,
      ),
  },
  {
    reason: 'AMD calls F2XM1 of 1 and -1 inexact; it is exact (1 and -0.5)',
    explains: ({ row, before, found }) =>
      isAmd &&
      row.mnemonic === 'F2XM1' &&
      found.length === 1 &&
      found[0]!.startsWith('fsw ') &&
      before.u64(AT.st) === 1n << 63n &&
      (before.view.getUint16(AT.st + 8, true) & 0x7fff) === 0x3fff,
  },
  {
    reason:
      'AMD single-steps between the elements of a gather; with Intel the fault of an element comes first (SDM Vol. 2)',
    explains: ({ row, before, ours, theirs, found }) =>
      isAmd &&
      /^VP?GATHER/.test(row.mnemonic) &&
      (before.u32(AT.flags) & TRAP_FLAG) !== 0 &&
      isAddressFault(ours.u32(AT.vector)) &&
      theirs.u32(AT.vector) === DEBUG &&
      found.length === 2,
  },
  {
    reason:
      'AMD refuses an operand of BT or an element of a gather or masked move that is not canonical before the base of FS or GS is added; the sum is what counts (SDM Vol. 1 3.3.7.1)',
    explains: ({ row, before, ours, theirs, found }) =>
      isAmd &&
      before.is64 &&
      /^(V(P?GATHER|P?MASKMOV[PDQ])|BT[CRS]?$)/.test(row.mnemonic) &&
      (hasPrefix(before, 0x64) || hasPrefix(before, 0x65)) &&
      ours.u32(AT.vector) === PAGE_FAULT &&
      theirs.u32(AT.vector) === GENERAL_PROTECTION &&
      found.length === 1,
  },
  {
    reason:
      'AMD refuses VPEXTRQ and VPINSRQ outside of 64-bit mode, at Intel VEX.W says nothing there (SDM Vol. 2, PEXTRB)',
    explains: ({ row, before, theirs }) =>
      isAmd && !before.is64 && /^(VPEXTRD|VPINSRD)$/.test(row.mnemonic) && theirs.u32(AT.vector) === INVALID_OPCODE,
  },
];

/** The reason, if the difference is known. */
export function knownDifference(compared: Compared): string | undefined {
  return KNOWN.find(({ explains }) => explains(compared))?.reason;
}
