// SETcc and CMOVcc (Intel SDM Vol. 2).

import { FAULTED, NEXT } from './constants';
import { condition } from './flags';
import { assign, dst, reg, setReg, source, src } from './operands';

@inline
export function hotSetIf(u: u32, code: u32): void {
  setReg<u8>(dst(u), <u8>condition(code));
}

export function setIf(u: u32, code: u32): i32 {
  return assign<u8>(u, <u8>condition(code)) ? NEXT : FAULTED;
}

/** A false condition still clears the upper half of a 32-bit destination. */
@inline
export function hotMoveIf<T>(u: u32, code: u32): void {
  setReg<T>(dst(u), condition(code) ? reg<T>(src(u)) : reg<T>(dst(u)));
}

/** The source is read, and may fault, whatever the condition. */
export function moveIf<T>(u: u32, code: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), condition(code) ? load<T>(from) : reg<T>(dst(u)));
  return NEXT;
}
