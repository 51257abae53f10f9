// SSE and SSE2 conversions (Intel SDM Vol. 2 and Vol. 1 table 11-2): a value that does not fit gives the "integer
// indefinite" 0x80000000... and the invalid flag.

import { FAULTED, FORM_SIZE, NEXT, UOP_FORM } from './constants';
import { beginFloat, endFloat, flushed, IE, narrow, PE, roundToInteger, settle, signal, widen } from './float';
import { isNan, toNumber } from './float-bits';
import { dst, setReg, source, src } from './operands';
import { source128, sourceScalar, xmmDst } from './sse-operands';

const RESULT: u32 = <u32>memory.data(16, 16);

@inline
function is64(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
}

function finish(u: u32): i32 {
  if (!endFloat()) return FAULTED;
  v128.store(xmmDst(u), v128.load(RESULT));
  return NEXT;
}

// --- Integer to floating point -------------------------------------------------------------------------------------------

/** A signed integer as a double, with the rounding error's sign where there is one. */
function doubleOf(value: i64): u64 {
  const r = <f64>value;
  // 2^63 itself does not fit back; it can only have been rounded up.
  const error: f64 = r >= 9223372036854775808.0 ? -1 : <f64>(value - <i64>r);
  return settle<u64>(reinterpret<u64>(r), error);
}
export function floatOf(value: i64): u32 {
  const r = <f32>value;
  const error: f64 = r >= 9223372036854775808.0 ? -1 : <f64>(value - <i64>r);
  return settle<u32>(reinterpret<u32>(r), error);
}

function integerSource(u: u32): u32 {
  return is64(u) ? source<u64>(u, src(u)) : source<u32>(u, src(u));
}

export function cvtsi2sd(u: u32): i32 {
  const from = integerSource(u);
  if (!from) return FAULTED;
  beginFloat();
  const result = doubleOf(is64(u) ? load<i64>(from) : <i64>load<i32>(from));
  if (!endFloat()) return FAULTED;
  store<u64>(xmmDst(u), result);
  return NEXT;
}
export function cvtsi2ss(u: u32): i32 {
  const from = integerSource(u);
  if (!from) return FAULTED;
  beginFloat();
  const result = floatOf(is64(u) ? load<i64>(from) : <i64>load<i32>(from));
  if (!endFloat()) return FAULTED;
  store<u32>(xmmDst(u), result);
  return NEXT;
}

export function cvtdq2ps(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  beginFloat();
  for (let i: u32 = 0; i < 16; i += 4) store<u32>(RESULT + i, floatOf(<i64>load<i32>(from + i)));
  return finish(u);
}
export function cvtdq2pd(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const both = load<u64>(from);
  store<f64>(xmmDst(u), <f64>(<i32>both));
  store<f64>(xmmDst(u), <f64>(<i32>(both >> 32)), 8);
  return NEXT;
}

// --- Floating point to integer -------------------------------------------------------------------------------------------

export function integer32<T>(bits: T, truncate: bool): u32 {
  if (isNan<T>(bits)) return indefinite32();
  const value = toNumber<T>(flushed<T>(bits));
  const rounded = roundToInteger(value, truncate);
  if (!(rounded >= -2147483648.0 && rounded <= 2147483647.0)) return indefinite32();
  if (rounded != value) signal(PE);
  return <u32>(<i32>rounded);
}
function integer64<T>(bits: T, truncate: bool): u64 {
  if (isNan<T>(bits)) return indefinite64();
  const value = toNumber<T>(flushed<T>(bits));
  const rounded = roundToInteger(value, truncate);
  if (!(rounded >= -9223372036854775808.0 && rounded < 9223372036854775808.0)) return indefinite64();
  if (rounded != value) signal(PE);
  return <u64>(<i64>rounded);
}

function indefinite32(): u32 {
  signal(IE);
  return 0x8000_0000;
}
function indefinite64(): u64 {
  signal(IE);
  return 0x8000_0000_0000_0000;
}

function toGeneral<T>(u: u32, truncate: bool): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  beginFloat();
  const wide = is64(u);
  const value = wide ? integer64<T>(load<T>(from), truncate) : <u64>integer32<T>(load<T>(from), truncate);
  if (!endFloat()) return FAULTED;
  setReg<u64>(dst(u), value);
  return NEXT;
}
export function cvtss2si(u: u32): i32 {
  return toGeneral<u32>(u, false);
}
export function cvttss2si(u: u32): i32 {
  return toGeneral<u32>(u, true);
}
export function cvtsd2si(u: u32): i32 {
  return toGeneral<u64>(u, false);
}
export function cvttsd2si(u: u32): i32 {
  return toGeneral<u64>(u, true);
}

function floatsToIntegers(u: u32, truncate: bool): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  beginFloat();
  for (let i: u32 = 0; i < 16; i += 4) store<u32>(RESULT + i, integer32<u32>(load<u32>(from + i), truncate));
  return finish(u);
}
export function cvtps2dq(u: u32): i32 {
  return floatsToIntegers(u, false);
}
export function cvttps2dq(u: u32): i32 {
  return floatsToIntegers(u, true);
}

function doublesToIntegers(u: u32, truncate: bool): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  beginFloat();
  store<u32>(RESULT, integer32<u64>(load<u64>(from), truncate));
  store<u32>(RESULT, integer32<u64>(load<u64>(from, 8), truncate), 4);
  store<u64>(RESULT, 0, 8);
  return finish(u);
}
export function cvtpd2dq(u: u32): i32 {
  return doublesToIntegers(u, false);
}
export function cvttpd2dq(u: u32): i32 {
  return doublesToIntegers(u, true);
}

// --- Between float and double --------------------------------------------------------------------------------------------

export function cvtss2sd(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  beginFloat();
  const result = widen(load<u32>(from));
  if (!endFloat()) return FAULTED;
  store<u64>(xmmDst(u), result);
  return NEXT;
}
export function cvtsd2ss(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  beginFloat();
  const result = narrow(load<u64>(from));
  if (!endFloat()) return FAULTED;
  store<u32>(xmmDst(u), result);
  return NEXT;
}
export function cvtps2pd(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const both = load<u64>(from);
  beginFloat();
  store<u64>(RESULT, widen(<u32>both));
  store<u64>(RESULT, widen(<u32>(both >> 32)), 8);
  return finish(u);
}
export function cvtpd2ps(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  beginFloat();
  store<u32>(RESULT, narrow(load<u64>(from)));
  store<u32>(RESULT, narrow(load<u64>(from, 8)), 4);
  store<u64>(RESULT, 0, 8);
  return finish(u);
}
