// SSSE3 on MMX registers (Intel SDM Vol. 2): the lower half of 128-bit operations.

import { UOP_IMM } from './constants';
import { getMmx, mmxRefusal, mmxSource, setMmx } from './mmx-operands';

@inline
function both(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2);
}
@inline
function evenWords(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 0, 2, 4, 6, 0, 0, 0, 0);
}
@inline
function oddWords(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 1, 3, 5, 7, 0, 0, 0, 0);
}
@inline
function evenDwords(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 0, 2, 0, 0);
}
@inline
function oddDwords(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 3, 0, 0);
}
@inline
function addPairs(products: v128): v128 {
  return i16x8.add_sat_s(evenWords(products), oddWords(products));
}
/** Bits 30-15 of the products, rounded. */
@inline
function roundHigh(products: v128): v128 {
  return evenWords(i32x4.shr_s(i32x4.add(i32x4.shr_s(products, 14), i32x4.splat(1)), 1));
}

export function mmx_phaddw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.add(evenWords(both(a, b)), oddWords(both(a, b))));
}
export function mmx_phaddsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.add_sat_s(evenWords(both(a, b)), oddWords(both(a, b))));
}
export function mmx_phsubw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.sub(evenWords(both(a, b)), oddWords(both(a, b))));
}
export function mmx_phsubsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.sub_sat_s(evenWords(both(a, b)), oddWords(both(a, b))));
}
export function mmx_phaddd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.add(evenDwords(both(a, b)), oddDwords(both(a, b))));
}
export function mmx_phsubd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.sub(evenDwords(both(a, b)), oddDwords(both(a, b))));
}
export function mmx_pmaddubsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, addPairs(i16x8.mul(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_s(b))));
}
export function mmx_pmulhrsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, roundHigh(i32x4.extmul_low_i16x8_s(a, b)));
}
export function mmx_psignb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.andnot(v128.bitselect(i8x16.neg(a), a, i8x16.lt_s(b, i8x16.splat(0))), i8x16.eq(b, i8x16.splat(0))));
}
export function mmx_pabsb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.abs(b));
}
export function mmx_psignw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.andnot(v128.bitselect(i16x8.neg(a), a, i16x8.lt_s(b, i16x8.splat(0))), i16x8.eq(b, i16x8.splat(0))));
}
export function mmx_pabsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.abs(b));
}
export function mmx_psignd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.andnot(v128.bitselect(i32x4.neg(a), a, i32x4.lt_s(b, i32x4.splat(0))), i32x4.eq(b, i32x4.splat(0))));
}
export function mmx_pabsd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.abs(b));
}
export function mmx_pshufb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x87))));
}

const PAIR: u32 = <u32>memory.data(32, 16);

/** Eight bytes out of destination:source; what lies beyond them is 0. */
export function mmx_palignr(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const count = min<u32>(load<u32>(u, UOP_IMM) & 0xff, 16);
  const low = load<u64>(from);
  memory.fill(PAIR, 0, 32);
  v128.store64_lane(PAIR + 8, getMmx(u), 0);
  store<u64>(PAIR, low);
  return setMmx(u, v128.load64_zero(PAIR + count));
}
