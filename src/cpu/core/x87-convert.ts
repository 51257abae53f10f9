// Memory formats of the x87 (Intel SDM Vol. 1 8.2): loads are exact; stores round, and may signal.

import { effective, readAt, readBlock, storableOperand, writeAt, writeOperand } from './operands';
import {
  BIAS, EXPONENT_MAX, kindOfNumber, KIND_INFINITY, KIND_QUIET, KIND_SIGNALLING, KIND_UNSUPPORTED, KIND_ZERO,
  overflowsToInfinity, restOf, roundCarries, roundsAway, shiftedHi, shiftedLo, shiftRightSticky, unpack, unpackedExponent,
  unpackedSig,
} from './x87-rounding';
import {
  CODE_ONE, clearRaised, FE_INVALID, FE_OVERFLOW, FE_PRECISION, FE_UNDERFLOW, INDEFINITE_HEAD, INDEFINITE_SIG,
  INTEGER_BIT, isEmpty, headOf, masked, mayStore, sigOf, signalX87, stackUnderflow,
} from './x87-state';

export const REAL_SINGLE: u32 = 0;
export const REAL_DOUBLE: u32 = 1;
export const REAL_EXTENDED: u32 = 2;
export const WHOLE_WORD: u32 = 3;
export const WHOLE_DWORD: u32 = 4;
export const WHOLE_QWORD: u32 = 5;
export const PACKED_DECIMAL: u32 = 6;

// --- Loads -------------------------------------------------------------------------------------------------------------

export let loadedHead: u32 = 0;
export let loadedSig: u64 = 0;
/** The operand was a denormal of its own format. */
export let loadedDenormal: bool = false;

/** Reads the memory operand; false: fault pending. Signals nothing: the instruction knows what matters. */
export function loadReal(u: u32, format: u32): bool {
  loadedDenormal = false;
  if (format == REAL_EXTENDED || format == PACKED_DECIMAL) {
    const from = readBlock(u, effective(u, 10), 10);
    if (!from) return false;
    if (format == PACKED_DECIMAL) fromDecimal(load<u64>(from), load<u16>(from, 8));
    else {
      loadedSig = load<u64>(from);
      loadedHead = load<u16>(from, 8);
    }
    return true;
  }
  if (format == REAL_DOUBLE || format == WHOLE_QWORD) {
    const from = readAt<u64>(u, effective(u, 8));
    if (!from) return false;
    if (format == REAL_DOUBLE) widenReal(load<u64>(from), 52, 1023);
    else fromInteger(load<i64>(from));
    return true;
  }
  if (format == WHOLE_WORD) {
    const from = readAt<u16>(u, effective(u, 2));
    if (!from) return false;
    fromInteger(<i64>load<i16>(from));
    return true;
  }
  const from = readAt<u32>(u, effective(u, 4));
  if (!from) return false;
  if (format == REAL_SINGLE) widenReal(<u64>load<u32>(from), 23, 127);
  else fromInteger(<i64>load<i32>(from));
  return true;
}

/** A float (23 fraction bits) or double (52): exact; a signalling NaN stays one. */
function widenReal(bits: u64, fraction: u64, bias: i32): void {
  const sign = <u32>(bits >> (fraction == 52 ? 63 : 31)) << 15;
  const exponent = <i32>((bits >> fraction) & (fraction == 52 ? 0x7ff : 0xff));
  const value = bits & ((<u64>1 << fraction) - 1);
  if (exponent == 2 * bias + 1) {
    loadedHead = sign | EXPONENT_MAX;
    loadedSig = INTEGER_BIT | (value << (63 - fraction));
  } else if (exponent) {
    loadedHead = sign | <u32>(exponent - bias + BIAS);
    loadedSig = INTEGER_BIT | (value << (63 - fraction));
  } else if (value) {
    const shift = clz<u64>(value);
    loadedHead = sign | <u32>(1 - bias + BIAS + 63 - <i32>fraction - <i32>shift);
    loadedSig = value << shift;
    loadedDenormal = true;
  } else {
    loadedHead = sign;
    loadedSig = 0;
  }
}

export function fromInteger(value: i64): void {
  const sign: u32 = value < 0 ? 0x8000 : 0;
  const magnitude: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  if (!magnitude) {
    loadedHead = 0;
    loadedSig = 0;
    return;
  }
  const shift = clz<u64>(magnitude);
  loadedHead = sign | <u32>(BIAS + 63 - <i32>shift);
  loadedSig = magnitude << shift;
}

/** 18 decimal digits and a sign; -0 has a value of its own. Digits above 9 count as they stand. */
function fromDecimal(low: u64, high: u32): void {
  let value: u64 = 0;
  for (let shift: i32 = 4; shift >= 0; shift -= 4) value = value * 10 + ((high >> shift) & 15);
  for (let shift: i32 = 60; shift >= 0; shift -= 4) value = value * 10 + ((low >> shift) & 15);
  fromInteger(<i64>value);
  if (high & 0x8000) loadedHead |= 0x8000;
}

// --- Rounding to a format ----------------------------------------------------------------------------------------------

/** Bits of a float or double; signals as FST does. */
function narrowReal(head: u32, sig: u64, fraction: u64, bias: i32): u64 {
  const sign = (head >> 15) & 1;
  const signBit = <u64>sign << (fraction == 52 ? 63 : 31);
  const infinity = <u64>(2 * bias + 1) << fraction;
  const kind = kindOfNumber(head, sig);
  if (kind == KIND_ZERO) return signBit;
  if (kind == KIND_INFINITY) return signBit | infinity;
  if (kind == KIND_UNSUPPORTED) {
    signalX87(FE_INVALID);
    return narrowReal(INDEFINITE_HEAD, INDEFINITE_SIG, fraction, bias);
  }
  if (kind == KIND_QUIET || kind == KIND_SIGNALLING) {
    if (kind == KIND_SIGNALLING) signalX87(FE_INVALID);
    return signBit | infinity | (<u64>1 << (fraction - 1)) | ((sig & ~INTEGER_BIT) >> (63 - fraction));
  }
  unpack(head, sig);
  let exponent = unpackedExponent - BIAS + bias;
  let value = unpackedSig;
  let below: u64 = 0;
  const unit: u64 = 1 << (63 - fraction);
  const tiny = exponent < 0 || (exponent == 0 && !roundCarries(sign, value, 0, unit));
  if (tiny && !masked(FE_UNDERFLOW)) {
    // Nothing is stored, so nothing is inexact.
    signalX87(FE_UNDERFLOW);
    return 0;
  }
  if (exponent <= 0) {
    shiftRightSticky(value, 0, 1 - exponent);
    value = shiftedHi;
    below = shiftedLo;
    exponent = 0;
  }
  const rest = restOf(value, below, unit);
  const away = roundsAway(sign, (value & unit) != 0, rest);
  value &= ~(unit - 1);
  if (away) {
    value += unit;
    if (!value) {
      value = INTEGER_BIT;
      exponent++;
    }
  }
  if (exponent == 0 && value & INTEGER_BIT) exponent = 1;
  const over = exponent >= 2 * bias + 1;
  if (over && !masked(FE_OVERFLOW)) {
    signalX87(FE_OVERFLOW);
    return 0;
  }
  if (rest) signalX87((away ? FE_PRECISION | CODE_ONE : FE_PRECISION) | (tiny ? FE_UNDERFLOW : 0));
  if (over) {
    signalX87(FE_OVERFLOW);
    signalX87(FE_PRECISION);
    const toInfinity = overflowsToInfinity(sign);
    signalX87(toInfinity ? CODE_ONE : 0);
    return signBit | (toInfinity ? infinity : infinity - 1);
  }
  return signBit | (<u64>exponent << fraction) | ((value & ~INTEGER_BIT) >> (63 - fraction));
}

/** Magnitude of the last {@link roundToWhole}. */
export let wholeMagnitude: u64 = 0;

/** Rounds a finite number to an integer; false: it does not fit 64 bits. Signals nothing; `wholeRest` and `wholeAway` tell. */
export let wholeRest: u32 = 0;
export let wholeAway: bool = false;
export function roundToWhole(head: u32, sig: u64, truncate: bool): bool {
  wholeRest = 0;
  wholeAway = false;
  wholeMagnitude = 0;
  if (!sig) return true;
  unpack(head, sig);
  const exponent = unpackedExponent - BIAS;
  if (exponent > 63) return false;
  // An integer part above the point: (hi:lo) with the point between.
  shiftRightSticky(unpackedSig, 0, 63 - exponent);
  wholeMagnitude = shiftedHi;
  wholeRest = restOf(shiftedHi, shiftedLo, 1);
  wholeAway = !truncate && roundsAway(head >> 15, (shiftedHi & 1) != 0, wholeRest);
  if (wholeAway) {
    wholeMagnitude++;
    if (!wholeMagnitude) return false;
  }
  return true;
}

/** The two's complement integer of `bits`; the indefinite, and invalid, when it does not fit. */
function toInteger(head: u32, sig: u64, bits: u64, truncate: bool): u64 {
  const limit = <u64>1 << (bits - 1);
  if ((head & 0x7fff) != EXPONENT_MAX && kindOfNumber(head, sig) != KIND_UNSUPPORTED && roundToWhole(head, sig, truncate)) {
    const negative = (head & 0x8000) != 0;
    if (negative ? wholeMagnitude <= limit : wholeMagnitude < limit) {
      noteWhole();
      return negative ? 0 - wholeMagnitude : wholeMagnitude;
    }
  }
  signalX87(FE_INVALID);
  return limit;
}

/** Signals what rounding to an integer lost. */
export function noteWhole(): void {
  if (wholeRest) signalX87(wholeAway ? FE_PRECISION | CODE_ONE : FE_PRECISION);
}

const DECIMAL_LIMIT: u64 = 1_000_000_000_000_000_000;
/** Ten bytes for FBSTP or an extended real. */
const TEN_BYTES: u32 = <u32>memory.data(16, 16);

function toDecimal(head: u32, sig: u64): void {
  const fits =
    (head & 0x7fff) != EXPONENT_MAX && kindOfNumber(head, sig) != KIND_UNSUPPORTED && roundToWhole(head, sig, false);
  if (!fits || wholeMagnitude >= DECIMAL_LIMIT) {
    signalX87(FE_INVALID);
    store<u64>(TEN_BYTES, INDEFINITE_SIG);
    store<u16>(TEN_BYTES, 0xffff, 8);
    return;
  }
  noteWhole();
  let rest = wholeMagnitude;
  for (let i: u32 = 0; i < 9; i++) {
    const pair = <u32>(rest % 100);
    rest /= 100;
    store<u8>(TEN_BYTES + i, <u8>(((pair / 10) << 4) | (pair % 10)));
  }
  store<u8>(TEN_BYTES, head & 0x8000 ? 0x80 : 0, 9);
}

// --- Stores ------------------------------------------------------------------------------------------------------------

function bytesOf(format: u32): u32 {
  switch (format) {
    case REAL_SINGLE:
    case WHOLE_DWORD: return 4;
    case REAL_DOUBLE:
    case WHOLE_QWORD: return 8;
    case WHOLE_WORD: return 2;
  }
  return 10;
}

/**
 * Rounds ST(0) to the format and stores it, unless an unmasked exception forbids that. False: fault pending, nothing
 * changed. An empty register gives the indefinite.
 */
export function storeReal(u: u32, format: u32, truncate: bool): bool {
  let head = headOf(0);
  let sig = sigOf(0);
  const empty = isEmpty(0);
  if (empty) {
    head = INDEFINITE_HEAD;
    sig = INDEFINITE_SIG;
  }
  let bits: u64 = 0;
  switch (format) {
    case REAL_SINGLE: bits = narrowReal(head, sig, 23, 127); break;
    case REAL_DOUBLE: bits = narrowReal(head, sig, 52, 1023); break;
    case REAL_EXTENDED:
      store<u64>(TEN_BYTES, sig);
      store<u16>(TEN_BYTES, <u16>head, 8);
      break;
    case WHOLE_WORD: bits = toInteger(head, sig, 16, truncate); break;
    case WHOLE_DWORD: bits = toInteger(head, sig, 32, truncate); break;
    case WHOLE_QWORD: bits = toInteger(head, sig, 64, truncate); break;
    default: toDecimal(head, sig);
  }
  if (empty) {
    clearRaised();
    stackUnderflow();
  }
  // A fault of the access comes first: the exception is for a later instruction.
  if (!mayStore()) return storableOperand(u, effective(u, bytesOf(format)), bytesOf(format));
  switch (format) {
    case REAL_SINGLE:
    case WHOLE_DWORD: return writeAt<u32>(u, effective(u, 4), <u32>bits);
    case REAL_DOUBLE:
    case WHOLE_QWORD: return writeAt<u64>(u, effective(u, 8), bits);
    case WHOLE_WORD: return writeAt<u16>(u, effective(u, 2), <u16>bits);
  }
  return writeOperand(u, effective(u, 10), 10, TEN_BYTES);
}
