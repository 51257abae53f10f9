// SSE3: duplicating moves and horizontal floating-point arithmetic (Intel SDM Vol. 2).

import { FAULTED, NEXT } from './constants';
import { beginFloat, endFloat, floatOperation, OP_ADD, OP_SUB } from './float';
import { setDst, source128, sourceScalar, xmmDst } from './sse-operands';

const RESULT: u32 = <u32>memory.data(16, 16);

export function movddup(u: u32): i32 {
  const from = sourceScalar<u64>(u);
  return from ? setDst(u, i64x2.splat(load<u64>(from))) : FAULTED;
}
export function movsldup(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const value = v128.load(from);
  return setDst(u, v128.shuffle<i32>(value, value, 0, 0, 2, 2));
}
export function movshdup(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const value = v128.load(from);
  return setDst(u, v128.shuffle<i32>(value, value, 1, 1, 3, 3));
}

/** Neighbours of the destination give the low half of the result, those of the source the high half. */
function horizontal<T>(u: u32, operation: i32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  beginFloat();
  for (let i: u32 = 0; i < 8; i += sizeof<T>()) {
    store<T>(RESULT + i, floatOperation<T>(operation, load<T>(to + i * 2), load<T>(to + i * 2, sizeof<T>())));
    store<T>(RESULT + i, floatOperation<T>(operation, load<T>(from + i * 2), load<T>(from + i * 2, sizeof<T>())), 8);
  }
  if (!endFloat()) return FAULTED;
  v128.store(to, v128.load(RESULT));
  return NEXT;
}
export function haddps(u: u32): i32 {
  return horizontal<u32>(u, OP_ADD);
}
export function haddpd(u: u32): i32 {
  return horizontal<u64>(u, OP_ADD);
}
export function hsubps(u: u32): i32 {
  return horizontal<u32>(u, OP_SUB);
}
export function hsubpd(u: u32): i32 {
  return horizontal<u64>(u, OP_SUB);
}

/** Even lanes subtract, odd ones add. */
function alternate<T>(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  beginFloat();
  for (let i: u32 = 0; i < 16; i += sizeof<T>() * 2) {
    store<T>(RESULT + i, floatOperation<T>(OP_SUB, load<T>(to + i), load<T>(from + i)));
    const odd = floatOperation<T>(OP_ADD, load<T>(to + i, sizeof<T>()), load<T>(from + i, sizeof<T>()));
    store<T>(RESULT + i, odd, sizeof<T>());
  }
  if (!endFloat()) return FAULTED;
  return setDst(u, v128.load(RESULT));
}
export function addsubps(u: u32): i32 {
  return alternate<u32>(u);
}
export function addsubpd(u: u32): i32 {
  return alternate<u64>(u);
}
