// AVX moves, masks and tests (Intel SDM Vol. 2).

import {
  FAULTED, MODE, MODE_CODE_64, MODE_CODE_SIZE_MASK, NEXT, UOP_FORM, FORM_LOAD, FORM_MEMORY, UOP_IMM, XMM, YMM_HIGH,
} from './constants';
import { fetch, is256, read256, register, second, set128, set256, target } from './avx-lanes';
import { setArithmeticFlags } from './flags';
import { storeMasked } from './masked-stores';
import { dst, effective, effectiveAt, hasMemory, readAt, readUnaligned, readVector, refuseAddress, setReg, writeBlock, writeVector } from './operands';
import { canonical } from './paging';
import { FLAG_CF, FLAG_ZF, GP, code64, faultPending, raise, setCurrentUop } from './state';

const SOURCE: u32 = <u32>memory.data(32, 16);
const BYTES: u32 = <u32>memory.data(32, 16);

function misaligned(): i32 {
  raise(GP, 0, true);
  return FAULTED;
}

// --- Whole registers -------------------------------------------------------------------------------------------------------

/** Register or memory to register, register to memory; `aligned`: to the operand's size. */
function move(u: u32, aligned: bool): i32 {
  const form = load<u8>(u, UOP_FORM);
  const wide = is256(u);
  if (!(form & FORM_MEMORY)) {
    const from = register(u);
    const high = wide ? v128.load(YMM_HIGH + from) : i64x2.splat(0);
    return set256(target(u), v128.load(XMM + from), high);
  }
  const address = effective(u, wide ? 32 : 16);
  if (aligned && address & (wide ? 31 : 15)) return misaligned();
  if (form & FORM_LOAD) {
    const from = wide ? read256(u, address) : readVector(u, address);
    if (!from) return FAULTED;
    return set256(target(u), v128.load(from), wide ? v128.load(from, 16) : i64x2.splat(0));
  }
  const from = register(u);
  if (!wide) return writeVector(u, address, v128.load(XMM + from)) ? NEXT : FAULTED;
  v128.store(BYTES, v128.load(XMM + from));
  v128.store(BYTES, v128.load(YMM_HIGH + from), 16);
  return writeBlock(u, address, 32, BYTES) ? NEXT : FAULTED;
}
export function vmovups(u: u32): i32 {
  return move(u, false);
}
export function vmovaps(u: u32): i32 {
  return move(u, true);
}

/** The registers that a mode has: outside of 64-bit mode the upper eight are untouched. */
@inline
function registerBytes(): u32 {
  return (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64 ? 256 : 128;
}
export function vzeroupper(_u: u32): i32 {
  memory.fill(YMM_HIGH, 0, registerBytes());
  return NEXT;
}
export function vzeroall(_u: u32): i32 {
  memory.fill(YMM_HIGH, 0, registerBytes());
  memory.fill(XMM, 0, registerBytes());
  return NEXT;
}

// --- Bits to general registers and flags -------------------------------------------------------------------------------------

export function vpmovmskb(u: u32): i32 {
  const low = <u32>i8x16.bitmask(v128.load(XMM + register(u)));
  setReg<u32>(dst(u), low | (<u32>i8x16.bitmask(v128.load(YMM_HIGH + register(u))) << 16));
  return NEXT;
}
export function vmovmskps(u: u32): i32 {
  const low = <u32>i32x4.bitmask(v128.load(XMM + register(u)));
  setReg<u32>(dst(u), low | (<u32>i32x4.bitmask(v128.load(YMM_HIGH + register(u))) << 4));
  return NEXT;
}
export function vmovmskpd(u: u32): i32 {
  const low = <u32>i64x2.bitmask(v128.load(XMM + register(u)));
  setReg<u32>(dst(u), low | (<u32>i64x2.bitmask(v128.load(YMM_HIGH + register(u))) << 2));
  return NEXT;
}

/** ZF: no tested bit in common; CF: every tested bit of the source is in the first operand. */
function testBits(u: u32, tested: v128): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  const wide = is256(u);
  const b = v128.and(v128.load(SOURCE), tested);
  const high = wide ? v128.and(v128.load(SOURCE, 16), tested) : i64x2.splat(0);
  const a = v128.load(XMM + target(u));
  const aHigh = v128.load(YMM_HIGH + target(u));
  const none = !v128.any_true(v128.or(v128.and(b, a), v128.and(high, aHigh)));
  const all = !v128.any_true(v128.or(v128.andnot(b, a), v128.andnot(high, aHigh)));
  setArithmeticFlags((none ? FLAG_ZF : 0) | (all ? FLAG_CF : 0));
  return NEXT;
}
export function vptest(u: u32): i32 {
  return testBits(u, i64x2.splat(-1));
}
export function vtestps(u: u32): i32 {
  return testBits(u, i32x4.splat(<i32>0x8000_0000));
}
export function vtestpd(u: u32): i32 {
  return testBits(u, i64x2.splat(<i64>0x8000_0000_0000_0000));
}

// --- Masked moves --------------------------------------------------------------------------------------------------------------

/** A bit for each byte of the lanes of T whose top bit VEX.vvvv has set. */
function byteMask<T>(u: u32): u32 {
  let mask: u32 = 0;
  const bytes: u32 = is256(u) ? 32 : 16;
  for (let i: u32 = 0; i < bytes; i += sizeof<T>()) {
    const at = (i < 16 ? XMM : YMM_HIGH) + second(u) + (i & 15);
    if (load<i8>(at + sizeof<T>() - 1) < 0) mask |= ((1 << sizeof<T>()) - 1) << i;
  }
  return mask;
}

/**
 * Linear address of the operand, of which only the bytes of `mask` (not 0) matter: they are within the segment and
 * canonical, or a fault is pending.
 */
function chosenAddress(u: u32, mask: u32): u64 {
  setCurrentUop(u);
  const first = ctz<u32>(mask);
  const size = 32 - clz<u32>(mask) - first;
  const address = effectiveAt(u, first, size);
  if (code64() && !(canonical(address) && canonical(address + size - 1))) refuseAddress(u, address, size);
  return address - first;
}

/** Lanes that are not chosen read as 0, and neither their pages nor the segment's limit are asked; nor is alignment. */
function maskedLoad<T>(u: u32): i32 {
  const mask = byteMask<T>(u);
  v128.store(BYTES, i64x2.splat(0));
  v128.store(BYTES, i64x2.splat(0), 16);
  const address = mask ? chosenAddress(u, mask) : 0;
  if (faultPending()) return FAULTED;
  for (let i: u32 = 0; i < 32; i += sizeof<T>()) {
    if (!(mask & (1 << i))) continue;
    if (!readUnaligned<T>(u, address + i, BYTES + i)) return FAULTED;
  }
  return set256(target(u), v128.load(BYTES), v128.load(BYTES, 16));
}
function maskedStore<T>(u: u32): i32 {
  v128.store(BYTES, v128.load(XMM + register(u)));
  v128.store(BYTES, v128.load(YMM_HIGH + register(u)), 16);
  const mask = byteMask<T>(u);
  if (!mask) return NEXT;
  const address = chosenAddress(u, mask);
  return !faultPending() && storeMasked(u, address, BYTES, mask) ? NEXT : FAULTED;
}
export function vmaskmov32_load(u: u32): i32 {
  return maskedLoad<u32>(u);
}
export function vmaskmov64_load(u: u32): i32 {
  return maskedLoad<u64>(u);
}
export function vmaskmov32_store(u: u32): i32 {
  return maskedStore<u32>(u);
}
export function vmaskmov64_store(u: u32): i32 {
  return maskedStore<u64>(u);
}

// --- Broadcasts ----------------------------------------------------------------------------------------------------------------

function broadcast<T>(u: u32): i32 {
  const from = hasMemory(u) ? readAt<T>(u, effective(u, sizeof<T>())) : XMM + register(u);
  if (!from) return FAULTED;
  let value: v128;
  if (sizeof<T>() == 1) value = i8x16.splat(<i8>load<u8>(from));
  else if (sizeof<T>() == 2) value = i16x8.splat(<i16>load<u16>(from));
  else if (sizeof<T>() == 4) value = i32x4.splat(load<i32>(from));
  else value = i64x2.splat(load<i64>(from));
  return set256(target(u), value, is256(u) ? value : i64x2.splat(0));
}
export function vpbroadcastb(u: u32): i32 {
  return broadcast<u8>(u);
}
export function vpbroadcastw(u: u32): i32 {
  return broadcast<u16>(u);
}
export function vpbroadcastd(u: u32): i32 {
  return broadcast<u32>(u);
}
export function vpbroadcastq(u: u32): i32 {
  return broadcast<u64>(u);
}
export function vbroadcast128(u: u32): i32 {
  const from = readVector(u, effective(u, 16));
  return from ? set256(target(u), v128.load(from), v128.load(from)) : FAULTED;
}

// --- Halves ----------------------------------------------------------------------------------------------------------------------

export function vinsert128(u: u32): i32 {
  const from = hasMemory(u) ? readVector(u, effective(u, 16)) : XMM + register(u);
  if (!from) return FAULTED;
  const half = v128.load(from);
  const a = v128.load(XMM + second(u));
  const high = v128.load(YMM_HIGH + second(u));
  return load<u32>(u, UOP_IMM) & 1 ? set256(target(u), a, half) : set256(target(u), half, high);
}
export function vextract128(u: u32): i32 {
  const half = v128.load((load<u32>(u, UOP_IMM) & 1 ? YMM_HIGH : XMM) + register(u));
  if (hasMemory(u)) return writeVector(u, effective(u, 16), half) ? NEXT : FAULTED;
  return set128(target(u), half);
}
