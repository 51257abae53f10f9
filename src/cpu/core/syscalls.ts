// SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS (Intel SDM Vol. 2; AMD APM Vol. 3 for SYSCALL outside of 64-bit mode).

import { readFlags, writeFlags } from './flags';
import {
  CONTINUE_AT_RIP, CSTAR, EFLAGS, FAULTED, FMASK, GS_BASE, KERNEL_GS_BASE, LSTAR, R11, RCX, RDX, RIP, RSP, SEG_CS,
  SEG_SS, STAR, SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP,
} from './generated/layout';
import { isIntel } from './features';
import { canonical } from './paging';
import { setStepping } from './run-state';
import {
  EFER_SCE, FLAG_IF, FLAG_RF, FLAG_TF, FLAG_VM, UD, code64, cpl, efer, longMode, protectedMode, raise, raiseGeneralProtection,
  setCpl, setSegment, updateMode,
} from './state';
import { nextRipOf, notPrivileged, sizeOf } from './system-operands';

// Flat segments as these instructions set them: present, DPL in bits 6-5, granular.
const CODE_64: u32 = 0xa09b;
const CODE_32: u32 = 0xc09b;
const DATA: u32 = 0xc093;

function setFlat(index: u32, value: u32, attributes: u32, level: u32): void {
  setSegment(index, (value & 0xfffc) | level, 0, 0xffffffff, attributes | (level << 5));
}

/** Intel's processors know SYSCALL and SYSRET in 64-bit code only, AMD's in all of protected mode. */
function noSyscall(): bool {
  return !(efer() & EFER_SCE) || !protectedMode() || (isIntel() && !code64());
}

/** AMD's processors have no SYSENTER and SYSEXIT in long mode. */
function noSysenter(): bool {
  if (isIntel() || !longMode()) return false;
  raise(UD);
  return true;
}

export function sys_syscall(uop: u32): i32 {
  if (noSyscall()) {
    raise(UD);
    return FAULTED;
  }
  const flags = readFlags();
  const next = nextRipOf(uop);
  const star = load<u64>(STAR);
  const selector = <u32>(star >> 32) & 0xfffc;
  store<u64>(RCX, next);
  if (longMode()) {
    store<u64>(R11, flags & ~FLAG_RF);
    store<u64>(RIP, code64() ? load<u64>(LSTAR) : load<u64>(CSTAR));
    writeFlags(flags & ~(load<u32>(FMASK) | FLAG_RF));
    setFlat(SEG_CS, selector, CODE_64, 0);
  } else {
    store<u64>(RIP, star & 0xffffffff);
    writeFlags(flags & ~(FLAG_IF | FLAG_VM | FLAG_RF));
    setFlat(SEG_CS, selector, CODE_32, 0);
  }
  setFlat(SEG_SS, selector + 8, DATA, 0);
  setCpl(0);
  // Whether the instruction traps is for the new TF to say: the kernel masks it.
  setStepping((load<u32>(EFLAGS) & FLAG_TF) != 0);
  return CONTINUE_AT_RIP;
}

export function sys_sysret(uop: u32): i32 {
  if (noSyscall()) {
    raise(UD);
    return FAULTED;
  }
  if (notPrivileged()) return FAULTED;
  const selector = <u32>(load<u64>(STAR) >> 48) & 0xfffc;
  const target = load<u64>(RCX);
  const to64 = longMode() && sizeOf(uop) == 8;
  if (to64 && !canonical(target)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  if (longMode()) writeFlags((load<u32>(R11) & 0x003c_7fd5) | 2);
  else writeFlags(readFlags() | FLAG_IF);
  if (to64) {
    setFlat(SEG_CS, selector + 16, CODE_64, 3);
    store<u64>(RIP, target);
  } else {
    setFlat(SEG_CS, selector, CODE_32, 3);
    store<u64>(RIP, target & 0xffffffff);
  }
  setFlat(SEG_SS, selector + 8, DATA, 3);
  setCpl(3);
  setStepping((load<u32>(EFLAGS) & FLAG_TF) != 0);
  return CONTINUE_AT_RIP;
}

export function sys_sysenter(uop: u32): i32 {
  if (noSysenter()) return FAULTED;
  const selector = load<u32>(SYSENTER_CS) & 0xfffc;
  if (!protectedMode() || selector == 0) {
    raiseGeneralProtection();
    return FAULTED;
  }
  writeFlags(readFlags() & ~(FLAG_IF | FLAG_VM | FLAG_RF));
  const long = longMode();
  setFlat(SEG_CS, selector, long ? CODE_64 : CODE_32, 0);
  setFlat(SEG_SS, selector + 8, DATA, 0);
  store<u64>(RSP, long ? load<u64>(SYSENTER_ESP) : load<u64>(SYSENTER_ESP) & 0xffffffff);
  store<u64>(RIP, long ? load<u64>(SYSENTER_EIP) : load<u64>(SYSENTER_EIP) & 0xffffffff);
  setCpl(0);
  return CONTINUE_AT_RIP;
}

export function sys_sysexit(uop: u32): i32 {
  if (noSysenter()) return FAULTED;
  const selector = load<u32>(SYSENTER_CS) & 0xfffc;
  if (!protectedMode() || selector == 0 || cpl() != 0) {
    raiseGeneralProtection();
    return FAULTED;
  }
  const to64 = sizeOf(uop) == 8;
  const target = load<u64>(RDX);
  const stack = load<u64>(RCX);
  if (to64 && (!canonical(target) || !canonical(stack))) {
    raiseGeneralProtection();
    return FAULTED;
  }
  setFlat(SEG_CS, selector + (to64 ? 32 : 16), to64 ? CODE_64 : CODE_32, 3);
  setFlat(SEG_SS, selector + (to64 ? 40 : 24), DATA, 3);
  store<u64>(RIP, to64 ? target : target & 0xffffffff);
  store<u64>(RSP, to64 ? stack : stack & 0xffffffff);
  setCpl(3);
  return CONTINUE_AT_RIP;
}

export function sys_swapgs(uop: u32): i32 {
  if (!code64()) {
    raise(UD);
    return FAULTED;
  }
  if (notPrivileged()) return FAULTED;
  const base = load<u64>(GS_BASE);
  store<u64>(GS_BASE, load<u64>(KERNEL_GS_BASE));
  store<u64>(KERNEL_GS_BASE, base);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
