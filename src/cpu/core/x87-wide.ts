// Numbers of 128 significant bits for the transcendental instructions: {u64 low, u64 high, i32 exponent, u32 sign}, 32
// bytes each, the highest bit of `high` set, value (high:low) / 2^127 * 2^exponent. Zero has high 0. Results are off by a
// few units in the 126th bit at most, which leaves 60 bits beyond an extended real.

import { mulHigh } from './wide-multiply';
import { BIAS, roundResult, unpack, unpackedExponent, unpackedSig } from './x87-rounding';

export const WIDE_SIZE: u32 = 32;
const HIGH: usize = 8;
const EXPONENT: usize = 16;
const SIGN: usize = 20;

@inline
export function wideHigh(a: u32): u64 {
  return load<u64>(a, HIGH);
}
@inline
export function wideExponent(a: u32): i32 {
  return load<i32>(a, EXPONENT);
}
@inline
export function wideSign(a: u32): u32 {
  return load<u32>(a, SIGN);
}
@inline
export function setWideSign(a: u32, sign: u32): void {
  store<u32>(a, sign, SIGN);
}
@inline
export function setWide(to: u32, sign: u32, exponent: i32, high: u64, low: u64): void {
  store<u64>(to, low);
  store<u64>(to, high, HIGH);
  store<i32>(to, exponent, EXPONENT);
  store<u32>(to, sign, SIGN);
}
@inline
export function copyWide(to: u32, from: u32): void {
  memory.copy(to, from, WIDE_SIZE);
}

/** As {@link setWide}, for any high:low. */
export function setNormalised(to: u32, sign: u32, exponent: i32, high: u64, low: u64): void {
  if (!high) {
    high = low;
    low = 0;
    exponent -= 64;
  }
  if (!high) {
    setWide(to, sign, 0, 0, 0);
    return;
  }
  const shift = clz<u64>(high);
  if (shift) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  setWide(to, sign, exponent - <i32>shift, high, low);
}

/** A finite extended number that is not zero. */
export function wideFrom(to: u32, head: u32, sig: u64): void {
  unpack(head, sig);
  setWide(to, head >> 15, unpackedExponent - BIAS, unpackedSig, 0);
}

export function wideFromInteger(to: u32, value: i32): void {
  setNormalised(to, value < 0 ? 1 : 0, 63, <u64>abs<i32>(value), 0);
}

/** Sets the instruction's result, rounded; never exact. */
export function roundWide(a: u32): void {
  roundResult(wideSign(a), wideExponent(a) + BIAS, wideHigh(a), load<u64>(a) | 1, 64);
}

export function wideMultiply(to: u32, a: u32, b: u32): void {
  const aHigh = wideHigh(a);
  const bHigh = wideHigh(b);
  const sign = wideSign(a) ^ wideSign(b);
  if (!aHigh || !bHigh) {
    setWide(to, sign, 0, 0, 0);
    return;
  }
  const first = mulHigh(aHigh, load<u64>(b));
  const second = mulHigh(load<u64>(a), bHigh);
  const product = aHigh * bHigh;
  let high = mulHigh(aHigh, bHigh);
  let low = product + first;
  if (low < product) high++;
  const sum = low + second;
  if (sum < low) high++;
  setNormalised(to, sign, wideExponent(a) + wideExponent(b) + 1, high, sum);
}

export function wideAdd(to: u32, a: u32, b: u32): void {
  addSigned(to, a, b, wideSign(b));
}
export function wideSubtract(to: u32, a: u32, b: u32): void {
  addSigned(to, a, b, wideSign(b) ^ 1);
}

function addSigned(to: u32, a: u32, b: u32, bSign: u32): void {
  let aSign = wideSign(a);
  if (!wideHigh(b)) {
    copyWide(to, a);
    return;
  }
  if (!wideHigh(a)) {
    setWide(to, bSign, wideExponent(b), wideHigh(b), load<u64>(b));
    return;
  }
  const smaller =
    wideExponent(a) < wideExponent(b) ||
    (wideExponent(a) == wideExponent(b) &&
      (wideHigh(a) < wideHigh(b) || (wideHigh(a) == wideHigh(b) && load<u64>(a) < load<u64>(b))));
  if (smaller) {
    const other = a;
    a = b;
    b = other;
    const sign = aSign;
    aSign = bSign;
    bSign = sign;
  }
  const exponent = wideExponent(a);
  const high = wideHigh(a);
  const low = load<u64>(a);
  let otherHigh = wideHigh(b);
  let otherLow = load<u64>(b);
  const count = <u32>(exponent - wideExponent(b));
  if (count >= 128) {
    otherHigh = 0;
    otherLow = 0;
  } else if (count >= 64) {
    otherLow = otherHigh >> (count - 64);
    otherHigh = 0;
  } else if (count) {
    otherLow = (otherHigh << (64 - count)) | (otherLow >> count);
    otherHigh >>= count;
  }
  if (aSign != bSign) {
    setNormalised(to, aSign, exponent, high - otherHigh - (low < otherLow ? 1 : 0), low - otherLow);
    return;
  }
  const sumLow = low + otherLow;
  const carry: u64 = sumLow < low ? 1 : 0;
  const sum = high + otherHigh + carry;
  if (sum < high || (sum == high && otherHigh)) {
    setWide(to, aSign, exponent + 1, 0x8000_0000_0000_0000 | (sum >> 1), (sum << 63) | (sumLow >> 1));
  } else setWide(to, aSign, exponent, sum, sumLow);
}

/** a / n for n below 2^31. */
export function wideDivideBy(to: u32, a: u32, n: u32): void {
  const divisor = <u64>n;
  let rest: u64 = 0;
  let high: u64 = 0;
  let low: u64 = 0;
  let beyond: u64 = 0;
  for (let digit = 0; digit < 6; digit++) {
    const next = digit < 2 ? wideHigh(a) >> (digit == 0 ? 32 : 0) : digit < 4 ? load<u64>(a) >> (digit == 2 ? 32 : 0) : 0;
    rest = (rest << 32) | (next & 0xffff_ffff);
    const quotient = rest / divisor;
    rest -= quotient * divisor;
    if (digit < 2) high = (high << 32) | quotient;
    else if (digit < 4) low = (low << 32) | quotient;
    else beyond = (beyond << 32) | quotient;
  }
  if (!high) {
    setWide(to, wideSign(a), 0, 0, 0);
    return;
  }
  const shift = clz<u64>(high);
  if (shift) {
    high = (high << shift) | (low >> (64 - shift));
    low = (low << shift) | (beyond >> (64 - shift));
  }
  setWide(to, wideSign(a), wideExponent(a) - <i32>shift, high, low);
}

const RECIPROCAL: u32 = <u32>memory.data(32, 16);
const CORRECTION: u32 = <u32>memory.data(32, 16);
const TWO: u32 = <u32>memory.data(32, 16);

/** a / b: a double's reciprocal, doubled in precision twice by Newton's iteration. */
export function wideDivide(to: u32, a: u32, b: u32): void {
  // 1 / (high / 2^63) lies in (1/2, 1].
  const estimate = 9223372036854775808.0 / <f64>wideHigh(b);
  setNormalised(RECIPROCAL, wideSign(b), -wideExponent(b) + 1, <u64>(estimate * 4611686018427387904.0), 0);
  setWide(TWO, 0, 1, 0x8000_0000_0000_0000, 0);
  for (let i = 0; i < 2; i++) {
    wideMultiply(CORRECTION, RECIPROCAL, b);
    wideSubtract(CORRECTION, TWO, CORRECTION);
    wideMultiply(RECIPROCAL, RECIPROCAL, CORRECTION);
  }
  wideMultiply(to, a, RECIPROCAL);
}
