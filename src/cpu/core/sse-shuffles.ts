// Shifts, shuffles and transfers between general and xmm registers (Intel SDM Vol. 2).

import { FAULTED, NEXT, UOP_IMM } from './constants';
import { dst, setReg, source, src } from './operands';
import { getDst, setDst, source128, xmmDst, xmmSrc } from './sse-operands';

@inline
function psllwBy(value: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shl(value, <i32>count);
}
export function psllw(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psllwBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psllw_imm(u: u32): i32 {
  return setDst(u, psllwBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function pslldBy(value: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shl(value, <i32>count);
}
export function pslld(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, pslldBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function pslld_imm(u: u32): i32 {
  return setDst(u, pslldBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psllqBy(value: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shl(value, <i32>count);
}
export function psllq(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psllqBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psllq_imm(u: u32): i32 {
  return setDst(u, psllqBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psrlwBy(value: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shr_u(value, <i32>count);
}
export function psrlw(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psrlwBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psrlw_imm(u: u32): i32 {
  return setDst(u, psrlwBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psrldBy(value: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shr_u(value, <i32>count);
}
export function psrld(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psrldBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psrld_imm(u: u32): i32 {
  return setDst(u, psrldBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psrlqBy(value: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shr_u(value, <i32>count);
}
export function psrlq(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psrlqBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psrlq_imm(u: u32): i32 {
  return setDst(u, psrlqBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psrawBy(value: v128, count: u64): v128 {
  return i16x8.shr_s(value, <i32>min<u64>(count, 15));
}
export function psraw(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psrawBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psraw_imm(u: u32): i32 {
  return setDst(u, psrawBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
@inline
function psradBy(value: v128, count: u64): v128 {
  return i32x4.shr_s(value, <i32>min<u64>(count, 31));
}
export function psrad(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, psradBy(getDst(u), load<u64>(from))) : FAULTED;
}
export function psrad_imm(u: u32): i32 {
  return setDst(u, psradBy(getDst(u), <u64>(load<u32>(u, UOP_IMM) & 0xff)));
}
/** Whole-register byte shifts; 16 and more clear it. */
export function psrldq_imm(u: u32): i32 {
  const count = min<u32>(load<u32>(u, UOP_IMM) & 0xff, 16);
  const at = xmmDst(u);
  memory.copy(SHUFFLED, at, 16);
  memory.fill(SHUFFLED + 16, 0, 16);
  memory.copy(at, SHUFFLED + count, 16);
  return NEXT;
}
export function pslldq_imm(u: u32): i32 {
  const count = min<u32>(load<u32>(u, UOP_IMM) & 0xff, 16);
  const at = xmmDst(u);
  memory.copy(SHUFFLED + 16, at, 16);
  memory.fill(SHUFFLED, 0, 16);
  memory.copy(at, SHUFFLED + 16 - count, 16);
  return NEXT;
}

const SHUFFLED: u32 = <u32>memory.data(32, 16);

/** Four lanes of T chosen by an immediate: the low `half` from the first source, the others from the second. */
@inline
function pick<T>(to: u32, first: u32, second: u32, selector: u32): void {
  for (let i: u32 = 0; i < 4; i++) {
    const lane = (selector >> (i * 2)) & 3;
    store<T>(to + i * sizeof<T>(), load<T>((i < 2 ? first : second) + lane * sizeof<T>()));
  }
}

export function pshufd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  pick<u32>(SHUFFLED, from, from, load<u32>(u, UOP_IMM));
  return setDst(u, v128.load(SHUFFLED));
}
export function pshuflw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  pick<u16>(SHUFFLED, from, from, load<u32>(u, UOP_IMM));
  store<u64>(SHUFFLED, load<u64>(from, 8), 8);
  return setDst(u, v128.load(SHUFFLED));
}
export function pshufhw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  pick<u16>(SHUFFLED + 8, from + 8, from + 8, load<u32>(u, UOP_IMM));
  store<u64>(SHUFFLED, load<u64>(from));
  return setDst(u, v128.load(SHUFFLED));
}
export function shufps(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  pick<u32>(SHUFFLED, xmmDst(u), from, load<u32>(u, UOP_IMM));
  return setDst(u, v128.load(SHUFFLED));
}
export function shufpd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const selector = load<u32>(u, UOP_IMM);
  const low = load<u64>(xmmDst(u) + (selector & 1) * 8);
  const high = load<u64>(from + ((selector >> 1) & 1) * 8);
  store<u64>(xmmDst(u), low);
  store<u64>(xmmDst(u), high, 8);
  return NEXT;
}

/** Sums of absolute byte differences, per half. */
export function psadbw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const a = getDst(u);
  const b = v128.load(from);
  v128.store(SHUFFLED, i8x16.sub(i8x16.max_u(a, b), i8x16.min_u(a, b)));
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    low += <u64>load<u8>(SHUFFLED + i);
    high += <u64>load<u8>(SHUFFLED + 8 + i);
  }
  store<u64>(xmmDst(u), low);
  store<u64>(xmmDst(u), high, 8);
  return NEXT;
}

export function pmovmskb(u: u32): i32 {
  setReg<u64>(dst(u), <u64>(<u32>i8x16.bitmask(v128.load(xmmSrc(u))) & 0xffff));
  return NEXT;
}
export function movmskps(u: u32): i32 {
  setReg<u64>(dst(u), <u64>i32x4.bitmask(v128.load(xmmSrc(u))));
  return NEXT;
}
export function movmskpd(u: u32): i32 {
  setReg<u64>(dst(u), <u64>i64x2.bitmask(v128.load(xmmSrc(u))));
  return NEXT;
}
export function pextrw(u: u32): i32 {
  setReg<u64>(dst(u), <u64>load<u16>(xmmSrc(u) + (load<u32>(u, UOP_IMM) & 7) * 2));
  return NEXT;
}
export function pinsrw(u: u32): i32 {
  const from = source<u16>(u, src(u));
  if (!from) return FAULTED;
  store<u16>(xmmDst(u) + (load<u32>(u, UOP_IMM) & 7) * 2, load<u16>(from));
  return NEXT;
}
