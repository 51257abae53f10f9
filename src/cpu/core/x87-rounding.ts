// Extended-precision numbers: their kinds, the NaN rules, and rounding of an exact result with the over- and underflow
// rules (Intel SDM Vol. 1 4.8, 8.5).
//
// A register is a head (sign in bit 15, biased exponent) and a 64-bit significand with its integer bit. Results stand in
// `resultHead`, `resultSig`. A wide result is 128 bits, its binary point after the first; the last bit may be sticky.

import {
  CODE_ONE, FE_DENORMAL, FE_INVALID, FE_OVERFLOW, FE_PRECISION, FE_UNDERFLOW, INDEFINITE_HEAD, INDEFINITE_SIG,
  INTEGER_BIT, masked, signalX87, x87Rounding,
} from './x87-state';

export const KIND_ZERO: u32 = 0;
export const KIND_DENORMAL: u32 = 1;
export const KIND_NORMAL: u32 = 2;
export const KIND_INFINITY: u32 = 3;
export const KIND_QUIET: u32 = 4;
export const KIND_SIGNALLING: u32 = 5;
/** Unnormal, pseudo-infinity or pseudo-NaN: no number since the 387 (Vol. 1 8.2.2). */
export const KIND_UNSUPPORTED: u32 = 6;

const QUIET_BIT: u64 = 0x4000_0000_0000_0000;
export const EXPONENT_MAX: u32 = 0x7fff;
export const BIAS: i32 = 0x3fff;
/** Added to or taken from the exponent of an unmasked under- or overflow in a register. */
const EXPONENT_ADJUST: i32 = 0x6000;

export let resultHead: u32 = 0;
export let resultSig: u64 = 0;

@inline
export function setResult(head: u32, sig: u64): void {
  resultHead = head;
  resultSig = sig;
}

export function kindOfNumber(head: u32, sig: u64): u32 {
  const exponent = head & 0x7fff;
  if (!exponent) return sig ? KIND_DENORMAL : KIND_ZERO;
  if (!(sig & INTEGER_BIT)) return KIND_UNSUPPORTED;
  if (exponent != EXPONENT_MAX) return KIND_NORMAL;
  if (sig == INTEGER_BIT) return KIND_INFINITY;
  return sig & QUIET_BIT ? KIND_QUIET : KIND_SIGNALLING;
}

/** Exponent and significand of the last {@link unpack}: normalised. */
export let unpackedExponent: i32 = 0;
export let unpackedSig: u64 = 0;

/** A finite number that is not zero. */
export function unpack(head: u32, sig: u64): void {
  const shift = <i32>clz<u64>(sig);
  unpackedExponent = max<i32>(<i32>(head & 0x7fff), 1) - shift;
  unpackedSig = sig << shift;
}

// --- NaNs --------------------------------------------------------------------------------------------------------------

/** An invalid operation gives the indefinite. */
export function invalidOperation(): void {
  signalX87(FE_INVALID);
  setResult(INDEFINITE_HEAD, INDEFINITE_SIG);
}

/** The result for one operand that is no number; false: it is one. */
export function nanOperand(head: u32, sig: u64, kind: u32): bool {
  if (kind < KIND_QUIET) return false;
  if (kind == KIND_UNSUPPORTED) {
    invalidOperation();
    return true;
  }
  if (kind == KIND_SIGNALLING) signalX87(FE_INVALID);
  setResult(head, sig | QUIET_BIT);
  return true;
}

/** The same for two operands: a quiet NaN wins over a signalling one, then the larger significand (Vol. 1 table 4-7). */
export function nanOperands(aHead: u32, aSig: u64, aKind: u32, bHead: u32, bSig: u64, bKind: u32): bool {
  if (aKind < KIND_QUIET && bKind < KIND_QUIET) return false;
  if (aKind == KIND_UNSUPPORTED || bKind == KIND_UNSUPPORTED) {
    invalidOperation();
    return true;
  }
  if (aKind == KIND_SIGNALLING || bKind == KIND_SIGNALLING) signalX87(FE_INVALID);
  let first: bool;
  if (bKind < KIND_QUIET) first = true;
  else if (aKind < KIND_QUIET) first = false;
  else if (aKind != bKind) first = aKind == KIND_QUIET;
  else if (aSig != bSig) first = aSig > bSig;
  else first = (aHead & 0x8000) == 0;
  setResult(first ? aHead : bHead, (first ? aSig : bSig) | QUIET_BIT);
  return true;
}

@inline
export function noteDenormal(kind: u32): void {
  if (kind == KIND_DENORMAL) signalX87(FE_DENORMAL);
}

// --- Rounding ----------------------------------------------------------------------------------------------------------

/** What is cut off, compared with half a unit: 0 nothing, 1 less, 2 half, 3 more. */
@inline
export function restOf(hi: u64, lo: u64, unit: u64): u32 {
  if (unit == 1) return lo == 0 ? 0 : lo < INTEGER_BIT ? 1 : lo == INTEGER_BIT ? 2 : 3;
  const cut = hi & (unit - 1);
  const half = unit >> 1;
  if (cut == half) return lo ? 3 : 2;
  if (cut > half) return 3;
  return cut | lo ? 1 : 0;
}

/** Whether the magnitude grows by a unit. */
@inline
export function roundsAway(sign: u32, odd: bool, rest: u32): bool {
  if (!rest) return false;
  const mode = x87Rounding();
  if (mode == 0) return rest == 3 || (rest == 2 && odd);
  return mode == 1 ? sign != 0 : mode == 2 ? sign == 0 : false;
}

/** True when rounding carries out of the significand: 1.11...1 becomes 10.0. */
@inline
export function roundCarries(sign: u32, hi: u64, lo: u64, unit: u64): bool {
  return (hi | (unit - 1)) == 0xffff_ffff_ffff_ffff && roundsAway(sign, (hi & unit) != 0, restOf(hi, lo, unit));
}

/** High and low half of the last {@link shiftRightSticky}. */
export let shiftedHi: u64 = 0;
export let shiftedLo: u64 = 0;

/** 128 bits to the right; what falls out is kept as the lowest bit. */
export function shiftRightSticky(hi: u64, lo: u64, count: u32): void {
  if (count == 0) {
    shiftedHi = hi;
    shiftedLo = lo;
  } else if (count < 64) {
    const out = lo << (64 - count);
    shiftedLo = (hi << (64 - count)) | (lo >> count) | (out ? 1 : 0);
    shiftedHi = hi >> count;
  } else if (count < 128) {
    const out = (count == 64 ? 0 : hi << (128 - count)) | lo;
    shiftedLo = (count == 64 ? hi : hi >> (count - 64)) | (out && count != 64 ? 1 : 0);
    if (count == 64 && lo) shiftedLo |= 1;
    shiftedHi = 0;
  } else {
    shiftedHi = 0;
    shiftedLo = hi | lo ? 1 : 0;
  }
}

/** Rounds (hi:lo) * 2^(exponent - bias - 127) to `bits` (24, 53 or 64) and sets the result. */
export function roundResult(sign: u32, exponent: i32, hi: u64, lo: u64, bits: u32): void {
  if (!(hi | lo)) {
    setResult(sign << 15, 0);
    return;
  }
  if (!hi) {
    hi = lo;
    lo = 0;
    exponent -= 64;
  }
  const shift = clz<u64>(hi);
  if (shift) {
    hi = (hi << shift) | (lo >> (64 - shift));
    lo <<= shift;
    exponent -= <i32>shift;
  }
  const unit: u64 = 1 << (64 - <u64>bits);
  if (exponent <= 0) {
    const tiny = exponent < 0 || !roundCarries(sign, hi, lo, unit);
    if (!tiny || masked(FE_UNDERFLOW)) {
      roundDenormal(sign, exponent, hi, lo, unit, tiny);
      return;
    }
    signalX87(FE_UNDERFLOW);
    exponent += EXPONENT_ADJUST;
    if (exponent <= 0) {
      // Even so too small (FSCALE): zero.
      signalX87(FE_PRECISION);
      setResult(sign << 15, 0);
      return;
    }
  }
  const rest = restOf(hi, lo, unit);
  const away = roundsAway(sign, (hi & unit) != 0, rest);
  hi &= ~(unit - 1);
  if (away) {
    hi += unit;
    if (!hi) {
      hi = INTEGER_BIT;
      exponent++;
    }
  }
  if (exponent >= <i32>EXPONENT_MAX) {
    signalX87(FE_OVERFLOW);
    if (masked(FE_OVERFLOW)) {
      signalX87(FE_PRECISION);
      overflowResult(sign, unit);
      return;
    }
    exponent -= EXPONENT_ADJUST;
    if (exponent >= <i32>EXPONENT_MAX) {
      signalX87(FE_PRECISION | CODE_ONE);
      setResult((sign << 15) | EXPONENT_MAX, INTEGER_BIT);
      return;
    }
  }
  if (rest) signalX87(away ? FE_PRECISION | CODE_ONE : FE_PRECISION);
  setResult((sign << 15) | <u32>exponent, hi);
}

/** Infinity, or the largest finite number when the mode rounds towards it. */
function overflowResult(sign: u32, unit: u64): void {
  if (overflowsToInfinity(sign)) {
    signalX87(CODE_ONE);
    setResult((sign << 15) | EXPONENT_MAX, INTEGER_BIT);
  } else setResult((sign << 15) | (EXPONENT_MAX - 1), ~(unit - 1));
}

@inline
export function overflowsToInfinity(sign: u32): bool {
  const mode = x87Rounding();
  return mode == 0 || (mode == 1 && sign != 0) || (mode == 2 && sign == 0);
}

function roundDenormal(sign: u32, exponent: i32, hi: u64, lo: u64, unit: u64, tiny: bool): void {
  shiftRightSticky(hi, lo, 1 - exponent);
  let value = shiftedHi;
  const rest = restOf(value, shiftedLo, unit);
  const away = roundsAway(sign, (value & unit) != 0, rest);
  value &= ~(unit - 1);
  if (away) value += unit;
  if (rest) signalX87((away ? FE_PRECISION | CODE_ONE : FE_PRECISION) | (tiny ? FE_UNDERFLOW : 0));
  setResult((sign << 15) | <u32>(value >> 63), value);
}
