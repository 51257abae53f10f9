// Transfers to other code segments: far JMP and CALL, also through call gates (Intel SDM Vol. 2; Vol. 3A 5.8).

import { RIP, RSP, SEG_CS, SEG_SS, UOP_DISP, UOP_IMM, FRAME } from './generated/layout';
import { canonical } from './paging';
import {
  ATTRIBUTE_BIG, ATTRIBUTE_LONG, ATTRIBUTE_RW, ATTRIBUTE_S, checkStackDescriptor, descriptorAttributes,
  descriptorBase, descriptorDpl, descriptorHigh, descriptorIsSystem, descriptorLimit, descriptorLow,
  descriptorPresent, descriptorTop, descriptorType, descriptorUpperType, fetchDescriptor, isNull, kindOf, peekFrame, pushFrame,
  readTssStack32, readTssStack64, setDescriptorBits, setFrame, setFromDescriptor, setRealSegment, storeFrame,
  tssSelector, tssStack, withinLimit,
} from './segments';
import {
  NP, SS, TS, cpl, longMode, raise, raiseGeneralProtection, segmentLimit, selector, setCpl, setSegment, updateMode,
} from './state';
import { farOffset, farSelector, nextRipOf, readFarPointer, sizeOf } from './system-operands';
import { DONE, FAILED, loadCode, realMode, targetFits } from './far-transfer';
import { transferThroughTask } from './task-switch';

/** A code descriptor for JMP or CALL at the present level. False: fault pending. */
function checkCode(value: u32, offset: u64): bool {
  const error = value & 0xfffc;
  const conforming = (descriptorType() & 4) != 0;
  const allowed = conforming ? descriptorDpl() <= cpl() : (value & 3) <= cpl() && descriptorDpl() == cpl();
  const both = ATTRIBUTE_LONG | ATTRIBUTE_BIG;
  if (!allowed || (longMode() && (descriptorAttributes() & both) == both)) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  return targetFits(offset);
}

/** Far JMP (`size` 0: no return address) or CALL with a return address of `size` bytes each. */
function transfer(value: u32, offset: u64, size: u32, next: u64): i32 {
  if (realMode()) {
    if (offset > segmentLimit(SEG_CS)) {
      raiseGeneralProtection();
      return FAILED;
    }
    if (size && !pushReturn(size, next)) return FAILED;
    setRealSegment(SEG_CS, value);
    store<u64>(RIP, offset);
    updateMode();
    return DONE;
  }
  if (isNull(value)) {
    raiseGeneralProtection();
    return FAILED;
  }
  if (!fetchDescriptor(value, 8)) return FAILED;
  if (descriptorIsSystem()) return throughGate(value, size, next);
  if (!(descriptorType() & 8)) {
    raiseGeneralProtection(value & 0xfffc);
    return FAILED;
  }
  if (!checkCode(value, offset)) return FAILED;
  if (size) {
    // The push may need its own translation, which leaves the descriptor as read.
    if (!pushReturn(size, next)) return FAILED;
  }
  if (!setDescriptorBits(0x100)) return FAILED;
  loadCode(value, cpl());
  store<u64>(RIP, offset);
  updateMode();
  return DONE;
}

function pushReturn(size: u32, next: u64): bool {
  setFrame(0, size, next);
  setFrame(size, size, selector(SEG_CS));
  return pushFrame(2 * size, size);
}

/** JMP or CALL through a call gate (Vol. 3A 5.8.3). `pushed` is 0 for JMP. */
function throughGate(value: u32, pushed: u32, next: u64): i32 {
  const error = value & 0xfffc;
  const type = descriptorType();
  const long = longMode();
  const callGate = type == 0xc || (!long && type == 4);
  // Any TSS, available or busy, or a task gate.
  if (!long && (type == 5 || (type & 5) == 1)) return transferThroughTask(value, pushed != 0, next);
  if (!callGate || max<u32>(cpl(), value & 3) > descriptorDpl()) {
    raiseGeneralProtection(error);
    return FAILED;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return FAILED;
  }
  if (long && !fetchDescriptor(value, 16)) return FAILED;
  if (long && descriptorUpperType() != 0) {
    raiseGeneralProtection(error);
    return FAILED;
  }
  const code = descriptorLow >>> 16;
  const parameters = descriptorHigh & 0x1f;
  const size: u32 = long ? 8 : type & 8 ? 4 : 2;
  let offset = <u64>((descriptorLow & 0xffff) | (descriptorHigh & 0xffff0000)) | (<u64>descriptorTop << 32);
  if (size == 2) offset &= 0xffff;
  if (isNull(code)) {
    raiseGeneralProtection();
    return FAILED;
  }
  if (!fetchDescriptor(code, 8)) return FAILED;
  const codeError = code & 0xfffc;
  const wrongSize = long && (descriptorAttributes() & (ATTRIBUTE_LONG | ATTRIBUTE_BIG)) != ATTRIBUTE_LONG;
  const level = descriptorDpl();
  const conforming = (descriptorType() & 4) != 0;
  // JMP does not change the level: what does not conform must have it already (Vol. 2A, JMP).
  const wrongLevel = pushed || conforming ? level > cpl() : level != cpl();
  if (descriptorIsSystem() || !(descriptorType() & 8) || wrongLevel || wrongSize) {
    raiseGeneralProtection(codeError);
    return FAILED;
  }
  if (!descriptorPresent()) {
    raise(NP, codeError, true);
    return FAILED;
  }
  if (!targetFits(offset)) return FAILED;
  if (pushed && !conforming && level < cpl()) return callInner(code, offset, level, size, parameters, next);
  if (pushed && !pushReturn(size, next)) return FAILED;
  loadCode(code, cpl());
  store<u64>(RIP, offset);
  updateMode();
  return DONE;
}

/** Call to an inner level: the new stack gets SS:RSP, the parameters (legacy only) and CS:RIP. */
function callInner(code: u32, offset: u64, level: u32, size: u32, parameters: u32, next: u64): i32 {
  const base = descriptorBase();
  const limit = descriptorLimit();
  const attributes = descriptorAttributes() | 1;
  const count = longMode() ? 0 : parameters;
  const bytes = (4 + count) * size;
  if (count && !peekFrame(count * size, size, FRAME + 2 * size)) return FAILED;
  setFrame(0, size, next);
  setFrame(size, size, selector(SEG_CS));
  setFrame((2 + count) * size, size, load<u64>(RSP));
  setFrame((3 + count) * size, size, selector(SEG_SS));
  let top: u64;
  if (longMode()) {
    if (!readTssStack64(4 + 8 * level, 0)) return FAILED;
    top = tssStack - bytes;
    if (!canonical(top)) {
      raise(SS, 0, true);
      return FAILED;
    }
    if (!storeFrame(top, bytes, size, kindOf(level))) return FAILED;
    setSegment(SEG_SS, level, 0, 0xffffffff, ATTRIBUTE_BIG | ATTRIBUTE_S | ATTRIBUTE_RW | (level << 5));
  } else {
    if (!readTssStack32(level, 0)) return FAILED;
    const stack = tssSelector;
    if (isNull(stack)) {
      raise(TS, 0, true);
      return FAILED;
    }
    if (!checkStackDescriptor(stack, level, TS, 0)) return FAILED;
    const mask: u64 = descriptorAttributes() & ATTRIBUTE_BIG ? 0xffffffff : 0xffff;
    top = (tssStack - bytes) & mask;
    if (!withinLimit(top, bytes, descriptorLimit(), descriptorAttributes())) {
      raise(SS, stack & 0xfffc, true);
      return FAILED;
    }
    if (!storeFrame((<u64>descriptorBase() + top) & 0xffffffff, bytes, size, kindOf(level))) return FAILED;
    setFromDescriptor(SEG_SS, stack);
  }
  store<u64>(RSP, top);
  setSegment(SEG_CS, (code & 0xfffc) | level, base, limit, attributes);
  store<u64>(RIP, offset);
  setCpl(level);
  return DONE;
}

// --- JMP, CALL -------------------------------------------------------------------------------------------------------

export function sys_jmp_far(uop: u32): i32 {
  return transfer(load<u32>(uop, UOP_IMM) & 0xffff, load<u64>(uop, UOP_DISP), 0, nextRipOf(uop));
}
export function sys_call_far(uop: u32): i32 {
  return transfer(load<u32>(uop, UOP_IMM) & 0xffff, load<u64>(uop, UOP_DISP), sizeOf(uop), nextRipOf(uop));
}

/** m16:16, m16:32 or m16:64. */
function indirect(uop: u32, call: bool): i32 {
  const size = sizeOf(uop);
  if (!readFarPointer(uop, size)) return FAILED;
  return transfer(farSelector, farOffset, call ? size : 0, nextRipOf(uop));
}
export function sys_jmp_far_indirect(uop: u32): i32 {
  return indirect(uop, false);
}
export function sys_call_far_indirect(uop: u32): i32 {
  return indirect(uop, true);
}
