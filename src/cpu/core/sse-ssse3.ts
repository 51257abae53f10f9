// SSSE3 on xmm registers (Intel SDM Vol. 2).

import { FAULTED, NEXT, UOP_IMM } from './constants';
import { getDst, setDst, source128, xmmDst } from './sse-operands';

/** Even and odd 16-bit lanes of two vectors, as one vector each. */
@inline
function even16(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}
@inline
function odd16(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
@inline
function even32(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}
@inline
function odd32(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 1, 3, 5, 7);
}

/** Bit 7 of an index clears the byte, the low four bits choose one: swizzle clears for every index above 15. */
export function pshufb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f))));
}
export function phaddw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.add(even16(a, b), odd16(a, b)));
}
export function phaddd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.add(even32(a, b), odd32(a, b)));
}
export function phaddsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.add_sat_s(even16(a, b), odd16(a, b)));
}
export function phsubw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.sub(even16(a, b), odd16(a, b)));
}
export function phsubd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i32x4.sub(even32(a, b), odd32(a, b)));
}
export function phsubsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  return setDst(u, i16x8.sub_sat_s(even16(a, b), odd16(a, b)));
}

/** Unsigned bytes of the destination times signed bytes of the source; sums of neighbours saturate. */
export function pmaddubsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const low = i16x8.mul(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_s(b));
  const high = i16x8.mul(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_s(b));
  return setDst(u, i16x8.add_sat_s(even16(low, high), odd16(low, high)));
}

/** Rounded upper half of the product; -1 times -1 wraps, where WebAssembly's saturates. */
export function pmulhrsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const least = i16x8.splat(<i16>0x8000);
  const wraps = v128.and(i16x8.eq(a, least), i16x8.eq(b, least));
  return setDst(u, v128.xor(i16x8.q15mulr_sat_s(a, b), wraps));
}

/** The destination negated where the source is negative, cleared where it is 0. */
export function psignb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const negative = i8x16.shr_s(b, 7);
  const signed = i8x16.sub(v128.xor(a, negative), negative);
  return setDst(u, v128.andnot(signed, i8x16.eq(b, i8x16.splat(0))));
}
/** The destination negated where the source is negative, cleared where it is 0. */
export function psignw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const negative = i16x8.shr_s(b, 15);
  const signed = i16x8.sub(v128.xor(a, negative), negative);
  return setDst(u, v128.andnot(signed, i16x8.eq(b, i16x8.splat(0))));
}
/** The destination negated where the source is negative, cleared where it is 0. */
export function psignd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  const negative = i32x4.shr_s(b, 31);
  const signed = i32x4.sub(v128.xor(a, negative), negative);
  return setDst(u, v128.andnot(signed, i32x4.eq(b, i32x4.splat(0))));
}
export function pabsb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const b = v128.load(from);
  return setDst(u, i8x16.abs(b));
}
export function pabsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const b = v128.load(from);
  return setDst(u, i16x8.abs(b));
}
export function pabsd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const b = v128.load(from);
  return setDst(u, i32x4.abs(b));
}

const JOINED: u32 = <u32>memory.data(48, 16);

/** 16 bytes of destination:source from byte `imm8` on; beyond them there are zeros. */
export function palignr(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  v128.store(JOINED, v128.load(from));
  v128.store(JOINED, getDst(u), 16);
  v128.store(JOINED, i64x2.splat(0), 32);
  const count = min<u32>(load<u32>(u, UOP_IMM) & 0xff, 32);
  v128.store(xmmDst(u), v128.load(JOINED + count));
  return NEXT;
}
