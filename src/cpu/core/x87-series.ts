// Power series for the transcendental instructions, on numbers of 128 bits. Arguments are reduced by the caller; every
// series ends when its term no longer matters, and after TERMS_MAX terms at the latest.

import {
  copyWide, setNormalised, setWide, wideAdd, wideDivide, wideDivideBy, wideExponent, wideHigh, wideMultiply, wideSubtract, setWideSign,
  wideSign,
} from './x87-wide';

/** More than the slowest series needs: arctangent of 0.42, 2.5 bits a term. */
const TERMS_MAX: u32 = 60;
/** Beyond this many bits a term is lost in the rounding. */
const BITS: i32 = 126;

const SQUARE: u32 = <u32>memory.data(32, 16);
const POWER: u32 = <u32>memory.data(32, 16);
const TERM: u32 = <u32>memory.data(32, 16);
const SUM: u32 = <u32>memory.data(32, 16);
const LEFT: u32 = <u32>memory.data(32, 16);
const RIGHT: u32 = <u32>memory.data(32, 16);

@inline
function matters(): bool {
  return wideHigh(TERM) != 0 && wideExponent(TERM) > wideExponent(SUM) - BITS;
}

/** exp(x) - 1 for |x| below 1. */
export function exponentialMinusOne(to: u32, x: u32): void {
  copyWide(SUM, x);
  copyWide(TERM, x);
  copyWide(POWER, x);
  for (let n: u32 = 2; n < TERMS_MAX; n++) {
    wideMultiply(TERM, TERM, POWER);
    wideDivideBy(TERM, TERM, n);
    if (!matters()) break;
    wideAdd(SUM, SUM, TERM);
  }
  copyWide(to, SUM);
}

/** The first term beyond `to` is of the other sign: a result that equals its argument is a little less in truth. */
function less(to: u32): void {
  if (wideHigh(to) && !load<u64>(to)) {
    setNormalised(to, wideSign(to), wideExponent(to), wideHigh(to) - 1, 0xffff_ffff_ffff_ffff);
  }
}

/** z + z^3/3 + z^5/5 ..., alternating for the arctangent. */
function oddSeries(to: u32, z: u32, alternating: bool): void {
  wideMultiply(SQUARE, z, z);
  if (alternating) setWideSign(SQUARE, 1);
  copyWide(SUM, z);
  copyWide(POWER, z);
  for (let n: u32 = 3; n < 2 * TERMS_MAX; n += 2) {
    wideMultiply(POWER, POWER, SQUARE);
    wideDivideBy(TERM, POWER, n);
    if (!matters()) break;
    wideAdd(SUM, SUM, TERM);
  }
  copyWide(to, SUM);
}

/** ln((1 + z) / (1 - z)) = 2 artanh z, for |z| below 0.2. */
export function logarithmSeries(to: u32, z: u32): void {
  oddSeries(to, z, false);
  if (wideHigh(to)) setWide(to, wideSign(to), wideExponent(to) + 1, wideHigh(to), load<u64>(to));
}

/** arctan z for |z| up to tan(pi / 8). */
export function arctangentSeries(to: u32, z: u32): void {
  oddSeries(to, z, true);
  less(to);
}

/** Sine (first 1) or cosine (first 0) of |x| up to pi / 4: terms x^n / n! with alternating signs. */
function circular(to: u32, x: u32, first: u32): void {
  wideMultiply(SQUARE, x, x);
  setWideSign(SQUARE, 1);
  if (first) copyWide(SUM, x);
  else setWide(SUM, 0, 0, 0x8000_0000_0000_0000, 0);
  copyWide(TERM, SUM);
  for (let n: u32 = first + 2; n < TERMS_MAX; n += 2) {
    wideMultiply(TERM, TERM, SQUARE);
    wideDivideBy(TERM, TERM, (n - 1) * n);
    if (!matters()) break;
    wideAdd(SUM, SUM, TERM);
  }
  copyWide(to, SUM);
}
export function sineSeries(to: u32, x: u32): void {
  circular(to, x, 1);
  less(to);
}
export function cosineSeries(to: u32, x: u32): void {
  circular(to, x, 0);
}

/** (a - b) / (a + b). */
export function differenceRatio(to: u32, a: u32, b: u32): void {
  wideSubtract(LEFT, a, b);
  wideAdd(RIGHT, a, b);
  wideDivide(to, LEFT, RIGHT);
}
