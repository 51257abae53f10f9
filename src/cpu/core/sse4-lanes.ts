// SSE4.1: blends, single lanes and MPSADBW (Intel SDM Vol. 2).

import { FAULTED, FORM_SIZE, NEXT, UOP_FORM, UOP_IMM, XMM } from './constants';
import { dst, effective, hasMemory, setReg, source, src, writeAt } from './operands';
import { getDst, setDst, source128, sourceScalar, xmmDst, xmmSrc } from './sse-operands';

const LANES: u32 = <u32>memory.data(16, 16);

@inline
function immediate(u: u32): u32 {
  return load<u32>(u, UOP_IMM) & 0xff;
}

// --- Blends ------------------------------------------------------------------------------------------------------------

/** Lanes of T whose bit is set come from the source. */
function blend<T>(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const selector = immediate(u);
  const to = xmmDst(u);
  for (let i: u32 = 0; i < 16 / sizeof<T>(); i++) {
    if (selector & (1 << i)) store<T>(to + i * sizeof<T>(), load<T>(from + i * sizeof<T>()));
  }
  return NEXT;
}
export function blendps(u: u32): i32 {
  return blend<u32>(u);
}
export function blendpd(u: u32): i32 {
  return blend<u64>(u);
}
export function pblendw(u: u32): i32 {
  return blend<u16>(u);
}

/** The top bits of the lanes of xmm0 choose. */
export function pblendvb(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.bitselect(v128.load(from), getDst(u), i8x16.shr_s(v128.load(XMM), 7)));
}
export function blendvps(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.bitselect(v128.load(from), getDst(u), i32x4.shr_s(v128.load(XMM), 31)));
}
export function blendvpd(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  return setDst(u, v128.bitselect(v128.load(from), getDst(u), i64x2.shr_s(v128.load(XMM), 63)));
}

// --- Single lanes --------------------------------------------------------------------------------------------------------

/** A lane to memory, or zero extended to a general register. */
function extract<T>(u: u32): i32 {
  const value = load<T>(xmmSrc(u) + (immediate(u) & (16 / sizeof<T>() - 1)) * sizeof<T>());
  if (hasMemory(u)) return writeAt<T>(u, effective(u, sizeof<T>()), value) ? NEXT : FAULTED;
  setReg<u64>(dst(u), <u64>value);
  return NEXT;
}
export function pextrb(u: u32): i32 {
  return extract<u8>(u);
}
export function pextrw_store(u: u32): i32 {
  return extract<u16>(u);
}
export function pextrd(u: u32): i32 {
  return (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3 ? extract<u64>(u) : extract<u32>(u);
}
export function extractps(u: u32): i32 {
  return extract<u32>(u);
}

function insert<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  store<T>(xmmDst(u) + (immediate(u) & (16 / sizeof<T>() - 1)) * sizeof<T>(), load<T>(from));
  return NEXT;
}
export function pinsrb(u: u32): i32 {
  return insert<u8>(u);
}
export function pinsrd(u: u32): i32 {
  return (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3 ? insert<u64>(u) : insert<u32>(u);
}

/** A lane of the source (the only one in memory) into a lane of the destination; then lanes are cleared. */
export function insertps(u: u32): i32 {
  const from = sourceScalar<u32>(u);
  if (!from) return FAULTED;
  const selector = immediate(u);
  const lane = hasMemory(u) ? 0 : selector >> 6;
  const value = load<u32>(from + lane * 4);
  const to = xmmDst(u);
  store<u32>(to + ((selector >> 4) & 3) * 4, value);
  for (let i: u32 = 0; i < 4; i++) if (selector & (1 << i)) store<u32>(to + i * 4, 0);
  return NEXT;
}

// --- Sums of absolute differences ------------------------------------------------------------------------------------------

/** Four bytes of the source against eight runs of four bytes of the destination. */
export function mpsadbw(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const selector = immediate(u);
  const block = from + (selector & 3) * 4;
  const first = xmmDst(u) + ((selector >> 2) & 1) * 4;
  for (let i: u32 = 0; i < 8; i++) {
    let sum: u32 = 0;
    for (let j: u32 = 0; j < 4; j++) {
      sum += <u32>abs<i32>(<i32>load<u8>(first + i + j) - <i32>load<u8>(block + j));
    }
    store<u16>(LANES + i * 2, <u16>sum);
  }
  return setDst(u, v128.load(LANES));
}
