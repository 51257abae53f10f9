// x87 arithmetic and comparison instructions (Intel SDM Vol. 2).

import { FAULTED, NEXT, UOP_DST, UOP_SRC, X87_STATUS } from './constants';
import { setArithmeticFlags } from './flags';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from './state';
import { arithmeticX87, squareRoot } from './x87-arithmetic';
import { loadedDenormal, loadedHead, loadedSig, loadReal } from './x87-convert';
import {
  extract, extractedHead, extractedSig, NO_QUOTIENT, partialRemainder, remainderCodes, roundInteger, scale, setNoQuotient,
} from './x87-remainder';
import {
  EXPONENT_MAX, KIND_DENORMAL, KIND_INFINITY, KIND_QUIET, KIND_SIGNALLING, KIND_UNSUPPORTED, KIND_ZERO, kindOfNumber,
  noteDenormal, resultHead, resultSig, setResult, unpack, unpackedExponent, unpackedSig,
} from './x87-rounding';
import {
  beginX87, CODE_ALL, CODE_ONE, CODE_THREE, CODE_TWO, CODE_ZERO, endX87, FE_INVALID, headOf, INDEFINITE_HEAD,
  INDEFINITE_SIG, isEmpty, popStack, pushStack, settle, settleKeeping, sigOf, signalX87, stackOverflow, stackUnderflow,
  writeStack,
} from './x87-state';

/** i of ST(i): the register operand, REX.B ignored. */
@inline
export function stackOperand(u: u32): u32 {
  return ((load<u8>(u, UOP_DST) | load<u8>(u, UOP_SRC)) >> 3) & 7;
}

function setIndefinite(): void {
  setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
}

/** Ends an instruction whose result goes to ST(to); pops after it. */
export function finishResult(u: u32, to: u32, pops: u32): i32 {
  if (settle()) {
    writeStack(to, resultHead, resultSig);
    for (let i: u32 = 0; i < pops; i++) popStack();
  }
  return endX87(u);
}

// --- Two operands --------------------------------------------------------------------------------------------------------

/** ST0 = ST0 op ST(i). */
export function x87_to_top(u: u32, operation: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  stackArithmetic(operation, 0, stackOperand(u));
  return finishResult(u, 0, 0);
}
/** ST(i) = ST(i) op ST0, and its popping form. */
export function x87_from_top(u: u32, operation: u32, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  stackArithmetic(operation, stackOperand(u), 0);
  return finishResult(u, stackOperand(u), pops);
}
function stackArithmetic(operation: u32, first: u32, second: u32): void {
  if (isEmpty(first) || isEmpty(second)) {
    stackUnderflow();
    setIndefinite();
  } else arithmeticX87(operation, headOf(first), sigOf(first), headOf(second), sigOf(second), false);
}
/** ST0 = ST0 op memory. */
export function x87_memory(u: u32, operation: u32, format: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (!loadReal(u, format)) return FAULTED;
  if (isEmpty(0)) {
    stackUnderflow();
    setIndefinite();
  } else arithmeticX87(operation, headOf(0), sigOf(0), loadedHead, loadedSig, loadedDenormal);
  return finishResult(u, 0, 0);
}

export const OF_REMAINDER: u32 = 0;
export const OF_NEAREST: u32 = 1;
export const OF_SCALE: u32 = 2;

/** FPREM, FPREM1, FSCALE: ST0 by ST1. */
export function x87_pair(u: u32, operation: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0) || isEmpty(1)) {
    stackUnderflow();
    setIndefinite();
    setNoQuotient();
  } else if (operation == OF_SCALE) scale(headOf(0), sigOf(0), headOf(1), sigOf(1));
  else partialRemainder(headOf(0), sigOf(0), headOf(1), sigOf(1), operation == OF_NEAREST);
  const allowed = settle();
  if (allowed) writeStack(0, resultHead, resultSig);
  // Without a quotient C2 alone is defined.
  if (operation != OF_SCALE) {
    if (allowed && remainderCodes != NO_QUOTIENT) setCodes(remainderCodes);
    else store<u32>(X87_STATUS, load<u32>(X87_STATUS) & ~CODE_TWO);
  }
  return endX87(u);
}

/** Sets C0-C3. */
export function setCodes(codes: u32): void {
  store<u32>(X87_STATUS, (load<u32>(X87_STATUS) & ~CODE_ALL) | codes);
}

// --- One operand -----------------------------------------------------------------------------------------------------------

export const OF_ROOT: u32 = 0;
export const OF_ROUND: u32 = 1;
export const OF_NEGATE: u32 = 2;
export const OF_ABSOLUTE: u32 = 3;

/** FSQRT, FRNDINT, FCHS, FABS. */
export function x87_unary(u: u32, operation: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0)) {
    stackUnderflow();
    setIndefinite();
  } else if (operation == OF_ROOT) squareRoot(headOf(0), sigOf(0));
  else if (operation == OF_ROUND) roundInteger(headOf(0), sigOf(0));
  else setResult(operation == OF_NEGATE ? headOf(0) ^ 0x8000 : headOf(0) & 0x7fff, sigOf(0));
  return finishResult(u, 0, 0);
}

/** FXTRACT: the exponent replaces ST0, the significand is pushed. */
export function x87_extract(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0) || !isEmpty(7)) {
    if (isEmpty(0)) stackUnderflow();
    else stackOverflow();
    if (settle()) {
      writeStack(0, INDEFINITE_HEAD, INDEFINITE_SIG);
      pushStack(INDEFINITE_HEAD, INDEFINITE_SIG);
    }
    return endX87(u);
  }
  extract(headOf(0), sigOf(0));
  if (settle()) {
    writeStack(0, extractedHead, extractedSig);
    pushStack(resultHead, resultSig);
  }
  return endX87(u);
}

/** FXAM: class in C3, C2, C0; sign in C1, also of an empty register. */
export function x87_examine(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const head = headOf(0);
  let codes: u32;
  if (isEmpty(0)) codes = CODE_THREE | CODE_ZERO;
  else {
    switch (kindOfNumber(head, sigOf(0))) {
      case KIND_ZERO: codes = CODE_THREE; break;
      case KIND_DENORMAL: codes = CODE_THREE | CODE_TWO; break;
      case KIND_INFINITY: codes = CODE_TWO | CODE_ZERO; break;
      case KIND_QUIET:
      case KIND_SIGNALLING: codes = CODE_ZERO; break;
      case KIND_UNSUPPORTED: codes = 0; break;
      default: codes = CODE_TWO;
    }
  }
  setCodes(codes | (head & 0x8000 ? CODE_ONE : 0));
  return endX87(u);
}

// --- Comparison ------------------------------------------------------------------------------------------------------------

const UNORDERED: u32 = CODE_THREE | CODE_TWO | CODE_ZERO;

/** C3, C2, C0 of a compared with b; an ordered comparison signals quiet NaNs too. */
function compareNumbers(aHead: u32, aSig: u64, bHead: u32, bSig: u64, narrow: bool, ordered: bool): u32 {
  const aKind = kindOfNumber(aHead, aSig);
  const bKind = narrow ? KIND_DENORMAL : kindOfNumber(bHead, bSig);
  if (aKind >= KIND_QUIET || bKind >= KIND_QUIET) {
    if (ordered || aKind > KIND_QUIET || bKind > KIND_QUIET) signalX87(FE_INVALID);
    return UNORDERED;
  }
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_ZERO && bKind == KIND_ZERO) return CODE_THREE;
  if (aKind == KIND_ZERO) return bHead & 0x8000 ? 0 : CODE_ZERO;
  if (bKind == KIND_ZERO || (aHead ^ bHead) & 0x8000) return aHead & 0x8000 ? CODE_ZERO : 0;
  unpack(aHead, aSig);
  const exponent = (aHead & EXPONENT_MAX) == EXPONENT_MAX ? 0x1_0000 : unpackedExponent;
  const sig = unpackedSig;
  unpack(bHead, bSig);
  const other = (bHead & EXPONENT_MAX) == EXPONENT_MAX ? 0x1_0000 : unpackedExponent;
  if (exponent == other && sig == unpackedSig) return CODE_THREE;
  const larger = exponent > other || (exponent == other && sig > unpackedSig);
  return larger == ((aHead & 0x8000) == 0) ? 0 : CODE_ZERO;
}

/**
 * Ends a comparison: codes, or EFLAGS for the FCOMI family; pops. The codes are set even when an unmasked exception keeps
 * it from popping, which the manual denies and processors and QEMU do.
 */
function finishCompare(u: u32, codes: u32, toFlags: bool, pops: u32): i32 {
  const allowed = toFlags ? settleKeeping() : settle();
  if (toFlags) {
    setArithmeticFlags(
      (codes & CODE_THREE ? FLAG_ZF : 0) | (codes & CODE_TWO ? FLAG_PF : 0) | (codes & CODE_ZERO ? FLAG_CF : 0),
    );
  } else setCodes((load<u32>(X87_STATUS) & CODE_ONE) | codes);
  if (allowed) for (let i: u32 = 0; i < pops; i++) popStack();
  return endX87(u);
}

/** FCOM, FUCOM, FCOMI and their kin with ST(i). */
export function x87_compare(u: u32, ordered: bool, toFlags: bool, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const other = stackOperand(u);
  let codes = UNORDERED;
  if (isEmpty(0) || isEmpty(other)) stackUnderflow();
  else codes = compareNumbers(headOf(0), sigOf(0), headOf(other), sigOf(other), false, ordered);
  return finishCompare(u, codes, toFlags, pops);
}
/** FCOMPP, FUCOMPP. */
export function x87_compare_both(u: u32, ordered: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  let codes = UNORDERED;
  if (isEmpty(0) || isEmpty(1)) stackUnderflow();
  else codes = compareNumbers(headOf(0), sigOf(0), headOf(1), sigOf(1), false, ordered);
  return finishCompare(u, codes, false, 2);
}
export function x87_compare_memory(u: u32, format: u32, pops: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (!loadReal(u, format)) return FAULTED;
  let codes = UNORDERED;
  if (isEmpty(0)) stackUnderflow();
  else codes = compareNumbers(headOf(0), sigOf(0), loadedHead, loadedSig, loadedDenormal, true);
  return finishCompare(u, codes, false, pops);
}
/** FTST: with +0. */
export function x87_test(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  let codes = UNORDERED;
  if (isEmpty(0)) stackUnderflow();
  else codes = compareNumbers(headOf(0), sigOf(0), 0, 0, false, true);
  return finishCompare(u, codes, false, 0);
}
