// SSE4.1: ROUND and dot products; RCP and RSQRT of SSE (Intel SDM Vol. 2).

import { FAULTED, NEXT, UOP_IMM } from './constants';
import {
  beginFloat, endFloat, endStage, floatOperation, flushed, IE, OP_ADD, OP_MUL, PE, roundBy, roundingMode, signal,
} from './float';
import { isNan, isSignalling, quieted, toNumber } from './float-bits';
import { setDst, source128, sourceScalar, xmmDst } from './sse-operands';

const RESULT: u32 = <u32>memory.data(16, 16);

// --- ROUND -------------------------------------------------------------------------------------------------------------

/** imm8: bits 1-0 the rounding mode, bit 2 MXCSR's instead, bit 3 no precision exception. */
function rounded<T>(bits: T, selector: u32): T {
  if (isNan<T>(bits)) {
    if (isSignalling<T>(bits)) signal(IE);
    return quieted<T>(bits);
  }
  const value = toNumber<T>(flushed<T>(bits));
  const result = roundBy(value, selector & 4 ? roundingMode() : selector & 3);
  if (result != value && !(selector & 8)) signal(PE);
  return sizeof<T>() == 4 ? <T>reinterpret<u32>(<f32>result) : <T>reinterpret<u64>(result);
}

function roundPacked<T>(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const selector = load<u32>(u, UOP_IMM);
  beginFloat();
  for (let i: u32 = 0; i < 16; i += sizeof<T>()) store<T>(RESULT + i, rounded<T>(load<T>(from + i), selector));
  return endFloat() ? setDst(u, v128.load(RESULT)) : FAULTED;
}
function roundScalar<T>(u: u32): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  beginFloat();
  const result = rounded<T>(load<T>(from), load<u32>(u, UOP_IMM));
  if (!endFloat()) return FAULTED;
  store<T>(xmmDst(u), result);
  return NEXT;
}
export function roundps(u: u32): i32 {
  return roundPacked<u32>(u);
}
export function roundpd(u: u32): i32 {
  return roundPacked<u64>(u);
}
export function roundss(u: u32): i32 {
  return roundScalar<u32>(u);
}
export function roundsd(u: u32): i32 {
  return roundScalar<u64>(u);
}

// --- Dot products --------------------------------------------------------------------------------------------------------

/** Bits 7-4 of imm8 choose the products, +0 for the others; bits 3-0 where the sum goes. */
@inline
function product<T>(to: u32, from: u32, lane: u32, selector: u32): T {
  if (!(selector & (16 << lane))) return 0;
  return floatOperation<T>(OP_MUL, load<T>(to + lane * sizeof<T>()), load<T>(from + lane * sizeof<T>()));
}

export function dpps(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  const selector = load<u32>(u, UOP_IMM);
  beginFloat();
  for (let i: u32 = 0; i < 4; i++) store<u32>(RESULT + i * 4, product<u32>(to, from, i, selector));
  endStage(0);
  const low = floatOperation<u32>(OP_ADD, load<u32>(RESULT), load<u32>(RESULT, 4));
  const high = floatOperation<u32>(OP_ADD, load<u32>(RESULT, 8), load<u32>(RESULT, 12));
  endStage(1);
  const sum = floatOperation<u32>(OP_ADD, low, high);
  endStage(2);
  if (!endFloat()) return FAULTED;
  for (let i: u32 = 0; i < 4; i++) store<u32>(to + i * 4, selector & (1 << i) ? sum : 0);
  return NEXT;
}
export function dppd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  const selector = load<u32>(u, UOP_IMM);
  beginFloat();
  const low = product<u64>(to, from, 0, selector);
  const high = product<u64>(to, from, 1, selector);
  endStage(0);
  const sum = floatOperation<u64>(OP_ADD, low, high);
  endStage(1);
  if (!endFloat()) return FAULTED;
  for (let i: u32 = 0; i < 2; i++) store<u64>(to + i * 8, selector & (1 << i) ? sum : 0);
  return NEXT;
}

// --- Approximations --------------------------------------------------------------------------------------------------------

// A real processor answers with about 12 bits, other ones on every model (relative error at most 1.5 * 2^-12). Here the
// answer is the nearest float. No exception is raised and MXCSR changes nothing; denormals count as zeros.

const SMALLEST_NORMAL: u32 = 0x0080_0000;

function approximate(bits: u32, root: bool): u32 {
  const sign = bits & 0x8000_0000;
  const size = bits & 0x7fff_ffff;
  if (size > 0x7f80_0000) return bits | 0x40_0000;
  if (size < SMALLEST_NORMAL) return sign | 0x7f80_0000;
  if (root && sign) return 0xffc0_0000;
  const value = reinterpret<f32>(bits);
  const result = reinterpret<u32>(root ? <f32>(1.0 / sqrt<f64>(<f64>value)) : <f32>1 / value);
  return (result & 0x7fff_ffff) < SMALLEST_NORMAL ? sign : result;
}

function approximatePacked(u: u32, root: bool): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  for (let i: u32 = 0; i < 16; i += 4) store<u32>(RESULT + i, approximate(load<u32>(from + i), root));
  return setDst(u, v128.load(RESULT));
}
function approximateScalar(u: u32, root: bool): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  store<u32>(xmmDst(u), approximate(load<u32>(from), root));
  return NEXT;
}
export function rcpps(u: u32): i32 {
  return approximatePacked(u, false);
}
export function rcpss(u: u32): i32 {
  return approximateScalar(u, false);
}
export function rsqrtps(u: u32): i32 {
  return approximatePacked(u, true);
}
export function rsqrtss(u: u32): i32 {
  return approximateScalar(u, true);
}
