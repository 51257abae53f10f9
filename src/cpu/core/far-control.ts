// Transfers to other code segments: far JMP, CALL and RET, IRET (Intel SDM Vol. 2; Vol. 3A 5.8).
// Does not implement: task gates and TSS targets (reported as unimplemented).

import { readFlags, writeFlags } from './flags';
import {
  CONTINUE_AT_RIP, EFLAGS, EXIT_REASON, EXIT_TO_HOST, EXIT_UNIMPLEMENTED, FAULTED, NMI_BLOCKED,
  RIP, RSP, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, UOP_DISP, UOP_IMM, FRAME,
} from './generated/layout';
import { storeBytesAs } from './mmu';
import { canonical } from './paging';
import {
  ATTRIBUTE_BIG, ATTRIBUTE_LONG, ATTRIBUTE_RW, ATTRIBUTE_S, addToStack, checkStackDescriptor, descriptorAttributes,
  descriptorBase, descriptorDpl, descriptorHigh, descriptorIsSystem, descriptorLimit, descriptorLow, descriptorPresent,
  descriptorTop, descriptorType, dropInnerSegments, fetchDescriptor, frameValue, isNull, kindOf, peekFrame,
  pushFrame, readTssStack32, readTssStack64, setDescriptorBits, setFrame, setFromDescriptor, setRealSegment,
  stackLinear, stackMask, tssSelector, tssStack, withinLimit,
} from './segments';
import {
  FLAGS_ARITHMETIC, FLAG_AC, FLAG_DF, FLAG_ID, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_TF, FLAG_VIF, FLAG_VIP, FLAG_VM, GP,
  NP, SS, TS, code64, cpl, longMode, protectedMode, raise, raiseGeneralProtection, segmentLimit, selector, setCpl,
  setSegment, updateMode,
} from './state';
import { nextRipOf, readMemory, sizeOf } from './system-operands';

/** Results of a transfer. */
const FAILED: i32 = FAULTED;
const DONE: i32 = CONTINUE_AT_RIP;

@inline
function realMode(): bool {
  return !protectedMode() || (load<u32>(EFLAGS) & FLAG_VM) != 0;
}

function taskSwitch(): i32 {
  store<u32>(EXIT_REASON, EXIT_UNIMPLEMENTED);
  return EXIT_TO_HOST;
}

/** The instruction pointer's check against the code descriptor read last: canonical, or within the limit. */
function targetFits(offset: u64): bool {
  const fits = longMode() && descriptorAttributes() & ATTRIBUTE_LONG ? canonical(offset) : offset <= descriptorLimit();
  if (!fits) raiseGeneralProtection();
  return fits;
}

/** Loads CS from the descriptor read last. The caller sets RIP and the level. */
function loadCode(value: u32, level: u32): void {
  setSegment(SEG_CS, (value & 0xfffc) | level, descriptorBase(), descriptorLimit(), descriptorAttributes() | 1);
}

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
  return pushFrame(2 * size);
}

/** JMP or CALL through a call gate (Vol. 3A 5.8.3). `pushed` is 0 for JMP. */
function throughGate(value: u32, pushed: u32, next: u64): i32 {
  const error = value & 0xfffc;
  const type = descriptorType();
  const long = longMode();
  const callGate = type == 0xc || (!long && type == 4);
  if (!long && (type == 1 || type == 3 || type == 5 || type == 9 || type == 0xb)) return taskSwitch();
  if (!callGate || max<u32>(cpl(), value & 3) > descriptorDpl()) {
    raiseGeneralProtection(error);
    return FAILED;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return FAILED;
  }
  if (long && !fetchDescriptor(value, 16)) return FAILED;
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
  if (descriptorIsSystem() || !(descriptorType() & 8) || descriptorDpl() > cpl() || wrongSize) {
    raiseGeneralProtection(codeError);
    return FAILED;
  }
  if (!descriptorPresent()) {
    raise(NP, codeError, true);
    return FAILED;
  }
  if (!targetFits(offset)) return FAILED;
  const level = descriptorDpl();
  if (pushed && !(descriptorType() & 4) && level < cpl()) {
    return callInner(code, offset, level, size, parameters, next);
  }
  if (!pushed && !(descriptorType() & 4) && level != cpl()) {
    raiseGeneralProtection(codeError);
    return FAILED;
  }
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
  if (count) {
    const p = peekFrame(count * size);
    if (!p) return FAILED;
    // At most 31 parameters of 4 bytes: they go through the frame in place.
    memory.copy(FRAME + 2 * size, FRAME, count * size);
  }
  if (bytes > 64) return taskSwitch();
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
    if (!storeBytesAs(top, bytes, FRAME, kindOf(level))) return FAILED;
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
    if (!storeBytesAs((<u64>descriptorBase() + top) & 0xffffffff, bytes, FRAME, kindOf(level))) return FAILED;
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
  return transfer(load<u32>(uop, UOP_IMM) & 0xffff, load<u64>(uop, UOP_DISP), 0, 0);
}
export function sys_call_far(uop: u32): i32 {
  return transfer(load<u32>(uop, UOP_IMM) & 0xffff, load<u64>(uop, UOP_DISP), sizeOf(uop), nextRipOf(uop));
}

/** m16:16, m16:32 or m16:64. */
function indirect(uop: u32, call: bool): i32 {
  const size = sizeOf(uop);
  const p = readMemory(uop, size + 2);
  if (!p) return FAILED;
  const offset = size == 8 ? load<u64>(p) : size == 4 ? <u64>load<u32>(p) : <u64>load<u16>(p);
  return transfer(load<u16>(p + size), offset, call ? size : 0, nextRipOf(uop));
}
export function sys_jmp_far_indirect(uop: u32): i32 {
  return indirect(uop, false);
}
export function sys_call_far_indirect(uop: u32): i32 {
  return indirect(uop, true);
}

// --- RET, IRET -------------------------------------------------------------------------------------------------------

/** The code segment a return goes to, read and checked (Vol. 2, RET and IRET). False: fault pending. */
function checkReturnCode(value: u32, offset: u64): bool {
  if (isNull(value)) {
    raiseGeneralProtection();
    return false;
  }
  if (!fetchDescriptor(value, 8)) return false;
  const error = value & 0xfffc;
  const level = value & 3;
  const conforming = (descriptorType() & 4) != 0;
  const both = ATTRIBUTE_LONG | ATTRIBUTE_BIG;
  if (
    descriptorIsSystem() || !(descriptorType() & 8) || level < cpl() ||
    (conforming ? descriptorDpl() > level : descriptorDpl() != level) ||
    (longMode() && (descriptorAttributes() & both) == both)
  ) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  return targetFits(offset);
}

/** SS for a return to `level`; null is allowed into 64-bit code below CPL 3. The descriptor is left read. */
function checkReturnStack(value: u32, level: u32, toCode64: bool): bool {
  if (isNull(value)) {
    if (toCode64 && level != 3 && (value & 3) == level) return true;
    raiseGeneralProtection();
    return false;
  }
  return checkStackDescriptor(value, level, GP, 0);
}

function loadReturnStack(value: u32, level: u32): void {
  if (isNull(value)) {
    setSegment(SEG_SS, value, 0, 0xffffffff, ATTRIBUTE_BIG | ATTRIBUTE_S | ATTRIBUTE_RW | (level << 5));
  } else {
    setFromDescriptor(SEG_SS, value);
  }
}

/** Sets RSP as the stack segment just loaded has it. */
function setStackPointer(value: u64, toCode64: bool): void {
  const mask = toCode64 ? ~0 : stackMask();
  store<u64>(RSP, mask == 0xffff ? (load<u64>(RSP) & ~0xffff) | (value & 0xffff) : value & mask);
}

/**
 * RET far and IRET out of the frame: RIP, CS, then (`flagsAt` > 0) flags, then for an outer level or 64-bit IRET RSP and SS.
 * `size` is that of one slot, `extra` what RET n drops.
 */
function returnTo(size: u32, flagsAt: u32, extra: u32): i32 {
  const isIret = flagsAt != 0;
  const short: u32 = isIret ? 3 : 2;
  if (!peekFrame(short * size)) return FAILED;
  const offset = frameValue(0, size);
  const code = <u32>frameValue(size, size) & 0xffff;
  const flags = isIret ? <u32>frameValue(flagsAt, size) : 0;
  if (isIret && !longMode() && flags & FLAG_VM && cpl() == 0) return returnToV86(size);
  if (!checkReturnCode(code, offset)) return FAILED;
  const level = code & 3;
  const outer = level != cpl();
  const toCode64 = longMode() && (descriptorAttributes() & ATTRIBUTE_LONG) != 0;
  if (!outer && !(isIret && code64())) {
    loadCode(code, level);
    addToStack(short * size + extra);
  } else {
    const base = descriptorBase();
    const limit = descriptorLimit();
    const attributes = descriptorAttributes() | 1;
    // RET n skips the parameters before the outer stack pointer.
    const stackAt = short * size + extra;
    if (!peekOuter(stackAt, size)) return FAILED;
    const stackPointer = frameValue(0, size);
    const stack = <u32>frameValue(size, size) & 0xffff;
    if (!checkReturnStack(stack, level, toCode64)) return FAILED;
    loadReturnStack(stack, level);
    setSegment(SEG_CS, (code & 0xfffc) | level, base, limit, attributes);
    setStackPointer(stackPointer + (isIret ? 0 : extra), toCode64);
    if (outer) dropInnerSegments(level);
  }
  if (isIret) restoreFlags(flags, size);
  store<u64>(RIP, offset);
  setCpl(level);
  return DONE;
}

/** Copies the RSP and SS slots that stand `at` bytes above the top of the stack into the frame. */
function peekOuter(at: u32, size: u32): bool {
  const old = load<u64>(RSP);
  addToStack(at);
  const p = peekFrame(2 * size);
  store<u64>(RSP, old);
  return p != 0;
}

/** Flags that IRET restores, by the level it returns from (Vol. 2, IRET). */
function restoreFlags(value: u32, size: u32): void {
  let mask: u32 = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  const old = readFlags();
  if (size != 2) mask |= FLAG_AC | FLAG_ID;
  if (cpl() <= (old & FLAG_IOPL) >>> 12) mask |= FLAG_IF;
  if (cpl() == 0) {
    mask |= FLAG_IOPL;
    if (size != 2) mask |= FLAG_VIF | FLAG_VIP;
  }
  // RF would hold back one instruction breakpoint; it is dropped, as there are none yet.
  writeFlags((old & ~mask) | (value & mask));
}

/** IRET from CPL 0 into virtual-8086 mode: the frame goes on with ESP, SS, ES, DS, FS, GS. */
function returnToV86(size: u32): i32 {
  if (!peekFrame(9 * size)) return FAILED;
  const flags = <u32>frameValue(8, size);
  const rip = frameValue(0, size) & 0xffff;
  writeFlags((flags & 0x003f_7fd5) | FLAG_VM | 2);
  setRealSegment(SEG_CS, <u32>frameValue(4, size));
  setRealSegment(SEG_SS, <u32>frameValue(16, size));
  setRealSegment(SEG_ES, <u32>frameValue(20, size));
  setRealSegment(SEG_DS, <u32>frameValue(24, size));
  setRealSegment(SEG_FS, <u32>frameValue(28, size));
  setRealSegment(SEG_GS, <u32>frameValue(32, size));
  store<u64>(RSP, frameValue(12, size));
  store<u64>(RIP, rip);
  setCpl(3);
  return DONE;
}

function returnReal(size: u32, flagsAt: u32, extra: u32): i32 {
  if (!peekFrame((flagsAt ? 3 : 2) * size)) return FAILED;
  const offset = frameValue(0, size);
  if (offset > segmentLimit(SEG_CS)) {
    raiseGeneralProtection();
    return FAILED;
  }
  const code = <u32>frameValue(size, size) & 0xffff;
  const flags = <u32>frameValue(flagsAt, size);
  addToStack((flagsAt ? 3 : 2) * size + extra);
  setRealSegment(SEG_CS, code);
  store<u64>(RIP, offset);
  if (flagsAt) {
    const v86 = (load<u32>(EFLAGS) & FLAG_VM) != 0;
    let mask: u32 = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_IF;
    if (!v86) mask |= FLAG_IOPL;
    if (size != 2) mask |= FLAG_AC | FLAG_ID;
    writeFlags((readFlags() & ~mask) | (flags & mask));
  }
  updateMode();
  return DONE;
}

export function sys_ret_far(uop: u32): i32 {
  const extra = load<u32>(uop, UOP_IMM) & 0xffff;
  return realMode() ? returnReal(sizeOf(uop), 0, extra) : returnTo(sizeOf(uop), 0, extra);
}

export function sys_iret(uop: u32): i32 {
  const size = sizeOf(uop);
  const flags = readFlags();
  let result: i32;
  if (realMode()) {
    if (flags & FLAG_VM && (flags & FLAG_IOPL) != FLAG_IOPL) {
      raiseGeneralProtection();
      return FAILED;
    }
    result = returnReal(size, 2 * size, 0);
  } else if (flags & FLAG_NT) {
    if (!longMode()) return taskSwitch();
    raiseGeneralProtection();
    return FAILED;
  } else {
    result = returnTo(size, 2 * size, 0);
  }
  if (result == DONE) store<u32>(NMI_BLOCKED, 0);
  return result;
}
