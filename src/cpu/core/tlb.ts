// The software TLBs: filling, flushing, and the bits that send stores to code and watched pages to the slow path.

import {
  ACCESS_EXEC, ACCESS_WRITE, CPU_COUNT, CPU_INDEX, DEBUG_ARMED, DEBUG_DATA, FRAME_1G, FRAME_2M, FRAME_GLOBAL, FRAME_MASK, OBSERVE_STORES, PAGE_CODE,
  PAGE_FLAGS, PAGE_WATCH, TAG_INVALID, TAG_MMIO, TAG_SLOW_STORE, TAG_WATCH, TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_SETS,
  TLB_SETS_BASE, TLB_SET_EXEC, TLB_SET_READ, TLB_SET_SIZE, TLB_SET_WRITE, TLB_USED, TLB_USER, VCPU_AREA,
  VCPU_AREA_SIZE, VCPU_LARGE_PAGES, VCPU_LARGE_PAGES_SIZE, VCPU_TLB,
} from './generated/layout';
import { watchesPage } from './debug';
import { walk, walkGlobal, walkPhysical, walkShift } from './paging';
import { directPointer, directWritable, onBus } from './physical';
import { codeMappingChanged, mayHoldCode } from './run-state';

@inline
function setOf(access: u32, kind: u32): u32 {
  if (access == ACCESS_EXEC) return TLB_SET_EXEC + (kind == TLB_USER ? 1 : 0);
  return (access == ACCESS_WRITE ? TLB_SET_WRITE : TLB_SET_READ) + kind;
}

@inline
export function slotOf(address: u64): u32 {
  return (<u32>(address >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
}

/** The TLB entry for one access, from the cache or a walk; 0: a fault is pending. */
export function translate(address: u64, access: u32, kind: u32): u32 {
  const set = setOf(access, kind);
  const entry = load<u32>(TLB_SETS_BASE) + set * TLB_SET_SIZE + slotOf(address);
  const tag = load<u64>(entry);
  if ((tag ^ address) < 0x1000 && !(tag & TAG_INVALID)) return entry;
  if (!walk(address, access, kind)) return 0;
  store<u32>(TLB_USED, load<u32>(TLB_USED) | (1 << set));
  fill(entry, address, access);
  return entry;
}

/** Whether `size` bytes, at most a page, may be stored. False: the fault is pending, at the first byte that has one. */
export function translateStore(address: u64, size: u32, kind: u32): bool {
  if (!translate(address, ACCESS_WRITE, kind)) return false;
  const inPage: u32 = 0x1000 - (<u32>address & 0xfff);
  return size <= inPage || translate(address + inPage, ACCESS_WRITE, kind) != 0;
}

function fill(entry: u32, address: u64, access: u32): void {
  const page = onBus(walkPhysical & ~<u64>0xfff);
  const linear = address & ~<u64>0xfff;
  let pointer = directPointer(page, 4096);
  // The page flags are indexed by backing page: a range that does not start alike in its page has no direct entry.
  if (pointer & 0xfff) pointer = 0;
  if (access == ACCESS_WRITE && !directWritable) pointer = 0;
  let tag = linear;
  if (pointer == 0) {
    tag |= TAG_MMIO;
  } else {
    const flags = load<u8>(PAGE_FLAGS + (pointer >>> 12));
    if (access == ACCESS_WRITE && flags & PAGE_CODE) tag |= TAG_SLOW_STORE;
    if (flags & PAGE_WATCH || (access == ACCESS_WRITE && load<u32>(OBSERVE_STORES))) tag |= TAG_WATCH;
  }
  if (load<u32>(DEBUG_ARMED) & DEBUG_DATA && access != ACCESS_EXEC && watchesPage(linear)) tag |= TAG_WATCH;
  let frame = <u32>(page >> 12) & FRAME_MASK;
  if (walkGlobal) frame |= FRAME_GLOBAL;
  if (walkShift != 12) {
    // 4 MiB pages are filed with the 1 GiB ones: flushing a little too much is harmless.
    const huge = walkShift != 21;
    frame |= huge ? FRAME_1G : FRAME_2M;
    noteLarge(address, huge);
  }
  store<u64>(entry, tag);
  store<u32>(entry, pointer - <u32>linear, 8);
  store<u32>(entry, frame, 12);
}

// --- Large pages: entries are 4 KiB each, so INVLPG must find all that were cut from the page it names. -------------

function area(): u32 {
  return VCPU_AREA + load<u32>(CPU_INDEX) * VCPU_AREA_SIZE;
}

@inline
function largeBit(address: u64, huge: bool): u32 {
  const region = <u32>(address >> (huge ? 30 : 21));
  // Kernels align their windows: without the upper bits, many would share the bit of address 0.
  return (region ^ (region >>> 9) ^ (region >>> 18)) & (VCPU_LARGE_PAGES_SIZE * 4 - 1);
}

@inline
function largeBits(huge: bool): u32 {
  return area() + VCPU_LARGE_PAGES + (huge ? VCPU_LARGE_PAGES_SIZE / 2 : 0);
}

function noteLarge(address: u64, huge: bool): void {
  const bit = largeBit(address, huge);
  const at = largeBits(huge) + (bit >>> 3);
  store<u8>(at, load<u8>(at) | (<u8>1 << <u8>(bit & 7)));
}

function mayBeLarge(address: u64, huge: bool): bool {
  const bit = largeBit(address, huge);
  return (load<u8>(largeBits(huge) + (bit >>> 3)) & (1 << (bit & 7))) != 0;
}

// --- Flushing ------------------------------------------------------------------------------------------------------

/** Drops everything that this processor has cached. */
export function flushAll(): void {
  const used = load<u32>(TLB_USED);
  const sets = load<u32>(TLB_SETS_BASE);
  for (let set: u32 = 0; set < TLB_SETS; set++) {
    if (used & (1 << set)) memory.fill(sets + set * TLB_SET_SIZE, 0xff, TLB_SET_SIZE);
  }
  store<u32>(TLB_USED, 0);
  memory.fill(area() + VCPU_LARGE_PAGES, 0, VCPU_LARGE_PAGES_SIZE);
  codeMappingChanged();
}

/** Drops all but global entries (MOV to CR3). */
export function flushNonGlobal(): void {
  const used = load<u32>(TLB_USED);
  const sets = load<u32>(TLB_SETS_BASE);
  for (let set: u32 = 0; set < TLB_SETS; set++) {
    if (!(used & (1 << set))) continue;
    const first = sets + set * TLB_SET_SIZE;
    for (let entry = first; entry < first + TLB_SET_SIZE; entry += TLB_ENTRY_SIZE) {
      if (!(load<u32>(entry, 12) & FRAME_GLOBAL)) store<u64>(entry, ~0);
    }
  }
  codeMappingChanged();
}

/** INVLPG: drops what was cached for the page of `address`, of whatever size. */
export function flushPage(address: u64): void {
  const sets = load<u32>(TLB_SETS_BASE);
  const slot = slotOf(address);
  for (let set: u32 = 0; set < TLB_SETS; set++) {
    const entry = sets + set * TLB_SET_SIZE + slot;
    if ((load<u64>(entry) ^ address) < 0x1000) store<u64>(entry, ~0);
  }
  const large = mayBeLarge(address, false);
  const huge = mayBeLarge(address, true);
  if (large) flushLarge(address, 21, FRAME_2M);
  if (huge) flushLarge(address, 30, FRAME_1G);
  if (large || huge || mayHoldCode(address)) codeMappingChanged();
}

function flushLarge(address: u64, shift: u64, flag: u32): void {
  const used = load<u32>(TLB_USED);
  const sets = load<u32>(TLB_SETS_BASE);
  for (let set: u32 = 0; set < TLB_SETS; set++) {
    if (!(used & (1 << set))) continue;
    const first = sets + set * TLB_SET_SIZE;
    for (let entry = first; entry < first + TLB_SET_SIZE; entry += TLB_ENTRY_SIZE) {
      if (load<u32>(entry, 12) & flag && (load<u64>(entry) ^ address) >> shift == 0) store<u64>(entry, ~0);
    }
  }
}

/** First use of a processor's sets: marks every entry as empty. */
export function clearSets(): void {
  memory.fill(load<u32>(TLB_SETS_BASE), 0xff, TLB_SETS * TLB_SET_SIZE);
  store<u32>(TLB_USED, 0);
  memory.fill(area() + VCPU_LARGE_PAGES, 0, VCPU_LARGE_PAGES_SIZE);
}

/**
 * The backing page of `pointer` began to hold decoded code and has PAGE_CODE: no processor may keep a write entry
 * that stores to it directly. Entries go back to clean ones in the slow path when the flag is gone.
 */
export function protectCodePage(pointer: u32): void {
  const backing = pointer & ~0xfff;
  const cpus = load<u32>(CPU_COUNT);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const first = VCPU_AREA + cpu * VCPU_AREA_SIZE + VCPU_TLB + TLB_SET_WRITE * TLB_SET_SIZE;
    for (let entry = first; entry < first + 3 * TLB_SET_SIZE; entry += TLB_ENTRY_SIZE) {
      const tag = load<u64>(entry);
      if (tag & (TAG_INVALID | TAG_MMIO)) continue;
      const linear = <u32>tag & ~0xfff;
      if (linear + load<u32>(entry, 8) == backing) store<u64>(entry, tag | TAG_SLOW_STORE);
    }
  }
}
