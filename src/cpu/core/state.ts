// The active processor's state block: accessors, the mode key, pending faults.

import {
  ACCESS_KIND, ACCESS_WRITE, CPL, CR0, CR4, EFER, EFLAGS, FAULT, FAULT_ADDRESS, FAULT_ERROR, FAULT_HAS_ERROR, MODE,
  MODE_CODE_16, MODE_CODE_32, MODE_CODE_64, MODE_FLAT, MODE_LONG, MODE_NO_AVX, MODE_NO_SSE, MODE_NO_X87, MODE_PROTECTED,
  MODE_STACK_32, MODE_USER, MODE_V86, SEGMENTS, SEGMENT_ATTRIBUTES, SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_SELECTOR,
  SEGMENT_SIZE, SEG_CS, SEG_DS, SEG_ES, SEG_SS, TLB_EXEC, TLB_READ, TLB_SET_EXEC, TLB_SET_MISS, TLB_SET_READ, TLB_SET_SIZE,
  TLB_SET_WRITE, TLB_SETS_BASE, TLB_SUPERVISOR, TLB_SUPERVISOR_AC, TLB_USER, TLB_WRITE, XCR0,
} from './generated/layout';
import { setCodeSpace } from './run-state';

/** The µop that is executing: the run loop sets it before each. Address in the arena. */
export let currentUop: u32 = 0;
@inline
export function setCurrentUop(uop: u32): void {
  currentUop = uop;
}

// EFLAGS bits (Intel SDM Vol. 1 3.4.3).
export const FLAG_CF: u32 = 1;
export const FLAG_PF: u32 = 1 << 2;
export const FLAG_AF: u32 = 1 << 4;
export const FLAG_ZF: u32 = 1 << 6;
export const FLAG_SF: u32 = 1 << 7;
export const FLAG_TF: u32 = 1 << 8;
export const FLAG_IF: u32 = 1 << 9;
export const FLAG_DF: u32 = 1 << 10;
export const FLAG_OF: u32 = 1 << 11;
export const FLAG_IOPL: u32 = 3 << 12;
export const FLAG_NT: u32 = 1 << 14;
export const FLAG_RF: u32 = 1 << 16;
export const FLAG_VM: u32 = 1 << 17;
export const FLAG_AC: u32 = 1 << 18;
export const FLAG_VIF: u32 = 1 << 19;
export const FLAG_VIP: u32 = 1 << 20;
export const FLAG_ID: u32 = 1 << 21;
/** CF PF AF ZF SF OF. */
export const FLAGS_ARITHMETIC: u32 = 0x8d5;

// Control register bits (Vol. 3A 2.5).
export const CR0_PE: u64 = 1;
export const CR0_MP: u64 = 1 << 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_NE: u64 = 1 << 5;
export const CR0_WP: u64 = 1 << 16;
export const CR0_AM: u64 = 1 << 18;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 0x80000000;
export const CR4_VME: u64 = 1;
export const CR4_PVI: u64 = 1 << 1;
export const CR4_TSD: u64 = 1 << 2;
export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_MCE: u64 = 1 << 6;
export const CR4_PGE: u64 = 1 << 7;
export const CR4_PCE: u64 = 1 << 8;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_UMIP: u64 = 1 << 11;
export const CR4_FSGSBASE: u64 = 1 << 16;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_OSXSAVE: u64 = 1 << 18;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;
export const EFER_SCE: u64 = 1;
export const EFER_LME: u64 = 1 << 8;
export const EFER_LMA: u64 = 1 << 10;
export const EFER_NXE: u64 = 1 << 11;

// Exception vectors (Vol. 3A 6.3.1).
export const DE: u32 = 0;
export const DB: u32 = 1;
export const NMI: u32 = 2;
export const BP: u32 = 3;
export const OF: u32 = 4;
export const BR: u32 = 5;
export const UD: u32 = 6;
export const NM: u32 = 7;
export const DF: u32 = 8;
export const TS: u32 = 10;
export const NP: u32 = 11;
export const SS: u32 = 12;
export const GP: u32 = 13;
export const PF: u32 = 14;
export const MF: u32 = 16;
export const AC: u32 = 17;
export const XM: u32 = 19;

// --- Pending fault -------------------------------------------------------------------------------------------------

/** Sets the pending fault. The handler then returns FAULTED (or its pointer 0) without having changed anything. */
export function raise(vector: u32, errorCode: u32 = 0, hasError: bool = false): void {
  store<u32>(FAULT, vector + 1);
  store<u32>(FAULT_ERROR, errorCode);
  store<u32>(FAULT_HAS_ERROR, hasError ? 1 : 0);
}

/** #GP(errorCode); the common case of a refused operation. */
export function raiseGeneralProtection(errorCode: u32 = 0): void {
  raise(GP, errorCode, true);
}

export function raisePageFault(address: u64, errorCode: u32): void {
  raise(PF, errorCode, true);
  store<u64>(FAULT_ADDRESS, address);
}

@inline
export function faultPending(): bool {
  return load<u32>(FAULT) != 0;
}

// --- Registers and segments ----------------------------------------------------------------------------------------

@inline
export function cr0(): u64 {
  return load<u64>(CR0);
}
@inline
export function cr4(): u64 {
  return load<u64>(CR4);
}
@inline
export function efer(): u64 {
  return load<u64>(EFER);
}
@inline
export function cpl(): u32 {
  return load<u32>(CPL);
}
@inline
export function mode(): u32 {
  return load<u32>(MODE);
}
@inline
export function longMode(): bool {
  return (load<u64>(EFER) & EFER_LMA) != 0;
}
@inline
export function code64(): bool {
  return (load<u32>(MODE) & 3) == MODE_CODE_64;
}
@inline
export function protectedMode(): bool {
  return (load<u64>(CR0) & CR0_PE) != 0;
}

@inline
export function segment(index: u32): u32 {
  return SEGMENTS + index * SEGMENT_SIZE;
}
@inline
export function segmentBase(index: u32): u64 {
  return load<u64>(segment(index) + SEGMENT_BASE);
}
@inline
export function segmentLimit(index: u32): u32 {
  return load<u32>(segment(index) + SEGMENT_LIMIT);
}
@inline
export function segmentAttributes(index: u32): u32 {
  return load<u32>(segment(index) + SEGMENT_ATTRIBUTES);
}
@inline
export function selector(index: u32): u32 {
  return load<u32>(segment(index) + SEGMENT_SELECTOR);
}

/** Fills the cached part of a segment register. Call {@link updateMode} after the last of a group. */
export function setSegment(index: u32, value: u32, base: u64, limit: u32, attributes: u32): void {
  const at = segment(index);
  store<u64>(at + SEGMENT_BASE, base);
  store<u32>(at + SEGMENT_LIMIT, limit);
  store<u32>(at + SEGMENT_ATTRIBUTES, attributes);
  store<u32>(at + SEGMENT_SELECTOR, value & 0xffff);
}

// --- Mode key ------------------------------------------------------------------------------------------------------

function flat(index: u32): bool {
  // A null or non-present data segment is not flat: its use must fault.
  const attributes = segmentAttributes(index);
  if (!(attributes & 0x80) || segmentBase(index) != 0 || segmentLimit(index) != 0xffffffff) return false;
  // Expand-down and read-only data segments need their checks; so does execute-only code.
  return index == SEG_CS ? (attributes & 0xa) == 0xa : (attributes & 0xe) == 2;
}

/** AVX needs CR4.OSXSAVE, and the xmm and ymm state enabled in XCR0 (Vol. 1 14.3). */
export function avxForbidden(): bool {
  return !(cr4() & CR4_OSXSAVE) || (load<u64>(XCR0) & 6) != 6;
}

/** Recomputes MODE and the TLB sets in force after CPL, a segment, CR0, CR4, EFER or EFLAGS.VM/AC changed. */
export function updateMode(): void {
  let key: u32;
  const isLong = longMode();
  const codeAttributes = segmentAttributes(SEG_CS);
  if (isLong && codeAttributes & 0x2000) {
    key = MODE_CODE_64 | MODE_FLAT | MODE_STACK_32;
  } else {
    key = codeAttributes & 0x4000 ? MODE_CODE_32 : MODE_CODE_16;
    if (segmentAttributes(SEG_SS) & 0x4000) key |= MODE_STACK_32;
    if (flat(SEG_CS) && flat(SEG_SS) && flat(SEG_DS) && flat(SEG_ES)) key |= MODE_FLAT;
  }
  if (isLong) key |= MODE_LONG;
  if (cr0() & CR0_PE) key |= MODE_PROTECTED;
  if (load<u32>(EFLAGS) & FLAG_VM) key |= MODE_V86;
  if (cpl() == 3) key |= MODE_USER;
  if (cr0() & (CR0_EM | CR0_TS) || !(cr4() & CR4_OSFXSR)) key |= MODE_NO_SSE;
  if (cr0() & (CR0_EM | CR0_TS)) key |= MODE_NO_X87;
  if (cr0() & CR0_TS || avxForbidden()) key |= MODE_NO_AVX;
  store<u32>(MODE, key);
  if ((key & 3) == MODE_CODE_64) setCodeSpace(0, ~0);
  else setCodeSpace(segmentBase(SEG_CS), segmentLimit(SEG_CS));
  updateAccessKind();
}

/** Chooses the TLB sets by CPL, CR4.SMAP, CR0.AM and EFLAGS.AC (Vol. 3A 4.6.1, 6.15). */
export function updateAccessKind(): void {
  let kind = TLB_SUPERVISOR;
  if (cpl() == 3) kind = TLB_USER;
  else if (cr4() & CR4_SMAP && load<u32>(EFLAGS) & FLAG_AC) kind = TLB_SUPERVISOR_AC;
  store<u32>(ACCESS_KIND, kind);
  const sets = load<u32>(TLB_SETS_BASE);
  const aligned = kind == TLB_USER && (cr0() & CR0_AM) != 0 && (load<u32>(EFLAGS) & FLAG_AC) != 0;
  store<u32>(TLB_READ, sets + (aligned ? TLB_SET_MISS : TLB_SET_READ + kind) * TLB_SET_SIZE);
  store<u32>(TLB_WRITE, sets + (aligned ? TLB_SET_MISS : TLB_SET_WRITE + kind) * TLB_SET_SIZE);
  store<u32>(TLB_EXEC, sets + (TLB_SET_EXEC + (kind == TLB_USER ? 1 : 0)) * TLB_SET_SIZE);
}

/** Sets CPL and what depends on it. */
export function setCpl(level: u32): void {
  store<u32>(CPL, level);
  updateMode();
}
