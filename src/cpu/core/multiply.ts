// MUL, IMUL, DIV, IDIV (Intel SDM Vol. 2). Flags that the manual leaves undefined follow the result, as for MUL on
// recent processors; division leaves all of them alone.

import { FAULTED, GPR, NEXT, RAX, RDX } from './constants';
import { FLAGS_MULTIPLY, setFlags, setPartialFlags } from './flags';
import { dst, effective, FORM_RM, imm, readAt, reg, setReg, signed, source, src } from './operands';
import { DE, FLAG_CF, FLAG_OF, raise } from './state';
import { mulHigh, mulHighSigned } from './wide-multiply';

const RDX_OFFSET: u32 = RDX - GPR;

@inline
function setProductFlags<T>(low: T, significant: bool): void {
  setPartialFlags(signed<T>(low), significant ? FLAG_CF | FLAG_OF : 0);
}

/** rDX:rAX (AX for bytes) = rAX * r/m. */
export function mul<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const a = <u64>load<T>(RAX);
  const b = <u64>load<T>(from);
  if (sizeof<T>() == 1) {
    const product = a * b;
    setReg<u16>(0, <u16>product);
    setProductFlags<T>(<T>product, product >> 8 != 0);
    return NEXT;
  }
  const low = <T>(a * b);
  const high = sizeof<T>() == 8 ? <T>mulHigh(a, b) : <T>((a * b) >> (sizeof<T>() == 8 ? 0 : sizeof<T>() * 8));
  setReg<T>(0, low);
  setReg<T>(RDX_OFFSET, high);
  setProductFlags<T>(low, high != 0);
  return NEXT;
}

export function imul1<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const a = signed<T>(load<T>(RAX));
  const b = signed<T>(load<T>(from));
  const product = a * b;
  if (sizeof<T>() == 1) {
    setReg<u16>(0, <u16>product);
    setProductFlags<T>(<T>product, product != signed<T>(<T>product));
    return NEXT;
  }
  const low = <T>product;
  const high = sizeof<T>() == 8 ? <T>mulHighSigned(a, b) : <T>(product >> (sizeof<T>() == 8 ? 0 : sizeof<T>() * 8));
  setReg<T>(0, low);
  setReg<T>(RDX_OFFSET, high);
  setProductFlags<T>(low, signed<T>(high) != signed<T>(low) >> 63);
  return NEXT;
}

/** The truncated signed product with its flags. */
@inline
function product<T>(a: T, b: T): T {
  const x = signed<T>(a);
  const y = signed<T>(b);
  const low = <T>(x * y);
  setFlags(FLAGS_MULTIPLY, x, y, signed<T>(low));
  return low;
}

@inline
export function hotMultiply<T>(u: u32, form: i32): bool {
  if (form == FORM_RM) {
    const from = readAt<T>(u, effective(u, sizeof<T>()));
    if (!from) return false;
    setReg<T>(dst(u), product<T>(reg<T>(dst(u)), load<T>(from)));
    return true;
  }
  setReg<T>(dst(u), product<T>(reg<T>(dst(u)), reg<T>(src(u))));
  return true;
}

/** The form is that of the first two operands; the third is the immediate. */
@inline
export function hotMultiplyBy<T>(u: u32, form: i32): bool {
  if (form == FORM_RM) {
    const from = readAt<T>(u, effective(u, sizeof<T>()));
    if (!from) return false;
    setReg<T>(dst(u), product<T>(load<T>(from), imm<T>(u)));
    return true;
  }
  setReg<T>(dst(u), product<T>(reg<T>(src(u)), imm<T>(u)));
  return true;
}

export function imul2<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), product<T>(reg<T>(dst(u)), load<T>(from)));
  return NEXT;
}

export function imul3<T>(u: u32): i32 {
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), product<T>(load<T>(from), imm<T>(u)));
  return NEXT;
}

// --- Division --------------------------------------------------------------------------------------------------------

let quotient: u64 = 0;
let remainder: u64 = 0;

/** high:low / divisor into quotient and remainder; false when the quotient does not fit in 64 bits. */
function divide128(high: u64, low: u64, divisor: u64): bool {
  if (divisor == 0 || high >= divisor) return false;
  if (high == 0) {
    quotient = low / divisor;
    remainder = low % divisor;
    return true;
  }
  // Knuth, The Art of Computer Programming Vol. 2, 4.3.1, algorithm D with 32-bit digits.
  const shift = clz<u64>(divisor);
  const v = divisor << shift;
  const v1 = v >> 32;
  const v0 = v & 0xffffffff;
  const top = shift ? (high << shift) | (low >> (64 - shift)) : high;
  const rest = low << shift;
  const q1 = quotientDigit(top, rest >> 32, v1, v0);
  const middle = ((top << 32) | (rest >> 32)) - q1 * v;
  const q0 = quotientDigit(middle, rest & 0xffffffff, v1, v0);
  quotient = (q1 << 32) | q0;
  remainder = (((middle << 32) | (rest & 0xffffffff)) - q0 * v) >> shift;
  return true;
}

@inline
function quotientDigit(top: u64, next: u64, v1: u64, v0: u64): u64 {
  let q = top / v1;
  let r = top % v1;
  // At most two corrections (Knuth).
  for (let i = 0; i < 2 && r <= 0xffffffff; i++) {
    if (q <= 0xffffffff && q * v0 <= ((r << 32) | next)) break;
    q--;
    r += v1;
  }
  return q;
}

function divideError(): i32 {
  raise(DE);
  return FAULTED;
}

export function div<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const divisor = <u64>load<T>(from);
  if (divisor == 0) return divideError();
  if (sizeof<T>() == 1) {
    const dividend = <u64>load<u16>(RAX);
    const q = dividend / divisor;
    if (q > 0xff) return divideError();
    setReg<u16>(0, <u16>(q | ((dividend % divisor) << 8)));
    return NEXT;
  }
  if (sizeof<T>() == 8) {
    if (!divide128(load<u64>(RDX), load<u64>(RAX), divisor)) return divideError();
  } else {
    const bits = <u64>(sizeof<T>() == 8 ? 0 : sizeof<T>() * 8);
    const dividend = (<u64>load<T>(RDX) << bits) | <u64>load<T>(RAX);
    quotient = dividend / divisor;
    remainder = dividend % divisor;
    if (quotient >> bits) return divideError();
  }
  setReg<T>(0, <T>quotient);
  setReg<T>(RDX_OFFSET, <T>remainder);
  return NEXT;
}

export function idiv<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const divisor = signed<T>(load<T>(from));
  if (divisor == 0) return divideError();
  if (sizeof<T>() == 1) {
    const dividend = <i64>load<i16>(RAX);
    const q = dividend / divisor;
    if (q != <i64>(<i8>q)) return divideError();
    setReg<u16>(0, <u16>((q & 0xff) | ((dividend % divisor) << 8)));
    return NEXT;
  }
  if (sizeof<T>() == 8) return divideSigned128(divisor);
  const bits = <i64>(sizeof<T>() == 8 ? 0 : sizeof<T>() * 8);
  const dividend = (signed<T>(load<T>(RDX)) << bits) | <i64>load<T>(RAX);
  // The one quotient that overflows 64 bits.
  if (dividend == i64.MIN_VALUE && divisor == -1) return divideError();
  const q = dividend / divisor;
  if (q != signed<T>(<T>q)) return divideError();
  setReg<T>(0, <T>q);
  setReg<T>(RDX_OFFSET, <T>(dividend % divisor));
  return NEXT;
}

function divideSigned128(divisor: i64): i32 {
  let high = load<u64>(RDX);
  let low = load<u64>(RAX);
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + (low == 0 ? 1 : 0);
  }
  if (!divide128(high, low, divisor < 0 ? 0 - <u64>divisor : <u64>divisor)) return divideError();
  const negativeQuotient = negative != divisor < 0;
  const limit: u64 = negativeQuotient ? 0x8000_0000_0000_0000 : 0x7fff_ffff_ffff_ffff;
  if (quotient > limit) return divideError();
  store<u64>(RAX, negativeQuotient ? 0 - quotient : quotient);
  store<u64>(RDX, negative ? 0 - remainder : remainder);
  return NEXT;
}
