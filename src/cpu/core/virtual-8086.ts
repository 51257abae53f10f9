// What I/O privilege and the virtual-8086 mode extensions decide (Intel SDM Vol. 3B 21.2.7, 21.3, 21.4): CLI and STI, the
// flags that PUSHF, POPF and IRET see, and INT n that stays within virtual-8086 code.

import { readFlags, writeFlags } from './flags';
import { ACCESS_KIND, EFLAGS, RIP, SCRATCH_RMW, SEG_CS, SEG_TR, TLB_SUPERVISOR } from './generated/layout';
import { readPointerAs } from './mmu';
import { pushFrame, setFrame, setRealSegment } from './segments';
import {
  CR4_PVI, CR4_VME, FLAG_DF, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_TF, FLAG_VIF, FLAG_VIP, FLAG_VM, FLAGS_ARITHMETIC, cpl,
  cr4, faultPending, protectedMode, raiseGeneralProtection, segmentAttributes, segmentBase, segmentLimit, selector,
  updateMode,
} from './state';

@inline
export function virtual8086(): bool {
  return (load<u32>(EFLAGS) & FLAG_VM) != 0;
}

/** EFLAGS.IOPL, 0-3. */
@inline
export function ioPrivilege(): u32 {
  return (load<u32>(EFLAGS) & FLAG_IOPL) >>> 12;
}

/** True in virtual-8086 mode below IOPL 3, where PUSHF, POPF, IRET and INT n are special. */
@inline
export function restricted8086(): bool {
  return virtual8086() && ioPrivilege() != 3;
}

// --- CLI, STI --------------------------------------------------------------------------------------------------------

/** The flag that CLI and STI change: IF, VIF with the extensions, or 0 with #GP(0) pending. */
export function interruptFlag(): u32 {
  if (!protectedMode()) return FLAG_IF;
  const v86 = virtual8086();
  if (v86 ? ioPrivilege() == 3 : cpl() <= ioPrivilege()) return FLAG_IF;
  if (v86 ? (cr4() & CR4_VME) != 0 : cpl() == 3 && (cr4() & CR4_PVI) != 0) return FLAG_VIF;
  raiseGeneralProtection();
  return 0;
}

// --- PUSHF, POPF, IRET below IOPL 3 ------------------------------------------------------------------------------------

/** Whether the 16-bit forms work on VIF instead of IF. False: #GP(0) is pending. */
export function virtualFlags(size: u32): bool {
  if (size == 2 && cr4() & CR4_VME) return true;
  raiseGeneralProtection();
  return false;
}

/** The 16 flags that PUSHF and INT n push: IF is VIF, IOPL reads 3. */
export function pushedVirtualFlags(): u32 {
  const flags = readFlags();
  return (flags & ~FLAG_IF & 0xffff) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
}

/** Whether POPF or IRET may take these flags: not while an interrupt waits for them, and not TF. False: #GP(0) pending. */
export function mayPopVirtualFlags(value: u32): bool {
  const waiting = (load<u32>(EFLAGS) & FLAG_VIP) != 0 && (value & FLAG_IF) != 0;
  if (!waiting && !(value & FLAG_TF)) return true;
  raiseGeneralProtection();
  return false;
}

/** Sets the flags that POPF or IRET popped: IF goes to VIF; IF and IOPL stay. */
export function popVirtualFlags(value: u32): void {
  const taken = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  const flags = (readFlags() & ~taken & ~FLAG_VIF) | (value & taken);
  writeFlags(value & FLAG_IF ? flags | FLAG_VIF : flags);
}

// --- INT n -------------------------------------------------------------------------------------------------------------

/** What {@link redirect} answers: through the IDT, done, or a fault is pending. */
export const REDIRECT_NO: i32 = 0;
export const REDIRECT_DONE: i32 = 1;
export const REDIRECT_FAULT: i32 = 2;

/** INT n of virtual-8086 code: with CR4.VME, a clear bit in the TSS's redirection map keeps it there (table 21-2). */
export function redirect(vector: u32, next: u64): i32 {
  if (cr4() & CR4_VME) {
    const bit = redirectionBit(vector);
    if (bit < 0) return REDIRECT_FAULT;
    if (bit == 0) return enter8086(vector, next) ? REDIRECT_DONE : REDIRECT_FAULT;
  }
  if (ioPrivilege() == 3) return REDIRECT_NO;
  raiseGeneralProtection();
  return REDIRECT_FAULT;
}

/** The vector's bit of the map, which ends where the I/O bit map begins. -1: fault pending. */
function redirectionBit(vector: u32): i32 {
  const limit = segmentLimit(SEG_TR);
  if (segmentAttributes(SEG_TR) & 8 && limit >= 0x67) {
    const p = readPointerAs(segmentBase(SEG_TR) + 0x66, 2, TLB_SUPERVISOR, SCRATCH_RMW);
    if (!p) return -1;
    const at = <u32>load<u16>(p) - 32 + (vector >>> 3);
    if (at <= limit) {
      const bits = readPointerAs(segmentBase(SEG_TR) + at, 1, TLB_SUPERVISOR, SCRATCH_RMW);
      return bits ? (load<u8>(bits) >>> (vector & 7)) & 1 : -1;
    }
  }
  raiseGeneralProtection();
  return -1;
}

/** As in real mode, by the vector table at linear address 0. False: fault pending. */
function enter8086(vector: u32, next: u64): bool {
  const p = readPointerAs(vector * 4, 4, load<u32>(ACCESS_KIND), SCRATCH_RMW);
  if (!p) return false;
  const offset = load<u16>(p);
  const code = load<u16>(p, 2);
  const virtual = ioPrivilege() != 3;
  setFrame(0, 2, next);
  setFrame(2, 2, selector(SEG_CS));
  setFrame(4, 2, virtual ? pushedVirtualFlags() : readFlags());
  if (!pushFrame(6, 2)) return false;
  setRealSegment(SEG_CS, code);
  store<u64>(RIP, offset);
  writeFlags(readFlags() & ~(FLAG_TF | (virtual ? FLAG_VIF : FLAG_IF)));
  updateMode();
  return !faultPending();
}
