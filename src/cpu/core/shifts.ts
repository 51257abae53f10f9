// Shifts and rotates (Intel SDM Vol. 2: RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD).

import { EFLAGS, FAULTED, FLAGS_OP, FLAGS_RESULT, NEXT, RCX } from './constants';
import { adjust, carry, FLAGS_EXPLICIT, setArithmeticFlags, setPartialFlags } from './flags';
import { dst, imm, reg, setReg, setTarget, signed, src, target } from './operands';
import { FLAG_AF, FLAG_CF, FLAG_OF } from './state';

export const SHIFT_ROL: i32 = 0;
export const SHIFT_ROR: i32 = 1;
export const SHIFT_RCL: i32 = 2;
export const SHIFT_RCR: i32 = 3;
export const SHIFT_SHL: i32 = 4;
export const SHIFT_SHR: i32 = 5;
export const SHIFT_SAR: i32 = 7;

@inline
function bitsOf<T>(): u32 {
  return sizeof<T>() * 8;
}
@inline
function countMask<T>(): u32 {
  return sizeof<T>() == 8 ? 63 : 31;
}

/**
 * SHL, SHR, SAR by a count of 1 to 63, with flags. OF is defined for a count of 1 only; for others we give what the
 * hardware gives for the last one-bit step.
 */
@inline
function shiftPlain<T>(operation: i32, value: T, count: u32): T {
  const bits = bitsOf<T>();
  let result: T;
  if (sizeof<T>() >= 4) {
    // Without branches: the last bit shifted out is CF; OF is what a one-bit step gives.
    let out: T;
    let overflow: T = 0;
    if (operation == SHIFT_SHL) {
      result = <T>(value << <T>count);
      out = (value >> <T>(bits - count)) & 1;
      overflow = (result >> <T>(bits - 1)) ^ out;
    } else if (operation == SHIFT_SHR) {
      result = <T>(value >> <T>count);
      out = (value >> <T>(count - 1)) & 1;
      overflow = (result >> <T>(bits - 2)) & 1;
    } else {
      const wide = signed<T>(value);
      result = <T>(wide >> count);
      out = <T>(wide >> (count - 1)) & 1;
    }
    setPartialFlags(signed<T>(result), <u32>out | (<u32>overflow << 11));
    return result;
  }
  let out: bool;
  let overflow: bool;
  if (operation == SHIFT_SHL) {
    if (count >= bits && sizeof<T>() < 4) {
      out = count == bits && (value & 1) != 0;
      result = 0;
    } else {
      result = <T>(value << <T>count);
      out = ((value >> <T>(bits - count)) & 1) != 0;
    }
    overflow = signed<T>(result) < 0 != out;
  } else if (operation == SHIFT_SHR) {
    if (count >= bits && sizeof<T>() < 4) {
      out = count == bits && signed<T>(value) < 0;
      result = 0;
    } else {
      result = <T>(value >> <T>count);
      out = ((value >> <T>(count - 1)) & 1) != 0;
    }
    overflow = sizeof<T>() < 4 && count > bits ? false : ((result << 1 ^ result) & <T>(<u64>1 << (bits - 1))) != 0;
  } else {
    const wide = signed<T>(value);
    result = <T>(wide >> min<u32>(count, 63));
    out = ((wide >> min<u32>(count - 1, 63)) & 1) != 0;
    overflow = false;
  }
  setPartialFlags(signed<T>(result), (out ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
  return result;
}

/** Rotates set CF and OF only. */
@inline
function setRotateFlags(carryOut: bool, overflow: bool): void {
  const out = <u32>carryOut | (<u32>overflow << 11);
  // The kept ones still follow from the last result.
  if (load<u32>(FLAGS_OP) != FLAGS_EXPLICIT) setPartialFlags(load<i64>(FLAGS_RESULT), (adjust() ? FLAG_AF : 0) | out);
  else setArithmeticFlags((load<u32>(EFLAGS) & ~(FLAG_CF | FLAG_OF)) | out);
}

/** ROL and ROR: the count is not zero after masking, but may be a multiple of the width. */
@inline
function rotatePlain<T>(operation: i32, value: T, count: u32): T {
  const bits = bitsOf<T>();
  if (sizeof<T>() >= 4) {
    const result = operation == SHIFT_ROL ? rotl<T>(value, <T>count) : rotr<T>(value, <T>count);
    const top = <u32>(result >> <T>(bits - 1));
    const out = operation == SHIFT_ROL ? <u32>result & 1 : top;
    const other = operation == SHIFT_ROL ? top : <u32>(result >> <T>(bits - 2)) & 1;
    setRotateFlags(out != 0, other != out);
    return result;
  }
  const by = <T>(count & (bits - 1));
  if (operation == SHIFT_ROL) {
    const result = by ? <T>((value << by) | (value >> (<T>bits - by))) : value;
    const out = (result & 1) != 0;
    setRotateFlags(out, signed<T>(result) < 0 != out);
    return result;
  }
  const result = by ? <T>((value >> by) | (value << (<T>bits - by))) : value;
  const top = signed<T>(result) < 0;
  setRotateFlags(top, top != (signed<T>(<T>(result << 1)) < 0));
  return result;
}

/** RCL and RCR, through CF: a rotation of width + 1 bits, one step at a time. */
function rotateCarry<T>(operation: i32, value: T, count: u32): T {
  const bits = bitsOf<T>();
  let c = carry();
  let result = value;
  const steps = sizeof<T>() < 4 ? count % (bits + 1) : count;
  for (let i: u32 = 0; i < steps; i++) {
    const old = <T>c;
    if (operation == SHIFT_RCL) {
      c = signed<T>(result) < 0;
      result = <T>((result << 1) | old);
    } else {
      c = (result & 1) != 0;
      result = <T>((result >> 1) | (old << <T>(bits - 1)));
    }
  }
  const top = signed<T>(result) < 0;
  const overflow = operation == SHIFT_RCL ? top != c : top != (signed<T>(<T>(result << 1)) < 0);
  setRotateFlags(c, overflow);
  return result;
}

/** SHL, SHR, SAR, ROL, ROR of a register by a constant or by CL. */
@inline
export function hotShift<T>(u: u32, operation: i32, byCl: bool): void {
  const count = (byCl ? <u32>load<u8>(RCX) : imm<u32>(u)) & countMask<T>();
  const to = dst(u);
  const value = reg<T>(to);
  if (!count) setReg<T>(to, value);
  else if (operation < SHIFT_RCL) setReg<T>(to, rotatePlain<T>(operation, value, count));
  else setReg<T>(to, shiftPlain<T>(operation, value, count));
}

export function shift<T>(u: u32, operation: i32, byCl: bool): i32 {
  const count = (byCl ? <u32>load<u8>(RCX) : imm<u32>(u)) & countMask<T>();
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  const value = load<T>(pointer);
  // A count of zero changes no flag, but the destination is written all the same.
  let result = value;
  if (count) {
    switch (operation) {
      case 0: result = rotatePlain<T>(SHIFT_ROL, value, count); break;
      case 1: result = rotatePlain<T>(SHIFT_ROR, value, count); break;
      case 2: result = rotateCarry<T>(SHIFT_RCL, value, count); break;
      case 3: result = rotateCarry<T>(SHIFT_RCR, value, count); break;
      case 4: result = shiftPlain<T>(SHIFT_SHL, value, count); break;
      case 5: result = shiftPlain<T>(SHIFT_SHR, value, count); break;
      default: result = shiftPlain<T>(SHIFT_SAR, value, count);
    }
  }
  setTarget<T>(u, pointer, result);
  return NEXT;
}

/** SHLD, SHRD. With 16 bits and a count above 16 the result is undefined; we rotate on through both as hardware does. */
export function doubleShift<T>(u: u32, left: bool, byCl: bool): i32 {
  const count = (byCl ? <u32>load<u8>(RCX) : imm<u32>(u)) & countMask<T>();
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  const value = load<T>(pointer);
  if (!count) {
    setTarget<T>(u, pointer, value);
    return NEXT;
  }
  const fill = reg<T>(src(u));
  let result: T;
  let out: bool;
  if (sizeof<T>() == 2) {
    // value:fill:value, so that counts of 17 to 31 bring the destination's own bits back in.
    const wide = left
      ? (<u64>value << 32) | (<u64>fill << 16) | <u64>value
      : (<u64>value << 32) | (<u64>fill << 16) | <u64>value;
    if (left) {
      result = <T>((wide << count) >> 32);
      out = ((wide >> (48 - count)) & 1) != 0;
    } else {
      result = <T>(wide >> count);
      out = ((wide >> (count - 1)) & 1) != 0;
    }
  } else {
    const by = <T>count;
    const back = <T>(bitsOf<T>() - count);
    result = left ? <T>((value << by) | (fill >> back)) : <T>((value >> by) | (fill << back));
    out = ((left ? value >> back : value >> <T>(count - 1)) & 1) != 0;
  }
  const overflow = (signed<T>(result) ^ signed<T>(value)) < 0;
  setTarget<T>(u, pointer, result);
  setPartialFlags(signed<T>(result), (out ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
  return NEXT;
}
