// Returns to other code segments: far RET and IRET (Intel SDM Vol. 2; Vol. 3A 5.8, 6.12).

import { readFlags, writeFlags } from './flags';
import {
  NMI_BLOCKED, RIP, RSP, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, UOP_IMM,
} from './generated/layout';
import {
  ATTRIBUTE_BIG, ATTRIBUTE_LONG, ATTRIBUTE_RW, ATTRIBUTE_S, addToStack, checkStackDescriptor, descriptorAttributes,
  descriptorBase, descriptorDpl, descriptorIsSystem, descriptorLimit, descriptorPresent, descriptorType,
  dropInnerSegments, fetchDescriptor, frameValue, isNull, peekFrame, setFromDescriptor, setRealSegment,
} from './segments';
import {
  FLAGS_ARITHMETIC, FLAG_AC, FLAG_DF, FLAG_ID, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VIF, FLAG_VIP, FLAG_VM, GP,
  NP, SS, code64, cpl, longMode, raise, raiseGeneralProtection, segmentAttributes,
  segmentLimit, setCpl, setSegment, updateMode,
} from './state';
import { nextRipOf, sizeOf } from './system-operands';
import { returnToTask } from './task-switch';
import { DONE, FAILED, loadCode, realMode, targetFits } from './far-transfer';
import { mayPopVirtualFlags, popVirtualFlags, restricted8086, virtual8086, virtualFlags } from './virtual-8086';

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

/** Sets RSP as the stack segment just loaded has it: of a 16-bit stack SP alone, also when 64-bit code is left. */
function setStackPointer(value: u64, toCode64: bool): void {
  if (toCode64) store<u64>(RSP, value);
  else if (segmentAttributes(SEG_SS) & ATTRIBUTE_BIG) store<u64>(RSP, value & 0xffff_ffff);
  else store<u16>(RSP, <u16>value);
}

/**
 * RET far and IRET out of the frame: RIP, CS, then (`flagsAt` > 0) flags, then for an outer level or 64-bit IRET RSP and SS.
 * `size` is that of one slot, `extra` what RET n drops.
 */
function returnTo(size: u32, flagsAt: u32, extra: u32): i32 {
  const isIret = flagsAt != 0;
  const short: u32 = isIret ? 3 : 2;
  if (!peekFrame(short * size, size)) return FAILED;
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
  const read = peekFrame(2 * size, size);
  store<u64>(RSP, old);
  return read;
}

/** Flags that IRET restores, by the level it returns from (Vol. 2, IRET). */
function restoreFlags(value: u32, size: u32): void {
  let mask: u32 = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  const old = readFlags();
  if (size != 2) mask |= FLAG_AC | FLAG_ID | FLAG_RF;
  if (cpl() <= (old & FLAG_IOPL) >>> 12) mask |= FLAG_IF;
  if (cpl() == 0) {
    mask |= FLAG_IOPL;
    if (size != 2) mask |= FLAG_VIF | FLAG_VIP;
  }
  writeFlags((old & ~mask) | (value & mask));
}

/** IRET from CPL 0 into virtual-8086 mode: the frame goes on with ESP, SS, ES, DS, FS, GS. */
function returnToV86(size: u32): i32 {
  if (!peekFrame(9 * size, size)) return FAILED;
  const flags = <u32>frameValue(8, size);
  const rip = frameValue(0, size);
  if (rip > 0xffff) {
    raiseGeneralProtection();
    return FAILED;
  }
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
  if (!peekFrame((flagsAt ? 3 : 2) * size, size)) return FAILED;
  const offset = frameValue(0, size);
  if (offset > segmentLimit(SEG_CS)) {
    raiseGeneralProtection();
    return FAILED;
  }
  const code = <u32>frameValue(size, size) & 0xffff;
  const flags = <u32>frameValue(flagsAt, size);
  const virtual = flagsAt != 0 && restricted8086();
  if (virtual && !mayPopVirtualFlags(flags)) return FAILED;
  addToStack((flagsAt ? 3 : 2) * size + extra);
  setRealSegment(SEG_CS, code);
  store<u64>(RIP, offset);
  if (virtual) popVirtualFlags(flags);
  else if (flagsAt) {
    let mask: u32 = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_IF;
    if (!virtual8086()) mask |= FLAG_IOPL;
    if (size != 2) mask |= FLAG_AC | FLAG_ID | FLAG_RF;
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
    if (restricted8086() && !virtualFlags(size)) return FAILED;
    result = returnReal(size, 2 * size, 0);
  } else if (flags & FLAG_NT) {
    if (longMode()) {
      raiseGeneralProtection();
      return FAILED;
    }
    result = returnToTask(nextRipOf(uop));
  } else {
    result = returnTo(size, 2 * size, 0);
  }
  if (result != FAILED) store<u32>(NMI_BLOCKED, 0);
  return result;
}
