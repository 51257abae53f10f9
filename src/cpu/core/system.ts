// Interrupt flag, software interrupts, HLT, ports, CPUID.

import { portsWatched, watchPorts } from './debug';
import { halt, softwareInterrupt } from './exceptions';
import { readFlags, writeFlags } from './flags';
import {
  APIC_IDS, CONTINUE_AT_RIP, CPUID_COUNT, CPUID_ENTRY_SIZE, CPUID_TABLE, CPU_INDEX, EFLAGS, FAULTED,
  FEATURES_1_ECX, FEATURES_7_EBX, INTERRUPT_SHADOW, NEXT, RAX, RBX, RCX, RDX, RIP, SCRATCH_RMW, SEG_TR, TLB_SUPERVISOR,
  UOP_IMM,
} from './generated/layout';
import { afterHostCall, portRead, portWrite, randomWord } from './host';
import { readPointerAs } from './mmu';
import {
  BP, CR4_OSXSAVE, DB, FLAGS_ARITHMETIC, FLAG_CF, FLAG_IF, FLAG_OF, FLAG_VIF, FLAG_VIP, OF, UD, cpl, cr4,
  protectedMode, raise, raiseGeneralProtection, segmentAttributes, segmentBase, segmentLimit, setCurrentUop,
} from './state';
import { enabledAreaBytes } from './xsave';
import { dstRegister, nextRipOf, notPrivileged, sizeOf, writeRegister } from './system-operands';
import { interruptFlag, ioPrivilege, redirect, REDIRECT_DONE, REDIRECT_NO, virtual8086 } from './virtual-8086';

// --- Interrupt flag --------------------------------------------------------------------------------------------------

export function sys_cli(uop: u32): i32 {
  const flag = interruptFlag();
  if (!flag) return FAULTED;
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~flag);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

/** The instruction after an STI that enables interrupts runs before any is taken. */
export function sys_sti(uop: u32): i32 {
  const flag = interruptFlag();
  if (!flag) return FAULTED;
  const flags = load<u32>(EFLAGS);
  if (flag == FLAG_VIF && flags & FLAG_VIP) {
    // The monitor wants to know: an interrupt waits for this.
    raiseGeneralProtection();
    return FAULTED;
  }
  if (flag == FLAG_IF && !(flags & FLAG_IF)) store<u32>(INTERRUPT_SHADOW, 1);
  store<u32>(EFLAGS, flags | flag);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

export function sys_hlt(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  halt(1);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

// --- Software interrupts -----------------------------------------------------------------------------------------------

function interrupt(vector: u32, uop: u32): i32 {
  setCurrentUop(uop);
  return softwareInterrupt(vector, nextRipOf(uop));
}

export function sys_int(uop: u32): i32 {
  const vector = load<u32>(uop, UOP_IMM) & 0xff;
  if (virtual8086()) {
    setCurrentUop(uop);
    const answer = redirect(vector, nextRipOf(uop));
    if (answer != REDIRECT_NO) return answer == REDIRECT_DONE ? CONTINUE_AT_RIP : FAULTED;
  }
  return interrupt(vector, uop);
}
export function sys_int3(uop: u32): i32 {
  return interrupt(BP, uop);
}
export function sys_into(uop: u32): i32 {
  if (readFlags() & FLAG_OF) return interrupt(OF, uop);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
export function sys_int1(uop: u32): i32 {
  setCurrentUop(uop);
  return softwareInterrupt(DB, nextRipOf(uop), true);
}

// --- Ports -------------------------------------------------------------------------------------------------------------

/** Whether the code may use `size` ports from `port` on: IOPL, or the TSS's bit map (Vol. 1 19.5). False: fault pending. */
export function portAllowed(port: u32, size: u32): bool {
  if (!protectedMode()) return true;
  if (!virtual8086() && cpl() <= ioPrivilege()) return true;
  const limit = segmentLimit(SEG_TR);
  // Only a 32- or 64-bit TSS has a bit map.
  if (segmentAttributes(SEG_TR) & 8 && limit >= 0x67) {
    const p = readPointerAs(segmentBase(SEG_TR) + 0x66, 2, TLB_SUPERVISOR, SCRATCH_RMW);
    if (!p) return false;
    const at = <u32>load<u16>(p) + (port >>> 3);
    // Two bytes are always read: the last port's bit may be in the next one.
    if (at + 1 <= limit) {
      const bits = readPointerAs(segmentBase(SEG_TR) + at, 2, TLB_SUPERVISOR, SCRATCH_RMW);
      if (!bits) return false;
      if (((<u32>load<u16>(bits) >>> (port & 7)) & ((1 << size) - 1)) == 0) return true;
    }
  }
  raiseGeneralProtection();
  return false;
}

/** A port takes at most 4 bytes at once. */
@inline
function portSize(uop: u32): u32 {
  return min<u32>(sizeOf(uop), 4);
}

function input(uop: u32, port: u32): i32 {
  const size = portSize(uop);
  if (!portAllowed(port, size)) return FAULTED;
  setCurrentUop(uop);
  writeRegister(RAX, size, portRead(port, size));
  afterHostCall();
  if (portsWatched()) watchPorts(port, size);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

function output(uop: u32, port: u32): i32 {
  const size = portSize(uop);
  if (!portAllowed(port, size)) return FAULTED;
  setCurrentUop(uop);
  const value = size == 1 ? <u32>load<u8>(RAX) : size == 2 ? <u32>load<u16>(RAX) : load<u32>(RAX);
  portWrite(port, size, value);
  afterHostCall();
  if (portsWatched()) watchPorts(port, size);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

export function sys_in_imm(uop: u32): i32 {
  return input(uop, load<u32>(uop, UOP_IMM) & 0xff);
}
export function sys_in_dx(uop: u32): i32 {
  return input(uop, load<u16>(RDX));
}
export function sys_out_imm(uop: u32): i32 {
  return output(uop, load<u32>(uop, UOP_IMM) & 0xff);
}
export function sys_out_dx(uop: u32): i32 {
  return output(uop, load<u16>(RDX));
}

// --- CPUID, random numbers --------------------------------------------------------------------------------------

/** Entry of the model's table for a leaf, 0 if it has none. */
function leafEntry(leaf: u32, subleaf: u32): u32 {
  const count = load<u32>(CPUID_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const entry = CPUID_TABLE + i * CPUID_ENTRY_SIZE;
    if (load<u32>(entry) != leaf) continue;
    if (load<u32>(entry, 4) == 0xffffffff || load<u32>(entry, 4) == subleaf) return entry;
  }
  return 0;
}

/** Beyond the highest leaf of its range, the highest basic leaf answers (Vol. 2, CPUID); a gap within reads 0. */
function effectiveLeaf(leaf: u32): u32 {
  const range = leaf & 0xf000_0000;
  const first = leafEntry(range, 0);
  if (first && leaf <= load<u32>(first, 8)) return leaf;
  return load<u32>(leafEntry(0, 0), 8);
}

/** Of the active processor; at most 8 bits. */
function apicId(): u32 {
  return load<u8>(APIC_IDS + load<u32>(CPU_INDEX));
}

export function sys_cpuid(uop: u32): i32 {
  const leaf = effectiveLeaf(load<u32>(RAX));
  const entry = leafEntry(leaf, load<u32>(RCX));
  let eax: u32 = 0;
  let ebx: u32 = 0;
  let ecx: u32 = 0;
  let edx: u32 = 0;
  if (entry) {
    eax = load<u32>(entry, 8);
    ebx = load<u32>(entry, 12);
    ecx = load<u32>(entry, 16);
    edx = load<u32>(entry, 20);
  }
  if (leaf == 1) {
    ebx |= apicId() << 24;
    if (cr4() & CR4_OSXSAVE) ecx |= 1 << 27;
  } else if (leaf == 0xb) {
    edx = apicId();
  } else if (leaf == 0xd && eax != 0) {
    // Sizes of what is enabled now: the standard form, and the compacted one if there is one.
    const subleaf = load<u32>(RCX);
    if (subleaf == 0) ebx = enabledAreaBytes(false);
    else if (subleaf == 1 && eax & 0xa) ebx = enabledAreaBytes(true);
  }
  store<u64>(RAX, eax);
  store<u64>(RBX, ebx);
  store<u64>(RCX, ecx);
  store<u64>(RDX, edx);
  return NEXT;
}

/** RDRAND and RDSEED: numbers from the host's seeded source, so that runs repeat; always successful (CF = 1). */
function random(uop: u32): i32 {
  const size = sizeOf(uop);
  let value = <u64>randomWord();
  if (size == 8) value |= <u64>randomWord() << 32;
  writeRegister(dstRegister(uop), size, value);
  writeFlags((readFlags() & ~FLAGS_ARITHMETIC) | FLAG_CF);
  return NEXT;
}
export function sys_rdrand(uop: u32): i32 {
  if (!(load<u32>(FEATURES_1_ECX) & (1 << 30))) {
    raise(UD);
    return FAULTED;
  }
  return random(uop);
}
export function sys_rdseed(uop: u32): i32 {
  if (!(load<u32>(FEATURES_7_EBX) & (1 << 18))) {
    raise(UD);
    return FAULTED;
  }
  return random(uop);
}
