// Descriptor table registers and the instructions that look at descriptors (Intel SDM Vol. 2: LGDT ... VERW).

import { readFlags, writeFlags } from './flags';
import {
  CONTINUE_AT_RIP, EFLAGS, FAULT, FAULTED, GDT_BASE, GDT_LIMIT, IDT_BASE, IDT_LIMIT, NEXT, RIP, SCRATCH_RMW, SEG_LDTR, SEG_TR,
} from './generated/layout';
import { canonical } from './paging';
import {
  descriptorAttributes, descriptorBase64, descriptorDpl, descriptorHigh, descriptorIsSystem, descriptorLimit,
  descriptorPresent, descriptorType, fetchDescriptor, isNull, setDescriptorBits,
} from './segments';
import {
  CR4_UMIP, FLAG_VM, FLAG_ZF, GP, NP, code64, cpl, cr4, longMode, protectedMode, raise, raiseGeneralProtection, selector,
  setSegment,
} from './state';
import {
  dstRegister, nextRipOf, notPrivileged, notProtected, readMemory, readWord, sizeOf, srcRegister, writeMemory,
  writeRegister, writeWordOrRegister,
} from './system-operands';

function storeTable(uop: u32, base: u64, limit: u32): i32 {
  if (cr4() & CR4_UMIP && notPrivileged()) return FAULTED;
  store<u16>(SCRATCH_RMW, <u16>limit);
  store<u64>(SCRATCH_RMW, base, 2);
  return writeMemory(uop, code64() ? 10 : 6, SCRATCH_RMW) ? NEXT : FAULTED;
}
export function sys_sgdt(uop: u32): i32 {
  return storeTable(uop, load<u64>(GDT_BASE), load<u32>(GDT_LIMIT));
}
export function sys_sidt(uop: u32): i32 {
  return storeTable(uop, load<u64>(IDT_BASE), load<u32>(IDT_LIMIT));
}

function loadTable(uop: u32, baseAt: u32, limitAt: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const wide = code64();
  const p = readMemory(uop, wide ? 10 : 6);
  if (!p) return FAULTED;
  let base = wide ? load<u64>(p, 2) : <u64>load<u32>(p, 2);
  // A 16-bit operand size keeps 24 bits of the base.
  if (!wide && sizeOf(uop) == 2) base &= 0xffffff;
  if (wide && !canonical(base)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  store<u64>(baseAt, base);
  store<u32>(limitAt, load<u16>(p));
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
export function sys_lgdt(uop: u32): i32 {
  return loadTable(uop, GDT_BASE, GDT_LIMIT);
}
export function sys_lidt(uop: u32): i32 {
  return loadTable(uop, IDT_BASE, IDT_LIMIT);
}

@inline
function protectedNow(): bool {
  return protectedMode() && !(load<u32>(EFLAGS) & FLAG_VM);
}

export function sys_sldt(uop: u32): i32 {
  if (notProtected(protectedNow()) || (cr4() & CR4_UMIP && notPrivileged())) return FAULTED;
  return writeWordOrRegister(uop, selector(SEG_LDTR)) ? NEXT : FAULTED;
}
export function sys_str(uop: u32): i32 {
  if (notProtected(protectedNow()) || (cr4() & CR4_UMIP && notPrivileged())) return FAULTED;
  return writeWordOrRegister(uop, selector(SEG_TR)) ? NEXT : FAULTED;
}

/** LLDT and LTR share their checks: a present system descriptor of `type` in the GDT. False: fault pending. */
function fetchSystemSegment(value: u32, available: u32): bool {
  const error = value & 0xfffc;
  if (value & 4) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!fetchDescriptor(value, longMode() ? 16 : 8)) return false;
  const type = descriptorType();
  const right = type == available || (available == 9 && type == 1 && !longMode());
  if (!descriptorIsSystem() || !right) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  if (!canonical(descriptorBase64()) && longMode()) {
    raiseGeneralProtection(error);
    return false;
  }
  return true;
}

export function sys_lldt(uop: u32): i32 {
  if (notProtected(protectedNow()) || notPrivileged()) return FAULTED;
  const value = readWord(uop, dstRegister(uop));
  if (value == ~0) return FAULTED;
  if (isNull(value)) {
    setSegment(SEG_LDTR, value, 0, 0, 0);
  } else {
    if (!fetchSystemSegment(value, 2)) return FAULTED;
    setSegment(SEG_LDTR, value, descriptorBase64(), descriptorLimit(), descriptorAttributes());
  }
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

export function sys_ltr(uop: u32): i32 {
  if (notProtected(protectedNow()) || notPrivileged()) return FAULTED;
  const value = readWord(uop, dstRegister(uop));
  if (value == ~0) return FAULTED;
  if (isNull(value)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  if (!fetchSystemSegment(value, 9)) return FAULTED;
  // Available TSS becomes busy.
  if (!setDescriptorBits(0x200)) return FAULTED;
  setSegment(SEG_TR, value, descriptorBase64(), descriptorLimit(), descriptorAttributes());
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

// --- LAR, LSL, VERR, VERW, ARPL --------------------------------------------------------------------------------------

function setZero(on: bool): void {
  const flags = readFlags();
  writeFlags(on ? flags | FLAG_ZF : flags & ~FLAG_ZF);
}

/** Whether the selector names a descriptor that CPL and RPL may see. 0 no, 1 yes, 2 fault (page fault) pending. */
function visible(value: u32, systemTypes: u32): u32 {
  if (isNull(value)) return 0;
  if (!fetchDescriptor(value, 8)) return beyondTable() ? 0 : 2;
  const type = descriptorType();
  if (descriptorIsSystem()) {
    if (!(systemTypes & (1 << type))) return 0;
  } else if ((type & 0xc) == 0xc) {
    return 1;
  }
  return max<u32>(cpl(), value & 3) <= descriptorDpl() ? 1 : 0;
}

/** A selector beyond its table is an answer here, not a fault. */
function beyondTable(): bool {
  if (load<u32>(FAULT) != GP + 1) return false;
  store<u32>(FAULT, 0);
  return true;
}

/** System types that LAR and LSL know: LDT, TSS, gates (LAR only); fewer in long mode (Vol. 2 tables 3-53, 3-54). */
const LAR_LEGACY: u32 = 0x1a3e;
const LAR_LONG: u32 = 0x1a04;
const LSL_LEGACY: u32 = 0x0a0e;
const LSL_LONG: u32 = 0x0a04;

export function sys_lar(uop: u32): i32 {
  if (notProtected(protectedNow())) return FAULTED;
  const value = readWord(uop, srcRegister(uop));
  if (value == ~0) return FAULTED;
  const answer = visible(value, longMode() ? LAR_LONG : LAR_LEGACY);
  if (answer == 2) return FAULTED;
  if (answer) writeRegister(dstRegister(uop), sizeOf(uop), descriptorHigh & 0x00f0ff00);
  setZero(answer != 0);
  return NEXT;
}

export function sys_lsl(uop: u32): i32 {
  if (notProtected(protectedNow())) return FAULTED;
  const value = readWord(uop, srcRegister(uop));
  if (value == ~0) return FAULTED;
  const answer = visible(value, longMode() ? LSL_LONG : LSL_LEGACY);
  if (answer == 2) return FAULTED;
  if (answer) writeRegister(dstRegister(uop), sizeOf(uop), descriptorLimit());
  setZero(answer != 0);
  return NEXT;
}

function verify(uop: u32, write: bool): i32 {
  if (notProtected(protectedNow())) return FAULTED;
  const value = readWord(uop, dstRegister(uop));
  if (value == ~0) return FAULTED;
  const answer = visible(value, 0);
  if (answer == 2) return FAULTED;
  const type = descriptorType();
  const code = (type & 8) != 0;
  const usable = write ? !code && (type & 2) != 0 : !code || (type & 2) != 0;
  setZero(answer != 0 && usable);
  return NEXT;
}
export function sys_verr(uop: u32): i32 {
  return verify(uop, false);
}
export function sys_verw(uop: u32): i32 {
  return verify(uop, true);
}

/** Raises the RPL of the first operand to that of the second. */
export function sys_arpl(uop: u32): i32 {
  if (notProtected(protectedNow())) return FAULTED;
  const value = readWord(uop, dstRegister(uop));
  if (value == ~0) return FAULTED;
  const wanted = load<u16>(srcRegister(uop)) & 3;
  if ((value & 3) < wanted) {
    if (!writeWordOrRegister(uop, (value & ~3) | wanted)) return FAULTED;
    setZero(true);
  } else {
    setZero(false);
  }
  return NEXT;
}
