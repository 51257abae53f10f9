// FPREM, FPREM1, FSCALE, FXTRACT and FRNDINT on numbers (Intel SDM Vol. 2).

import { fromInteger, loadedHead, loadedSig, noteWhole, roundToWhole, wholeMagnitude } from './x87-convert';
import {
  BIAS, EXPONENT_MAX, invalidOperation, kindOfNumber, KIND_INFINITY, KIND_ZERO, nanOperand, nanOperands, noteDenormal,
  resultHead, resultSig, roundResult, setResult, unpack, unpackedExponent, unpackedSig,
} from './x87-rounding';
import { CODE_ONE, CODE_THREE, CODE_TWO, CODE_ZERO, FE_ZERO, INTEGER_BIT, signalX87 } from './x87-state';

/** There is no quotient: of the condition codes only C2 is defined. */
export const NO_QUOTIENT: u32 = 0xffff_ffff;
/** Condition codes of the last {@link partialRemainder}: C2 when it is not done, else the quotient's low bits. */
export let remainderCodes: u32 = 0;

/** For an instruction that did not get as far. */
export function setNoQuotient(): void {
  remainderCodes = NO_QUOTIENT;
}

/**
 * ST0 rem ST1: exact. One step takes less than 64 bits off the exponents' difference, so software repeats it while C2 is
 * set. `nearest` (FPREM1) rounds the quotient to nearest, otherwise towards zero.
 */
export function partialRemainder(aHead: u32, aSig: u64, bHead: u32, bSig: u64, nearest: bool): void {
  remainderCodes = NO_QUOTIENT;
  const aKind = kindOfNumber(aHead, aSig);
  const bKind = kindOfNumber(bHead, bSig);
  if (nanOperands(aHead, aSig, aKind, bHead, bSig, bKind)) return;
  if (aKind == KIND_INFINITY || bKind == KIND_ZERO) {
    invalidOperation();
    return;
  }
  remainderCodes = 0;
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_ZERO) {
    setResult(aHead, aSig);
    return;
  }
  unpack(aHead, aSig);
  const exponent = unpackedExponent;
  let rest = unpackedSig;
  const sign = aHead >> 15;
  if (bKind == KIND_INFINITY) {
    roundResult(sign, exponent, rest, 0, 64);
    return;
  }
  unpack(bHead, bSig);
  const divisor = unpackedSig;
  const difference = exponent - unpackedExponent;
  if (difference < 0) {
    // Less than the divisor; nearest may still round the quotient up to 1.
    if (nearest && difference == -1 && rest > divisor) {
      remainderCodes = CODE_ONE;
      roundResult(sign ^ 1, exponent, divisor - (rest - divisor), 0, 64);
    } else roundResult(sign, exponent, rest, 0, 64);
    return;
  }
  const complete = difference < 64;
  const steps = complete ? difference : 32 + (difference & 31);
  let quotient: u32 = 0;
  if (rest >= divisor) {
    rest -= divisor;
    quotient = 1;
  }
  for (let i = 0; i < steps; i++) {
    const carry = rest >> 63;
    rest <<= 1;
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  let negative = sign;
  if (complete && nearest && (rest > divisor - rest || (rest == divisor - rest && quotient & 1))) {
    rest = divisor - rest;
    negative ^= 1;
    quotient++;
  }
  if (!complete) remainderCodes = CODE_TWO;
  else {
    remainderCodes =
      (quotient & 4 ? CODE_ZERO : 0) | (quotient & 2 ? CODE_THREE : 0) | (quotient & 1 ? CODE_ONE : 0);
  }
  if (!rest) setResult(sign << 15, 0);
  else roundResult(negative, exponent - steps, rest, 0, 64);
}

/** ST0 * 2^trunc(ST1). */
export function scale(aHead: u32, aSig: u64, bHead: u32, bSig: u64): void {
  const aKind = kindOfNumber(aHead, aSig);
  const bKind = kindOfNumber(bHead, bSig);
  if (nanOperands(aHead, aSig, aKind, bHead, bSig, bKind)) return;
  const down = (bHead & 0x8000) != 0;
  if (bKind == KIND_INFINITY) {
    if (down ? aKind == KIND_INFINITY : aKind == KIND_ZERO) {
      invalidOperation();
      return;
    }
    noteDenormal(aKind);
    setResult((aHead & 0x8000) | (down ? 0 : EXPONENT_MAX), down ? 0 : INTEGER_BIT);
    return;
  }
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_ZERO || aKind == KIND_INFINITY) {
    setResult(aHead, aSig);
    return;
  }
  // Beyond 2^16 everything over- or underflows, also with an adjusted exponent.
  const fits = roundToWhole(bHead, bSig, true);
  const amount = fits ? <i32>min<u64>(wholeMagnitude, 0x1_0000) : 0x1_0000;
  unpack(aHead, aSig);
  roundResult(aHead >> 15, unpackedExponent + (down ? 0 - amount : amount), unpackedSig, 0, 64);
}

/** The exponent that {@link extract} found; the significand is the result. */
export let extractedHead: u32 = 0;
export let extractedSig: u64 = 0;

export function extract(head: u32, sig: u64): void {
  const kind = kindOfNumber(head, sig);
  if (nanOperand(head, sig, kind)) {
    extractedHead = resultHead;
    extractedSig = resultSig;
    return;
  }
  if (kind == KIND_ZERO) {
    signalX87(FE_ZERO);
    extractedHead = 0xffff;
    extractedSig = INTEGER_BIT;
    setResult(head, 0);
    return;
  }
  if (kind == KIND_INFINITY) {
    extractedHead = EXPONENT_MAX;
    extractedSig = INTEGER_BIT;
    setResult(head, sig);
    return;
  }
  noteDenormal(kind);
  unpack(head, sig);
  fromInteger(<i64>(unpackedExponent - BIAS));
  extractedHead = loadedHead;
  extractedSig = loadedSig;
  setResult((head & 0x8000) | <u32>BIAS, unpackedSig);
}

/** To an integral value in the rounding mode. */
export function roundInteger(head: u32, sig: u64): void {
  const kind = kindOfNumber(head, sig);
  if (nanOperand(head, sig, kind)) return;
  noteDenormal(kind);
  // From 2^63 on every number is an integer.
  if (kind == KIND_ZERO || kind == KIND_INFINITY || (head & 0x7fff) >= <u32>BIAS + 63) {
    setResult(head, sig);
    return;
  }
  roundToWhole(head, sig, false);
  noteWhole();
  if (!wholeMagnitude) {
    setResult(head & 0x8000, 0);
    return;
  }
  const shift = clz<u64>(wholeMagnitude);
  setResult((head & 0x8000) | <u32>(BIAS + 63 - <i32>shift), wholeMagnitude << shift);
}
