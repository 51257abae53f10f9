// Model-specific registers and the time-stamp counter (Intel SDM Vol. 4, Vol. 3B 17.17).
// IA32_APIC_BASE, x2APIC and the TSC deadline live outside of the core: the host is asked first.

import {
  CONTINUE_AT_RIP, CPU_INDEX, CSTAR, EFER, FAULTED, FEATURES_7_ECX, FEATURES_EXTENDED_EDX, FMASK, FS_BASE, GS_BASE, HOST_HIGH,
  HOST_LOW, KERNEL_GS_BASE, LSTAR, MISC_ENABLE, MTRR_DEFAULT_TYPE, MTRR_FIXED, MTRR_VARIABLE, NEXT, PAT, RAX, RCX,
  RDX, RIP, STAR, SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP, TSC_ADJUST, TSC_AUX, TSC_OFFSET, UNKNOWN_MSR_FAULTS,
} from './generated/layout';
import { isIntel } from './features';
import { modelAccepts, modelWord, modelZero, validDefaultType, validFixed, validVariable } from './msr-rules';
import { afterHostCall, msrRead, msrWrite, readClock } from './host';
import { canonical } from './paging';
import {
  CR0_PG, CR4_PCE, CR4_TSD, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, cpl, cr0, cr4, efer, raiseGeneralProtection,
} from './state';
import { nextRipOf, notPrivileged } from './system-operands';
import { flushAll } from './tlb';

const MSR_TSC: u32 = 0x10;
const MSR_TSC_ADJUST: u32 = 0x3b;
const MSR_BIOS_SIGN_ID: u32 = 0x8b;
const MSR_MTRR_CAP: u32 = 0xfe;
const MSR_SYSENTER_CS: u32 = 0x174;
const MSR_SYSENTER_ESP: u32 = 0x175;
const MSR_SYSENTER_EIP: u32 = 0x176;
const MSR_MCG_CAP: u32 = 0x179;
const MSR_MISC_ENABLE: u32 = 0x1a0;
const MSR_MTRR_PHYSICAL_FIRST: u32 = 0x200;
const MSR_MTRR_PHYSICAL_LAST: u32 = 0x20f;
const MSR_MTRR_FIX64K: u32 = 0x250;
const MSR_MTRR_FIX16K_80000: u32 = 0x258;
const MSR_MTRR_FIX16K_A0000: u32 = 0x259;
const MSR_MTRR_FIX4K_FIRST: u32 = 0x268;
const MSR_MTRR_FIX4K_LAST: u32 = 0x26f;
const MSR_PAT: u32 = 0x277;
const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
const MSR_EFER: u32 = 0xc000_0080;
const MSR_STAR: u32 = 0xc000_0081;
const MSR_LSTAR: u32 = 0xc000_0082;
const MSR_CSTAR: u32 = 0xc000_0083;
const MSR_FMASK: u32 = 0xc000_0084;
const MSR_FS_BASE: u32 = 0xc000_0100;
const MSR_GS_BASE: u32 = 0xc000_0101;
const MSR_KERNEL_GS_BASE: u32 = 0xc000_0102;
const MSR_TSC_AUX: u32 = 0xc000_0103;

/** Ten machine check banks, MCG_CTL, software recovery (IA32_MCG_CAP), as QEMU has them. */
const MCG_CAPABILITIES: u64 = 0x100_010a;
/** Eight variable ranges, fixed ranges, write-combining (IA32_MTRRCAP). */
const MTRR_CAPABILITIES: u64 = 0x508;

/** Where an MSR that is a plain 64-bit word stands; 0: it is none. */
function wordOf(msr: u32): u32 {
  if (msr >= MSR_MTRR_PHYSICAL_FIRST && msr <= MSR_MTRR_PHYSICAL_LAST) {
    return MTRR_VARIABLE + (msr - MSR_MTRR_PHYSICAL_FIRST) * 8;
  }
  if (msr >= MSR_MTRR_FIX4K_FIRST && msr <= MSR_MTRR_FIX4K_LAST) return MTRR_FIXED + (3 + msr - MSR_MTRR_FIX4K_FIRST) * 8;
  switch (msr) {
    case MSR_SYSENTER_CS:
      return SYSENTER_CS;
    case MSR_SYSENTER_ESP:
      return SYSENTER_ESP;
    case MSR_SYSENTER_EIP:
      return SYSENTER_EIP;
    case MSR_MISC_ENABLE:
      return MISC_ENABLE;
    case MSR_MTRR_FIX64K:
      return MTRR_FIXED;
    case MSR_MTRR_FIX16K_80000:
      return MTRR_FIXED + 8;
    case MSR_MTRR_FIX16K_A0000:
      return MTRR_FIXED + 16;
    case MSR_PAT:
      return PAT;
    case MSR_MTRR_DEF_TYPE:
      return MTRR_DEFAULT_TYPE;
    case MSR_EFER:
      return EFER;
    case MSR_STAR:
      return STAR;
    case MSR_LSTAR:
      return LSTAR;
    case MSR_CSTAR:
      return CSTAR;
    case MSR_FMASK:
      return FMASK;
    case MSR_FS_BASE:
      return FS_BASE;
    case MSR_GS_BASE:
      return GS_BASE;
    case MSR_KERNEL_GS_BASE:
      return KERNEL_GS_BASE;
    case MSR_TSC_AUX:
      return load<u32>(FEATURES_EXTENDED_EDX) & (1 << 27) || load<u32>(FEATURES_7_ECX) & (1 << 22) ? TSC_AUX : 0;
  }
  return modelWord(msr);
}

/** The time-stamp counter: virtual nanoseconds (a 1 GHz clock), plus what the guest wrote. */
export function timestamp(): u64 {
  readClock();
  return (<u64>load<u32>(HOST_LOW) | (<u64>load<u32>(HOST_HIGH) << 32)) + load<u64>(TSC_OFFSET);
}

export function sys_rdmsr(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const msr = load<u32>(RCX);
  let value: u64 = 0;
  if (msrRead(msr)) {
    value = <u64>load<u32>(HOST_LOW) | (<u64>load<u32>(HOST_HIGH) << 32);
    afterHostCall();
  } else {
    const word = wordOf(msr);
    if (word) value = load<u64>(word);
    else if (msr == MSR_TSC) value = timestamp();
    else if (msr == MSR_MTRR_CAP) value = MTRR_CAPABILITIES;
    else if (msr == MSR_MCG_CAP) value = MCG_CAPABILITIES;
    else if (msr == MSR_BIOS_SIGN_ID) value = microcode();
    else if (!readsZero(msr)) {
      raiseGeneralProtection();
      return FAULTED;
    }
  }
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
  return NEXT;
}

/** MSRs that exist and hold nothing, and all others when the machine says so. */
function readsZero(msr: u32): bool {
  return modelZero(msr) || !load<u32>(UNKNOWN_MSR_FAULTS);
}

/** Revision of the microcode, as QEMU gives it. */
@inline
function microcode(): u64 {
  return isIntel() ? 0x1_0000_0000 : 0x0100_0065;
}

export function sys_wrmsr(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const msr = load<u32>(RCX);
  const value = <u64>load<u32>(RAX) | (<u64>load<u32>(RDX) << 32);
  const next = nextRipOf(uop);
  const answer = msrWrite(msr, <u32>value, <u32>(value >> 32));
  if (answer) {
    afterHostCall();
    if (answer == 2) {
      raiseGeneralProtection();
      return FAULTED;
    }
  } else if (!writeMsr(msr, value)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  store<u64>(RIP, next);
  return CONTINUE_AT_RIP;
}

/** The time-stamp counter and IA32_TSC_ADJUST move together, whichever is written (Vol. 3B 17.17.3). */
function moveTimestamp(by: u64): void {
  store<u64>(TSC_OFFSET, load<u64>(TSC_OFFSET) + by);
  store<u64>(TSC_ADJUST, load<u64>(TSC_ADJUST) + by);
}

function writeMsr(msr: u32, value: u64): bool {
  switch (msr) {
    case MSR_TSC:
      moveTimestamp(value - timestamp());
      return true;
    case MSR_TSC_ADJUST:
      if (!modelWord(msr)) return readsZero(msr);
      moveTimestamp(value - load<u64>(TSC_ADJUST));
      return true;
    case MSR_BIOS_SIGN_ID:
      // Written before CPUID to ask for the revision; nothing can be loaded.
      return true;
    case MSR_EFER:
      return writeEfer(value);
    case MSR_PAT:
      if (!validPat(value)) return false;
      break;
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP:
      if (!canonical(value)) return false;
      break;
    case MSR_TSC_AUX:
      if (value >> 32 != 0) return false;
      break;
    case MSR_MTRR_CAP:
    case MSR_MCG_CAP:
      return false;
    case MSR_MTRR_DEF_TYPE:
      if (!validDefaultType(value)) return false;
      break;
  }
  const word = wordOf(msr);
  if (!word) return readsZero(msr);
  if (word >= MTRR_VARIABLE && word < MTRR_VARIABLE + 128 && !validVariable(msr, value)) return false;
  if (word >= MTRR_FIXED && word < MTRR_VARIABLE && !validFixed(value)) return false;
  if (!modelAccepts(msr, value)) return false;
  store<u64>(word, value);
  return true;
}

/** EFER: reserved bits and LME with paging on raise #GP(0); LMA is the processor's own (Vol. 4 table 2-2). */
function writeEfer(value: u64): bool {
  let allowed: u64 = EFER_SCE | EFER_LMA;
  const extended = load<u32>(FEATURES_EXTENDED_EDX);
  if (extended & (1 << 29)) allowed |= EFER_LME;
  if (extended & (1 << 20)) allowed |= EFER_NXE;
  const old = efer();
  if (value & ~allowed || ((old ^ value) & EFER_LME && cr0() & CR0_PG)) return false;
  store<u64>(EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
  if ((old ^ value) & EFER_NXE) flushAll();
  return true;
}

/** Each of the eight fields must be a memory type: 0, 1, 4, 5, 6 or 7 (Vol. 3A 11.12.2). */
function validPat(value: u64): bool {
  for (let i = 0; i < 8; i++) {
    const type = <u32>(value >> <u64>(i * 8)) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

export function sys_rdtsc(uop: u32): i32 {
  if (cr4() & CR4_TSD && cpl() != 0) {
    raiseGeneralProtection();
    return FAULTED;
  }
  const value = timestamp();
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
  return NEXT;
}

export function sys_rdtscp(uop: u32): i32 {
  if (sys_rdtsc(uop) == FAULTED) return FAULTED;
  store<u64>(RCX, <u64>load<u32>(TSC_AUX));
  return NEXT;
}

/** No performance counter exists (CPUID leaf 0xa says so). */
export function sys_rdpmc(uop: u32): i32 {
  raiseGeneralProtection();
  return FAULTED;
}
