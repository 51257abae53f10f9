// Operands of SSE instructions. A 16-byte memory operand must be aligned unless the instruction says otherwise
// (Intel SDM Vol. 1 11.4.1).

import { FAULTED, NEXT, UOP_DST, UOP_SRC, XMM } from './constants';
import { effective, hasMemory, readAt, readVector, writeVector } from './operands';
import { GP, raise } from './state';

@inline
export function xmmDst(u: u32): u32 {
  return XMM + <u32>load<u8>(u, UOP_DST);
}
@inline
export function xmmSrc(u: u32): u32 {
  return XMM + <u32>load<u8>(u, UOP_SRC);
}
@inline
export function getDst(u: u32): v128 {
  return v128.load(xmmDst(u));
}
@inline
export function setDst(u: u32, value: v128): i32 {
  v128.store(xmmDst(u), value);
  return NEXT;
}

/** Pointer to the 16-byte source; 0: fault pending. */
export function source128(u: u32): u32 {
  if (!hasMemory(u)) return xmmSrc(u);
  const address = effective(u, 16);
  if (address & 15) return misaligned();
  return readVector(u, address);
}

export function source128Unaligned(u: u32): u32 {
  return hasMemory(u) ? readVector(u, effective(u, 16)) : xmmSrc(u);
}

/** Pointer to a scalar source of T: memory, or the low part of a register. */
export function sourceScalar<T>(u: u32): u32 {
  return hasMemory(u) ? readAt<T>(u, effective(u, sizeof<T>())) : xmmSrc(u);
}

function misaligned(): u32 {
  raise(GP, 0, true);
  return 0;
}

/** Stores 16 bytes to the destination. */
export function store128(u: u32, value: v128, aligned: bool): i32 {
  if (!hasMemory(u)) return setDst(u, value);
  const address = effective(u, 16);
  if (aligned && address & 15) {
    misaligned();
    return FAULTED;
  }
  return writeVector(u, address, value) ? NEXT : FAULTED;
}
