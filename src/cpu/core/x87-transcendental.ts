// F2XM1, FYL2X, FYL2XP1 and FPATAN (Intel SDM Vol. 2, Vol. 1 8.3.7, 8.3.10). Results are those of
// 128-bit arithmetic, rounded once: the nearest extended real but for the rarest ties, which is within the unit in the
// last place that the manual promises.

import { NEXT } from './constants';
import { finishResult } from './x87-operations';
import {
  BIAS, EXPONENT_MAX, invalidOperation, KIND_INFINITY, KIND_ZERO, kindOfNumber, nanOperand, nanOperands,
  noteDenormal, setResult,
} from './x87-rounding';
import { arctangentSeries, differenceRatio, exponentialMinusOne, logarithmSeries } from './x87-series';
import {
  beginX87, FE_PRECISION, FE_ZERO, headOf, INDEFINITE_HEAD, INDEFINITE_SIG, INTEGER_BIT, isEmpty, sigOf, signalX87,
  stackUnderflow,
} from './x87-state';
import {
  roundWide, setWide, setWideSign, wideAdd, wideDivide, wideExponent, wideFrom, wideFromInteger, wideHigh,
  wideMultiply, wideSubtract,
} from './x87-wide';

const X: u32 = <u32>memory.data(32, 16);
const Y: u32 = <u32>memory.data(32, 16);
const Z: u32 = <u32>memory.data(32, 16);
const ONE: u32 = <u32>memory.data(32, 16);

// --- Exponential and logarithms ------------------------------------------------------------------------------------------

export function f2xm1(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0)) {
    stackUnderflow();
    setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
  } else powerMinusOne(headOf(0), sigOf(0));
  return finishResult(u, 0, 0);
}

function powerMinusOne(head: u32, sig: u64): void {
  const kind = kindOfNumber(head, sig);
  if (nanOperand(head, sig, kind)) return;
  if (kind == KIND_INFINITY) {
    // 2^-infinity - 1.
    if (head & 0x8000) setResult(0x8000 | <u32>BIAS, INTEGER_BIT);
    else setResult(head, sig);
    return;
  }
  noteDenormal(kind);
  const exponent = <i32>(head & 0x7fff) - BIAS;
  // From 1 on the result is not defined but for 1 and -1 themselves: 1 and -1/2.
  if (kind == KIND_ZERO || exponent > 0 || (exponent == 0 && sig != INTEGER_BIT)) {
    if (kind != KIND_ZERO) signalX87(FE_PRECISION);
    setResult(head, sig);
    return;
  }
  if (exponent == 0) {
    setResult(head & 0x8000 ? head - 1 : head, sig);
    return;
  }
  wideFrom(X, head, sig);
  setWide(Y, 0, -1, 0xb172_17f7_d1cf_79ab, 0xc9e3_b398_03f2_f6af);
  wideMultiply(X, X, Y);
  exponentialMinusOne(X, X);
  roundWide(X);
}

/** FYL2X and FYL2XP1: ST1 * log2 of ST0, or of ST0 + 1; pops. */
function logarithm(u: u32, plusOne: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0) || isEmpty(1)) {
    stackUnderflow();
    setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
  } else if (plusOne) scaledLogarithmOfNext(headOf(0), sigOf(0), headOf(1), sigOf(1));
  else scaledLogarithm(headOf(0), sigOf(0), headOf(1), sigOf(1));
  return finishResult(u, 1, 1);
}
export function fyl2x(u: u32): i32 {
  return logarithm(u, false);
}
export function fyl2xp1(u: u32): i32 {
  return logarithm(u, true);
}

/** X * log2(e) * Y, rounded, where X holds a natural logarithm. `whole` is added to the binary one. */
function finishLogarithm(whole: i32, yHead: u32, ySig: u64): void {
  setWide(Z, 0, 0, 0xb8aa_3b29_5c17_f0bb, 0xbe87_fed0_691d_3e89);
  wideMultiply(X, X, Z);
  if (whole) {
    wideFromInteger(Z, whole);
    wideAdd(X, Z, X);
  }
  wideFrom(Y, yHead, ySig);
  wideMultiply(X, X, Y);
  roundWide(X);
}

function scaledLogarithm(xHead: u32, xSig: u64, yHead: u32, ySig: u64): void {
  const xKind = kindOfNumber(xHead, xSig);
  const yKind = kindOfNumber(yHead, ySig);
  if (nanOperands(xHead, xSig, xKind, yHead, ySig, yKind)) return;
  const ySign = yHead & 0x8000;
  if (xKind == KIND_ZERO) {
    if (yKind == KIND_ZERO) invalidOperation();
    else {
      if (yKind != KIND_INFINITY) signalX87(FE_ZERO);
      setResult((ySign ^ 0x8000) | EXPONENT_MAX, INTEGER_BIT);
    }
    return;
  }
  if (xHead & 0x8000) {
    invalidOperation();
    return;
  }
  const one = xHead == <u32>BIAS && xSig == INTEGER_BIT;
  const below: u32 = (xHead & 0x7fff) < <u32>BIAS ? 0x8000 : 0;
  if (yKind == KIND_INFINITY) {
    if (one) {
      invalidOperation();
      return;
    }
    noteDenormal(xKind);
    setResult((ySign ^ below) | EXPONENT_MAX, INTEGER_BIT);
    return;
  }
  if (xKind == KIND_INFINITY) {
    if (yKind == KIND_ZERO) invalidOperation();
    else {
      noteDenormal(yKind);
      setResult(ySign | EXPONENT_MAX, INTEGER_BIT);
    }
    return;
  }
  noteDenormal(xKind);
  noteDenormal(yKind);
  if (one || yKind == KIND_ZERO) {
    setResult(ySign ^ below, 0);
    return;
  }
  // x = m * 2^k with m from sqrt(1/2) to sqrt(2).
  wideFrom(X, xHead, xSig);
  let whole = wideExponent(X);
  const high = wideHigh(X);
  const large = high > 0xb504_f333_f9de_6484;
  if (large) whole++;
  setWide(X, 0, large ? -1 : 0, high, 0);
  if (high == INTEGER_BIT) setWide(X, 0, 0, 0, 0);
  else {
    setWide(ONE, 0, 0, INTEGER_BIT, 0);
    differenceRatio(X, X, ONE);
    logarithmSeries(X, X);
  }
  finishLogarithm(whole, yHead, ySig);
}

function scaledLogarithmOfNext(xHead: u32, xSig: u64, yHead: u32, ySig: u64): void {
  const xKind = kindOfNumber(xHead, xSig);
  const yKind = kindOfNumber(yHead, ySig);
  if (nanOperands(xHead, xSig, xKind, yHead, ySig, yKind)) return;
  const sign = (xHead ^ yHead) & 0x8000;
  if ((xHead & 0x8000 && xKind == KIND_INFINITY) || (xKind == KIND_INFINITY && yKind == KIND_ZERO) || (yKind == KIND_INFINITY && xKind == KIND_ZERO)) {
    invalidOperation();
    return;
  }
  noteDenormal(xKind);
  noteDenormal(yKind);
  if (xKind == KIND_INFINITY || yKind == KIND_INFINITY) {
    setResult(sign | EXPONENT_MAX, INTEGER_BIT);
    return;
  }
  if (xKind == KIND_ZERO || yKind == KIND_ZERO) {
    setResult(sign, 0);
    return;
  }
  if (xHead & 0x8000 && (xHead & 0x7fff) >= <u32>BIAS) {
    // The logarithm of what is not positive: not defined; processors give the operand back.
    signalX87(FE_PRECISION);
    setResult(xHead, xSig);
    return;
  }
  wideFrom(X, xHead, xSig);
  if (wideExponent(X) >= 64) {
    // The 1 is far below the last place.
    scaledLogarithm(xHead, xSig, yHead, ySig);
    return;
  }
  setWide(ONE, 0, 0, INTEGER_BIT, 0);
  let whole: i32 = 0;
  if (wideExponent(X) < -2) {
    // x / (2 + x): nothing cancels.
    setWide(Z, 0, 1, INTEGER_BIT, 0);
    wideAdd(Z, Z, X);
    wideDivide(X, X, Z);
  } else {
    wideAdd(X, X, ONE);
    whole = wideExponent(X);
    if (wideHigh(X) > 0xb504_f333_f9de_6484) whole++;
    setWide(X, 0, wideExponent(X) - whole, wideHigh(X), load<u64>(X));
    differenceRatio(X, X, ONE);
  }
  if (wideHigh(X)) logarithmSeries(X, X);
  finishLogarithm(whole, yHead, ySig);
}

// --- Arctangent -----------------------------------------------------------------------------------------------------------

/** pi * 2^(exponent - 1). */
function setPi(to: u32, sign: u32, exponent: i32): void {
  setWide(to, sign, exponent, 0xc90f_daa2_2168_c234, 0xc4c6_628b_80dc_1cd1);
}

export function fpatan(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0) || isEmpty(1)) {
    stackUnderflow();
    setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
  } else arctangent(headOf(1), sigOf(1), headOf(0), sigOf(0));
  return finishResult(u, 1, 1);
}

/** The angle of the point (x, y). */
function arctangent(yHead: u32, ySig: u64, xHead: u32, xSig: u64): void {
  const yKind = kindOfNumber(yHead, ySig);
  const xKind = kindOfNumber(xHead, xSig);
  if (nanOperands(xHead, xSig, xKind, yHead, ySig, yKind)) return;
  noteDenormal(xKind);
  noteDenormal(yKind);
  const left = (xHead & 0x8000) != 0;
  const sign = yHead >> 15;
  if (yKind == KIND_ZERO || (xKind == KIND_INFINITY && yKind != KIND_INFINITY)) {
    // On the axis: 0 or pi.
    if (!left) setResult(yHead & 0x8000, 0);
    else {
      setPi(X, sign, 1);
      roundWide(X);
    }
    return;
  }
  if (xKind == KIND_ZERO || yKind == KIND_INFINITY) {
    setPi(X, sign, 0);
    if (xKind == KIND_INFINITY) {
      // A diagonal: pi / 4, or three times that.
      if (left) setWide(X, sign, 1, 0x96cb_e3f9_990e_91a7, 0x9394_c9e8_a0a5_159d);
      else setPi(X, sign, -1);
    }
    roundWide(X);
    return;
  }
  wideFrom(X, xHead & 0x7fff, xSig);
  wideFrom(Y, yHead & 0x7fff, ySig);
  // The smaller over the larger, in octants: angle = base +- arctan of it.
  const steep = larger(Y, X);
  if (steep) wideDivide(Z, X, Y);
  else wideDivide(Z, Y, X);
  octant(Z);
  if (steep) {
    setPi(Y, 0, 0);
    wideSubtract(Z, Y, Z);
  }
  if (left) {
    setPi(Y, 0, 1);
    wideSubtract(Z, Y, Z);
  }
  setWideSign(Z, sign);
  roundWide(Z);
}

function larger(a: u32, b: u32): bool {
  if (wideExponent(a) != wideExponent(b)) return wideExponent(a) > wideExponent(b);
  return wideHigh(a) > wideHigh(b);
}

/** arctan of 0 to 1: above tan(pi / 8) from the diagonal. */
function octant(z: u32): void {
  if (wideExponent(z) < -2 || (wideExponent(z) == -2 && wideHigh(z) <= 0xd413_cccf_e779_9211)) {
    arctangentSeries(z, z);
    return;
  }
  setWide(ONE, 0, 0, INTEGER_BIT, 0);
  differenceRatio(z, z, ONE);
  if (wideHigh(z)) arctangentSeries(z, z);
  setPi(ONE, 0, -1);
  wideAdd(z, ONE, z);
}
