// String instructions (Intel SDM Vol. 2: MOVS, CMPS, STOS, LODS, SCAS). A repeated one counts one instruction per
// iteration, can be suspended between iterations, and works in bulk within pages of RAM.

import {
  CONTINUE_AT_RIP, DEBUG_ARMED, DEBUG_DATA, EFLAGS, FAULTED, FORM_REP, FORM_REPNE, GPR, LEAVE_BLOCK, MODE, MODE_CODE_64,
  MODE_CODE_SIZE_MASK, MODE_FLAT, NEXT, RAX, RCX, RDI, RIP, RSI, SEG_ES, SEG_FS, UOP_FORM, UOP_SEGMENT,
} from './constants';
import { FLAGS_SUB, setFlags } from './flags';
import { inScratch, noteStoreRange, storePointer } from './mmu';
import { addressMask, linear, readAt, setReg, signed, writeAt } from './operands';
import { remaining, ripOf, setRemaining, setRepeated } from './run-state';
import { FLAG_DF, FLAG_RF, FLAG_TF, faultPending } from './state';

const REPEAT: u32 = FORM_REP | FORM_REPNE;

/** Iterations that may run now. A string instruction ends its block, so nothing else of it is in the budget. */
@inline
export function iterationsAllowed(): u64 {
  return load<u32>(EFLAGS) & FLAG_TF ? 1 : <u64>(remaining + 1);
}

@inline
export function isRepeated(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & REPEAT) != 0;
}

/** Writes an index or count register within the address size. */
export function setIndex(register: u32, mask: u64, value: u64): void {
  if (mask == 0xffff) store<u16>(register, <u16>value);
  else store<u64>(register, value & mask);
}

/** +size or -size by EFLAGS.DF. */
@inline
export function stepOf<T>(): u64 {
  return load<u32>(EFLAGS) & FLAG_DF ? 0 - <u64>sizeof<T>() : <u64>sizeof<T>();
}

/**
 * Ends a repeated instruction after `done` iterations: pays for them, and stays on the instruction if `left`.
 */
export function endRepeat(u: u32, done: u64, left: bool): i32 {
  setRepeated(0);
  if (done > 1) setRemaining(remaining - <i32>(done - 1));
  if (!left) return NEXT;
  // What interrupts between iterations pushes RF, so that a breakpoint does not hit again (Vol. 3B 17.3.1.1).
  store<u32>(EFLAGS, load<u32>(EFLAGS) | FLAG_RF);
  store<u64>(RIP, ripOf(u));
  return CONTINUE_AT_RIP;
}

/** A fault after `done` complete iterations. */
export function faultInRepeat(done: u64): i32 {
  setRepeated(0);
  setRemaining(remaining - <i32>min<u64>(done, <u64>remaining));
  return FAULTED;
}

@inline
function sourceAddress<T>(u: u32, mask: u64): u64 {
  return linear(load<u8>(u, UOP_SEGMENT), load<u64>(RSI) & mask, sizeof<T>());
}
@inline
export function destinationAddress<T>(mask: u64): u64 {
  return linear(SEG_ES, load<u64>(RDI) & mask, sizeof<T>());
}

/** Whole elements from a linear address to the end of its page; 0 if even one crosses it. */
@inline
function elementsInPage<T>(address: u64): u64 {
  return (0x1000 - (address & 0xfff)) / sizeof<T>();
}

/** Bulk work needs ascending addresses, and neither segment limits nor data breakpoints in the way. */
@inline
function bulkAllowed(): bool {
  return !(load<u32>(EFLAGS) & FLAG_DF) && !(load<u32>(DEBUG_ARMED) & DEBUG_DATA) && (load<u32>(MODE) & MODE_FLAT) != 0;
}

// --- MOVS ------------------------------------------------------------------------------------------------------------

/** One element; false: fault pending. */
@inline
function moveOne<T>(u: u32, from: u32, mask: u64): bool {
  if (!writeAt<T>(u, destinationAddress<T>(mask), load<T>(from))) return false;
  advanceBoth<T>(mask, stepOf<T>());
  return true;
}

@inline
function advanceBoth<T>(mask: u64, by: u64): void {
  setIndex(RSI, mask, load<u64>(RSI) + by);
  setIndex(RDI, mask, load<u64>(RDI) + by);
}

/** Bulk work looks at the first element's address only: a source with a limit of its own, or that wraps, is excluded. */
@inline
function bulkSource(u: u32, mask: u64): bool {
  return load<u8>(u, UOP_SEGMENT) < SEG_FS || ((load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64 && mask == ~0);
}

export function movs<T>(u: u32): i32 {
  const mask = addressMask(u);
  if (!isRepeated(u)) {
    const from = readAt<T>(u, sourceAddress<T>(u, mask));
    return from && moveOne<T>(u, from, mask) ? NEXT : FAULTED;
  }
  const allowed = iterationsAllowed();
  const bulk = bulkAllowed() && bulkSource(u, mask);
  let count = load<u64>(RCX) & mask;
  let done: u64 = 0;
  while (count && done < allowed && !load<u32>(LEAVE_BLOCK)) {
    const address = sourceAddress<T>(u, mask);
    const from = readAt<T>(u, address);
    if (!from) return faultInRepeat(done);
    let n: u64 = bulk && !inScratch(from) ? moveBulk<T>(from, address, min<u64>(count, allowed - done), mask) : 0;
    if (n) advanceBoth<T>(mask, n * sizeof<T>());
    else {
      if (faultPending() || !moveOne<T>(u, from, mask)) return faultInRepeat(done);
      n = 1;
    }
    count -= n;
    done += n;
    setRepeated(<i32>done);
    setIndex(RCX, mask, count);
  }
  return endRepeat(u, done, count != 0);
}

/** Copies as many elements as stay in both pages; 0: not possible here. */
function moveBulk<T>(from: u32, address: u64, most: u64, mask: u64): u64 {
  const target = destinationAddress<T>(mask);
  const n = min<u64>(min<u64>(most, elementsInPage<T>(address)), elementsInPage<T>(target));
  if (n < 2) return 0;
  const to = storePointer(target, sizeof<T>());
  if (!to) return 0;
  const bytes = <u32>n * sizeof<T>();
  // A destination just ahead of the source repeats what was copied, element by element; memory.copy would not.
  if (to > from && to < from + bytes) {
    for (let i: u32 = 0; i < bytes; i += sizeof<T>()) store<T>(to + i, load<T>(from + i));
  } else memory.copy(to, from, bytes);
  noteStoreRange(to, bytes);
  return n;
}

// --- STOS ------------------------------------------------------------------------------------------------------------

@inline
function storeOne<T>(u: u32, mask: u64): bool {
  if (!writeAt<T>(u, destinationAddress<T>(mask), load<T>(RAX))) return false;
  setIndex(RDI, mask, load<u64>(RDI) + stepOf<T>());
  return true;
}

export function stos<T>(u: u32): i32 {
  const mask = addressMask(u);
  if (!isRepeated(u)) return storeOne<T>(u, mask) ? NEXT : FAULTED;
  const allowed = iterationsAllowed();
  const bulk = bulkAllowed();
  let count = load<u64>(RCX) & mask;
  let done: u64 = 0;
  while (count && done < allowed && !load<u32>(LEAVE_BLOCK)) {
    let n: u64 = bulk ? storeBulk<T>(min<u64>(count, allowed - done), mask) : 0;
    if (n) setIndex(RDI, mask, load<u64>(RDI) + n * sizeof<T>());
    else {
      if (faultPending() || !storeOne<T>(u, mask)) return faultInRepeat(done);
      n = 1;
    }
    count -= n;
    done += n;
    setRepeated(<i32>done);
    setIndex(RCX, mask, count);
  }
  return endRepeat(u, done, count != 0);
}

function storeBulk<T>(most: u64, mask: u64): u64 {
  const target = destinationAddress<T>(mask);
  const n = min<u64>(most, elementsInPage<T>(target));
  if (n < 2) return 0;
  const to = storePointer(target, sizeof<T>());
  if (!to) return 0;
  const bytes = <u32>n * sizeof<T>();
  const value = load<T>(RAX);
  const low = <u8>value;
  if (sizeof<T>() == 1 || <u64>value == <u64>(<T>(0x0101_0101_0101_0101 * <u64>low))) memory.fill(to, low, bytes);
  else for (let i: u32 = 0; i < bytes; i += sizeof<T>()) store<T>(to + i, value);
  noteStoreRange(to, bytes);
  return n;
}

// --- LODS ------------------------------------------------------------------------------------------------------------

@inline
function loadOne<T>(u: u32, mask: u64): bool {
  const from = readAt<T>(u, sourceAddress<T>(u, mask));
  if (!from) return false;
  setReg<T>(<u32>(RAX - GPR), load<T>(from));
  setIndex(RSI, mask, load<u64>(RSI) + stepOf<T>());
  return true;
}

export function lods<T>(u: u32): i32 {
  const mask = addressMask(u);
  if (!isRepeated(u)) return loadOne<T>(u, mask) ? NEXT : FAULTED;
  const allowed = iterationsAllowed();
  let count = load<u64>(RCX) & mask;
  let done: u64 = 0;
  while (count && done < allowed && !load<u32>(LEAVE_BLOCK)) {
    if (!loadOne<T>(u, mask)) return faultInRepeat(done);
    count--;
    done++;
    setRepeated(<i32>done);
    setIndex(RCX, mask, count);
  }
  return endRepeat(u, done, count != 0);
}

// --- CMPS, SCAS --------------------------------------------------------------------------------------------------------

@inline
function compareFlags<T>(a: T, b: T): void {
  setFlags(FLAGS_SUB, signed<T>(a), signed<T>(b), signed<T>(<T>(a - b)));
}

/** Compares one pair; -1: fault pending, otherwise whether they are equal. */
@inline
function compareOne<T>(u: u32, mask: u64): i32 {
  const first = readAt<T>(u, sourceAddress<T>(u, mask));
  if (!first) return -1;
  // The second read may use the same scratch bytes.
  const a = load<T>(first);
  const second = readAt<T>(u, destinationAddress<T>(mask));
  if (!second) return -1;
  const b = load<T>(second);
  compareFlags<T>(a, b);
  advanceBoth<T>(mask, stepOf<T>());
  return a == b ? 1 : 0;
}

@inline
function scanOne<T>(u: u32, mask: u64): i32 {
  const from = readAt<T>(u, destinationAddress<T>(mask));
  if (!from) return -1;
  const a = load<T>(RAX);
  const b = load<T>(from);
  compareFlags<T>(a, b);
  setIndex(RDI, mask, load<u64>(RDI) + stepOf<T>());
  return a == b ? 1 : 0;
}

@inline
function compareLoop<T>(u: u32, scan: bool): i32 {
  const mask = addressMask(u);
  if (!isRepeated(u)) return (scan ? scanOne<T>(u, mask) : compareOne<T>(u, mask)) < 0 ? FAULTED : NEXT;
  // REPE (F3) goes on while equal, REPNE (F2) while not.
  const wanted = load<u8>(u, UOP_FORM) & FORM_REP ? 1 : 0;
  const allowed = iterationsAllowed();
  let count = load<u64>(RCX) & mask;
  let done: u64 = 0;
  let going = true;
  while (count && going && done < allowed && !load<u32>(LEAVE_BLOCK)) {
    const equal = scan ? scanOne<T>(u, mask) : compareOne<T>(u, mask);
    if (equal < 0) return faultInRepeat(done);
    going = equal == wanted;
    count--;
    done++;
    setRepeated(<i32>done);
    setIndex(RCX, mask, count);
  }
  return endRepeat(u, done, count != 0 && going);
}

export function cmps<T>(u: u32): i32 {
  return compareLoop<T>(u, false);
}
export function scas<T>(u: u32): i32 {
  return compareLoop<T>(u, true);
}
