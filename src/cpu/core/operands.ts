// Operands of a µop: registers, effective addresses, and memory by the one TLB compare.

import {
  ACCESS_KIND, EA_COMPLEX, EA_STACK, EA_ADDRESS_MASK, EA_ADDRESS_SHIFT, FORM_MEMORY, FORM_SIZE, GPR, LEAVE_BLOCK, MODE, MODE_CODE_64,
  MODE_CODE_SIZE_MASK, MODE_FLAT, MODE_PROTECTED, MODE_V86, OP_LEAVE, SCRATCH_RMW, SITE_SPACE, SHADOW_DELTA, TLB_READ, TLB_WRITE,
  TRACK_WRITERS, UOP_BASE, UOP_DISP, UOP_DST, UOP_FORM, UOP_IMM, UOP_INDEX, UOP_OP, UOP_SCALE, UOP_SEGMENT, UOP_SITE,
  UOP_SIZE, UOP_SRC, SEG_CS, SEG_FS, SEG_SS,
} from './constants';
import { alignmentChecked, misaligned } from './alignment';
import { commit, modifyPointer, noteStoreRange, readPointer, storeBytes, storeSlow } from './mmu';
import { stopChaining } from './run-state';
import { faultPending, GP, raise, segmentAttributes, segmentBase, segmentLimit, setCurrentUop, SS } from './state';
import { slotOf, translateStore } from './tlb';

export { LEFT_BEFORE } from './run-state';

export const FORM_RR: i32 = 0;
export const FORM_RM: i32 = 1;
export const FORM_MR: i32 = 2;
export const FORM_RI: i32 = 3;
export const FORM_MI: i32 = 4;
export const FORM_R: i32 = 5;
export const FORM_M: i32 = 6;

/** An address that no TLB entry matches: the effective address failed its segment check, and the fault is pending. */
const BAD_ADDRESS: u64 = 0x8000_0000_0000_0000;
/**
 * Marks on a 32-bit linear address whose segment forbids some access. No TLB entry matches a marked address either, so
 * that only accesses through such segments pay for the check, in the slow functions.
 */
const NOT_WRITABLE: u64 = 0x4000_0000_0000_0000;
const NOT_READABLE: u64 = 0x2000_0000_0000_0000;

// --- Registers -----------------------------------------------------------------------------------------------------

@inline
export function reg<T>(offset: u32): T {
  return load<T>(offset, GPR);
}

/** Writes a general register; 32 bits clear the upper half (Intel SDM Vol. 1 3.4.1.1). */
@inline
export function setReg<T>(offset: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(offset, <u64>value, GPR);
  else store<T>(offset, value, GPR);
}

@inline
export function dst(u: u32): u32 {
  return load<u8>(u, UOP_DST);
}
@inline
export function src(u: u32): u32 {
  return load<u8>(u, UOP_SRC);
}
@inline
export function imm<T>(u: u32): T {
  if (sizeof<T>() == 4) return <T>load<u32>(u, UOP_IMM);
  return <T>load<i32>(u, UOP_IMM);
}
@inline
export function hasMemory(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_MEMORY) != 0;
}
/** Operand size in bytes. */
@inline
export function operandSize(u: u32): u32 {
  return 1 << (load<u8>(u, UOP_FORM) & FORM_SIZE);
}

/** The value sign extended to 64 bits: how the lazy flags keep it. */
@inline
export function signed<T>(value: T): i64 {
  if (sizeof<T>() == 1) return <i64>(<i8>value);
  if (sizeof<T>() == 2) return <i64>(<i16>value);
  if (sizeof<T>() == 4) return <i64>(<i32>value);
  return <i64>value;
}

// --- Effective address ---------------------------------------------------------------------------------------------

/** Linear address of the memory operand; a failed segment check gives an address that cannot be accessed. */
@inline
export function effective(u: u32, size: u32 = 1): u64 {
  const scale = load<u8>(u, UOP_SCALE);
  if (scale & EA_COMPLEX) return effectiveComplex(u, size);
  return (
    load<u64>(load<u8>(u, UOP_BASE), GPR) + (load<u64>(load<u8>(u, UOP_INDEX), GPR) << (scale & 3)) + load<u64>(u, UOP_DISP)
  );
}

/** Linear address of `size` bytes that begin `bytes` beyond the memory operand, within its address size. */
export function effectiveAt(u: u32, bytes: u64, size: u32): u64 {
  if (!(load<u8>(u, UOP_SCALE) & EA_COMPLEX)) return effective(u) + bytes;
  return linear(load<u8>(u, UOP_SEGMENT), (offsetOf(u) + bytes) & addressMask(u), size);
}

/** The offset part of an address: base + index * scale + displacement, cut to the address size. */
export function offsetOf(u: u32): u64 {
  const scale = <u64>(load<u8>(u, UOP_SCALE) & 3);
  const sum =
    load<u64>(load<u8>(u, UOP_BASE), GPR) + (load<u64>(load<u8>(u, UOP_INDEX), GPR) << scale) + load<u64>(u, UOP_DISP);
  return sum & addressMask(u);
}

/** All ones in the bits of the instruction's address size. */
export function addressMask(u: u32): u64 {
  const size = (<u32>load<u8>(u, UOP_SCALE) >> EA_ADDRESS_SHIFT) & EA_ADDRESS_MASK;
  return size == 2 ? 0xffff_ffff_ffff_ffff : size == 1 ? 0xffff_ffff : 0xffff;
}

function effectiveComplex(u: u32, size: u32): u64 {
  return linear(load<u8>(u, UOP_SEGMENT), offsetOf(u), size);
}

/** Segment base added, limit checked where it matters; BAD_ADDRESS with a pending fault when it fails. */
export function linear(index: u32, offset: u64, size: u32): u64 {
  const mode = load<u32>(MODE);
  if ((mode & MODE_CODE_SIZE_MASK) == MODE_CODE_64) return index >= SEG_FS ? segmentBase(index) + offset : offset;
  if (mode & MODE_FLAT && index < SEG_FS && index != SEG_CS) return offset;
  return linearChecked(index, offset, size, (mode & (MODE_PROTECTED | MODE_V86)) == MODE_PROTECTED);
}

/** `typed`: descriptors are in force, so a segment may forbid reads and writes (Vol. 3A 5.5). */
function linearChecked(index: u32, offset: u64, size: u32, typed: bool): u64 {
  const attributes = segmentAttributes(index);
  const limit = segmentLimit(index);
  const last = offset + size - 1;
  let bad = typed && !(attributes & 0x80);
  // Expand-down data segments hold the offsets above the limit (Vol. 3A 5.3).
  if ((attributes & 0xc) == 4 && index != SEG_CS) {
    const top: u64 = attributes & 0x4000 ? 0xffff_ffff : 0xffff;
    bad = bad || offset <= limit || last > top;
  } else bad = bad || last > limit;
  if (bad) {
    raise(index == SEG_SS ? SS : GP, 0, true);
    return BAD_ADDRESS;
  }
  const address = (segmentBase(index) + offset) & 0xffff_ffff;
  // Type bits 3 and 1: writable data is 2, execute-only code is 8.
  const type = attributes & 0xa;
  if (!typed || type == 2) return address;
  return type == 8 ? address | NOT_WRITABLE | NOT_READABLE : address | NOT_WRITABLE;
}

/**
 * What {@link linear} gave, without its marks, for an access that `refused` forbids. BAD_ADDRESS with a pending fault when
 * the segment does; 64-bit addresses have no marks.
 */
export function withRights(address: u64, refused: u64): u64 {
  if (address >> 61 == 0 || (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64 || address == BAD_ADDRESS) return address;
  if (!(address & refused)) return address & 0xffff_ffff;
  raise(GP, 0, true);
  return BAD_ADDRESS;
}
@inline
export function withReadRight(address: u64): u64 {
  return withRights(address, NOT_READABLE);
}
@inline
export function withWriteRight(address: u64): u64 {
  return withRights(address, NOT_WRITABLE);
}

// --- Memory --------------------------------------------------------------------------------------------------------

/** After a slow access: the host or the MMU may want the block left once this instruction is done. */
function afterSlow(u: u32): void {
  if (!load<u32>(LEAVE_BLOCK)) return;
  stopChaining();
  leaveAfter(u);
}

let patchedUop: u32 = 0;
let patchedOperation: u16 = 0;

/** Makes the µop after `u` leave the block. Every block has one µop more than instructions, so there is one. */
function leaveAfter(u: u32): void {
  if (patchedUop) return;
  patchedUop = u + UOP_SIZE;
  patchedOperation = load<u16>(patchedUop, UOP_OP);
  store<u16>(patchedUop, <u16>OP_LEAVE, UOP_OP);
}

/** Undoes {@link leaveAfter}, when the block has been left. */
export function restorePatched(): void {
  if (!patchedUop) return;
  store<u16>(patchedUop, patchedOperation, UOP_OP);
  patchedUop = 0;
}

function readSlow(u: u32, given: u64, size: u32): u32 {
  setCurrentUop(u);
  const address = withReadRight(given);
  if (address == BAD_ADDRESS && faultPending()) return 0;
  const pointer = readPointer(address, size);
  if (!pointer) stackFault(u, address, size);
  else afterSlow(u);
  return pointer;
}

/** A non-canonical stack address is #SS(0), not #GP(0) (Vol. 3A 6.15). Call it when an access has faulted. */
export function stackFault(u: u32, address: u64, size: u32): void {
  if (load<u8>(u, UOP_SCALE) & EA_STACK) stackFaultAt(address, size);
}

/** The same for an access that is known to be one of the stack. */
export function stackFaultAt(address: u64, size: u32): void {
  const last = address + size - 1;
  if (<i64>address >> 47 != <i64>address >> 63 || <i64>last >> 47 != <i64>last >> 63) raise(SS, 0, true);
}

/** A non-canonical operand: #GP(0), or #SS(0) on the stack. */
export function refuseAddress(u: u32, address: u64, size: u32): void {
  raise(GP, 0, true);
  stackFault(u, address, size);
}

function writeSlow(u: u32, given: u64, size: u32, value: u64): bool {
  setCurrentUop(u);
  const address = withWriteRight(given);
  if (address == BAD_ADDRESS && faultPending()) return false;
  if (!storeSlow(address, size, value)) {
    stackFault(u, address, size);
    return false;
  }
  afterSlow(u);
  return true;
}

function modifySlow(u: u32, given: u64, size: u32): u32 {
  setCurrentUop(u);
  const address = withWriteRight(given);
  if (address == BAD_ADDRESS && faultPending()) return 0;
  const pointer = modifyPointer(address, size);
  if (!pointer) stackFault(u, address, size);
  else afterSlow(u);
  return pointer;
}

/** Pointer to a T at a linear address; 0: fault pending. */
@inline
export function readAt<T>(u: u32, address: u64): u32 {
  const entry = load<u32>(TLB_READ) + slotOf(address);
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return readSlow(u, address, sizeof<T>());
}

/** Notes the µop as writer of the 8-byte units of a direct store. */
@inline
export function noteWriter<T>(u: u32, pointer: u32): void {
  if (!load<u32>(TRACK_WRITERS)) return;
  const writer = load<u32>(u, UOP_SITE) | load<u32>(SITE_SPACE);
  const word = ((pointer >>> 3) << 2) + load<u32>(SHADOW_DELTA);
  store<u32>(word, writer);
  if (sizeof<T>() > 1 && (pointer & 7) > 8 - <u32>sizeof<T>()) store<u32>(word, writer, 4);
}

/** Stores a T at a linear address; false: fault pending. */
@inline
export function writeAt<T>(u: u32, address: u64, value: T): bool {
  const entry = load<u32>(TLB_WRITE) + slotOf(address);
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    store<T>(pointer, value);
    noteWriter<T>(u, pointer);
    return true;
  }
  return writeSlow(u, address, sizeof<T>(), <u64>value);
}

/** Pointer for a read-modify-write at a linear address, write access checked; end it with {@link finishModify}. */
@inline
export function modifyAt<T>(u: u32, address: u64): u32 {
  const entry = load<u32>(TLB_WRITE) + slotOf(address);
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return modifySlow(u, address, sizeof<T>());
}

@inline
export function finishModify<T>(u: u32, pointer: u32, address: u64, value: T): void {
  if (pointer == SCRATCH_RMW) {
    commitSlow<T>(u, address, value);
    return;
  }
  store<T>(pointer, value);
  noteWriter<T>(u, pointer);
}

function commitSlow<T>(u: u32, address: u64, value: T): void {
  setCurrentUop(u);
  commit<T>(SCRATCH_RMW, address, value);
  afterSlow(u);
}

/** Pointer to the source that may be memory: register `offset` when the µop has no memory operand. 0: fault pending. */
@inline
export function source<T>(u: u32, offset: u32): u32 {
  if (hasMemory(u)) return readAt<T>(u, effective(u, sizeof<T>()));
  return offset + GPR;
}

/** Linear address of the last {@link target}. */
let targetAddress: u64 = 0;

/** Pointer to a destination that is read and then written with {@link setTarget}; 0: fault pending. */
export function target<T>(u: u32): u32 {
  if (!hasMemory(u)) return dst(u) + GPR;
  targetAddress = effective(u, sizeof<T>());
  return modifyAt<T>(u, targetAddress);
}

export function setTarget<T>(u: u32, pointer: u32, value: T): void {
  if (hasMemory(u)) finishModify<T>(u, pointer, targetAddress, value);
  else setReg<T>(dst(u), value);
}

/** Writes the destination without reading it; false: fault pending. */
export function assign<T>(u: u32, value: T): bool {
  if (hasMemory(u)) return writeAt<T>(u, effective(u, sizeof<T>()), value);
  setReg<T>(dst(u), value);
  return true;
}

/** As {@link modifyAt} for two adjacent values of `size` bytes in all. */
export function modifyPair(u: u32, address: u64, size: u32): u32 {
  return modifySlow(u, address, size);
}

export function finishPair<T>(u: u32, pointer: u32, address: u64, low: T, high: T): void {
  store<T>(pointer, low);
  store<T>(pointer, high, sizeof<T>());
  setCurrentUop(u);
  if (pointer == SCRATCH_RMW) storeBytes(address, sizeof<T>() * 2, SCRATCH_RMW);
  else noteStoreRange(pointer, sizeof<T>() * 2);
  afterSlow(u);
}

// --- 16-byte vectors -------------------------------------------------------------------------------------------------

/** Pointer to 16 bytes at a linear address; 0: fault pending. */
export function readVector(u: u32, address: u64): u32 {
  const entry = load<u32>(TLB_READ) + slotOf(address);
  if (load<u64>(entry) == ((address + 15) & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return readSlow(u, address, 16);
}

/** Stores 16 bytes; false: fault pending. */
export function writeVector(u: u32, address: u64, value: v128): bool {
  const entry = load<u32>(TLB_WRITE) + slotOf(address);
  if (load<u64>(entry) == ((address + 15) & ~0xfff)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    v128.store(pointer, value);
    setCurrentUop(u);
    noteStoreRange(pointer, 16);
    return true;
  }
  v128.store(VECTOR, value);
  return writeBlock(u, address, 16, VECTOR);
}

const VECTOR: u32 = <u32>memory.data(16, 16);
const UNALIGNED: u32 = <u32>memory.data(8, 8);

/** Stores up to 64 bytes that stand at `from`, by the slow path; false: fault pending. */
export function writeBlock(u: u32, given: u64, size: u32, from: u32): bool {
  setCurrentUop(u);
  const address = withWriteRight(given);
  if (address == BAD_ADDRESS && faultPending()) return false;
  if (!storeBytes(address, size, from)) {
    stackFault(u, address, size);
    return false;
  }
  afterSlow(u);
  return true;
}

/** As {@link storable}, for an operand that must be aligned where alignment is checked. */
export function storableOperand(u: u32, given: u64, size: u32): bool {
  return storable(u, withWriteRight(given), size) && !misaligned(given, size, load<u32>(ACCESS_KIND));
}

/** As {@link writeBlock}, for such an operand. */
export function writeOperand(u: u32, given: u64, size: u32, from: u32): bool {
  if (alignmentChecked() && !storableOperand(u, given, size)) return false;
  return writeBlock(u, given, size, from);
}

/**
 * Copies a T to `to` for the instructions that do not ask for alignment even where it is checked (Vol. 2 table 2-14, type
 * 12, and the masked moves). False: fault pending, nothing was copied.
 */
export function readUnaligned<T>(u: u32, address: u64, to: u32): bool {
  if (!alignmentChecked()) {
    const from = readAt<T>(u, address);
    if (from) store<T>(to, load<T>(from));
    return from != 0;
  }
  for (let i: u32 = 0; i < sizeof<T>(); i++) {
    const from = readAt<u8>(u, address + i);
    if (!from) return false;
    store<u8>(UNALIGNED + i, load<u8>(from));
  }
  store<T>(to, load<T>(UNALIGNED));
  return true;
}

/** Pointer to up to 64 bytes, by the slow path; 0: fault pending. */
export function readBlock(u: u32, address: u64, size: u32): u32 {
  return readSlow(u, address, size);
}

/** True when `size` bytes at a linear address may be stored, whatever pages they are on; otherwise the fault is pending. */
export function storable(u: u32, address: u64, size: u32): bool {
  setCurrentUop(u);
  if (address == BAD_ADDRESS && faultPending()) return false;
  if (translateStore(address, size, load<u32>(ACCESS_KIND))) return true;
  stackFault(u, address, size);
  return false;
}
