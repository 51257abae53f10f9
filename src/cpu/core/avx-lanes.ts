// AVX and AVX2 by the 128-bit instructions they extend: what runs a lane is the handler of the SSE form (Intel SDM Vol. 1
// 14.1). Here are the operands: a second source in VEX.vvvv, 256 bits as two lanes, memory of any alignment, and zeros
// above what is written.
//
// The SSE handler runs on the same µop, whose register fields name xmm0 and xmm1 meanwhile; both hold their values again
// afterwards.

import {
  FAULTED, FORM_256, FORM_LOAD, FORM_MEMORY, NEXT, UOP_DST, UOP_FORM, UOP_IMM, UOP_SRC, UOP_SUB, XMM, YMM_HIGH,
} from './constants';
import { beginLanes, endLanes } from './float';
import { effective, hasMemory, readAt, readBlock, readVector } from './operands';

const FIRST: u32 = <u32>memory.data(32, 16);
const SOURCE: u32 = <u32>memory.data(32, 16);
const RESULT: u32 = <u32>memory.data(32, 16);
const KEPT: u32 = <u32>memory.data(32, 16);

@inline
export function is256(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_256) != 0;
}
/** Register fields as offsets from XMM and YMM_HIGH: destination, source, and that of VEX.vvvv. */
@inline
export function target(u: u32): u32 {
  return load<u8>(u, UOP_DST);
}
@inline
export function register(u: u32): u32 {
  return load<u8>(u, UOP_SRC);
}
@inline
export function second(u: u32): u32 {
  return load<u8>(u, UOP_SUB);
}

/** The low 128 bits of a register, and zeros above them. */
@inline
export function set128(to: u32, value: v128): i32 {
  v128.store(XMM + to, value);
  v128.store(YMM_HIGH + to, i64x2.splat(0));
  return NEXT;
}
@inline
export function set256(to: u32, low: v128, high: v128): i32 {
  v128.store(XMM + to, low);
  v128.store(YMM_HIGH + to, high);
  return NEXT;
}

/** Pointer to 32 bytes at a linear address, copied out where they are not in one place; 0: fault pending. */
export function read256(u: u32, address: u64): u32 {
  const low = readVector(u, address);
  if (!low) return 0;
  if ((<u32>address & 0xfff) <= 0x1000 - 32) {
    // One page: the second half follows the first, unless that was copied out of a device.
    const high = readVector(u, address + 16);
    if (high == low + 16) return low;
  }
  return readBlock(u, address, 32);
}

/** The source operand of 16 or 32 bytes at `to`, upper half zero when it has 16. False: fault pending. */
export function fetch(u: u32, to: u32): bool {
  const wide = is256(u);
  if (!hasMemory(u)) {
    v128.store(to, v128.load(XMM + register(u)));
    v128.store(to, v128.load(YMM_HIGH + register(u)), 16);
    return true;
  }
  const from = wide ? read256(u, effective(u, 32)) : readVector(u, effective(u, 16));
  if (!from) return false;
  v128.store(to, v128.load(from));
  if (wide) v128.store(to, v128.load(from, 16), 16);
  return true;
}

/** Runs the SSE handler on xmm0 and xmm1 for each lane of FIRST and SOURCE; both lanes, so that MXCSR sees all of them. */
function runLanes(u: u32, inner: (u: u32) => i32, lanes: u32, immediateShift: u32): bool {
  const registers = load<u32>(u, UOP_DST);
  const form = load<u8>(u, UOP_FORM);
  const immediate = load<u32>(u, UOP_IMM);
  v128.store(KEPT, v128.load(XMM));
  v128.store(KEPT, v128.load(XMM, 16), 16);
  store<u8>(u, 0, UOP_DST);
  store<u8>(u, 16, UOP_SRC);
  store<u8>(u, form & ~(<u8>FORM_MEMORY), UOP_FORM);
  let good = true;
  beginLanes();
  for (let at: u32 = 0; at < lanes; at += 16) {
    v128.store(XMM, v128.load(FIRST + at));
    v128.store(XMM, v128.load(SOURCE + at), 16);
    if (inner(u) == FAULTED) good = false;
    v128.store(RESULT + at, v128.load(XMM));
    store<u32>(u, immediate >> immediateShift, UOP_IMM);
  }
  store<u32>(u, immediate, UOP_IMM);
  store<u8>(u, form, UOP_FORM);
  store<u32>(u, registers, UOP_DST);
  v128.store(XMM, v128.load(KEPT));
  v128.store(XMM, v128.load(KEPT, 16), 16);
  return endLanes() && good;
}

function finish(u: u32, to: u32): i32 {
  return set256(to, v128.load(RESULT), is256(u) ? v128.load(RESULT, 16) : i64x2.splat(0));
}

@inline
function lanesOf(u: u32): u32 {
  return is256(u) ? 32 : 16;
}

/**
 * Packed: destination, VEX.vvvv, source; with two operands the first does not matter. The upper lane uses the immediate
 * shifted right by `immediateShift`.
 */
export function avxPacked(u: u32, inner: (u: u32) => i32, immediateShift: u32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  v128.store(FIRST, v128.load(XMM + second(u)));
  v128.store(FIRST, v128.load(YMM_HIGH + second(u)), 16);
  return runLanes(u, inner, lanesOf(u), immediateShift) ? finish(u, target(u)) : FAULTED;
}

/** Shifts by the low half of a 16-byte source, the same for both lanes. */
export function avxShift(u: u32, inner: (u: u32) => i32): i32 {
  const from = hasMemory(u) ? readVector(u, effective(u, 16)) : XMM + register(u);
  if (!from) return FAULTED;
  v128.store(SOURCE, v128.load(from));
  v128.store(SOURCE, v128.load(from), 16);
  v128.store(FIRST, v128.load(XMM + second(u)));
  v128.store(FIRST, v128.load(YMM_HIGH + second(u)), 16);
  return runLanes(u, inner, lanesOf(u), 0) ? finish(u, target(u)) : FAULTED;
}

/** Shifts by an immediate: the destination stands in VEX.vvvv, what is shifted in ModRM.rm. */
export function avxShiftImmediate(u: u32, inner: (u: u32) => i32): i32 {
  v128.store(FIRST, v128.load(XMM + register(u)));
  v128.store(FIRST, v128.load(YMM_HIGH + register(u)), 16);
  return runLanes(u, inner, lanesOf(u), 0) ? finish(u, target(u)) : FAULTED;
}

/** Widening: each lane of the result comes from `T` bytes of the source. */
function widened<T>(u: u32, inner: (u: u32) => i32): i32 {
  if (!hasMemory(u)) {
    v128.store(SOURCE, v128.load(XMM + register(u)));
  } else if (is256(u) && sizeof<T>() == 8) {
    const from = readVector(u, effective(u, 16));
    if (!from) return FAULTED;
    v128.store(SOURCE, v128.load(from));
  } else if (is256(u) && sizeof<T>() == 4) {
    const from = readAt<u64>(u, effective(u, 8));
    if (!from) return FAULTED;
    store<u64>(SOURCE, load<u64>(from));
  } else if (is256(u)) {
    const from = readAt<u32>(u, effective(u, 4));
    if (!from) return FAULTED;
    store<u32>(SOURCE, load<u32>(from));
  } else {
    const from = readAt<T>(u, effective(u, sizeof<T>()));
    if (!from) return FAULTED;
    store<T>(SOURCE, load<T>(from));
  }
  store<T>(SOURCE, load<T>(SOURCE, sizeof<T>()), 16);
  return runLanes(u, inner, lanesOf(u), 0) ? finish(u, target(u)) : FAULTED;
}
export function avxWiden8(u: u32, inner: (u: u32) => i32): i32 {
  return widened<u64>(u, inner);
}
export function avxWiden4(u: u32, inner: (u: u32) => i32): i32 {
  return widened<u32>(u, inner);
}
export function avxWiden2(u: u32, inner: (u: u32) => i32): i32 {
  return widened<u16>(u, inner);
}

/** Narrowing: the halves of the result come from the lanes of the source. */
export function avxNarrow(u: u32, inner: (u: u32) => i32): i32 {
  if (!fetch(u, SOURCE)) return FAULTED;
  if (!runLanes(u, inner, lanesOf(u), 0)) return FAULTED;
  if (!is256(u)) return set128(target(u), v128.load(RESULT));
  return set128(target(u), v128.shuffle<i64>(v128.load(RESULT), v128.load(RESULT, 16), 0, 2));
}

/** Scalar and single-lane forms: the SSE handler changes part of a copy of VEX.vvvv, and takes its source itself. */
export function avxScalar(u: u32, inner: (u: u32) => i32): i32 {
  const to = target(u);
  // Any register but the source: the source of a general register does not mind.
  const copy: u32 = register(u) == 0 ? 16 : 0;
  const kept = v128.load(XMM + copy);
  v128.store(XMM + copy, v128.load(XMM + second(u)));
  store<u8>(u, <u8>copy, UOP_DST);
  const outcome = inner(u);
  store<u8>(u, <u8>to, UOP_DST);
  const result = v128.load(XMM + copy);
  v128.store(XMM + copy, kept);
  return outcome == NEXT ? set128(to, result) : outcome;
}

/** As the SSE handler, with zeros above what it wrote to a register. */
export function avxUpper(u: u32, inner: (u: u32) => i32): i32 {
  const outcome = inner(u);
  const form = load<u8>(u, UOP_FORM);
  if (outcome != NEXT || (form & FORM_MEMORY && !(form & FORM_LOAD))) return outcome;
  v128.store(YMM_HIGH + target(u), i64x2.splat(0));
  return NEXT;
}

/** The same for a handler that writes xmm0. */
export function avxUpper0(u: u32, inner: (u: u32) => i32): i32 {
  const outcome = inner(u);
  if (outcome == NEXT) v128.store(YMM_HIGH, i64x2.splat(0));
  return outcome;
}
