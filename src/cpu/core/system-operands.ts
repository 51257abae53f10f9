// Operands of system instructions: they are rare, so they are read from the µop at run time instead of being
// specialised.

import { alignmentChecked, storeMisaligned } from './alignment';
import {
  ACCESS_KIND, FORM_MEMORY, FORM_SIZE, GPR, MODE_CODE_64, SCRATCH_RMW, UOP_DST, UOP_FORM, UOP_LENGTH, UOP_SRC,
} from './generated/layout';
import { readPointer, storeBytes } from './mmu';
import { effective, stackFault, withReadRight, withWriteRight } from './operands';
import { ripOf } from './run-state';
import { UD, code64, cpl, faultPending, mode, raise, raiseGeneralProtection, setCurrentUop } from './state';

/** Address of the instruction after this one, cut to the code segment's size. */
export function nextRipOf(uop: u32): u64 {
  const rip = ripOf(uop) + load<u8>(uop, UOP_LENGTH);
  return (mode() & 3) == MODE_CODE_64 ? rip : rip & 0xffffffff;
}

// --- Memory operand ------------------------------------------------------------------------------------------------

/** Linear address of the memory operand that `size` bytes are accessed at. Test {@link faultPending} afterwards. */
@inline
export function effectiveAddress(uop: u32, size: u32): u64 {
  setCurrentUop(uop);
  return effective(uop, size);
}

/** Pointer to `size` (up to 64) bytes of the memory operand, `skip` bytes into it. 0: fault pending. */
export function readMemory(uop: u32, size: u32, skip: u32 = 0): u32 {
  const address = withReadRight(effectiveAddress(uop, size + skip));
  if (faultPending()) return 0;
  const pointer = readPointer(address + skip, size);
  if (!pointer) stackFault(uop, address + skip, size);
  return pointer;
}

export let farOffset: u64 = 0;
export let farSelector: u32 = 0;

/** Reads the memory operand m16:16, m16:32 or m16:64, whose offset has `size` bytes. False: fault pending. */
export function readFarPointer(uop: u32, size: u32): bool {
  if (size == 2 && alignmentChecked()) {
    // A pointer of two words is aligned to 2, other than a doubleword (table 6-7).
    let p = readMemory(uop, 2);
    if (!p) return false;
    farOffset = load<u16>(p);
    p = readMemory(uop, 2, 2);
    if (p) farSelector = load<u16>(p);
    return p != 0;
  }
  const p = readMemory(uop, size + 2);
  if (!p) return false;
  farOffset = size == 8 ? load<u64>(p) : size == 4 ? <u64>load<u32>(p) : <u64>load<u16>(p);
  farSelector = load<u16>(p + size);
  return true;
}

/** Stores `size` bytes that stand at `from`. False: fault pending. */
export function writeMemory(uop: u32, size: u32, from: u32): bool {
  const address = withWriteRight(effectiveAddress(uop, size));
  if (faultPending()) return false;
  // SGDT's and SIDT's 10 bytes are a table's: aligned to 4, as the 6 of other modes.
  const refused = storeMisaligned(address, size == 10 ? 6 : size, load<u32>(ACCESS_KIND));
  if (!refused && storeBytes(address, size, from)) return true;
  stackFault(uop, address, size);
  return false;
}

// --- Registers and rights --------------------------------------------------------------------------------------------

/** Operand size in bytes: 1, 2, 4 or 8. */
@inline
export function sizeOf(uop: u32): u32 {
  return 1 << (load<u8>(uop, UOP_FORM) & FORM_SIZE);
}
@inline
export function hasMemory(uop: u32): bool {
  return (load<u8>(uop, UOP_FORM) & FORM_MEMORY) != 0;
}
/** Numbers of a control, debug or segment register operand. */
@inline
export function dstNumber(uop: u32): u32 {
  return load<u8>(uop, UOP_DST);
}
@inline
export function srcNumber(uop: u32): u32 {
  return load<u8>(uop, UOP_SRC);
}
@inline
export function dstRegister(uop: u32): u32 {
  return GPR + <u32>load<u8>(uop, UOP_DST);
}
@inline
export function srcRegister(uop: u32): u32 {
  return GPR + <u32>load<u8>(uop, UOP_SRC);
}

/** Writes a general register: 32 bits clear the upper half, 16 leave the rest. */
export function writeRegister(register: u32, size: u32, value: u64): void {
  if (size == 8) store<u64>(register, value);
  else if (size == 4) store<u64>(register, value & 0xffffffff);
  else if (size == 2) store<u16>(register, <u16>value);
  else store<u8>(register, <u8>value);
}

/** A 16-bit register-or-memory operand that is read (Ew). ~0: fault pending. */
export function readWord(uop: u32, register: u32): u32 {
  if (!hasMemory(uop)) return load<u16>(register);
  const p = readMemory(uop, 2);
  return p ? <u32>load<u16>(p) : ~0;
}

/** Stores a selector-like value: memory takes 16 bits, a register its whole operand size. False: fault pending. */
export function writeWordOrRegister(uop: u32, value: u64): bool {
  if (hasMemory(uop)) {
    store<u16>(SCRATCH_RMW, <u16>value);
    return writeMemory(uop, 2, SCRATCH_RMW);
  }
  writeRegister(dstRegister(uop), sizeOf(uop), value);
  return true;
}

/** True, with #GP(0) pending, unless CPL is 0. */
export function notPrivileged(): bool {
  if (cpl() == 0) return false;
  raiseGeneralProtection();
  return true;
}

/** True, with #UD pending, outside of protected mode or in virtual-8086 mode. */
export function notProtected(protectedNow: bool): bool {
  if (protectedNow) return false;
  raise(UD);
  return true;
}

/** Size of a control or debug register move: 8 in 64-bit mode, otherwise 4. */
@inline
export function nativeSize(): u32 {
  return code64() ? 8 : 4;
}
