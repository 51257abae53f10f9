// BT/BTS/BTR/BTC, bit scans and counts (Intel SDM Vol. 2).

import { FAULTED, FORM_IMMEDIATE, FORM_MEMORY, NEXT, UOP_FORM } from './constants';
import { arithmeticFlags, setArithmeticFlags } from './flags';
import { dst, effectiveAt, finishModify, imm, modifyAt, readAt, reg, setReg, signed, source, src } from './operands';
import { FLAG_CF, FLAG_ZF, FLAGS_ARITHMETIC } from './state';

export const BIT_BT: i32 = 0;
export const BIT_BTS: i32 = 1;
export const BIT_BTR: i32 = 2;
export const BIT_BTC: i32 = 3;

@inline
function changed<T>(operation: i32, value: T, mask: T): T {
  if (operation == BIT_BTS) return <T>(value | mask);
  if (operation == BIT_BTR) return <T>(value & ~mask);
  return <T>(value ^ mask);
}

/** CF takes the bit; ZF is unchanged, the others are undefined and kept. */
function setBitFlags(bit: bool): void {
  setArithmeticFlags((arithmeticFlags() & ~FLAG_CF) | (bit ? FLAG_CF : 0));
}

/** A register bit offset reaches any bit of memory, 2^63 either side of the operand. */
export function bitTest<T>(u: u32, operation: i32): i32 {
  const form = load<u8>(u, UOP_FORM);
  const bits: u32 = sizeof<T>() * 8;
  const byImmediate = (form & FORM_IMMEDIATE) != 0;
  const index = byImmediate ? imm<i64>(u) & (bits - 1) : signed<T>(reg<T>(src(u)));
  const mask = <T>(<u64>1 << (<u64>index & (bits - 1)));
  if (!(form & FORM_MEMORY)) {
    const value = reg<T>(dst(u));
    if (operation != BIT_BT) setReg<T>(dst(u), changed<T>(operation, value, mask));
    setBitFlags((value & mask) != 0);
    return NEXT;
  }
  const unit = index >> (sizeof<T>() == 8 ? 6 : sizeof<T>() == 4 ? 5 : 4);
  const address = effectiveAt(u, <u64>unit * sizeof<T>(), sizeof<T>());
  const pointer = operation == BIT_BT ? readAt<T>(u, address) : modifyAt<T>(u, address);
  if (!pointer) return FAULTED;
  const value = load<T>(pointer);
  if (operation != BIT_BT) finishModify<T>(u, pointer, address, changed<T>(operation, value, mask));
  setBitFlags((value & mask) != 0);
  return NEXT;
}

/** ZF from a zero source; the destination keeps its value then (as AMD documents and Intel does). */
export function bsf<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  return scan<T>(u, load<T>(from), <T>ctz<u64>(<u64>load<T>(from)));
}

export function bsr<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  return scan<T>(u, load<T>(from), <T>(63 - clz<u64>(<u64>load<T>(from))));
}

function scan<T>(u: u32, value: T, position: T): i32 {
  const flags = arithmeticFlags() & ~FLAG_ZF;
  if (value) {
    setReg<T>(dst(u), position);
    setArithmeticFlags(flags);
  } else setArithmeticFlags(flags | FLAG_ZF);
  return NEXT;
}

function setCountFlags(empty: bool, result: u64): void {
  const kept = arithmeticFlags() & FLAGS_ARITHMETIC & ~(FLAG_CF | FLAG_ZF);
  setArithmeticFlags(kept | (empty ? FLAG_CF : 0) | (result == 0 ? FLAG_ZF : 0));
}

export function tzcnt<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const value = <u64>load<T>(from);
  const result = value ? ctz<u64>(value) : <u64>(sizeof<T>() * 8);
  setReg<T>(dst(u), <T>result);
  setCountFlags(value == 0, result);
  return NEXT;
}

export function lzcnt<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const value = <u64>load<T>(from);
  const result = clz<u64>(value) - (64 - <u64>(sizeof<T>() * 8));
  setReg<T>(dst(u), <T>result);
  setCountFlags(value == 0, result);
  return NEXT;
}

/** All flags are cleared but ZF. */
export function popcnt<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const result = countBits(<u64>load<T>(from));
  setReg<T>(dst(u), <T>result);
  setArithmeticFlags(result ? 0 : FLAG_ZF);
  return NEXT;
}

@inline
function countBits(value: u64): u64 {
  return i64.popcnt(value);
}
