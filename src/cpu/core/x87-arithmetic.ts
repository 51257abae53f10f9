// Addition, multiplication, division and square root of extended-precision numbers, correctly rounded to the precision
// that the control word asks for (Intel SDM Vol. 2: FADD, FMUL, FDIV, FSQRT, tables 3-18 to 3-30).

import {
  BIAS, EXPONENT_MAX, invalidOperation, kindOfNumber, KIND_DENORMAL, KIND_INFINITY, KIND_ZERO, nanOperand, nanOperands,
  noteDenormal, roundResult, setResult, shiftedHi, shiftedLo, shiftRightSticky, unpack, unpackedExponent, unpackedSig,
} from './x87-rounding';
import { FE_ZERO, INTEGER_BIT, signalX87, x87Precision, x87Rounding } from './x87-state';
import { mulHigh } from './wide-multiply';

export const FOP_ADD: u32 = 0;
export const FOP_MUL: u32 = 1;
export const FOP_SUB: u32 = 4;
/** Second operand minus, or divided by, the first. */
export const FOP_SUBR: u32 = 5;
export const FOP_DIV: u32 = 6;
export const FOP_DIVR: u32 = 7;

/** `narrow`: the second operand was a denormal of a narrower format. */
export function arithmeticX87(operation: u32, aHead: u32, aSig: u64, bHead: u32, bSig: u64, narrow: bool): void {
  const aKind = kindOfNumber(aHead, aSig);
  const bKind = narrow ? KIND_DENORMAL : kindOfNumber(bHead, bSig);
  if (nanOperands(aHead, aSig, aKind, bHead, bSig, bKind)) return;
  switch (operation) {
    case FOP_ADD: add(aHead, aSig, aKind, bHead, bSig, bKind); return;
    case FOP_MUL: multiply(aHead, aSig, aKind, bHead, bSig, bKind); return;
    case FOP_SUB: add(aHead, aSig, aKind, bHead ^ 0x8000, bSig, bKind); return;
    case FOP_SUBR: add(bHead, bSig, bKind, aHead ^ 0x8000, aSig, aKind); return;
    case FOP_DIV: divide(aHead, aSig, aKind, bHead, bSig, bKind); return;
    default: divide(bHead, bSig, bKind, aHead, aSig, aKind);
  }
}

function add(aHead: u32, aSig: u64, aKind: u32, bHead: u32, bSig: u64, bKind: u32): void {
  const aSign = aHead >> 15;
  const bSign = bHead >> 15;
  if (aKind == KIND_INFINITY || bKind == KIND_INFINITY) {
    if (aKind == bKind && aSign != bSign) {
      invalidOperation();
      return;
    }
    noteDenormal(aKind);
    noteDenormal(bKind);
    setResult(aKind == KIND_INFINITY ? aHead : bHead, INTEGER_BIT);
    return;
  }
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_ZERO && bKind == KIND_ZERO) {
    setResult(aSign == bSign ? aHead : zeroHead(), 0);
    return;
  }
  let aExponent: i32 = -0x10000;
  let bExponent: i32 = -0x10000;
  if (aKind != KIND_ZERO) {
    unpack(aHead, aSig);
    aExponent = unpackedExponent;
    aSig = unpackedSig;
  }
  if (bKind != KIND_ZERO) {
    unpack(bHead, bSig);
    bExponent = unpackedExponent;
    bSig = unpackedSig;
  }
  // The larger magnitude first.
  if (aExponent > bExponent || (aExponent == bExponent && aSig >= bSig)) {
    addMagnitudes(aSign, aExponent, aSig, bSign, bExponent, bSig);
  } else addMagnitudes(bSign, bExponent, bSig, aSign, aExponent, aSig);
}

/** An exact zero sum: -0 when rounding down. */
@inline
function zeroHead(): u32 {
  return x87Rounding() == 1 ? 0x8000 : 0;
}

function addMagnitudes(aSign: u32, aExponent: i32, aSig: u64, bSign: u32, bExponent: i32, bSig: u64): void {
  shiftRightSticky(bSig, 0, aExponent - bExponent);
  const low = shiftedLo;
  if (aSign == bSign) {
    const sum = aSig + shiftedHi;
    if (sum >= aSig) roundResult(aSign, aExponent, sum, low, x87Precision());
    else {
      const lost = low & 1;
      roundResult(aSign, aExponent + 1, INTEGER_BIT | (sum >> 1), (sum << 63) | (low >> 1) | lost, x87Precision());
    }
    return;
  }
  const difference = aSig - shiftedHi - (low ? 1 : 0);
  if (!(difference | low)) setResult(zeroHead(), 0);
  else roundResult(aSign, aExponent, difference, 0 - low, x87Precision());
}

function multiply(aHead: u32, aSig: u64, aKind: u32, bHead: u32, bSig: u64, bKind: u32): void {
  const sign = (aHead ^ bHead) >> 15;
  if (aKind == KIND_INFINITY || bKind == KIND_INFINITY) {
    if (aKind == KIND_ZERO || bKind == KIND_ZERO) {
      invalidOperation();
      return;
    }
    noteDenormal(aKind);
    noteDenormal(bKind);
    setResult((sign << 15) | EXPONENT_MAX, INTEGER_BIT);
    return;
  }
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_ZERO || bKind == KIND_ZERO) {
    setResult(sign << 15, 0);
    return;
  }
  unpack(aHead, aSig);
  const exponent = unpackedExponent;
  const first = unpackedSig;
  unpack(bHead, bSig);
  const second = unpackedSig;
  roundResult(sign, exponent + unpackedExponent - BIAS + 1, mulHigh(first, second), first * second, x87Precision());
}

let remainder: u64 = 0;
/** (hi:lo) / divisor, hi < divisor, whose highest bit is set: Knuth's algorithm D with 32-bit digits. */
export function divide128(hi: u64, lo: u64, divisor: u64): u64 {
  const upper = divisor >> 32;
  const lower = divisor & 0xffff_ffff;
  const first = quotientDigit(hi, lo >> 32, upper, lower);
  const middle = (hi << 32) + (lo >> 32) - first * divisor;
  const second = quotientDigit(middle, lo & 0xffff_ffff, upper, lower);
  remainder = (middle << 32) + (lo & 0xffff_ffff) - second * divisor;
  return (first << 32) + second;
}
@inline
function quotientDigit(high: u64, next: u64, upper: u64, lower: u64): u64 {
  let digit = high / upper;
  let rest = high - digit * upper;
  // At most twice (Knuth).
  while (digit > 0xffff_ffff || digit * lower > ((rest << 32) | next)) {
    digit--;
    rest += upper;
    if (rest > 0xffff_ffff) break;
  }
  return digit;
}

function divide(aHead: u32, aSig: u64, aKind: u32, bHead: u32, bSig: u64, bKind: u32): void {
  const sign = (aHead ^ bHead) >> 15;
  if (aKind == bKind && (aKind == KIND_INFINITY || aKind == KIND_ZERO)) {
    invalidOperation();
    return;
  }
  if (bKind == KIND_ZERO && aKind != KIND_INFINITY) {
    signalX87(FE_ZERO);
    setResult((sign << 15) | EXPONENT_MAX, INTEGER_BIT);
    return;
  }
  noteDenormal(aKind);
  noteDenormal(bKind);
  if (aKind == KIND_INFINITY) {
    setResult((sign << 15) | EXPONENT_MAX, INTEGER_BIT);
    return;
  }
  if (aKind == KIND_ZERO || bKind == KIND_INFINITY) {
    setResult(sign << 15, 0);
    return;
  }
  unpack(aHead, aSig);
  const dividend = unpackedSig;
  let exponent = unpackedExponent;
  unpack(bHead, bSig);
  const divisor = unpackedSig;
  exponent += BIAS - unpackedExponent;
  const over = dividend >= divisor;
  const high = divide128(over ? dividend >> 1 : dividend, over ? dividend << 63 : 0, divisor);
  const low = divide128(remainder, 0, divisor);
  roundResult(sign, over ? exponent : exponent - 1, high, low | (remainder ? 1 : 0), x87Precision());
}

// --- Square root -------------------------------------------------------------------------------------------------------

export function squareRoot(head: u32, sig: u64): void {
  const kind = kindOfNumber(head, sig);
  if (nanOperand(head, sig, kind)) return;
  if (kind == KIND_ZERO) {
    setResult(head, 0);
    return;
  }
  if (head & 0x8000) {
    invalidOperation();
    return;
  }
  noteDenormal(kind);
  if (kind == KIND_INFINITY) {
    setResult(head, sig);
    return;
  }
  unpack(head, sig);
  const exponent = unpackedExponent - BIAS;
  // The radicand as 128 bits whose root has 64.
  const odd = (exponent & 1) != 0;
  const hi = odd ? unpackedSig : unpackedSig >> 1;
  const lo = odd ? 0 : unpackedSig << 63;
  const root = integerRoot(hi, lo);
  const square = root * root;
  const over = hi - mulHigh(root, root) - (lo < square ? 1 : 0);
  const rest = lo - square;
  // Above half a unit exactly when the rest is more than the root: (r + 1/2)^2 = r^2 + r + 1/4.
  const low: u64 = !(over | rest) ? 0 : over || rest > root ? INTEGER_BIT + 1 : 1;
  roundResult(0, (exponent >> 1) + BIAS, root, low, x87Precision());
}

/** floor(sqrt(hi:lo)) for hi of at least 2^62: a double's estimate, one Newton step, then by trial. */
function integerRoot(hi: u64, lo: u64): u64 {
  const estimate = sqrt<f64>(<f64>hi * 18446744073709551616.0 + <f64>lo);
  let root: u64 = estimate >= 18446744073709549568.0 ? 0xffff_ffff_ffff_ffff : <u64>estimate | INTEGER_BIT;
  const quotient = hi >= root ? 0xffff_ffff_ffff_ffff : divide128(hi, lo, root);
  root = (root >> 1) + (quotient >> 1) + (root & quotient & 1);
  // The step leaves at most a unit or two.
  for (let i = 0; i < 8 && tooLarge(root, hi, lo); i++) root--;
  for (let i = 0; i < 8 && root != 0xffff_ffff_ffff_ffff && !tooLarge(root + 1, hi, lo); i++) root++;
  return root;
}
@inline
function tooLarge(root: u64, hi: u64, lo: u64): bool {
  const high = mulHigh(root, root);
  return high > hi || (high == hi && root * root > lo);
}
