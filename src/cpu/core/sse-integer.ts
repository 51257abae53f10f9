// Packed integer instructions of SSE2, on whole registers (Intel SDM Vol. 2).

import { FAULTED } from './constants';
import { getDst, setDst, source128 } from './sse-operands';

export function paddb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.add(getDst(u), v128.load(from)));
}
export function paddw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.add(getDst(u), v128.load(from)));
}
export function paddd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i32x4.add(getDst(u), v128.load(from)));
}
export function paddq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i64x2.add(getDst(u), v128.load(from)));
}
export function psubb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.sub(getDst(u), v128.load(from)));
}
export function psubw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.sub(getDst(u), v128.load(from)));
}
export function psubd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i32x4.sub(getDst(u), v128.load(from)));
}
export function psubq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i64x2.sub(getDst(u), v128.load(from)));
}
export function paddsb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.add_sat_s(getDst(u), v128.load(from)));
}
export function paddsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.add_sat_s(getDst(u), v128.load(from)));
}
export function paddusb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.add_sat_u(getDst(u), v128.load(from)));
}
export function paddusw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.add_sat_u(getDst(u), v128.load(from)));
}
export function psubsb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.sub_sat_s(getDst(u), v128.load(from)));
}
export function psubsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.sub_sat_s(getDst(u), v128.load(from)));
}
export function psubusb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.sub_sat_u(getDst(u), v128.load(from)));
}
export function psubusw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.sub_sat_u(getDst(u), v128.load(from)));
}
export function pmullw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.mul(getDst(u), v128.load(from)));
}
export function pmaddwd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i32x4.dot_i16x8_s(getDst(u), v128.load(from)));
}
export function pavgb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.avgr_u(getDst(u), v128.load(from)));
}
export function pavgw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.avgr_u(getDst(u), v128.load(from)));
}
export function pminub(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.min_u(getDst(u), v128.load(from)));
}
export function pmaxub(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.max_u(getDst(u), v128.load(from)));
}
export function pminsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.min_s(getDst(u), v128.load(from)));
}
export function pmaxsw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.max_s(getDst(u), v128.load(from)));
}
export function pcmpeqb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.eq(getDst(u), v128.load(from)));
}
export function pcmpeqw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.eq(getDst(u), v128.load(from)));
}
export function pcmpeqd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i32x4.eq(getDst(u), v128.load(from)));
}
export function pcmpgtb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.gt_s(getDst(u), v128.load(from)));
}
export function pcmpgtw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.gt_s(getDst(u), v128.load(from)));
}
export function pcmpgtd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i32x4.gt_s(getDst(u), v128.load(from)));
}
export function pand(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.and(getDst(u), v128.load(from)));
}
export function por(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.or(getDst(u), v128.load(from)));
}
export function pxor(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.xor(getDst(u), v128.load(from)));
}
export function packsswb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.narrow_i16x8_s(getDst(u), v128.load(from)));
}
export function packuswb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i8x16.narrow_i16x8_u(getDst(u), v128.load(from)));
}
export function packssdw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i16x8.narrow_i32x4_s(getDst(u), v128.load(from)));
}
export function pandn(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.andnot(v128.load(from), getDst(u)));
}
export function punpcklbw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i8>(getDst(u), v128.load(from), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}
export function punpcklwd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i16>(getDst(u), v128.load(from), 0, 8, 1, 9, 2, 10, 3, 11));
}
export function punpckldq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i32>(getDst(u), v128.load(from), 0, 4, 1, 5));
}
export function punpcklqdq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i64>(getDst(u), v128.load(from), 0, 2));
}
export function punpckhbw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i8>(getDst(u), v128.load(from), 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
export function punpckhwd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i16>(getDst(u), v128.load(from), 4, 12, 5, 13, 6, 14, 7, 15));
}
export function punpckhdq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i32>(getDst(u), v128.load(from), 2, 6, 3, 7));
}
export function punpckhqdq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i64>(getDst(u), v128.load(from), 1, 3));
}
export function pmulhw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i16>(i32x4.extmul_low_i16x8_s(getDst(u), v128.load(from)), i32x4.extmul_high_i16x8_s(getDst(u), v128.load(from)), 1, 3, 5, 7, 9, 11, 13, 15));
}
export function pmulhuw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.shuffle<i16>(i32x4.extmul_low_i16x8_u(getDst(u), v128.load(from)), i32x4.extmul_high_i16x8_u(getDst(u), v128.load(from)), 1, 3, 5, 7, 9, 11, 13, 15));
}
export function pmuludq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, i64x2.extmul_low_i32x4_u(v128.shuffle<i32>(getDst(u), getDst(u), 0, 2, 0, 2), v128.shuffle<i32>(v128.load(from), v128.load(from), 0, 2, 0, 2)));
}
