// Guest memory by linear address. The hot path is one compare against the TLB set in force; a miss, MMIO, ROM, code
// and watched pages and accesses that cross a page all fail it alike and come to the slow functions below.
//
// Pointers are addresses in this memory; 0 means that a fault is pending and nothing was changed.

import {
  ACCESS_EXEC, ACCESS_KIND, ACCESS_READ, ACCESS_WRITE, FRAME_MASK, PAGE_CODE, PAGE_FLAGS, SCRATCH, SCRATCH_CODE,
  SCRATCH_RMW, SHADOW_DELTA, SITE_SPACE, TAG_MMIO, TAG_SLOW_STORE, TAG_WATCH, TLB_EXEC, TLB_READ, TLB_WRITE,
  TRACK_WRITERS, UOP_SITE,
} from './generated/layout';
import { misaligned, storeMisaligned } from './alignment';
import { dropCode } from './blocks';
import { watchData } from './debug';
import { mmioRead64, mmioWrite64, watchedAccess } from './host';
import { canonical } from './paging';
import { currentUop, faultPending, longMode, raiseGeneralProtection } from './state';
import { slotOf, translate } from './tlb';

// --- Who wrote this byte -------------------------------------------------------------------------------------------

/** Notes the running instruction as the writer of the 8-byte units that hold `size` (1-16) bytes at `pointer`. */
@inline
export function noteStore(pointer: u32, size: u32): void {
  if (!load<u32>(TRACK_WRITERS)) return;
  const writer = load<u32>(currentUop, UOP_SITE) | load<u32>(SITE_SPACE);
  const word = ((pointer >>> 3) << 2) + load<u32>(SHADOW_DELTA);
  store<u32>(word, writer);
  if (size > 1 && (pointer & 7) + size > 8) noteRest(pointer, size, writer);
}

function noteRest(pointer: u32, size: u32, writer: u32): void {
  const last = (((pointer + size - 1) >>> 3) << 2) + load<u32>(SHADOW_DELTA);
  let word = ((pointer >>> 3) << 2) + load<u32>(SHADOW_DELTA) + 4;
  // Four words at a time: 32 bytes of RAM.
  const four = i32x4.splat(writer);
  for (; word + 12 <= last; word += 16) v128.store(word, four);
  for (; word <= last; word += 4) store<u32>(word, writer);
}

/** After a direct store of any `size` to a page that {@link storePointer} gave: bulk and read-modify-write. */
export function noteStoreRange(pointer: u32, size: u32): void {
  if (size == 0 || !load<u32>(TRACK_WRITERS)) return;
  const writer = load<u32>(currentUop, UOP_SITE) | load<u32>(SITE_SPACE);
  store<u32>(((pointer >>> 3) << 2) + load<u32>(SHADOW_DELTA), writer);
  noteRest(pointer, size, writer);
}

// --- Reads ---------------------------------------------------------------------------------------------------------

/** Pointer to a T at linear `address`: RAM itself, or a copy of an MMIO or split access. 0: fault pending. */
@inline
export function readable<T>(address: u64): u32 {
  const entry = load<u32>(TLB_READ) + slotOf(address);
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return readPointer(address, sizeof<T>());
}

/** As {@link readable} for any size up to 64 bytes. */
export function readPointer(address: u64, size: u32): u32 {
  return readPointerAs(address, size, load<u32>(ACCESS_KIND), SCRATCH);
}

/** An operand that ends beyond canonical addresses is #GP(0), whatever the page fault of its beginning. */
function checkEnd(address: u64): void {
  if (longMode() && !canonical(address)) raiseGeneralProtection();
}

/** A read with explicit rights: descriptor tables and TSS are read as supervisor whatever CPL is. */
export function readPointerAs(address: u64, size: u32, kind: u32, scratch: u32): u32 {
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  const entry = translate(address, ACCESS_READ, kind);
  if (!entry) {
    if (size > inPage) checkEnd(address + inPage);
    return 0;
  }
  if (size <= inPage) {
    if (misaligned(address, size, kind)) return 0;
    const tag = load<u64>(entry);
    if (!(tag & (TAG_MMIO | TAG_WATCH))) return <u32>address + load<u32>(entry, 8);
    return readPart(entry, address, size, scratch, true);
  }
  // Both pages are checked before either is read: MMIO reads have effects.
  if (!translate(address + inPage, ACCESS_READ, kind) || misaligned(address, size, kind)) return 0;
  // The two entries differ in their slot, so the first is still valid; the first access may have effects that flush
  // the second (a device remaps itself), so that one is looked up again.
  readPart(entry, address, inPage, scratch, false);
  const again = translate(address + inPage, ACCESS_READ, kind);
  if (!again) return 0;
  readPart(again, address + inPage, size - inPage, scratch + inPage, false);
  return scratch;
}

function readPart(entry: u32, address: u64, size: u32, scratch: u32, mayPoint: bool): u32 {
  if (load<u64>(entry) & TAG_WATCH) watchData(address, size, false);
  if (!(load<u64>(entry) & TAG_MMIO)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    if (load<u64>(entry) & TAG_WATCH) watchedAccess(pointer, size, 0);
    if (mayPoint) return pointer;
    memory.copy(scratch, pointer, size);
    return scratch;
  }
  let physical = (<u64>(load<u32>(entry, 12) & FRAME_MASK) << 12) | (address & 0xfff);
  let into = scratch;
  let rest = size;
  while (rest) {
    const piece = pieceOf(rest);
    const value = mmioRead64(physical, piece);
    if (piece == 8) store<u64>(into, value);
    else if (piece == 4) store<u32>(into, <u32>value);
    else if (piece == 2) store<u16>(into, <u16>value);
    else store<u8>(into, <u8>value);
    physical += piece;
    into += piece;
    rest -= piece;
  }
  return scratch;
}

/** Largest bus access that fits in `rest` bytes. */
@inline
function pieceOf(rest: u32): u32 {
  return rest >= 8 ? 8 : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
}

// --- Stores --------------------------------------------------------------------------------------------------------

/** Stores a T (integer, up to 8 bytes). False: fault pending, nothing was stored. */
@inline
export function storeTo<T>(address: u64, value: T): bool {
  const entry = load<u32>(TLB_WRITE) + slotOf(address);
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    store<T>(pointer, value);
    noteStore(pointer, sizeof<T>());
    return true;
  }
  return storeSlow(address, sizeof<T>(), <u64>value);
}

/** Any integer store of 1 to 8 bytes. */
export function storeSlow(address: u64, size: u32, value: u64): bool {
  const kind = load<u32>(ACCESS_KIND);
  if (storeMisaligned(address, size, kind)) return false;
  store<u64>(SCRATCH, value);
  return storeBytesAs(address, size, SCRATCH, kind);
}

/** Stores `size` (up to 64) bytes that stand at `from`, however they are aligned. */
export function storeBytes(address: u64, size: u32, from: u32): bool {
  return storeBytesAs(address, size, from, load<u32>(ACCESS_KIND));
}

export function storeBytesAs(address: u64, size: u32, from: u32, kind: u32): bool {
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  const entry = translate(address, ACCESS_WRITE, kind);
  if (!entry) {
    if (size > inPage) checkEnd(address + inPage);
    return false;
  }
  if (size <= inPage) {
    storePart(entry, address, size, from);
    return true;
  }
  if (!translate(address + inPage, ACCESS_WRITE, kind)) return false;
  storePart(entry, address, inPage, from);
  const again = translate(address + inPage, ACCESS_WRITE, kind);
  if (!again) return false;
  storePart(again, address + inPage, size - inPage, from + inPage);
  return true;
}

function storePart(entry: u32, address: u64, size: u32, from: u32): void {
  const tag = load<u64>(entry);
  if (tag & TAG_WATCH) watchData(address, size, true);
  if (!(tag & TAG_MMIO)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    if (tag & TAG_WATCH) watchedAccess(pointer, size, 1);
    memory.copy(pointer, from, size);
    noteStoreRange(pointer, size);
    if (tag & TAG_SLOW_STORE) storedToCode(entry, pointer, size);
    return;
  }
  let physical = (<u64>(load<u32>(entry, 12) & FRAME_MASK) << 12) | (address & 0xfff);
  let at = from;
  let rest = size;
  while (rest) {
    const piece = pieceOf(rest);
    let value: u64;
    if (piece == 8) value = load<u64>(at);
    else if (piece == 4) value = load<u32>(at);
    else if (piece == 2) value = load<u16>(at);
    else value = load<u8>(at);
    mmioWrite64(physical, piece, value);
    physical += piece;
    at += piece;
    rest -= piece;
  }
}

/** A store hit a page that holds decoded code, or did when the entry was made. */
function storedToCode(entry: u32, pointer: u32, size: u32): void {
  if (load<u8>(PAGE_FLAGS + (pointer >>> 12)) & PAGE_CODE) dropCode(pointer, size);
  else store<u64>(entry, load<u64>(entry) & ~(<u64>TAG_SLOW_STORE));
}

/**
 * Pointer for a direct store of `size` bytes within one page. 0: either a fault is pending ({@link faultPending}), or
 * the bytes cannot be stored directly (MMIO, ROM, code, watched, page crossing): use {@link storeTo}.
 * After the store call {@link noteStoreRange}.
 */
export function storePointer(address: u64, size: u32): u32 {
  const kind = load<u32>(ACCESS_KIND);
  const entry = translate(address, ACCESS_WRITE, kind);
  if (!entry) return 0;
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  if (size > inPage) {
    if (translate(address + inPage, ACCESS_WRITE, kind)) misaligned(address, size, kind);
    return 0;
  }
  if (misaligned(address, size, kind)) return 0;
  const tag = load<u64>(entry);
  if (tag & TAG_SLOW_STORE && !(tag & TAG_MMIO)) {
    const pointer = <u32>address + load<u32>(entry, 8);
    if (load<u8>(PAGE_FLAGS + (pointer >>> 12)) & PAGE_CODE) return 0;
    store<u64>(entry, tag & ~(<u64>TAG_SLOW_STORE));
    return tag & TAG_WATCH ? 0 : pointer;
  }
  return tag & (TAG_MMIO | TAG_WATCH) ? 0 : <u32>address + load<u32>(entry, 8);
}

// --- Read-modify-write ---------------------------------------------------------------------------------------------

/**
 * Pointer to a T that is going to be read and then written: RAM itself, or a copy at SCRATCH_RMW. Write access is
 * checked first, so that {@link commit} cannot fault. 0: fault pending.
 */
@inline
export function modifiable<T>(address: u64): u32 {
  const entry = load<u32>(TLB_WRITE) + slotOf(address);
  // A page that may be written may be read.
  if (load<u64>(entry) == ((address + (sizeof<T>() - 1)) & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return modifyPointer(address, sizeof<T>());
}

export function modifyPointer(address: u64, size: u32): u32 {
  const kind = load<u32>(ACCESS_KIND);
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  if (!translate(address, ACCESS_WRITE, kind)) {
    if (size > inPage) checkEnd(address + inPage);
    return 0;
  }
  if (size > inPage && !translate(address + inPage, ACCESS_WRITE, kind)) return 0;
  const direct = storePointer(address, size);
  if (direct) return direct;
  if (faultPending()) return 0;
  const pointer = readPointerAs(address, size, kind, SCRATCH_RMW);
  if (!pointer) return 0;
  if (pointer != SCRATCH_RMW) memory.copy(SCRATCH_RMW, pointer, size);
  return SCRATCH_RMW;
}

/** Ends a read-modify-write: `value` goes where {@link modifiable} pointed. */
@inline
export function commit<T>(pointer: u32, address: u64, value: T): void {
  store<T>(pointer, value);
  if (pointer == SCRATCH_RMW) storeBytes(address, sizeof<T>(), SCRATCH_RMW);
  else noteStore(pointer, sizeof<T>());
}

// --- Instruction fetch ---------------------------------------------------------------------------------------------

/** Pointer to the code byte at linear `address`; bytes up to the end of its page follow. 0: fault pending. */
@inline
export function fetchPointer(address: u64): u32 {
  const entry = load<u32>(TLB_EXEC) + slotOf(address);
  if (load<u64>(entry) == (address & ~0xfff)) return <u32>address + load<u32>(entry, 8);
  return fetchSlow(address);
}

/** An instruction is no longer (Intel SDM Vol. 2A 2.3.11). */
const INSTRUCTION_BYTES_MAX: u32 = 15;

/**
 * Code outside of memory stands in SCRATCH_CODE as far as the decoder has asked for it, and is never cached, see
 * {@link inScratch}: a device may mind a read, and where nobody answers each byte is an event of its own.
 */
let copyFrom: u64 = 0;
let copyLeft: u32 = 0;
/** Bytes in SCRATCH_CODE. */
export let copied: u32 = 0;

/** Fetches one byte more of that code; false: its page ends. */
export function copyMore(): bool {
  if (!copyLeft) return false;
  copyLeft--;
  const at = copied;
  copied++;
  store<u8>(SCRATCH_CODE + at, <u8>mmioRead64(copyFrom + at, 1));
  return true;
}

function fetchSlow(address: u64): u32 {
  const entry = translate(address, ACCESS_EXEC, load<u32>(ACCESS_KIND));
  if (!entry) return 0;
  if (!(load<u64>(entry) & TAG_MMIO)) return <u32>address + load<u32>(entry, 8);
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  copyFrom = (<u64>(load<u32>(entry, 12) & FRAME_MASK) << 12) | (address & 0xfff);
  copyLeft = min<u32>(inPage, INSTRUCTION_BYTES_MAX);
  copied = 0;
  return SCRATCH_CODE;
}

/** True for a pointer into the state block: a copy, not guest memory. */
@inline
export function inScratch(pointer: u32): bool {
  return pointer < 0x2000;
}
