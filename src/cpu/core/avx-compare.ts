// VCMPPS and its kin: 32 predicates (Intel SDM Vol. 2 table 3-1).

import { FAULTED, NEXT, UOP_IMM } from './constants';
import { beginFloat, endFloat, IE, operandOf, signal } from './float';
import { isNan, isSignalling, toNumber } from './float-bits';
import { setDst, source128, sourceScalar, xmmDst } from './sse-operands';

const RESULT: u32 = <u32>memory.data(16, 16);

const UNORDERED: u32 = 1;
const LESS: u32 = 2;
const EQUAL: u32 = 4;
const GREATER: u32 = 8;

/** For predicates 0 to 15 the relations that fulfil them; 16 to 31 are the same with the other rule for quiet NaNs. */
const HOLDS: u32 = <u32>memory.data<u8>([4, 2, 6, 1, 11, 13, 9, 14, 5, 3, 7, 0, 10, 12, 8, 15]);
/** Predicates of 0 to 15 for which a quiet NaN is invalid too, as bits. */
const SIGNALS: u32 = 0b0110_0110_0110_0110;

function compares<T>(predicate: u32, first: T, second: T): bool {
  let relation: u32;
  if (isNan<T>(first) || isNan<T>(second)) {
    const quietToo = ((SIGNALS >> (predicate & 15)) & 1) != predicate >> 4;
    if (quietToo || isSignalling<T>(first) || isSignalling<T>(second)) signal(IE);
    relation = UNORDERED;
  } else {
    const x = toNumber<T>(operandOf<T>(first));
    const y = toNumber<T>(operandOf<T>(second));
    relation = x < y ? LESS : x > y ? GREATER : EQUAL;
  }
  return (load<u8>(HOLDS + (predicate & 15)) & relation) != 0;
}

function packed<T>(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  const predicate = load<u32>(u, UOP_IMM) & 31;
  beginFloat();
  for (let i: u32 = 0; i < 16; i += sizeof<T>()) {
    store<T>(RESULT + i, compares<T>(predicate, load<T>(to + i), load<T>(from + i)) ? ~(<T>0) : 0);
  }
  return endFloat() ? setDst(u, v128.load(RESULT)) : FAULTED;
}
function scalar<T>(u: u32): i32 {
  const from = sourceScalar<T>(u);
  if (!from) return FAULTED;
  beginFloat();
  const holds = compares<T>(load<u32>(u, UOP_IMM) & 31, load<T>(xmmDst(u)), load<T>(from));
  if (!endFloat()) return FAULTED;
  store<T>(xmmDst(u), holds ? ~(<T>0) : 0);
  return NEXT;
}
export function vcmpps(u: u32): i32 {
  return packed<u32>(u);
}
export function vcmppd(u: u32): i32 {
  return packed<u64>(u);
}
export function vcmpss(u: u32): i32 {
  return scalar<u32>(u);
}
export function vcmpsd(u: u32): i32 {
  return scalar<u64>(u);
}
