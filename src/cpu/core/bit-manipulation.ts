// BMI1, BMI2 and ADX (Intel SDM Vol. 2). Flags that the manual leaves undefined are cleared, as processors do.

import { FAULTED, NEXT, RDX, UOP_IMM, UOP_SUB } from './constants';
import { arithmeticFlags, setArithmeticFlags } from './flags';
import { dst, reg, setReg, signed, source, src } from './operands';
import { FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF } from './state';
import { mulHigh } from './wide-multiply';

/** The register of VEX.vvvv. */
@inline
function second(u: u32): u32 {
  return load<u8>(u, UOP_SUB);
}

/** SF and ZF of the result, CF as given, the others clear. */
function setBitFlags<T>(result: T, carry: bool): void {
  setArithmeticFlags((result == 0 ? FLAG_ZF : 0) | (signed<T>(result) < 0 ? FLAG_SF : 0) | (carry ? FLAG_CF : 0));
}

export function andn<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const result = <T>(~reg<T>(second(u)) & load<T>(from));
  setReg<T>(dst(u), result);
  setBitFlags<T>(result, false);
  return NEXT;
}

/** Bits from the first on: start in 7-0 of the second operand, length in 15-8. */
export function bextr<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const control = reg<u32>(second(u));
  const start = control & 0xff;
  const length = (control >> 8) & 0xff;
  let value: u64 = start < 64 ? <u64>load<T>(from) >> start : 0;
  if (length < 64) value &= (<u64>1 << length) - 1;
  setReg<T>(dst(u), <T>value);
  setArithmeticFlags(<T>value == 0 ? FLAG_ZF : 0);
  return NEXT;
}

/** The lowest set bit; CF: there is one. */
export function blsi<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const value = load<T>(from);
  const result = <T>(value & (0 - value));
  setReg<T>(dst(u), result);
  setBitFlags<T>(result, value != 0);
  return NEXT;
}

/** All bits up to and with the lowest set one; CF: there is none. */
export function blsmsk<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const value = load<T>(from);
  const result = <T>(value ^ (value - 1));
  setReg<T>(dst(u), result);
  setBitFlags<T>(result, value == 0);
  return NEXT;
}

/** The lowest set bit cleared; CF: there is none. */
export function blsr<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const value = load<T>(from);
  const result = <T>(value & (value - 1));
  setReg<T>(dst(u), result);
  setBitFlags<T>(result, value == 0);
  return NEXT;
}

/** Bits from the index on cleared; CF: the index is beyond the operand. */
export function bzhi<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const index = <u32>reg<u8>(second(u));
  let value = <u64>load<T>(from);
  if (index < sizeof<T>() * 8) value &= (<u64>1 << index) - 1;
  setReg<T>(dst(u), <T>value);
  setBitFlags<T>(<T>value, index > <u32>sizeof<T>() * 8 - 1);
  return NEXT;
}

/** rDX times the source: upper half to the first, lower half to the second operand; the same register keeps the upper. */
export function mulx<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const a = <u64>load<T>(RDX);
  const b = <u64>load<T>(from);
  const low = a * b;
  const high = sizeof<T>() == 8 ? mulHigh(a, b) : low >> 32;
  setReg<T>(second(u), <T>low);
  setReg<T>(dst(u), <T>high);
  return NEXT;
}

/** Low bits of the second operand to the places that the mask (the last operand) has. */
export function pdep<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  let rest = <u64>load<T>(from);
  let bits = <u64>reg<T>(second(u));
  let result: u64 = 0;
  while (rest) {
    const place = rest & (0 - rest);
    if (bits & 1) result |= place;
    bits >>= 1;
    rest ^= place;
  }
  setReg<T>(dst(u), <T>result);
  return NEXT;
}

/** The bits that the mask has, packed together. */
export function pext<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  let rest = <u64>load<T>(from);
  const bits = <u64>reg<T>(second(u));
  let result: u64 = 0;
  let place: u64 = 1;
  while (rest) {
    if (bits & (rest & (0 - rest))) result |= place;
    place <<= 1;
    rest &= rest - 1;
  }
  setReg<T>(dst(u), <T>result);
  return NEXT;
}

export function rorx<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), rotr<T>(load<T>(from), <T>(load<u32>(u, UOP_IMM) & (sizeof<T>() * 8 - 1))));
  return NEXT;
}

@inline
function countOf<T>(u: u32): T {
  return <T>(reg<T>(second(u)) & <T>(sizeof<T>() * 8 - 1));
}
export function shlx<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), <T>(load<T>(from) << countOf<T>(u)));
  return NEXT;
}
export function shrx<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), <T>(load<T>(from) >> countOf<T>(u)));
  return NEXT;
}
export function sarx<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), <T>(signed<T>(load<T>(from)) >> <i64>countOf<T>(u)));
  return NEXT;
}

/** Addition with and into one flag only. */
function addWith<T>(u: u32, flag: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  const flags = arithmeticFlags();
  const a = reg<T>(dst(u));
  const b = load<T>(from);
  const partial = <T>(a + b);
  const result = <T>(partial + (flags & flag ? 1 : 0));
  setReg<T>(dst(u), result);
  setArithmeticFlags((flags & ~flag) | (partial < a || result < partial ? flag : 0));
  return NEXT;
}
export function adcx<T>(u: u32): i32 {
  return addWith<T>(u, FLAG_CF);
}
export function adox<T>(u: u32): i32 {
  return addWith<T>(u, FLAG_OF);
}
