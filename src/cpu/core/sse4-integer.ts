// SSE4.1 and SSE4.2: packed integers (Intel SDM Vol. 2).

import { FAULTED, NEXT } from './constants';
import { setArithmeticFlags } from './flags';
import { getDst, setDst, source128, sourceScalar, xmmDst } from './sse-operands';
import { FLAG_CF, FLAG_ZF } from './state';

export function pminsb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i8x16.min_s(a, b));
}
export function pmaxsb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i8x16.max_s(a, b));
}
export function pminuw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.min_u(a, b));
}
export function pmaxuw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.max_u(a, b));
}
export function pminsd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.min_s(a, b));
}
export function pmaxsd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.max_s(a, b));
}
export function pminud(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.min_u(a, b));
}
export function pmaxud(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.max_u(a, b));
}
export function pmulld(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.mul(a, b));
}
export function pcmpeqq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i64x2.eq(a, b));
}
export function pcmpgtq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i64x2.gt_s(a, b));
}
export function packusdw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.narrow_i32x4_u(a, b));
}
export function pmuldq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i64x2.extmul_low_i32x4_s(v128.shuffle<i32>(a, a, 0, 2, 0, 2), v128.shuffle<i32>(b, b, 0, 2, 0, 2)));
}

/** Lanes of T from the low part of a source of S, which may be in memory of just that size. */
export function pmovsxbw(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i16x8.extend_low_i8x16_s(value));
}
export function pmovzxbw(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i16x8.extend_low_i8x16_u(value));
}
export function pmovsxbd(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u32>(from));
  return setDst(u, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(value)));
}
export function pmovzxbd(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u32>(from));
  return setDst(u, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(value)));
}
export function pmovsxbq(u: u32): i32 {
  const from = sourceScalar<u16>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u16>(from));
  return setDst(u, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(value))));
}
export function pmovzxbq(u: u32): i32 {
  const from = sourceScalar<u16>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u16>(from));
  return setDst(u, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(value))));
}
export function pmovsxwd(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i32x4.extend_low_i16x8_s(value));
}
export function pmovzxwd(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i32x4.extend_low_i16x8_u(value));
}
export function pmovsxwq(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u32>(from));
  return setDst(u, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(value)));
}
export function pmovzxwq(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u32>(from));
  return setDst(u, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(value)));
}
export function pmovsxdq(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i64x2.extend_low_i32x4_s(value));
}
export function pmovzxdq(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  const value = i64x2.splat(<i64>load<u64>(from));
  return setDst(u, i64x2.extend_low_i32x4_u(value));
}

/** ZF: no bit in common; CF: every bit of the source is in the destination. */
export function ptest(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const none = !v128.any_true(v128.and(b, a));
  const all = !v128.any_true(v128.andnot(b, a));
  setArithmeticFlags((none ? FLAG_ZF : 0) | (all ? FLAG_CF : 0));
  return NEXT;
}

/** The smallest word and the number of its first place. */
export function phminposuw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  let least = <u32>load<u16>(from);
  let place: u32 = 0;
  for (let i: u32 = 1; i < 8; i++) {
    const value = <u32>load<u16>(from + i * 2);
    if (value >= least) continue;
    least = value;
    place = i;
  }
  store<u64>(xmmDst(u), <u64>(least | (place << 16)));
  store<u64>(xmmDst(u), 0, 8);
  return NEXT;
}
