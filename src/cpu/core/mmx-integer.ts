// MMX arithmetic, comparison, packing and logic (Intel SDM Vol. 2): the lower half of 128-bit operations.

import { getMmx, mmxRefusal, mmxSource, mmxSource32, setMmx } from './mmx-operands';

/** The operands side by side, the destination below. */
@inline
function both(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2);
}
@inline
function upperWords(products: v128): v128 {
  return v128.shuffle<i16>(products, products, 1, 3, 5, 7, 0, 0, 0, 0);
}

export function mmx_paddb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.add(a, b));
}
export function mmx_paddw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.add(a, b));
}
export function mmx_paddd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.add(a, b));
}
export function mmx_paddq(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i64x2.add(a, b));
}
export function mmx_psubb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.sub(a, b));
}
export function mmx_psubw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.sub(a, b));
}
export function mmx_psubd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.sub(a, b));
}
export function mmx_psubq(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i64x2.sub(a, b));
}
export function mmx_paddsb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.add_sat_s(a, b));
}
export function mmx_paddsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.add_sat_s(a, b));
}
export function mmx_paddusb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.add_sat_u(a, b));
}
export function mmx_paddusw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.add_sat_u(a, b));
}
export function mmx_psubsb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.sub_sat_s(a, b));
}
export function mmx_psubsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.sub_sat_s(a, b));
}
export function mmx_psubusb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.sub_sat_u(a, b));
}
export function mmx_psubusw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.sub_sat_u(a, b));
}
export function mmx_pmullw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.mul(a, b));
}
export function mmx_pmaddwd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.dot_i16x8_s(a, b));
}
export function mmx_pmuludq(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i64x2.extmul_low_i32x4_u(a, b));
}
export function mmx_pavgb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.avgr_u(a, b));
}
export function mmx_pavgw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.avgr_u(a, b));
}
export function mmx_pminub(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.min_u(a, b));
}
export function mmx_pmaxub(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.max_u(a, b));
}
export function mmx_pminsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.min_s(a, b));
}
export function mmx_pmaxsw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.max_s(a, b));
}
export function mmx_pcmpeqb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.eq(a, b));
}
export function mmx_pcmpeqw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.eq(a, b));
}
export function mmx_pcmpeqd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.eq(a, b));
}
export function mmx_pcmpgtb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.gt_s(a, b));
}
export function mmx_pcmpgtw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.gt_s(a, b));
}
export function mmx_pcmpgtd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i32x4.gt_s(a, b));
}
export function mmx_pand(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.and(a, b));
}
export function mmx_por(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.or(a, b));
}
export function mmx_pxor(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.xor(a, b));
}
export function mmx_pandn(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.andnot(b, a));
}
export function mmx_pmulhw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, upperWords(i32x4.extmul_low_i16x8_s(a, b)));
}
export function mmx_pmulhuw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, upperWords(i32x4.extmul_low_i16x8_u(a, b)));
}
export function mmx_packsswb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.narrow_i16x8_s(both(a, b), a));
}
export function mmx_packuswb(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i8x16.narrow_i16x8_u(both(a, b), a));
}
export function mmx_packssdw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, i16x8.narrow_i32x4_s(both(a, b), a));
}
export function mmx_punpckhbw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.shuffle<i8>(a, b, 4, 20, 5, 21, 6, 22, 7, 23, 0, 0, 0, 0, 0, 0, 0, 0));
}
export function mmx_punpckhwd(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.shuffle<i16>(a, b, 2, 10, 3, 11, 0, 0, 0, 0));
}
export function mmx_punpckhdq(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load64_zero(from);
  return setMmx(u, v128.shuffle<i32>(a, b, 1, 5, 0, 0));
}
export function mmx_punpcklbw(u: u32): i32 {
  const from = mmxSource32(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load32_zero(from);
  return setMmx(u, v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 0, 0, 0, 0, 0, 0, 0, 0));
}
export function mmx_punpcklwd(u: u32): i32 {
  const from = mmxSource32(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load32_zero(from);
  return setMmx(u, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 0, 0, 0, 0));
}
export function mmx_punpckldq(u: u32): i32 {
  const from = mmxSource32(u);
  if (!from) return mmxRefusal;
  const a = getMmx(u);
  const b = v128.load32_zero(from);
  return setMmx(u, v128.shuffle<i32>(a, b, 0, 4, 0, 0));
}
