// Page walks (Intel SDM Vol. 3A chapter 4): no paging, 32-bit, PAE and 4-level; 4 KiB, 2 MiB, 4 MiB and 1 GiB pages.
// PAE's walk begins at the PDPTE registers, which control-registers.ts loads. Does not implement: protection keys, 5-level
// paging, shadow stacks.

import {
  ACCESS_EXEC, ACCESS_WRITE, FEATURES_1_EDX, FEATURES_EXTENDED_EDX, PDPTES, PHYSICAL_BITS, TLB_SUPERVISOR, TLB_USER, WALK_ENTRIES,
} from './generated/layout';
import { physicalRead32, physicalRead64, physicalSetBits } from './physical';
import {
  CR0_PG, CR0_WP, CR4_PAE, CR4_PGE, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_NXE, cr0, cr4, efer, longMode,
  raiseGeneralProtection, raisePageFault,
} from './state';
import { CR3 } from './generated/layout';

const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
const USER: u64 = 4;
const ACCESSED: u64 = 0x20;
const DIRTY: u64 = 0x40;
const LARGE: u64 = 0x80;
const GLOBAL: u64 = 0x100;
const NO_EXECUTE: u64 = 1 << 63;
const FRAME: u64 = 0x000f_ffff_ffff_f000;

/** Page fault error code bits (Vol. 3A 4.7). */
const ERROR_PRESENT: u32 = 1;
const ERROR_WRITE: u32 = 2;
const ERROR_USER: u32 = 4;
const ERROR_RESERVED: u32 = 8;
const ERROR_FETCH: u32 = 16;

const HAS_1G_PAGES: u32 = 1 << 26;
const HAS_PSE36: u32 = 1 << 17;
const PAE_HIGH: u64 = 0x7ff0_0000_0000_0000;

/** What the last successful walk found: physical address, size as a shift (12, 21, 22, 30), global bit. */
export let walkPhysical: u64 = 0;
export let walkShift: u32 = 0;
export let walkGlobal: bool = false;

/** Canonical for 48-bit linear addresses (Vol. 1 3.3.7.1). */
@inline
export function canonical(address: u64): bool {
  return <u64>((<i64>(address << 16)) >> 16) == address;
}

function fail(address: u64, access: u32, kind: u32, why: u32): bool {
  let error = why;
  if (access == ACCESS_WRITE) error |= ERROR_WRITE;
  if (kind == TLB_USER) error |= ERROR_USER;
  if (access == ACCESS_EXEC && ((efer() & EFER_NXE && cr4() & CR4_PAE) || cr4() & CR4_SMEP)) error |= ERROR_FETCH;
  raisePageFault(address, error);
  return false;
}

/** Walks for one access; sets accessed and dirty bits. False: a fault is pending. `kind` is a TLB_* kind. */
export function walk(address: u64, access: u32, kind: u32): bool {
  if (!(cr0() & CR0_PG)) {
    walkPhysical = address & 0xffff_ffff;
    walkShift = 12;
    walkGlobal = false;
    return true;
  }
  if (!(cr4() & CR4_PAE)) return walk32(address, access, kind);
  if (longMode()) {
    if (!canonical(address)) {
      raiseGeneralProtection();
      return false;
    }
    return walk64(address, access, kind, load<u64>(CR3) & FRAME, 4);
  }
  return walkPae(address, access, kind);
}

/** PAE: the PDPTE has neither rights nor an accessed bit; its reserved bits were checked if MOV loaded it. */
function walkPae(address: u64, access: u32, kind: u32): bool {
  const entry = load<u64>(PDPTES + (<u32>(address >> 30) & 3) * 8);
  if (!(entry & PRESENT)) return fail(address, access, kind, 0);
  if (entry & 0x1e6 || entry >> <u64>load<u32>(PHYSICAL_BITS) != 0) return fail(address, access, kind, ERROR_PRESENT | ERROR_RESERVED);
  return walk64(address, access, kind, entry & FRAME, 2);
}

/** 8-byte entries: from the PML4 (`levels` 4), or in PAE from a page directory (`levels` 2). */
function walk64(address: u64, access: u32, kind: u32, root: u64, levels: u32): bool {
  const beyond = FRAME & ~((<u64>1 << <u64>load<u32>(PHYSICAL_BITS)) - 1);
  // In PAE, bits 62-52 are reserved, not ignored (Vol. 3A tables 4-9 to 4-11).
  const high = levels == 4 ? 0 : PAE_HIGH;
  const reservedAlways = beyond | high | (efer() & EFER_NXE ? 0 : NO_EXECUTE);
  let table = root;
  let level = levels;
  let rights: u64 = WRITABLE | USER;
  let noExecute: u64 = 0;
  let entry: u64 = 0;
  let at: u64 = 0;
  let slot: u32 = WALK_ENTRIES;
  let shift: u32 = 0;
  while (true) {
    shift = 3 + 9 * level;
    at = table + (((address >> <u64>shift) & 0x1ff) << 3);
    entry = physicalRead64(at);
    store<u64>(slot, at);
    store<u64>(slot, entry, 8);
    slot += 16;
    if (!(entry & PRESENT)) return fail(address, access, kind, 0);
    let reserved = reservedAlways;
    if (level == 4) reserved |= LARGE;
    else if (level == 3 && entry & LARGE) {
      reserved |= load<u32>(FEATURES_EXTENDED_EDX) & HAS_1G_PAGES ? 0x3fff_e000 : LARGE;
    } else if (level == 2 && entry & LARGE) reserved |= 0x1f_e000;
    if (entry & reserved) return fail(address, access, kind, ERROR_PRESENT | ERROR_RESERVED);
    rights &= entry;
    noExecute |= entry & NO_EXECUTE;
    if (level == 1 || entry & LARGE) break;
    table = entry & FRAME;
    level -= 1;
  }
  if (!allowed(rights, noExecute != 0, access, kind)) return fail(address, access, kind, ERROR_PRESENT);
  touch(WALK_ENTRIES, slot, access);
  const offsetMask = (<u64>1 << <u64>shift) - 1;
  walkPhysical = (entry & FRAME & ~offsetMask) | (address & offsetMask);
  walkShift = shift;
  walkGlobal = (entry & GLOBAL) != 0 && (cr4() & CR4_PGE) != 0;
  return true;
}

/**
 * Reserved bits of a 4 MiB page's entry (Vol. 3A table 4-4): PSE-36 puts the address's bits 39-32 into bits 20-13, as far
 * as MAXPHYADDR goes; bit 21 is reserved.
 */
function largeReserved32(): u64 {
  const extra = load<u32>(FEATURES_1_EDX) & HAS_PSE36 ? min<i32>(<i32>load<u32>(PHYSICAL_BITS) - 32, 8) : 0;
  return 0x3f_e000 & ~(((<u64>1 << <u64>extra) - 1) << 13);
}

/** 4-byte entries, two levels, 4 MiB pages with CR4.PSE (Vol. 3A 4.3). */
function walk32(address: u64, access: u32, kind: u32): bool {
  let at = (load<u64>(CR3) & 0xffff_f000) + (((address >> 22) & 0x3ff) << 2);
  let entry = <u64>physicalRead32(at);
  store<u64>(WALK_ENTRIES, at);
  store<u64>(WALK_ENTRIES, entry, 8);
  if (!(entry & PRESENT)) return fail(address, access, kind, 0);
  let rights = entry;
  let slot: u32 = WALK_ENTRIES + 16;
  let physical: u64;
  let shift: u32 = 12;
  if (entry & LARGE && cr4() & CR4_PSE) {
    if (entry & largeReserved32()) return fail(address, access, kind, ERROR_PRESENT | ERROR_RESERVED);
    physical = (entry & 0xffc0_0000) | (((entry >> 13) & 0xff) << 32) | (address & 0x3f_ffff);
    shift = 22;
  } else {
    at = (entry & 0xffff_f000) + (((address >> 12) & 0x3ff) << 2);
    entry = <u64>physicalRead32(at);
    store<u64>(slot, at);
    store<u64>(slot, entry, 8);
    slot += 16;
    if (!(entry & PRESENT)) return fail(address, access, kind, 0);
    rights &= entry;
    physical = (entry & 0xffff_f000) | (address & 0xfff);
  }
  if (!allowed(rights, false, access, kind)) return fail(address, access, kind, ERROR_PRESENT);
  touch(WALK_ENTRIES, slot, access);
  walkPhysical = physical;
  walkShift = shift;
  walkGlobal = (entry & GLOBAL) != 0 && (cr4() & CR4_PGE) != 0;
  return true;
}

/** Access rights (Vol. 3A 4.6.1). */
function allowed(rights: u64, noExecute: bool, access: u32, kind: u32): bool {
  const userPage = (rights & USER) != 0;
  if (kind == TLB_USER) {
    if (!userPage) return false;
    if (access == ACCESS_WRITE && !(rights & WRITABLE)) return false;
  } else {
    if (access == ACCESS_WRITE && !(rights & WRITABLE) && cr0() & CR0_WP) return false;
    if (userPage) {
      if (access == ACCESS_EXEC) {
        if (cr4() & CR4_SMEP) return false;
      } else if (kind == TLB_SUPERVISOR && cr4() & CR4_SMAP) return false;
    }
  }
  return !(access == ACCESS_EXEC && noExecute);
}

/** Sets the accessed bits of the entries used and the dirty bit of the last, where they are clear. */
function touch(first: u32, end: u32, access: u32): void {
  for (let slot = first; slot < end; slot += 16) {
    let wanted = ACCESSED;
    if (slot + 16 == end && access == ACCESS_WRITE) wanted |= DIRTY;
    if ((load<u64>(slot, 8) & wanted) != wanted) physicalSetBits(load<u64>(slot), <u32>wanted);
  }
}
