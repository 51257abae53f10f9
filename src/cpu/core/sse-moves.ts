// SSE moves (Intel SDM Vol. 2: MOVAPS, MOVUPS, MOVSS, MOVSD, MOVD, MOVQ, MOVLPS, MOVHPS and their kin).

import { FAULTED, FORM_SIZE, NEXT, UOP_FORM } from './constants';
import { dst, effective, hasMemory, readAt, setReg, source, src, writeAt } from './operands';
import { setDst, source128, source128Unaligned, store128, xmmDst, xmmSrc } from './sse-operands';

export function movaps_load(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, v128.load(from)) : FAULTED;
}
export function movups_load(u: u32): i32 {
  const from = source128Unaligned(u);
  return from ? setDst(u, v128.load(from)) : FAULTED;
}
export function movaps_store(u: u32): i32 {
  return store128(u, v128.load(xmmSrc(u)), true);
}
export function movups_store(u: u32): i32 {
  return store128(u, v128.load(xmmSrc(u)), false);
}

/** A load clears the rest of the register; a register move keeps it. */
@inline
function loadScalar<T>(u: u32): i32 {
  if (!hasMemory(u)) {
    store<T>(xmmDst(u), load<T>(xmmSrc(u)));
    return NEXT;
  }
  const from = readAt<T>(u, effective(u, sizeof<T>()));
  if (!from) return FAULTED;
  setLow(u, <u64>load<T>(from));
  return NEXT;
}

@inline
function storeScalar<T>(u: u32): i32 {
  if (hasMemory(u)) return writeAt<T>(u, effective(u, sizeof<T>()), load<T>(xmmSrc(u))) ? NEXT : FAULTED;
  store<T>(xmmDst(u), load<T>(xmmSrc(u)));
  return NEXT;
}

/** The low 64 bits, the upper ones cleared. */
@inline
function setLow(u: u32, value: u64): void {
  store<u64>(xmmDst(u), value);
  store<u64>(xmmDst(u), 0, 8);
}

export function movss_load(u: u32): i32 {
  return loadScalar<u32>(u);
}
export function movsd_load(u: u32): i32 {
  return loadScalar<u64>(u);
}
export function movss_store(u: u32): i32 {
  return storeScalar<u32>(u);
}
export function movsd_store(u: u32): i32 {
  return storeScalar<u64>(u);
}

/** MOVD, MOVQ xmm, r/m. */
export function movd_load(u: u32): i32 {
  const wide = (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
  const from = wide ? source<u64>(u, src(u)) : source<u32>(u, src(u));
  if (!from) return FAULTED;
  setLow(u, wide ? load<u64>(from) : <u64>load<u32>(from));
  return NEXT;
}

/** MOVD, MOVQ r/m, xmm. */
export function movd_store(u: u32): i32 {
  const wide = (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
  const value = wide ? load<u64>(xmmSrc(u)) : <u64>load<u32>(xmmSrc(u));
  if (!hasMemory(u)) {
    setReg<u64>(dst(u), value);
    return NEXT;
  }
  if (wide) return writeAt<u64>(u, effective(u, 8), value) ? NEXT : FAULTED;
  return writeAt<u32>(u, effective(u, 4), <u32>value) ? NEXT : FAULTED;
}

/** MOVQ xmm, xmm/m64: the upper half is cleared in both forms. */
export function movq_load(u: u32): i32 {
  const from = hasMemory(u) ? readAt<u64>(u, effective(u, 8)) : xmmSrc(u);
  if (!from) return FAULTED;
  setLow(u, load<u64>(from));
  return NEXT;
}
export function movq_store(u: u32): i32 {
  const value = load<u64>(xmmSrc(u));
  if (hasMemory(u)) return writeAt<u64>(u, effective(u, 8), value) ? NEXT : FAULTED;
  setLow(u, value);
  return NEXT;
}

/** MOVLPS from memory; as a register move it is MOVHLPS, from the source's upper half. */
export function movlps_load(u: u32): i32 {
  const from = hasMemory(u) ? readAt<u64>(u, effective(u, 8)) : xmmSrc(u) + 8;
  if (!from) return FAULTED;
  store<u64>(xmmDst(u), load<u64>(from));
  return NEXT;
}
/** MOVHPS from memory; as a register move it is MOVLHPS, from the source's lower half. */
export function movhps_load(u: u32): i32 {
  const from = hasMemory(u) ? readAt<u64>(u, effective(u, 8)) : xmmSrc(u);
  if (!from) return FAULTED;
  store<u64>(xmmDst(u), load<u64>(from), 8);
  return NEXT;
}
export function movlps_store(u: u32): i32 {
  return writeAt<u64>(u, effective(u, 8), load<u64>(xmmSrc(u))) ? NEXT : FAULTED;
}
export function movhps_store(u: u32): i32 {
  return writeAt<u64>(u, effective(u, 8), load<u64>(xmmSrc(u), 8)) ? NEXT : FAULTED;
}
