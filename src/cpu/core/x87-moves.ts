// x87 loads, stores, exchanges, conditional moves, constants and stack control (Intel SDM Vol. 2).

import { FAULTED, NEXT, X87_STATUS } from './constants';
import { readFlags } from './flags';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from './state';
import { loadedDenormal, loadedHead, loadedSig, loadReal, storeReal } from './x87-convert';
import { stackOperand } from './x87-operations';
import { kindOfNumber, KIND_SIGNALLING, nanOperand, resultHead, resultSig, roundsAway, setResult } from './x87-rounding';
import {
  beginX87, CODE_ONE, endX87, FE_DENORMAL, freeStack, headOf, INDEFINITE_HEAD, INDEFINITE_SIG, isEmpty, mayStore,
  popStack, pushStack, settle, settleKeeping, setTop, sigOf, signalX87, stackOverflow, stackUnderflow, topOfStack, writeStack,
} from './x87-state';

/** Ends an instruction that pushes `head`, `sig`; a full stack gives the indefinite. */
function finishPush(u: u32, head: u32, sig: u64): i32 {
  const full = !isEmpty(7);
  if (full) stackOverflow();
  if (settle()) pushStack(full ? INDEFINITE_HEAD : head, full ? INDEFINITE_SIG : sig);
  return endX87(u);
}

/** FLD m, FILD, FBLD. */
export function x87_load(u: u32, format: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (!loadReal(u, format)) return FAULTED;
  setResult(loadedHead, loadedSig);
  // An extended real is taken as it stands; the others are checked as they are converted.
  if (format < 2) {
    const kind = kindOfNumber(loadedHead, loadedSig);
    if (kind == KIND_SIGNALLING) nanOperand(loadedHead, loadedSig, kind);
    // A denormal is loaded even when its exception is not masked; an instruction that uses it comes later.
    if (loadedDenormal && isEmpty(7)) {
      signalX87(FE_DENORMAL);
      settle();
      pushStack(resultHead, resultSig);
      return endX87(u);
    }
  }
  return finishPush(u, resultHead, resultSig);
}

/** FLD ST(i). */
export function x87_load_stack(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const from = stackOperand(u);
  if (!isEmpty(from)) return finishPush(u, headOf(from), sigOf(from));
  stackUnderflow();
  if (settle()) pushStack(INDEFINITE_HEAD, INDEFINITE_SIG);
  return endX87(u);
}

/** FST, FSTP, FIST, FISTP, FISTTP, FBSTP to memory. */
export function x87_store(u: u32, format: u32, truncate: bool, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (!storeReal(u, format, truncate)) return FAULTED;
  const stored = mayStore();
  settle();
  if (stored && pops) popStack();
  return endX87(u);
}

/** FST ST(i), FSTP ST(i). */
export function x87_store_stack(u: u32, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const empty = isEmpty(0);
  if (empty) stackUnderflow();
  if (settle()) {
    writeStack(stackOperand(u), empty ? INDEFINITE_HEAD : headOf(0), empty ? INDEFINITE_SIG : sigOf(0));
    if (pops) popStack();
  }
  return endX87(u);
}

/** The undocumented FSTPNCE: an empty register is just popped. */
export function x87_store_unchecked(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  settle();
  if (!isEmpty(0)) writeStack(stackOperand(u), headOf(0), sigOf(0));
  popStack();
  return endX87(u);
}

/** FXCH: an empty register is exchanged as the indefinite. */
export function x87_exchange(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const other = stackOperand(u);
  const firstEmpty = isEmpty(0);
  const secondEmpty = isEmpty(other);
  const head = firstEmpty ? INDEFINITE_HEAD : headOf(0);
  const sig = firstEmpty ? INDEFINITE_SIG : sigOf(0);
  if (firstEmpty || secondEmpty) stackUnderflow();
  if (settle()) {
    writeStack(0, secondEmpty ? INDEFINITE_HEAD : headOf(other), secondEmpty ? INDEFINITE_SIG : sigOf(other));
    writeStack(other, head, sig);
  }
  return endX87(u);
}

export const MOVE_BELOW: u32 = 0;
export const MOVE_EQUAL: u32 = 1;
export const MOVE_NOTABOVE: u32 = 2;
export const MOVE_UNORDERED: u32 = 3;

/** FCMOVcc. Both registers must be there whether it moves or not. */
export function x87_move_if(u: u32, condition: u32, wanted: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const flags = readFlags();
  const from = stackOperand(u);
  const mask =
    condition == MOVE_BELOW ? FLAG_CF : condition == MOVE_EQUAL ? FLAG_ZF : condition == MOVE_UNORDERED ? FLAG_PF : FLAG_CF | FLAG_ZF;
  const empty = isEmpty(0) || isEmpty(from);
  if (empty) stackUnderflow();
  if (settleKeeping()) {
    if (empty) writeStack(0, INDEFINITE_HEAD, INDEFINITE_SIG);
    else if (((flags & mask) != 0) == wanted) writeStack(0, headOf(from), sigOf(from));
  }
  return endX87(u);
}

// --- Constants -------------------------------------------------------------------------------------------------------------

/** As FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ are numbered: head and the 64 bits rounded down; what follows is above or below a half. */
const CONSTANT_HEADS: u32 = <u32>memory.data<u16>([0x3fff, 0x4000, 0x3fff, 0x4000, 0x3ffd, 0x3ffe, 0]);
const CONSTANT_SIGS: u32 = <u32>memory.data<u64>([
  0x8000_0000_0000_0000, 0xd49a_784b_cd1b_8afe, 0xb8aa_3b29_5c17_f0bb, 0xc90f_daa2_2168_c234, 0x9a20_9a84_fbcf_f798,
  0xb172_17f7_d1cf_79ab, 0,
]);
/** 0 exact, 1 less than half a unit is missing, 3 more (Vol. 2, FLD1: the constants are rounded by RC). */
const CONSTANT_RESTS: u32 = <u32>memory.data<u8>([0, 1, 3, 3, 3, 3, 0]);

export function x87_constant(u: u32, which: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const sig = load<u64>(CONSTANT_SIGS + which * 8);
  const away = roundsAway(0, (sig & 1) != 0, load<u8>(CONSTANT_RESTS + which));
  return finishPush(u, load<u16>(CONSTANT_HEADS + which * 2), away ? sig + 1 : sig);
}

// --- The stack itself ------------------------------------------------------------------------------------------------------

@inline
function clearCodeOne(): void {
  store<u32>(X87_STATUS, load<u32>(X87_STATUS) & ~CODE_ONE);
}

/** FINCSTP, FDECSTP: TOP alone moves; C1 is cleared. */
export function x87_rotate(u: u32, by: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  setTop(topOfStack() + by);
  clearCodeOne();
  return endX87(u);
}

/** FFREE, and the undocumented FFREEP that pops. */
export function x87_free(u: u32, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  freeStack(stackOperand(u));
  clearCodeOne();
  if (pops) popStack();
  return endX87(u);
}

/** FNOP. */
export function x87_nop(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? endX87(u) : code;
}
