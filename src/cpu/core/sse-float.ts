// SSE and SSE2 floating-point arithmetic and comparison (Intel SDM Vol. 2).

import { FAULTED, NEXT, UOP_IMM } from './constants';
import { setArithmeticFlags } from './flags';
import {
  beginFloat, endFloat, floatCompare, floatOperation, IE, OP_ADD, OP_DIV, OP_MAX, OP_MIN, OP_MUL, OP_SQRT, OP_SUB,
  operandOf, signal,
} from './float';
import { isNan, isSignalling, toNumber } from './float-bits';
import { source128, sourceScalar, xmmDst } from './sse-operands';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from './state';

const RESULT: u32 = <u32>memory.data(16, 16);

function packed<T>(u: u32, operation: i32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  beginFloat();
  for (let i: u32 = 0; i < 16; i += sizeof<T>()) {
    store<T>(RESULT + i, floatOperation<T>(operation, load<T>(to + i), load<T>(from + i)));
  }
  if (!endFloat()) return FAULTED;
  v128.store(to, v128.load(RESULT));
  return NEXT;
}

function scalar<T>(u: u32, operation: i32): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  beginFloat();
  const result = floatOperation<T>(operation, load<T>(to), load<T>(from));
  if (!endFloat()) return FAULTED;
  store<T>(to, result);
  return NEXT;
}

function comparePacked<T>(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  const predicate = load<u32>(u, UOP_IMM) & 7;
  beginFloat();
  for (let i: u32 = 0; i < 16; i += sizeof<T>()) {
    store<T>(RESULT + i, floatCompare<T>(predicate, load<T>(to + i), load<T>(from + i)) ? ~(<T>0) : 0);
  }
  if (!endFloat()) return FAULTED;
  v128.store(to, v128.load(RESULT));
  return NEXT;
}

function compareScalar<T>(u: u32): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  beginFloat();
  const holds = floatCompare<T>(load<u32>(u, UOP_IMM) & 7, load<T>(to), load<T>(from));
  if (!endFloat()) return FAULTED;
  store<T>(to, holds ? ~(<T>0) : 0);
  return NEXT;
}

/** COMISS, UCOMISS and the double forms: COMI also signals quiet NaNs. */
function compareFlags<T>(u: u32, signalQuiet: bool): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  const a = load<T>(xmmDst(u));
  const b = load<T>(from);
  beginFloat();
  let flags: u32;
  if (isNan<T>(a) || isNan<T>(b)) {
    if (signalQuiet || isSignalling<T>(a) || isSignalling<T>(b)) signal(IE);
    flags = FLAG_ZF | FLAG_PF | FLAG_CF;
  } else {
    const x = toNumber<T>(operandOf<T>(a));
    const y = toNumber<T>(operandOf<T>(b));
    flags = x > y ? 0 : x < y ? FLAG_CF : FLAG_ZF;
  }
  if (!endFloat()) return FAULTED;
  setArithmeticFlags(flags);
  return NEXT;
}

export function addps(u: u32): i32 {
  return packed<u32>(u, OP_ADD);
}
export function addpd(u: u32): i32 {
  return packed<u64>(u, OP_ADD);
}
export function addss(u: u32): i32 {
  return scalar<u32>(u, OP_ADD);
}
export function addsd(u: u32): i32 {
  return scalar<u64>(u, OP_ADD);
}
export function subps(u: u32): i32 {
  return packed<u32>(u, OP_SUB);
}
export function subpd(u: u32): i32 {
  return packed<u64>(u, OP_SUB);
}
export function subss(u: u32): i32 {
  return scalar<u32>(u, OP_SUB);
}
export function subsd(u: u32): i32 {
  return scalar<u64>(u, OP_SUB);
}
export function mulps(u: u32): i32 {
  return packed<u32>(u, OP_MUL);
}
export function mulpd(u: u32): i32 {
  return packed<u64>(u, OP_MUL);
}
export function mulss(u: u32): i32 {
  return scalar<u32>(u, OP_MUL);
}
export function mulsd(u: u32): i32 {
  return scalar<u64>(u, OP_MUL);
}
export function divps(u: u32): i32 {
  return packed<u32>(u, OP_DIV);
}
export function divpd(u: u32): i32 {
  return packed<u64>(u, OP_DIV);
}
export function divss(u: u32): i32 {
  return scalar<u32>(u, OP_DIV);
}
export function divsd(u: u32): i32 {
  return scalar<u64>(u, OP_DIV);
}
export function sqrtps(u: u32): i32 {
  return packed<u32>(u, OP_SQRT);
}
export function sqrtpd(u: u32): i32 {
  return packed<u64>(u, OP_SQRT);
}
export function sqrtss(u: u32): i32 {
  return scalar<u32>(u, OP_SQRT);
}
export function sqrtsd(u: u32): i32 {
  return scalar<u64>(u, OP_SQRT);
}
export function minps(u: u32): i32 {
  return packed<u32>(u, OP_MIN);
}
export function minpd(u: u32): i32 {
  return packed<u64>(u, OP_MIN);
}
export function minss(u: u32): i32 {
  return scalar<u32>(u, OP_MIN);
}
export function minsd(u: u32): i32 {
  return scalar<u64>(u, OP_MIN);
}
export function maxps(u: u32): i32 {
  return packed<u32>(u, OP_MAX);
}
export function maxpd(u: u32): i32 {
  return packed<u64>(u, OP_MAX);
}
export function maxss(u: u32): i32 {
  return scalar<u32>(u, OP_MAX);
}
export function maxsd(u: u32): i32 {
  return scalar<u64>(u, OP_MAX);
}
export function cmpps(u: u32): i32 {
  return comparePacked<u32>(u);
}
export function cmppd(u: u32): i32 {
  return comparePacked<u64>(u);
}
export function cmpss(u: u32): i32 {
  return compareScalar<u32>(u);
}
export function cmpsd(u: u32): i32 {
  return compareScalar<u64>(u);
}
export function comiss(u: u32): i32 {
  return compareFlags<u32>(u, true);
}
export function comisd(u: u32): i32 {
  return compareFlags<u64>(u, true);
}
export function ucomiss(u: u32): i32 {
  return compareFlags<u32>(u, false);
}
export function ucomisd(u: u32): i32 {
  return compareFlags<u64>(u, false);
}
