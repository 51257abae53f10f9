// FSIN, FCOS, FSINCOS and FPTAN (Intel SDM Vol. 2, Vol. 1 8.3.8): the angle reduced exactly by the processors' pi, then a
// series of 128 bits, rounded once.

import { NEXT, X87_STATUS } from './constants';
import { finishResult } from './x87-operations';
import {
  BIAS, invalidOperation, KIND_INFINITY, KIND_ZERO, kindOfNumber, nanOperand, noteDenormal, resultHead, resultSig,
  setResult,
} from './x87-rounding';
import { cosineSeries, sineSeries } from './x87-series';
import {
  beginX87, CODE_TWO, endX87, headOf, INDEFINITE_HEAD, INDEFINITE_SIG, INTEGER_BIT, isEmpty, pushStack, settle,
  sigOf, stackOverflow, stackUnderflow, writeStack,
} from './x87-state';
import {
  copyWide, roundWide, setNormalised, setWideSign, wideDivide, wideExponent, wideFrom, wideHigh, wideSign,
} from './x87-wide';

const X: u32 = <u32>memory.data(32, 16);
const Y: u32 = <u32>memory.data(32, 16);
const Z: u32 = <u32>memory.data(32, 16);

/** pi / 2 in units of 2^-65: the 66 bits of pi that the processors use (Vol. 1 8.3.8). */
const HALF_PI_HIGH: u64 = 0x3;
const HALF_PI_LOW: u64 = 0x243f_6a88_85a3_08d3;
let quadrant: u32 = 0;

/** Z = x less the nearest multiple of pi / 2, whose number mod 4 is `quadrant`. |x| is below 2^63. */
function reduce(head: u32, sig: u64): void {
  quadrant = 0;
  wideFrom(Z, head, sig);
  const exponent = wideExponent(Z);
  if (exponent < -1 || (exponent == -1 && sig <= 0xc90f_daa2_2168_c234)) return;
  // Bit by bit from the highest: rest = rest * 2 + bit, less the divisor where it fits. The unit is 2^-65.
  let high: u64 = 0;
  let low: u64 = 0;
  const bits = exponent + 66;
  for (let i = 0; i < bits; i++) {
    high = (high << 1) | (low >> 63);
    low = (low << 1) | (i < 64 ? (sig >> (63 - i)) & 1 : 0);
    quadrant <<= 1;
    if (high > HALF_PI_HIGH || (high == HALF_PI_HIGH && low >= HALF_PI_LOW)) {
      high -= HALF_PI_HIGH + (low < HALF_PI_LOW ? 1 : 0);
      low -= HALF_PI_LOW;
      quadrant |= 1;
    }
  }
  let sign: u32 = 0;
  const twiceHigh = (high << 1) | (low >> 63);
  if (twiceHigh > HALF_PI_HIGH || (twiceHigh == HALF_PI_HIGH && low << 1 > HALF_PI_LOW)) {
    high = HALF_PI_HIGH - high - (HALF_PI_LOW < low ? 1 : 0);
    low = HALF_PI_LOW - low;
    quadrant++;
    sign = 1;
  }
  if (head & 0x8000) {
    sign ^= 1;
    quadrant = 0 - quadrant;
  }
  quadrant &= 3;
  setNormalised(Z, sign, 62, high, low);
}

/** Sine or cosine of the angle that {@link reduce} left in Z. */
function circularFunction(to: u32, cosine: bool): void {
  const turn = (quadrant + (cosine ? 1 : 0)) & 3;
  if (turn & 1) cosineSeries(to, Z);
  else if (wideHigh(Z)) sineSeries(to, Z);
  else copyWide(to, Z);
  if (turn & 2) setWideSign(to, wideSign(to) ^ 1);
}

/** What a circular instruction does with ST0 before it computes: 0 go on, 1 the result stands, 2 out of range. */
function prepareAngle(head: u32, sig: u64, kind: u32): u32 {
  if (nanOperand(head, sig, kind)) return 1;
  if (kind == KIND_INFINITY) {
    invalidOperation();
    return 1;
  }
  if ((head & 0x7fff) >= <u32>BIAS + 63) return 2;
  noteDenormal(kind);
  return 0;
}

function setCodeTwo(on: bool): void {
  const status = load<u32>(X87_STATUS);
  store<u32>(X87_STATUS, on ? status | CODE_TWO : status & ~CODE_TWO);
}

function setOne(): void {
  setResult(<u32>BIAS, INTEGER_BIT);
}

/** Sets the sine or cosine of a number in range. */
function sineOrCosine(head: u32, sig: u64, kind: u32, cosine: bool): void {
  if (kind == KIND_ZERO) {
    if (cosine) setOne();
    else setResult(head, 0);
    return;
  }
  reduce(head, sig);
  circularFunction(X, cosine);
  roundWide(X);
}

function single(u: u32, cosine: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (isEmpty(0)) {
    stackUnderflow();
    setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
  } else {
    const kind = kindOfNumber(headOf(0), sigOf(0));
    const prepared = prepareAngle(headOf(0), sigOf(0), kind);
    if (prepared == 2) {
      settle();
      setCodeTwo(true);
      return endX87(u);
    }
    if (prepared == 0) sineOrCosine(headOf(0), sigOf(0), kind, cosine);
  }
  setCodeTwo(false);
  return finishResult(u, 0, 0);
}
export function fsin(u: u32): i32 {
  return single(u, false);
}
export function fcos(u: u32): i32 {
  return single(u, true);
}

/** X = the tangent of the angle that {@link reduce} left in Z. */
function tangent(): void {
  // Here z + z^3 / 3 is z and less than a quarter of an extended real's last bit: what rounding takes as a little more.
  if (!(quadrant & 1) && wideHigh(Z) && wideExponent(Z) < -34) {
    copyWide(X, Z);
    return;
  }
  circularFunction(X, false);
  circularFunction(Y, true);
  wideDivide(X, X, Y);
}

/** FSINCOS and FPTAN: two results, the second pushed. */
function double(u: u32, isTangent: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const head = headOf(0);
  const sig = sigOf(0);
  let pushedHead = INDEFINITE_HEAD;
  let pushedSig = INDEFINITE_SIG;
  setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
  if (isEmpty(0)) stackUnderflow();
  else if (!isEmpty(7)) stackOverflow();
  else {
    const kind = kindOfNumber(head, sig);
    const prepared = prepareAngle(head, sig, kind);
    if (prepared == 2) {
      settle();
      setCodeTwo(true);
      return endX87(u);
    }
    if (prepared == 1) {
      pushedHead = resultHead;
      pushedSig = resultSig;
    } else if (isTangent) {
      if (kind == KIND_ZERO) setResult(head, 0);
      else {
        reduce(head, sig);
        tangent();
        roundWide(X);
      }
      pushedHead = <u32>BIAS;
      pushedSig = INTEGER_BIT;
    } else {
      sineOrCosine(head, sig, kind, true);
      pushedHead = resultHead;
      pushedSig = resultSig;
      // The flags are those of both; C1 that of the sine, computed last.
      sineOrCosine(head, sig, kind, false);
    }
  }
  setCodeTwo(false);
  if (settle()) {
    writeStack(0, resultHead, resultSig);
    pushStack(pushedHead, pushedSig);
  }
  return endX87(u);
}
export function fsincos(u: u32): i32 {
  return double(u, false);
}
export function fptan(u: u32): i32 {
  return double(u, true);
}
