// Two-operand arithmetic and logic, and INC, DEC, NEG, NOT (Intel SDM Vol. 2).

import { FAULTED, FORM_IMMEDIATE, FORM_LOAD, NEXT, UOP_FORM } from './constants';
import {
  CONDITION_B, CONDITION_BE, CONDITION_L, CONDITION_LE, CONDITION_S, CONDITION_Z, OP_LEAVE, UOP_OP, UOP_SIZE, UOP_SUB,
} from './constants';
import { carry, FLAGS_ADD, FLAGS_SUB, setFlags, setLogicFlags, setPartialFlags } from './flags';
import {
  dst, effective, finishModify, FORM_MI, FORM_MR, FORM_R, FORM_RI, FORM_RM, hasMemory, imm, modifyAt, readAt, reg,
  setReg, setTarget, signed, source, src, target,
} from './operands';
import { FLAG_AF, FLAG_CF, FLAG_OF } from './state';

export const ALU_ADD: i32 = 0;
export const ALU_OR: i32 = 1;
export const ALU_ADC: i32 = 2;
export const ALU_SBB: i32 = 3;
export const ALU_AND: i32 = 4;
export const ALU_SUB: i32 = 5;
export const ALU_XOR: i32 = 6;
export const ALU_CMP: i32 = 7;
export const ALU_TEST: i32 = 8;

export const UNARY_INC: i32 = 0;
export const UNARY_DEC: i32 = 1;
export const UNARY_NEG: i32 = 2;
export const UNARY_NOT: i32 = 3;

/** CF, OF and AF of a + b + carry (or a - b - borrow) with its result, as EFLAGS bits. */
@inline
function carryFlags(a: i64, b: i64, result: i64, carryOut: bool, isSubtract: bool): u32 {
  const overflow = isSubtract ? (a ^ b) & (a ^ result) : (a ^ result) & (b ^ result);
  return (
    (carryOut ? FLAG_CF : 0) | (overflow < 0 ? FLAG_OF : 0) | ((<u32>(a ^ b) ^ <u32>result) & 0x10 ? FLAG_AF : 0)
  );
}

/** Result of `operation`, with the flags set. ALU_CMP and ALU_TEST give a result that nobody stores. */
@inline
function compute<T>(operation: i32, a: T, b: T): T {
  if (operation == ALU_ADD) {
    const result = <T>(a + b);
    setFlags(FLAGS_ADD, signed<T>(a), signed<T>(b), signed<T>(result));
    return result;
  }
  if (operation == ALU_SUB || operation == ALU_CMP) {
    const result = <T>(a - b);
    setFlags(FLAGS_SUB, signed<T>(a), signed<T>(b), signed<T>(result));
    return result;
  }
  if (operation == ALU_ADC) {
    const c = carry();
    const result = <T>(a + b + <T>c);
    const carryOut = c ? result <= a : result < a;
    setPartialFlags(signed<T>(result), carryFlags(signed<T>(a), signed<T>(b), signed<T>(result), carryOut, false));
    return result;
  }
  if (operation == ALU_SBB) {
    const c = carry();
    const result = <T>(a - b - <T>c);
    const carryOut = c ? a <= b : a < b;
    setPartialFlags(signed<T>(result), carryFlags(signed<T>(a), signed<T>(b), signed<T>(result), carryOut, true));
    return result;
  }
  let result: T;
  if (operation == ALU_AND || operation == ALU_TEST) result = <T>(a & b);
  else if (operation == ALU_OR) result = <T>(a | b);
  else result = <T>(a ^ b);
  setLogicFlags(signed<T>(result));
  return result;
}

@inline
function discards(operation: i32): bool {
  return operation == ALU_CMP || operation == ALU_TEST;
}

/** One operation in one form, both constant: false when a fault is pending. */
@inline
export function hotArithmetic<T>(u: u32, operation: i32, form: i32): bool {
  if (form == FORM_MR || form == FORM_MI) {
    const address = effective(u, sizeof<T>());
    if (discards(operation)) {
      const from = readAt<T>(u, address);
      if (!from) return false;
      if (form == FORM_MR) compute<T>(operation, load<T>(from), reg<T>(src(u)));
      else compute<T>(operation, load<T>(from), imm<T>(u));
      return true;
    }
    const pointer = modifyAt<T>(u, address);
    if (!pointer) return false;
    const b = form == FORM_MR ? reg<T>(src(u)) : imm<T>(u);
    finishModify<T>(u, pointer, address, compute<T>(operation, load<T>(pointer), b));
    return true;
  }
  const to = dst(u);
  if (form == FORM_RM) {
    const from = readAt<T>(u, effective(u, sizeof<T>()));
    if (!from) return false;
    const result = compute<T>(operation, reg<T>(to), load<T>(from));
    if (!discards(operation)) setReg<T>(to, result);
  } else if (form == FORM_RI) {
    const result = compute<T>(operation, reg<T>(to), imm<T>(u));
    if (!discards(operation)) setReg<T>(to, result);
  } else {
    const result = compute<T>(operation, reg<T>(to), reg<T>(src(u)));
    if (!discards(operation)) setReg<T>(to, result);
  }
  return true;
}

// --- With the branch that follows ------------------------------------------------------------------------------------

/** Fused pair: the flags of `operation` are set and `condition` of them is returned, negated as the branch says. */
@inline
function decide<T>(u: u32, operation: i32, condition: i32, a: T, b: T, result: T): bool {
  let holds: bool;
  if (condition == CONDITION_Z) holds = result == 0;
  else if (condition == CONDITION_S) holds = signed<T>(result) < 0;
  else if (operation == ALU_ADD) holds = result < a;
  else if (operation == ALU_TEST || operation == ALU_AND) holds = signed<T>(result) <= 0;
  else if (condition == CONDITION_B) holds = a < b;
  else if (condition == CONDITION_BE) holds = a <= b;
  else if (condition == CONDITION_L) holds = signed<T>(a) < signed<T>(b);
  else holds = signed<T>(a) <= signed<T>(b);
  return <u32>holds != (load<u8>(u + UOP_SIZE, UOP_SUB) & 1);
}

/** A fused pair of registers or a register and a constant: whether the branch is taken. */
@inline
export function fusedRegisters<T>(u: u32, operation: i32, form: i32, condition: i32): bool {
  const to = dst(u);
  const a = reg<T>(to);
  const b = form == FORM_RI ? imm<T>(u) : reg<T>(src(u));
  const result = compute<T>(operation, a, b);
  if (!discards(operation)) setReg<T>(to, result);
  return decide<T>(u, operation, condition, a, b, result);
}

/** A comparison with memory did not lead to its branch: the access faulted, or the block must be left before it. */
export const FUSED_FAULTED: i32 = -1;
export const FUSED_LEFT: i32 = -2;

/** A fused comparison with memory: 1 and 0 as {@link fusedRegisters}. */
@inline
export function fusedMemory<T>(u: u32, operation: i32, form: i32, condition: i32): i32 {
  const from = readAt<T>(u, effective(u, sizeof<T>()));
  if (!from) return FUSED_FAULTED;
  const value = load<T>(from);
  const a = form == FORM_RM ? reg<T>(dst(u)) : value;
  const b = form == FORM_RM ? value : form == FORM_MR ? reg<T>(src(u)) : imm<T>(u);
  const result = compute<T>(operation, a, b);
  if (load<u16>(u + UOP_SIZE, UOP_OP) == OP_LEAVE) return FUSED_LEFT;
  return decide<T>(u, operation, condition, a, b, result) ? 1 : 0;
}

/** A register form whose flags nobody can see. */
@inline
export function quietArithmetic<T>(u: u32, operation: i32, form: i32): void {
  const to = dst(u);
  const a = reg<T>(to);
  const b = form == FORM_RI ? imm<T>(u) : reg<T>(src(u));
  if (operation == ALU_ADD) setReg<T>(to, <T>(a + b));
  else if (operation == ALU_SUB) setReg<T>(to, <T>(a - b));
  else if (operation == ALU_AND) setReg<T>(to, <T>(a & b));
  else if (operation == ALU_OR) setReg<T>(to, <T>(a | b));
  else setReg<T>(to, <T>(a ^ b));
}

function computeAny<T>(operation: i32, a: T, b: T): T {
  switch (operation) {
    case 0: return compute<T>(ALU_ADD, a, b);
    case 1: return compute<T>(ALU_OR, a, b);
    case 2: return compute<T>(ALU_ADC, a, b);
    case 3: return compute<T>(ALU_SBB, a, b);
    case 4: return compute<T>(ALU_AND, a, b);
    case 5: return compute<T>(ALU_SUB, a, b);
    case 6: return compute<T>(ALU_XOR, a, b);
    case 7: return compute<T>(ALU_CMP, a, b);
    default: return compute<T>(ALU_TEST, a, b);
  }
}

/** Any operation in any form. */
export function arithmetic<T>(u: u32, operation: i32): i32 {
  const form = load<u8>(u, UOP_FORM);
  if (form & FORM_IMMEDIATE) {
    if (discards(operation)) {
      const from = source<T>(u, dst(u));
      if (!from) return FAULTED;
      computeAny<T>(operation, load<T>(from), imm<T>(u));
      return NEXT;
    }
    const pointer = target<T>(u);
    if (!pointer) return FAULTED;
    setTarget<T>(u, pointer, computeAny<T>(operation, load<T>(pointer), imm<T>(u)));
    return NEXT;
  }
  // With a memory operand, the register operand is the other one: dst for `Gv,Ev`, src for `Ev,Gv`.
  if (isLoadForm(u)) {
    const from = source<T>(u, src(u));
    if (!from) return FAULTED;
    const result = computeAny<T>(operation, reg<T>(dst(u)), load<T>(from));
    if (!discards(operation)) setReg<T>(dst(u), result);
    return NEXT;
  }
  const pointer = discards(operation) ? source<T>(u, dst(u)) : target<T>(u);
  if (!pointer) return FAULTED;
  const result = computeAny<T>(operation, load<T>(pointer), reg<T>(src(u)));
  if (!discards(operation)) setTarget<T>(u, pointer, result);
  return NEXT;
}

/** True when memory, if any, is the source (`Gv,Ev`). */
@inline
export function isLoadForm(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_LOAD) != 0;
}

// --- One operand ---------------------------------------------------------------------------------------------------

@inline
function computeUnary<T>(operation: i32, a: T): T {
  if (operation == UNARY_NOT) return <T>~a;
  if (operation == UNARY_NEG) {
    const result = <T>(0 - a);
    setFlags(FLAGS_SUB, 0, signed<T>(a), signed<T>(result));
    return result;
  }
  // INC and DEC keep CF.
  const kept = carry() ? FLAG_CF : 0;
  const result = operation == UNARY_INC ? <T>(a + 1) : <T>(a - 1);
  setPartialFlags(signed<T>(result), kept | (carryFlags(signed<T>(a), 1, signed<T>(result), false, operation == UNARY_DEC)));
  return result;
}

@inline
export function hotUnary<T>(u: u32, operation: i32, form: i32): bool {
  if (form == FORM_R) {
    setReg<T>(dst(u), computeUnary<T>(operation, reg<T>(dst(u))));
    return true;
  }
  const address = effective(u, sizeof<T>());
  const pointer = modifyAt<T>(u, address);
  if (!pointer) return false;
  finishModify<T>(u, pointer, address, computeUnary<T>(operation, load<T>(pointer)));
  return true;
}

export function unary<T>(u: u32, operation: i32): i32 {
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  let result: T;
  switch (operation) {
    case 0: result = computeUnary<T>(UNARY_INC, load<T>(pointer)); break;
    case 1: result = computeUnary<T>(UNARY_DEC, load<T>(pointer)); break;
    case 2: result = computeUnary<T>(UNARY_NEG, load<T>(pointer)); break;
    default: result = computeUnary<T>(UNARY_NOT, load<T>(pointer));
  }
  setTarget<T>(u, pointer, result);
  return NEXT;
}
