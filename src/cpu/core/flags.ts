// Lazy arithmetic flags. The last operation's sign-extended operands and result are kept, so that ZF, SF, PF and the
// comparisons need no operand size; EFLAGS itself holds them while FLAGS_OP is FLAGS_EXPLICIT.

import { EFLAGS, FLAGS_EXTRA, FLAGS_OP, FLAGS_RESULT, FLAGS_SRC1, FLAGS_SRC2 } from './constants';
import { mulHighSigned } from './wide-multiply';
import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, FLAGS_ARITHMETIC } from './state';

export const FLAGS_EXPLICIT: u32 = 0;
export const FLAGS_ADD: u32 = 1;
export const FLAGS_SUB: u32 = 2;
/** CF, OF and AF are 0. */
export const FLAGS_LOGIC: u32 = 3;
/** ZF, SF and PF from the result; CF, OF and AF stand in FLAGS_EXTRA at their EFLAGS positions. */
export const FLAGS_PARTIAL: u32 = 4;
/** CF and OF say whether the product of the sources is more than the result; AF is 0. */
export const FLAGS_MULTIPLY: u32 = 5;

@inline
export function setFlags(operation: u32, a: i64, b: i64, result: i64): void {
  store<u32>(FLAGS_OP, operation);
  store<i64>(FLAGS_SRC1, a);
  store<i64>(FLAGS_SRC2, b);
  store<i64>(FLAGS_RESULT, result);
}

@inline
export function setLogicFlags(result: i64): void {
  store<u32>(FLAGS_OP, FLAGS_LOGIC);
  store<i64>(FLAGS_RESULT, result);
}

/** `extra`: CF, OF and AF at their EFLAGS positions. */
@inline
export function setPartialFlags(result: i64, extra: u32): void {
  store<u32>(FLAGS_OP, FLAGS_PARTIAL);
  store<i64>(FLAGS_RESULT, result);
  store<u32>(FLAGS_EXTRA, extra);
}

/** Sets all six arithmetic flags from a word in EFLAGS layout. */
@inline
export function setArithmeticFlags(flags: u32): void {
  store<u32>(FLAGS_OP, FLAGS_EXPLICIT);
  store<u32>(EFLAGS, (load<u32>(EFLAGS) & ~FLAGS_ARITHMETIC) | (flags & FLAGS_ARITHMETIC) | 2);
}

/** True when the signed product of FLAGS_SRC1 and FLAGS_SRC2 is not FLAGS_RESULT. */
function productOverflows(): bool {
  const a = load<i64>(FLAGS_SRC1);
  const b = load<i64>(FLAGS_SRC2);
  const low = a * b;
  return low != load<i64>(FLAGS_RESULT) || mulHighSigned(a, b) != low >> 63;
}

@inline
export function carry(): bool {
  switch (load<u32>(FLAGS_OP)) {
    case 1: return load<u64>(FLAGS_RESULT) < load<u64>(FLAGS_SRC1);
    case 2: return load<u64>(FLAGS_SRC1) < load<u64>(FLAGS_SRC2);
    case 3: return false;
    case 4: return (load<u32>(FLAGS_EXTRA) & FLAG_CF) != 0;
    case 5: return productOverflows();
    default: return (load<u32>(EFLAGS) & FLAG_CF) != 0;
  }
}

@inline
export function zero(): bool {
  if (load<u32>(FLAGS_OP) == FLAGS_EXPLICIT) return (load<u32>(EFLAGS) & FLAG_ZF) != 0;
  return load<i64>(FLAGS_RESULT) == 0;
}

@inline
export function sign(): bool {
  if (load<u32>(FLAGS_OP) == FLAGS_EXPLICIT) return (load<u32>(EFLAGS) & FLAG_SF) != 0;
  return load<i64>(FLAGS_RESULT) < 0;
}

export function parity(): bool {
  if (load<u32>(FLAGS_OP) == FLAGS_EXPLICIT) return (load<u32>(EFLAGS) & FLAG_PF) != 0;
  return (popcnt<u32>(<u32>load<u8>(FLAGS_RESULT)) & 1) == 0;
}

export function overflow(): bool {
  const a = load<i64>(FLAGS_SRC1);
  const b = load<i64>(FLAGS_SRC2);
  const result = load<i64>(FLAGS_RESULT);
  switch (load<u32>(FLAGS_OP)) {
    case 1: return ((a ^ result) & (b ^ result)) < 0;
    case 2: return ((a ^ b) & (a ^ result)) < 0;
    case 3: return false;
    case 4: return (load<u32>(FLAGS_EXTRA) & FLAG_OF) != 0;
    case 5: return productOverflows();
    default: return (load<u32>(EFLAGS) & FLAG_OF) != 0;
  }
}

export function adjust(): bool {
  switch (load<u32>(FLAGS_OP)) {
    case 1:
    case 2: return ((load<u32>(FLAGS_SRC1) ^ load<u32>(FLAGS_SRC2) ^ load<u32>(FLAGS_RESULT)) & 0x10) != 0;
    case 3:
    case 5: return false;
    case 4: return (load<u32>(FLAGS_EXTRA) & FLAG_AF) != 0;
    default: return (load<u32>(EFLAGS) & FLAG_AF) != 0;
  }
}

@inline
function less(): bool {
  const operation = load<u32>(FLAGS_OP);
  if (operation == FLAGS_SUB) return load<i64>(FLAGS_SRC1) < load<i64>(FLAGS_SRC2);
  if (operation == FLAGS_LOGIC) return load<i64>(FLAGS_RESULT) < 0;
  return sign() != overflow();
}

/** Condition code 0-15 (Intel SDM Vol. 1, appendix B). */
@inline
export function condition(code: u32): bool {
  const negate = (code & 1) != 0;
  switch (code >> 1) {
    case 0: return overflow() != negate;
    case 1: return carry() != negate;
    case 2: return zero() != negate;
    case 3: return (carry() || zero()) != negate;
    case 4: return sign() != negate;
    case 5: return parity() != negate;
    case 6: return less() != negate;
    default: return (less() || zero()) != negate;
  }
}

/** The six arithmetic flags in EFLAGS layout. */
export function arithmeticFlags(): u32 {
  if (load<u32>(FLAGS_OP) == FLAGS_EXPLICIT) return load<u32>(EFLAGS) & FLAGS_ARITHMETIC;
  let flags: u32 = 0;
  if (carry()) flags |= FLAG_CF;
  if (parity()) flags |= FLAG_PF;
  if (adjust()) flags |= FLAG_AF;
  if (zero()) flags |= FLAG_ZF;
  if (sign()) flags |= FLAG_SF;
  if (overflow()) flags |= FLAG_OF;
  return flags;
}

/** CF, OF and AF of now, for an operation that keeps some of them. */
export function partialFlags(): u32 {
  return (carry() ? FLAG_CF : 0) | (overflow() ? FLAG_OF : 0) | (adjust() ? FLAG_AF : 0);
}

/** Brings EFLAGS up to date and returns all of it. */
export function readFlags(): u32 {
  setArithmeticFlags(arithmeticFlags());
  return load<u32>(EFLAGS);
}

/** Replaces EFLAGS, arithmetic flags included. The caller has applied the privilege rules. */
export function writeFlags(value: u32): void {
  store<u32>(FLAGS_OP, FLAGS_EXPLICIT);
  store<u32>(EFLAGS, value | 2);
}
