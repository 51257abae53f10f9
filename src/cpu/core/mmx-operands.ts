// MMX registers: mm0-7 are the significands of the x87's physical registers (Intel SDM Vol. 1 9.2, 9.5.1). Every MMX
// instruction but EMMS makes all registers valid and the top of the stack 0; a write sets sign and exponent to ones.

import { FAULTED, NEXT, UOP_DST, UOP_SRC, X87, X87_TAG } from './constants';
import { effective, hasMemory, readAt } from './operands';
import { beginX87, setTop } from './x87-state';

/** REX.R and REX.B do not reach beyond mm7. */
const REGISTER: u32 = 0x70;

/** What the handler must return after {@link mmxSource} gave 0. */
export let mmxRefusal: i32 = 0;

@inline
export function mmxDst(u: u32): u32 {
  return X87 + (<u32>load<u8>(u, UOP_DST) & REGISTER);
}
@inline
export function mmxSrc(u: u32): u32 {
  return X87 + (<u32>load<u8>(u, UOP_SRC) & REGISTER);
}
@inline
export function getMmx(u: u32): v128 {
  return v128.load64_zero(mmxDst(u));
}

/** Pointer to the 8-byte source; 0: a pending x87 exception, or a fault of the access. */
export function mmxSource(u: u32): u32 {
  mmxRefusal = beginX87(u);
  if (mmxRefusal != NEXT) return 0;
  if (!hasMemory(u)) return mmxSrc(u);
  mmxRefusal = FAULTED;
  return readAt<u64>(u, effective(u, 8));
}
/** The same for the 4 bytes that PUNPCKLBW and its kin read. */
export function mmxSource32(u: u32): u32 {
  mmxRefusal = beginX87(u);
  if (mmxRefusal != NEXT) return 0;
  if (!hasMemory(u)) return mmxSrc(u);
  mmxRefusal = FAULTED;
  return readAt<u32>(u, effective(u, 4));
}

/** The change from x87 to MMX. */
@inline
export function enterMmx(): void {
  setTop(0);
  store<u32>(X87_TAG, 0xff);
}

export function setMmx64(at: u32, value: u64): i32 {
  enterMmx();
  store<u64>(at, value);
  store<u64>(at, 0xffff, 8);
  return NEXT;
}
@inline
export function setMmx(u: u32, value: v128): i32 {
  return setMmx64(mmxDst(u), v128.extract_lane<u64>(value, 0));
}
