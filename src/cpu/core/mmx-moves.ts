// MMX moves, shuffles, conversions to and from xmm registers, EMMS (Intel SDM Vol. 2).

import { FAULTED, FORM_SIZE, NEXT, UOP_FORM, UOP_IMM, X87_TAG } from './constants';
import { beginFloat, endFloat } from './float';
import { storeMaskedAtRdi } from './masked-stores';
import {
  enterMmx, mmxDst, mmxRefusal, mmxSource, mmxSrc, setMmx64,
} from './mmx-operands';
import {
  dst, effective, hasMemory, readAt, reg, setReg, source, src, writeAt,
} from './operands';
import { floatOf, integer32 } from './sse-convert';
import { source128, sourceScalar, xmmDst, xmmSrc } from './sse-operands';
import { beginX87 } from './x87-state';

const RESULT: u32 = <u32>memory.data(16, 16);

@inline
function isWide(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
}

/** MOVD, MOVQ mm, r/m. */
export function mmx_movd_load(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const from = isWide(u) ? source<u64>(u, src(u)) : source<u32>(u, src(u));
  if (!from) return FAULTED;
  return setMmx64(mmxDst(u), isWide(u) ? load<u64>(from) : <u64>load<u32>(from));
}
/** MOVD, MOVQ r/m, mm. */
export function mmx_movd_store(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const value = isWide(u) ? load<u64>(mmxSrc(u)) : <u64>load<u32>(mmxSrc(u));
  if (!hasMemory(u)) setReg<u64>(dst(u), value);
  else if (!(isWide(u) ? writeAt<u64>(u, effective(u, 8), value) : writeAt<u32>(u, effective(u, 4), <u32>value))) {
    return FAULTED;
  }
  enterMmx();
  return NEXT;
}
export function mmx_movq_load(u: u32): i32 {
  const from = mmxSource(u);
  return from ? setMmx64(mmxDst(u), load<u64>(from)) : mmxRefusal;
}
export function mmx_movq_store(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  if (!hasMemory(u)) return setMmx64(mmxDst(u), load<u64>(mmxSrc(u)));
  if (!writeAt<u64>(u, effective(u, 8), load<u64>(mmxSrc(u)))) return FAULTED;
  enterMmx();
  return NEXT;
}
export function movq2dq(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  enterMmx();
  v128.store(xmmDst(u), v128.load64_zero(mmxSrc(u)));
  return NEXT;
}
export function movdq2q(u: u32): i32 {
  const code = beginX87(u);
  return code == NEXT ? setMmx64(mmxDst(u), load<u64>(xmmSrc(u))) : code;
}
/** All registers are empty, the top of the stack is 0. */
export function emms(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  enterMmx();
  store<u32>(X87_TAG, 0);
  return NEXT;
}

/** MASKMOVQ: the bytes whose mask byte has bit 7 set. Processors have gone over to MMX by then, whatever faults. */
export function maskmovq(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  enterMmx();
  return storeMaskedAtRdi(u, mmxDst(u), <u32>i8x16.bitmask(v128.load64_zero(mmxSrc(u))));
}

// --- Shuffles and general registers ----------------------------------------------------------------------------------------

export function pshufw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  const value = load<u64>(from);
  const order = load<u32>(u, UOP_IMM);
  let result: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) result |= ((value >> (((order >> (i * 2)) & 3) * 16)) & 0xffff) << (i * 16);
  return setMmx64(mmxDst(u), result);
}
export function mmx_psadbw(u: u32): i32 {
  const from = mmxSource(u);
  if (!from) return mmxRefusal;
  let sum: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) sum += abs<i32>(<i32>load<u8>(mmxDst(u) + i) - <i32>load<u8>(from + i));
  return setMmx64(mmxDst(u), sum);
}
export function mmx_pinsrw(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  let value: u64;
  if (hasMemory(u)) {
    const from = readAt<u16>(u, effective(u, 2));
    if (!from) return FAULTED;
    value = load<u16>(from);
  } else value = reg<u16>(src(u));
  const shift = <u64>(load<u32>(u, UOP_IMM) & 3) * 16;
  return setMmx64(mmxDst(u), (load<u64>(mmxDst(u)) & ~(<u64>0xffff << shift)) | (value << shift));
}
export function mmx_pextrw(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  enterMmx();
  setReg<u64>(dst(u), <u64>load<u16>(mmxSrc(u) + (load<u32>(u, UOP_IMM) & 3) * 2));
  return NEXT;
}
export function mmx_pmovmskb(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  enterMmx();
  setReg<u64>(dst(u), <u64>i8x16.bitmask(v128.load64_zero(mmxSrc(u))));
  return NEXT;
}

// --- Conversions -----------------------------------------------------------------------------------------------------------

/**
 * With a memory operand no MMX register is involved. DEVIATION: the manual says so of CVTPI2PD only; processors do it here
 * too, and software cannot rely on either.
 */
export function cvtpi2ps(u: u32): i32 {
  const memory = hasMemory(u);
  const from = memory ? readAt<u64>(u, effective(u, 8)) : mmxSource(u);
  if (!from) return memory ? FAULTED : mmxRefusal;
  beginFloat();
  const low = floatOf(<i64>load<i32>(from));
  const high = floatOf(<i64>load<i32>(from, 4));
  if (!memory) enterMmx();
  if (!endFloat()) return FAULTED;
  store<u64>(xmmDst(u), <u64>low | (<u64>high << 32));
  return NEXT;
}
/** Exact; with a memory operand no MMX register is involved (Vol. 2, CVTPI2PD). */
export function cvtpi2pd(u: u32): i32 {
  const memory = hasMemory(u);
  const from = memory ? readAt<u64>(u, effective(u, 8)) : mmxSource(u);
  if (!from) return memory ? FAULTED : mmxRefusal;
  if (!memory) enterMmx();
  const value = load<u64>(from);
  store<f64>(xmmDst(u), <f64>(<i32>value));
  store<f64>(xmmDst(u), <f64>(<i32>(value >> 32)), 8);
  return NEXT;
}
export function mmx_from_floats(u: u32, truncate: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const from = sourceScalar<u64>(u);
  if (!from) return FAULTED;
  beginFloat();
  store<u32>(RESULT, integer32<u32>(load<u32>(from), truncate));
  store<u32>(RESULT, integer32<u32>(load<u32>(from, 4), truncate), 4);
  enterMmx();
  return endFloat() ? setMmx64(mmxDst(u), load<u64>(RESULT)) : FAULTED;
}
export function mmx_from_doubles(u: u32, truncate: bool): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const from = source128(u);
  if (!from) return FAULTED;
  beginFloat();
  store<u32>(RESULT, integer32<u64>(load<u64>(from), truncate));
  store<u32>(RESULT, integer32<u64>(load<u64>(from, 8), truncate), 4);
  enterMmx();
  return endFloat() ? setMmx64(mmxDst(u), load<u64>(RESULT)) : FAULTED;
}
