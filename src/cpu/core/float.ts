// IEEE 754 arithmetic as SSE does it: NaN rules, MXCSR flags, DAZ and FTZ, rounding modes (Intel SDM Vol. 1 4.8, 11.5).
//
// WebAssembly rounds to nearest and does not report exceptions. The rounding error is computed exactly instead (two-sum,
// two-product); its sign gives the precision flag and the directed rounding modes.

import { CR4, MXCSR } from './constants';
import {
  bias, defaultNan, exponentOf, fromF64, infinity, isDenormal, isNan, isSignalling, magnitude, neighbour, normalised,
  quietBit, scaled, signBit, smallestNormal, toNumber,
} from './float-bits';
import { CR4_OSXMMEXCPT, raise, UD, XM } from './state';

export const OP_ADD: i32 = 0;
export const OP_SUB: i32 = 1;
export const OP_MUL: i32 = 2;
export const OP_DIV: i32 = 3;
export const OP_SQRT: i32 = 4;
export const OP_MIN: i32 = 5;
export const OP_MAX: i32 = 6;

export const IE: u32 = 1;
export const DENORMAL: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 16;
export const PE: u32 = 32;
const DAZ: u32 = 0x40;
const FTZ: u32 = 0x8000;

/** Exceptions of the instruction in progress, as MXCSR flags. */
let raised: u32 = 0;

/** The elements are worked on in two lanes: all of them count before an exception is decided on. */
let inLanes: bool = false;

@inline
export function beginFloat(): void {
  if (!inLanes) raised = 0;
}
/** Until {@link endLanes}, what {@link beginFloat} and {@link endFloat} enclose are parts of one instruction. */
@inline
export function beginLanes(): void {
  raised = 0;
  inLanes = true;
}
/** As {@link endFloat} for all the lanes. */
@inline
export function endLanes(): bool {
  inLanes = false;
  return !(raised | stages) || endFloat();
}
@inline
export function signal(flags: u32): void {
  raised |= flags;
}

/** Notes the exceptions in MXCSR. False, with #XM (or #UD) pending, when one is unmasked: nothing may be written. */
export function endFloat(): bool {
  if (inLanes) return true;
  if (stages) settleStages();
  const masks = load<u32>(MXCSR) >> 7;
  // What is found before computing, and not masked, keeps every element from being computed (Vol. 1 11.5.3, 4.9.2).
  if (raised & (IE | DENORMAL | ZE) & ~masks) raised &= IE | DENORMAL | ZE;
  const mxcsr = load<u32>(MXCSR) | raised;
  store<u32>(MXCSR, mxcsr);
  if (!(raised & ~(mxcsr >> 7) & 0x3f)) return true;
  raise(load<u64>(CR4) & CR4_OSXMMEXCPT ? XM : UD);
  return false;
}

/** Exceptions of operations that follow each other in an instruction (DPPS), eight bits each from the first on. */
let stages: u32 = 0;

/** Ends operation `number`, 0 to 2, of an instruction, the last one as well; all lanes count before one is decided on. */
@inline
export function endStage(number: u32): void {
  stages |= raised << (number * 8);
  raised = 0;
}

/** Notes the operations up to the one with an exception that is not masked, which is left to {@link endFloat}. */
function settleStages(): void {
  const masks = load<u32>(MXCSR) >> 7;
  while (stages) {
    raised = stages & 0xff;
    stages >>= 8;
    if (raised & ~masks) break;
    store<u32>(MXCSR, load<u32>(MXCSR) | raised);
    raised = 0;
  }
  stages = 0;
}

/** MXCSR.RC: 0 nearest, 1 down, 2 up, 3 towards zero. */
@inline
export function roundingMode(): u32 {
  return (load<u32>(MXCSR) >> 13) & 3;
}

/** An operand with DAZ applied, or its denormal flagged. */
@inline
export function operandOf<T>(bits: T): T {
  if (!isDenormal<T>(bits)) return bits;
  if (load<u32>(MXCSR) & DAZ) return <T>(bits & signBit<T>());
  raised |= DENORMAL;
  return bits;
}

/** An operand with DAZ applied, where a denormal is no exception. */
@inline
export function flushed<T>(bits: T): T {
  return isDenormal<T>(bits) && load<u32>(MXCSR) & DAZ ? <T>(bits & signBit<T>()) : bits;
}

// --- Exact errors ------------------------------------------------------------------------------------------------------

/** a + b - s, exactly (Knuth). */
@inline
function sumError(a: f64, b: f64, s: f64): f64 {
  const bb = s - a;
  return a - (s - bb) + (b - bb);
}

/** a * b - r with the right sign (Dekker, Veltkamp). Scaled where a partial product would over- or underflow. */
function productDifference(a: f64, b: f64, r: f64): f64 {
  if (a == 0 || b == 0) return -r;
  const p = a * b;
  if (abs(p) < 1e-270) {
    // At most twice: 2^600 is 4e180, and no nonzero product is below 2e-647.
    const up: f64 = 4.149515568880993e+180;
    return abs(a) < abs(b) ? productDifference(a * up, b, r * up) : productDifference(a, b * up, r * up);
  }
  if (abs(a) > 1e290) return productDifference(a * 8.673617379884035e-19, b, r * 8.673617379884035e-19);
  if (abs(b) > 1e290) return productDifference(a, b * 8.673617379884035e-19, r * 8.673617379884035e-19);
  const ca = a * 134217729.0;
  const ah = ca - (ca - a);
  const al = a - ah;
  const cb = b * 134217729.0;
  const bh = cb - (cb - b);
  const bl = b - bh;
  return p - r + (ah * bh - p + ah * bl + al * bh + al * bl);
}

/** Sign of (true result - r), and 0 when r is exact. Operands and r are finite. */
function errorSign<T>(operation: i32, a: f64, b: f64, r: f64): f64 {
  if (sizeof<T>() == 4) {
    if (operation == OP_MUL) return a * b - r;
    if (operation == OP_DIV) return b < 0 ? r * b - a : a - r * b;
    if (operation == OP_SQRT) return b - r * r;
    // The double sum is exact or wrong by less than matters: its own error decides a tie.
    const x = operation == OP_SUB ? -b : b;
    const s = a + x;
    const d = s - r;
    return d != 0 ? d : sumError(a, x, s);
  }
  if (operation == OP_ADD) return sumError(a, b, r);
  if (operation == OP_SUB) return sumError(a, -b, r);
  if (operation == OP_MUL) return productDifference(a, b, r);
  if (operation == OP_SQRT) return -productDifference(r, r, b);
  const over = productDifference(r, b, a);
  return b < 0 ? over : -over;
}

// --- Operations ----------------------------------------------------------------------------------------------------------

@inline
function nanOf<T>(a: T, b: T): T {
  if (isSignalling<T>(a) || isSignalling<T>(b)) raised |= IE;
  return isNan<T>(a) ? <T>(a | quietBit<T>()) : <T>(b | quietBit<T>());
}

/** One lane; `a` is the destination operand. SQRT uses `b` only. */
export function floatOperation<T>(operation: i32, first: T, second: T): T {
  if (operation >= OP_MIN) return minMax<T>(operation, first, second);
  if (operation == OP_SQRT) first = second;
  if (isNan<T>(first) || isNan<T>(second)) return nanOf<T>(first, second);
  const before = raised;
  const a = operandOf<T>(first);
  const b = operandOf<T>(second);
  const x = toNumber<T>(a);
  const y = toNumber<T>(b);
  let exact: f64;
  let bits: T;
  if (sizeof<T>() == 4) {
    const fx = <f32>x;
    const fy = <f32>y;
    let r: f32;
    if (operation == OP_ADD) r = fx + fy;
    else if (operation == OP_SUB) r = fx - fy;
    else if (operation == OP_MUL) r = fx * fy;
    else if (operation == OP_DIV) r = fx / fy;
    else r = sqrt<f32>(fy);
    bits = <T>reinterpret<u32>(r);
    exact = <f64>r;
  } else {
    if (operation == OP_ADD) exact = x + y;
    else if (operation == OP_SUB) exact = x - y;
    else if (operation == OP_MUL) exact = x * y;
    else if (operation == OP_DIV) exact = x / y;
    else exact = sqrt<f64>(y);
    bits = <T>reinterpret<u64>(exact);
  }
  if (exact != exact) {
    raised = before | IE;
    return defaultNan<T>();
  }
  if (magnitude<T>(a) == infinity<T>() || magnitude<T>(b) == infinity<T>()) return bits;
  if (operation == OP_DIV && y == 0) {
    raised = before | ZE;
    return bits;
  }
  if (magnitude<T>(bits) == infinity<T>()) {
    if (!(load<u32>(MXCSR) & (OE << 7))) return trapped<T>(operation, a, b, OE);
    return overflowed<T>(bits);
  }
  const error = errorSign<T>(operation, x, y, exact);
  // An exact zero sum of opposite signs is -0 when rounding down.
  if (error == 0 && exact == 0 && operation <= OP_SUB && roundingMode() == 1) {
    const negativeSecond = ((b & signBit<T>()) != 0) != (operation == OP_SUB);
    if (((a & signBit<T>()) != 0) != negativeSecond) bits = signBit<T>();
  }
  if (magnitude<T>(bits) <= smallestNormal<T>() && operation >= OP_MUL) return nearZero<T>(operation, a, b, bits, error);
  return settle<T>(bits, error);
}

// --- Beyond the range of exponents -----------------------------------------------------------------------------------------

/** Set by {@link unbounded}: the exponent of the rounded result, and whether it was rounded. */
let unboundedExponent: i32 = 0;
let unboundedInexact: bool = false;

/** A product, quotient, sum or difference as if the format had all exponents (Vol. 1 4.9.1.5): what over- and underflow are judged by. */
function unbounded<T>(operation: i32, a: T, b: T): void {
  let x = normalised<T>(a);
  let y = normalised<T>(b);
  let exponent = exponentOf<T>(a);
  const other = exponentOf<T>(b);
  if (operation == OP_MUL) exponent += other;
  else if (operation == OP_DIV) exponent -= other;
  else {
    // Sums come here when they overflow only: then the exponents are nearly the same, or the smaller one is lost.
    const most = max<i32>(exponent, other);
    x = scaled<T>(x, exponent - most);
    y = scaled<T>(y, other - most);
    exponent = most;
  }
  const kept = raised;
  const first = toNumber<T>(x);
  const second = toNumber<T>(y);
  const nearest = fromF64<T>(
    sizeof<T>() == 4
      ? operation == OP_ADD ? <f64>(<f32>first + <f32>second)
        : operation == OP_SUB ? <f64>(<f32>first - <f32>second)
        : operation == OP_MUL ? <f64>(<f32>first * <f32>second) : <f64>(<f32>first / <f32>second)
      : operation == OP_ADD ? first + second
        : operation == OP_SUB ? first - second : operation == OP_MUL ? first * second : first / second,
  );
  const error = errorSign<T>(operation, first, second, toNumber<T>(nearest));
  unboundedExponent = exponent + exponentOf<T>(settle<T>(nearest, error));
  unboundedInexact = error != 0;
  raised = kept;
}

/** Over- or underflow that is not masked: nothing is stored, and the flags are those of the unbounded result. */
function trapped<T>(operation: i32, a: T, b: T, flag: u32): T {
  unbounded<T>(operation, a, b);
  raised |= unboundedInexact ? flag | PE : flag;
  return 0;
}

/** A product or quotient that is rounded to the smallest normal number or less: tiny is what rounds to less without bounds. */
function nearZero<T>(operation: i32, a: T, b: T, bits: T, error: f64): T {
  if (magnitude<T>(bits) == 0 && error == 0) return bits;
  unbounded<T>(operation, a, b);
  if (unboundedExponent >= 1 - bias<T>()) return settle<T>(bits, error);
  if (load<u32>(MXCSR) & (UE << 7)) {
    const rounded = settle<T>(bits, error);
    return magnitude<T>(rounded) == smallestNormal<T>() ? tiny<T>(rounded, error) : rounded;
  }
  raised |= unboundedInexact ? UE | PE : UE;
  return 0;
}

/** Rounds in the direction of MXCSR.RC, given nearest and the sign of the error; flags PE and UE; flushes with FTZ. */
@inline
export function settle<T>(nearest: T, error: f64): T {
  let bits = nearest;
  if (error != 0) {
    raised |= PE;
    const mode = roundingMode();
    if (mode != 0) {
      const negative = (bits & signBit<T>()) != 0;
      if (error < 0 && (mode == 1 || (mode == 3 && !negative))) bits = neighbour<T>(bits, false);
      else if (error > 0 && (mode == 2 || (mode == 3 && negative))) bits = neighbour<T>(bits, true);
    }
  }
  if ((bits & infinity<T>()) == 0 && (error != 0 || magnitude<T>(bits) != 0)) return tiny<T>(bits, error);
  return bits;
}

function tiny<T>(bits: T, error: f64): T {
  const mxcsr = load<u32>(MXCSR);
  if (mxcsr & FTZ && mxcsr & (UE << 7)) {
    raised |= UE | PE;
    return <T>(bits & signBit<T>());
  }
  if (error != 0 || !(mxcsr & (UE << 7))) raised |= UE;
  return bits;
}

/** Overflow: infinity, or the largest finite number when the mode rounds towards it. */
export function overflowed<T>(bits: T): T {
  raised |= OE | PE;
  const negative = (bits & signBit<T>()) != 0;
  const mode = roundingMode();
  const toFinite = mode == 3 || (mode == 1 && !negative) || (mode == 2 && negative);
  return toFinite ? <T>(bits - 1) : bits;
}

/** MIN and MAX give the second operand when either is NaN, or both are zeros (Vol. 2, MINPS). */
function minMax<T>(operation: i32, first: T, second: T): T {
  if (isNan<T>(first) || isNan<T>(second)) {
    raised |= IE;
    return flushed<T>(second);
  }
  const a = operandOf<T>(first);
  const b = operandOf<T>(second);
  const x = toNumber<T>(a);
  const y = toNumber<T>(b);
  return (operation == OP_MIN ? x < y : x > y) ? a : b;
}

/** Predicates of CMPPS and its kin (Vol. 2 table 3-1). */
export function floatCompare<T>(predicate: u32, first: T, second: T): bool {
  const base = predicate & 3;
  const negate = (predicate & 4) != 0;
  if (isNan<T>(first) || isNan<T>(second)) {
    if (base == 1 || base == 2 || isSignalling<T>(first) || isSignalling<T>(second)) raised |= IE;
    return (base == 3) != negate;
  }
  const x = toNumber<T>(operandOf<T>(first));
  const y = toNumber<T>(operandOf<T>(second));
  const holds = base == 0 ? x == y : base == 1 ? x < y : base == 2 ? x <= y : false;
  return holds != negate;
}

/** Rounds to an integral value by MXCSR.RC, or towards zero. */
export function roundToInteger(value: f64, truncate: bool): f64 {
  return roundBy(value, truncate ? 3 : roundingMode());
}

/** Rounds to an integral value; `mode` as in MXCSR.RC. */
export function roundBy(value: f64, mode: u32): f64 {
  if (mode == 0) return nearest<f64>(value);
  if (mode == 1) return floor<f64>(value);
  if (mode == 2) return ceil<f64>(value);
  return trunc<f64>(value);
}

/** float to double: exact. */
export function widen(bits: u32): u64 {
  if (isNan<u32>(bits)) {
    if (isSignalling<u32>(bits)) raised |= IE;
    return (<u64>(bits & 0x8000_0000) << 32) | 0x7ff8_0000_0000_0000 | (<u64>(bits & 0x7f_ffff) << 29);
  }
  return reinterpret<u64>(<f64>reinterpret<f32>(operandOf<u32>(bits)));
}

/** double to float, rounded. */
export function narrow(bits: u64): u32 {
  if (isNan<u64>(bits)) {
    if (isSignalling<u64>(bits)) raised |= IE;
    return (<u32>(bits >> 32) & 0x8000_0000) | 0x7fc0_0000 | (<u32>(bits >> 29) & 0x3f_ffff);
  }
  const value = reinterpret<f64>(operandOf<u64>(bits));
  const r = <f32>value;
  const result = reinterpret<u32>(r);
  const size = result & 0x7fff_ffff;
  if (size == 0x7f80_0000) {
    if (magnitude<u64>(bits) == infinity<u64>()) return result;
    return load<u32>(MXCSR) & (OE << 7) ? overflowed<u32>(result) : narrowTrapped(bits, OE);
  }
  const error = value - <f64>r;
  if (size > smallestNormal<u32>() || value == 0) return settle<u32>(result, error);
  return narrowNearZero(bits, result, error);
}

/** The significand of a double as a float that has all exponents: sets what {@link unbounded} sets. */
function narrowUnbounded(bits: u64): void {
  const kept = raised;
  const value = reinterpret<f64>(normalised<u64>(bits));
  const nearest = <f32>value;
  const error = value - <f64>nearest;
  unboundedExponent = exponentOf<u64>(bits) + exponentOf<u32>(settle<u32>(reinterpret<u32>(nearest), error));
  unboundedInexact = error != 0;
  raised = kept;
}
function narrowTrapped(bits: u64, flag: u32): u32 {
  narrowUnbounded(bits);
  raised |= unboundedInexact ? flag | PE : flag;
  return 0;
}
function narrowNearZero(bits: u64, result: u32, error: f64): u32 {
  narrowUnbounded(bits);
  if (unboundedExponent >= 1 - bias<u32>()) return settle<u32>(result, error);
  if (!(load<u32>(MXCSR) & (UE << 7))) return narrowTrapped(bits, UE);
  const rounded = settle<u32>(result, error);
  return (rounded & 0x7fff_ffff) == smallestNormal<u32>() ? tiny<u32>(rounded, error) : rounded;
}
