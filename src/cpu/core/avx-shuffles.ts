// AVX and AVX2 permutations, variable blends and shifts, gathers (Intel SDM Vol. 2).

import { FAULTED, MODE, MODE_CODE_64, MODE_CODE_SIZE_MASK, NEXT, UOP_IMM, UOP_SCALE, UOP_SEGMENT, UOP_SUB, XMM, YMM_HIGH } from './constants';
import { fetch, is256, register, second, set256, target } from './avx-lanes';
import { addressMask, linear, offsetOf, readUnaligned } from './operands';

const FIRST: u32 = <u32>memory.data(32, 16);
const SOURCE: u32 = <u32>memory.data(32, 16);
const RESULT: u32 = <u32>memory.data(32, 16);

@inline
function bytesOf(u: u32): u32 {
  return is256(u) ? 32 : 16;
}
/** Both halves of a register at `to`, in one piece. */
@inline
function gatherRegister(number: u32, to: u32): void {
  v128.store(to, v128.load(XMM + number));
  v128.store(to, v128.load(YMM_HIGH + number), 16);
}
@inline
function finish(u: u32): i32 {
  return set256(target(u), v128.load(RESULT), is256(u) ? v128.load(RESULT, 16) : i64x2.splat(0));
}
@inline
function immediate(u: u32): u32 {
  return load<u32>(u, UOP_IMM) & 0xff;
}

// --- Within lanes ----------------------------------------------------------------------------------------------------------

/** VPERMILPS, VPERMILPD by a vector of selectors. */
function permuteInLane<T>(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < bytesOf(u); i += sizeof<T>()) {
    const selector = load<u32>(SOURCE + i);
    const lane = sizeof<T>() == 4 ? selector & 3 : (selector >> 1) & 1;
    store<T>(RESULT + i, load<T>(FIRST + (i & 16) + lane * sizeof<T>()));
  }
  return finish(u);
}
export function vpermilps(u: u32): i32 {
  return permuteInLane<u32>(u);
}
export function vpermilpd(u: u32): i32 {
  return permuteInLane<u64>(u);
}
export function vpermilps_imm(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  for (let i: u32 = 0; i < bytesOf(u); i += 4) {
    const lane = (immediate(u) >> ((i & 12) >> 1)) & 3;
    store<u32>(RESULT + i, load<u32>(SOURCE + (i & 16) + lane * 4));
  }
  return finish(u);
}
export function vpermilpd_imm(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  for (let i: u32 = 0; i < bytesOf(u); i += 8) {
    const lane = (immediate(u) >> (i >> 3)) & 1;
    store<u64>(RESULT + i, load<u64>(SOURCE + (i & 16) + lane * 8));
  }
  return finish(u);
}

/** Outside of 64-bit mode bit 7 of the register's number is ignored. */
@inline
function maskRegisters(): u32 {
  return (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64 ? 0xf0 : 0x70;
}

/** Lanes of T whose top bit is set in the register of imm8 bits 7-4 come from the source. */
function blendBy<T>(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  const mask = immediate(u) & maskRegisters();
  for (let i: u32 = 0; i < bytesOf(u); i += sizeof<T>()) {
    const at = (i < 16 ? XMM : YMM_HIGH) + mask + (i & 15) + sizeof<T>() - 1;
    store<T>(RESULT + i, load<T>((load<i8>(at) < 0 ? SOURCE : FIRST) + i));
  }
  return finish(u);
}
export function vblendvps(u: u32): i32 {
  return blendBy<u32>(u);
}
export function vblendvpd(u: u32): i32 {
  return blendBy<u64>(u);
}
export function vpblendvb(u: u32): i32 {
  return blendBy<u8>(u);
}
export function vpblendd(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < bytesOf(u); i += 4) {
    store<u32>(RESULT + i, load<u32>((immediate(u) & (1 << (i >> 2)) ? SOURCE : FIRST) + i));
  }
  return finish(u);
}

// --- Across lanes ------------------------------------------------------------------------------------------------------------

/** Halves of two sources by bits 1-0 and 5-4, zeros by bits 3 and 7. */
export function vperm2x128(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let half: u32 = 0; half < 2; half++) {
    const control = immediate(u) >> (half * 4);
    const from = (control & 2 ? SOURCE : FIRST) + (control & 1) * 16;
    v128.store(RESULT + half * 16, control & 8 ? i64x2.splat(0) : v128.load(from));
  }
  return finish(u);
}
/** VPERMD, VPERMPS: the selectors stand in VEX.vvvv. */
export function vpermd(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 4) store<u32>(RESULT + i, load<u32>(SOURCE + (load<u32>(FIRST + i) & 7) * 4));
  return finish(u);
}
export function vpermq(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  for (let i: u32 = 0; i < 4; i++) {
    store<u64>(RESULT + i * 8, load<u64>(SOURCE + ((immediate(u) >> (i * 2)) & 3) * 8));
  }
  return finish(u);
}

// --- Shifts by counts of their own ---------------------------------------------------------------------------------------------

export function vpsllvd(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 4) {
    const count = load<u32>(SOURCE + i);
    store<u32>(RESULT + i, count > 31 ? 0 : load<u32>(FIRST + i) << count);
  }
  return finish(u);
}
export function vpsllvq(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 8) {
    const count = load<u64>(SOURCE + i);
    store<u64>(RESULT + i, count > 63 ? 0 : load<u64>(FIRST + i) << count);
  }
  return finish(u);
}
export function vpsrlvd(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 4) {
    const count = load<u32>(SOURCE + i);
    store<u32>(RESULT + i, count > 31 ? 0 : load<u32>(FIRST + i) >>> count);
  }
  return finish(u);
}
export function vpsrlvq(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 8) {
    const count = load<u64>(SOURCE + i);
    store<u64>(RESULT + i, count > 63 ? 0 : load<u64>(FIRST + i) >> count);
  }
  return finish(u);
}
export function vpsravd(u: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  gatherRegister(second(u), FIRST);
  for (let i: u32 = 0; i < 32; i += 4) {
    store<i32>(RESULT + i, load<i32>(FIRST + i) >> min<u32>(load<u32>(SOURCE + i), 31));
  }
  return finish(u);
}

// --- Gathers -------------------------------------------------------------------------------------------------------------------

/**
 * Elements of T by indices of I, where the top bit of the mask (VEX.vvvv) is set. What is done stays done when a later
 * element faults: its mask is cleared, so that the instruction goes on there (Vol. 2, VGATHERDPS).
 */
function gather<T, I>(u: u32): i32 {
  const to = target(u);
  const mask = load<u8>(u, UOP_SUB);
  const indices = register(u);
  const wide: u32 = bytesOf(u);
  const size: u32 = max<u32>(sizeof<T>(), sizeof<I>());
  const count = wide / size;
  gatherRegister(indices, SOURCE);
  const scale = <u64>(load<u8>(u, UOP_SCALE) & 3);
  for (let i: u32 = 0; i < count; i++) {
    const place = i * sizeof<T>();
    const half = place < 16 ? XMM : YMM_HIGH;
    const bit = half + mask + (place & 15);
    if (load<i8>(bit + sizeof<T>() - 1) < 0) {
      const index = sizeof<I>() == 4 ? <u64>(<i64>load<i32>(SOURCE + i * 4)) : load<u64>(SOURCE + i * 8);
      const address = elementAddress(u, index << scale, sizeof<T>());
      if (!readUnaligned<T>(u, address, half + to + (place & 15))) return FAULTED;
    }
    store<T>(bit, 0);
  }
  // Beyond the elements the destination and the mask are cleared.
  const used: u32 = count * sizeof<T>();
  if (used < 16) {
    store<u64>(XMM + to, 0, 8);
    store<u64>(XMM + mask, 0, 8);
  }
  if (used <= 16) {
    v128.store(YMM_HIGH + to, i64x2.splat(0));
    v128.store(YMM_HIGH + mask, i64x2.splat(0));
  }
  return NEXT;
}

/** The address of an element: the scaled index is part of the offset, before it is cut to the address size. */
function elementAddress(u: u32, scaled: u64, size: u32): u64 {
  return linear(load<u8>(u, UOP_SEGMENT), (offsetOf(u) + scaled) & addressMask(u), size);
}
export function vgatherdd(u: u32): i32 {
  return gather<u32, u32>(u);
}
export function vgatherdq(u: u32): i32 {
  return gather<u64, u32>(u);
}
export function vgatherqd(u: u32): i32 {
  return gather<u32, u64>(u);
}
export function vgatherqq(u: u32): i32 {
  return gather<u64, u64>(u);
}
