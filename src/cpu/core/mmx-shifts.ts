// MMX shifts (Intel SDM Vol. 2): a count beyond the element clears it, or fills it with its sign.

import { NEXT, UOP_IMM } from './constants';
import { getMmx, mmxRefusal, mmxSource, setMmx } from './mmx-operands';
import { beginX87 } from './x87-state';

@inline
function psllwBy(value: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shl(value, <i32>count);
}
export function mmx_psllw(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psllwBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psllw_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psllwBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function pslldBy(value: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shl(value, <i32>count);
}
export function mmx_pslld(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, pslldBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_pslld_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, pslldBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psllqBy(value: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shl(value, <i32>count);
}
export function mmx_psllq(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psllqBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psllq_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psllqBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psrlwBy(value: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shr_u(value, <i32>count);
}
export function mmx_psrlw(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psrlwBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psrlw_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psrlwBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psrldBy(value: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shr_u(value, <i32>count);
}
export function mmx_psrld(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psrldBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psrld_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psrldBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psrlqBy(value: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shr_u(value, <i32>count);
}
export function mmx_psrlq(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psrlqBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psrlq_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psrlqBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psrawBy(value: v128, count: u64): v128 {
  return i16x8.shr_s(value, <i32>min<u64>(count, 15));
}
export function mmx_psraw(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psrawBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psraw_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psrawBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
@inline
function psradBy(value: v128, count: u64): v128 {
  return i32x4.shr_s(value, <i32>min<u64>(count, 31));
}
export function mmx_psrad(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx(u, psradBy(getMmx(u), load<u64>(from))) : mmxRefusal;
}
export function mmx_psrad_imm(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx(u, psradBy(getMmx(u), <u64>(load<u32>(u, UOP_IMM) & 0xff))) : code;
}
