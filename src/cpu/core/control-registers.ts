// MOV to and from control and debug registers and what changes their bits (Intel SDM Vol. 3A 2.5, Vol. 2 MOV).
// PCID: nothing is cached under another PCID than the current one, which the manual allows (Vol. 3A 4.10.4.1): a MOV to
// CR3 always flushes.

import { guardedDebugRegister, updateBreakpoints } from './debug';
import { debugRegisterFault } from './exceptions';
import { readFlags, writeFlags } from './flags';
import {
  CONTINUE_AT_RIP, CPL, CR0, CR2, CR3, CR4, CR8, DEBUG_REGISTERS, EFER, FAULTED, FEATURES_1_ECX, FEATURES_1_EDX,
  FEATURES_7_EBX, FEATURES_7_ECX, NEXT, PDPTES, PHYSICAL_BITS, RIP, SCRATCH_RMW, SEG_CS, SITE_SPACE, SPACES_MAX, SPACE_COUNT, SPACE_TABLE,
} from './generated/layout';
import { afterHostCall, pageTablesChanged, readTaskPriority, writeTaskPriority } from './host';
import { canonical } from './paging';
import { physicalRead64 } from './physical';
import {
  CR0_AM, CR0_CD, CR0_EM, CR0_ET, CR0_MP, CR0_NE, CR0_NW, CR0_PE, CR0_PG, CR0_TS, CR0_WP, CR4_DE, CR4_FSGSBASE,
  CR4_MCE, CR4_OSFXSR, CR4_OSXMMEXCPT, CR4_OSXSAVE, CR4_PAE, CR4_PCE, CR4_PCIDE, CR4_PGE, CR4_PVI, CR4_PSE, CR4_SMAP, CR4_SMEP,
  CR4_TSD,  CR4_UMIP, CR4_VME, EFER_LMA, EFER_LME, FLAG_AC, UD, code64, cpl, cr0, cr4, efer, faultPending, longMode, raise,
  raiseGeneralProtection, segmentAttributes, updateMode,
} from './state';
import {
  dstNumber, dstRegister, effectiveAddress, nativeSize, nextRipOf, notPrivileged, readMemory, readWord, srcNumber, srcRegister,
  writeRegister, writeWordOrRegister,
} from './system-operands';
import { flushAll, flushNonGlobal, flushPage } from './tlb';

const CR0_DEFINED: u64 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const CR0_PAGING: u64 = CR0_PE | CR0_PG | CR0_WP;
const CR4_PAGING: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE;
/** Changes that load the PDPTEs again (Vol. 3A 4.4.1), and a PDPTE's reserved bits below MAXPHYADDR. */
const CR0_PDPTES: u64 = CR0_PG | CR0_CD | CR0_NW;
const CR4_PDPTES: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP;
const PDPTE_RESERVED: u64 = 0x1e6;

// --- CR0 -----------------------------------------------------------------------------------------------------------

/** Writes CR0 with all its rules. False: #GP(0) is pending and nothing changed. */
export function writeCr0(value: u64): bool {
  const invalid = value >> 32 != 0 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD));
  const old = cr0();
  const next = (value & CR0_DEFINED) | CR0_ET;
  const pagingOn = (next & CR0_PG) != 0 && !(old & CR0_PG);
  const pagingOff = !(next & CR0_PG) && (old & CR0_PG) != 0;
  // Long mode begins with paging: needs PAE, and code that is not 64-bit yet (Vol. 3A 9.8.5).
  const intoLong = pagingOn && (efer() & EFER_LME) != 0;
  const badLong = intoLong && (!(cr4() & CR4_PAE) || (segmentAttributes(SEG_CS) & 0x2000) != 0);
  // PCIDs exist only in long mode.
  const badOff = pagingOff && (code64() || (cr4() & CR4_PCIDE) != 0);
  if (invalid || badLong || badOff) {
    raiseGeneralProtection();
    return false;
  }
  const intoPae = (next & CR0_PG) != 0 && !intoLong && !longMode() && (cr4() & CR4_PAE) != 0;
  if (intoPae && (old ^ next) & CR0_PDPTES && !loadPdptes(load<u64>(CR3))) return false;
  store<u64>(CR0, next);
  if (intoLong) store<u64>(EFER, efer() | EFER_LMA);
  if (pagingOff) store<u64>(EFER, efer() & ~EFER_LMA);
  if ((old ^ next) & CR0_PE && !(next & CR0_PE)) store<u32>(CPL, 0);
  if ((old ^ next) & CR0_PAGING) {
    flushAll();
    noteSpace();
  }
  updateMode();
  return true;
}

// --- CR3 and the table of address spaces -----------------------------------------------------------------------------

/**
 * Finds the page tables' index for the who-wrote words. Once the table is full, further ones are 0, "not known":
 * reusing an index would make old words name the wrong address space.
 */
function noteSpace(): void {
  if (!(cr0() & CR0_PG)) {
    store<u32>(SITE_SPACE, 0);
    return;
  }
  const root = load<u64>(CR3) & ~0xfff;
  const count = load<u32>(SPACE_COUNT);
  for (let i: u32 = 1; i < count; i++) {
    if (load<u64>(SPACE_TABLE + i * 8) == root) {
      store<u32>(SITE_SPACE, i << 24);
      return;
    }
  }
  if (count < SPACES_MAX) {
    store<u64>(SPACE_TABLE + count * 8, root);
    store<u32>(SPACE_COUNT, count + 1);
    store<u32>(SITE_SPACE, count << 24);
  } else {
    store<u32>(SITE_SPACE, 0);
  }
}

/**
 * PAE paging reads its four PDPTEs when CR3 is written, not in each walk (Vol. 3A 4.4.1). False: one that is present has
 * a reserved bit, #GP(0) is pending and the old ones stay.
 */
export function loadPdptes(root: u64): bool {
  const table = root & 0xffff_ffe0;
  for (let i: u32 = 0; i < 4; i++) {
    const entry = physicalRead64(table + i * 8);
    store<u64>(SCRATCH_RMW + i * 8, entry);
    if (entry & 1 && (entry & PDPTE_RESERVED || entry >> <u64>load<u32>(PHYSICAL_BITS) != 0)) {
      raiseGeneralProtection();
      return false;
    }
  }
  memory.copy(PDPTES, SCRATCH_RMW, 32);
  return true;
}

@inline
function paePaging(): bool {
  return !longMode() && (cr0() & CR0_PG) != 0 && (cr4() & CR4_PAE) != 0;
}

/** Writes CR3 with all its rules. False: #GP(0) is pending and nothing changed. */
export function writeCr3(value: u64): bool {
  let root = value;
  if (longMode()) {
    // Bit 63 says that entries of the new PCID may be kept: none are.
    if (cr4() & CR4_PCIDE) root &= ~((<u64>1) << 63);
    if (root >> <u64>load<u32>(PHYSICAL_BITS) != 0) {
      raiseGeneralProtection();
      return false;
    }
  } else if (paePaging() && !loadPdptes(root)) return false;
  changePageTables(root);
  return true;
}

/** CR3 takes a task's 32 bits: what it holds is not checked, PDPTEs with reserved bits fault when they are used. */
export function loadPageTables(value: u64): void {
  if (paePaging()) copyPdptes(value);
  changePageTables(value);
}

function copyPdptes(root: u64): void {
  for (let i: u32 = 0; i < 4; i++) store<u64>(PDPTES + i * 8, physicalRead64((root & 0xffff_ffe0) + i * 8));
}

function changePageTables(value: u64): void {
  store<u64>(CR3, value);
  flushNonGlobal();
  noteSpace();
  pageTablesChanged();
}

/** After CR3, CR0 or EFER were set from outside (a debugger, a boot state). */
export function controlRegistersChanged(): void {
  if (paePaging()) copyPdptes(load<u64>(CR3));
  flushAll();
  updateBreakpoints();
  noteSpace();
  updateMode();
}

// --- CR4 -----------------------------------------------------------------------------------------------------------

@inline
function has(word: u32, bit: u32): bool {
  return (word & (1 << bit)) != 0;
}

/** CR4 bits that the model has: all others are reserved (Vol. 3A 2.5). */
function allowedCr4(): u64 {
  const edx = load<u32>(FEATURES_1_EDX);
  const ecx = load<u32>(FEATURES_1_ECX);
  const ebx = load<u32>(FEATURES_7_EBX);
  let allowed = CR4_PCE;
  if (has(edx, 1)) allowed |= CR4_VME | CR4_PVI;
  if (has(edx, 2)) allowed |= CR4_DE;
  if (has(edx, 3)) allowed |= CR4_PSE;
  if (has(edx, 4)) allowed |= CR4_TSD;
  if (has(edx, 6)) allowed |= CR4_PAE;
  if (has(edx, 7)) allowed |= CR4_MCE;
  if (has(edx, 13)) allowed |= CR4_PGE;
  if (has(edx, 24)) allowed |= CR4_OSFXSR;
  if (has(edx, 25)) allowed |= CR4_OSXMMEXCPT;
  if (has(ecx, 17)) allowed |= CR4_PCIDE;
  if (has(ecx, 26)) allowed |= CR4_OSXSAVE;
  if (has(ebx, 0)) allowed |= CR4_FSGSBASE;
  if (has(ebx, 7)) allowed |= CR4_SMEP;
  if (has(ebx, 20)) allowed |= CR4_SMAP;
  if (has(load<u32>(FEATURES_7_ECX), 2)) allowed |= CR4_UMIP;
  return allowed;
}

function writeCr4(value: u64): bool {
  const changed = cr4() ^ value;
  const long = longMode();
  const pcidOn = (changed & value & CR4_PCIDE) != 0;
  // PCIDE comes on only in long mode and with PCID 0 in force (Vol. 3A 4.10.1).
  const badPcid = pcidOn && (!long || (load<u64>(CR3) & 0xfff) != 0);
  if (value & ~allowedCr4() || (long && !(value & CR4_PAE)) || badPcid) {
    raiseGeneralProtection();
    return false;
  }
  const pae = !long && (cr0() & CR0_PG) != 0 && (value & CR4_PAE) != 0;
  if (pae && changed & CR4_PDPTES && !loadPdptes(load<u64>(CR3))) return false;
  store<u64>(CR4, value);
  if (changed & CR4_PAGING) flushAll();
  if (changed & CR4_DE) updateBreakpoints();
  updateMode();
  return true;
}

// --- Instructions ----------------------------------------------------------------------------------------------------

/** CR1, CR5 to CR7 and CR9 to CR15 do not exist: #UD, whatever the privilege. */
function exists(number: u32): bool {
  if (number < 9 && ((1 << number) & 0x11d) != 0) return true;
  raise(UD);
  return false;
}

export function sys_mov_from_control(uop: u32): i32 {
  if (!exists(srcNumber(uop)) || notPrivileged()) return FAULTED;
  let value: u64;
  switch (srcNumber(uop)) {
    case 0:
      value = cr0();
      break;
    case 2:
      value = load<u64>(CR2);
      break;
    case 3:
      value = load<u64>(CR3);
      break;
    case 4:
      value = cr4();
      break;
    case 8:
      value = readTaskPriority();
      break;
    default:
      raise(UD);
      return FAULTED;
  }
  writeRegister(dstRegister(uop), nativeSize(), value);
  return NEXT;
}

export function sys_mov_to_control(uop: u32): i32 {
  if (!exists(dstNumber(uop)) || notPrivileged()) return FAULTED;
  const value = code64() ? load<u64>(srcRegister(uop)) : <u64>load<u32>(srcRegister(uop));
  // RIP moves on before the change: what follows runs under the new mode.
  const next = nextRipOf(uop);
  let done = true;
  switch (dstNumber(uop)) {
    case 0:
      done = writeCr0(value);
      break;
    case 2:
      store<u64>(CR2, value);
      break;
    case 3:
      done = writeCr3(value);
      break;
    case 4:
      done = writeCr4(value);
      break;
    case 8:
      if (value > 15) {
        raiseGeneralProtection();
        return FAULTED;
      }
      store<u64>(CR8, value);
      writeTaskPriority(<u32>value);
      afterHostCall();
      break;
    default:
      raise(UD);
      return FAULTED;
  }
  if (!done) return FAULTED;
  store<u64>(RIP, next);
  return CONTINUE_AT_RIP;
}

/**
 * DR4 and DR5 are DR6 and DR7, unless CR4.DE makes them #UD (Vol. 3B 17.2.2). 8: fault pending. DR8 to DR15 are no
 * encodings: #UD at any privilege.
 */
function debugNumber(number: u32): u32 {
  if (number >= 8) {
    raise(UD);
    return 8;
  }
  if (notPrivileged()) return 8;
  if ((number == 4 || number == 5) && cr4() & CR4_DE) {
    raise(UD);
    return 8;
  }
  return number == 4 || number == 5 ? number + 2 : number;
}

/** DR7.GD makes any access to a debug register a fault. */
function guarded(): bool {
  if (!guardedDebugRegister()) return false;
  debugRegisterFault();
  return true;
}

export function sys_mov_from_debug(uop: u32): i32 {
  const number = debugNumber(srcNumber(uop));
  if (number == 8 || guarded()) return FAULTED;
  writeRegister(dstRegister(uop), nativeSize(), load<u64>(DEBUG_REGISTERS + number * 8));
  return NEXT;
}

export function sys_mov_to_debug(uop: u32): i32 {
  const number = debugNumber(dstNumber(uop));
  if (number == 8 || guarded()) return FAULTED;
  let value = code64() ? load<u64>(srcRegister(uop)) : <u64>load<u32>(srcRegister(uop));
  if (number >= 6) {
    if (value >> 32 != 0) {
      raiseGeneralProtection();
      return FAULTED;
    }
    // Bits that always read 1, and 0 (Vol. 3B 17.2.3, 17.2.4); bit 11 is RTM's, which no model has.
    value = number == 6 ? (value & 0x0001_e00f) | 0xffff_0ff0 : (value & 0xffff_23ff) | 0x400;
  }
  store<u64>(DEBUG_REGISTERS + number * 8, value);
  updateBreakpoints();
  return NEXT;
}

export function sys_smsw(uop: u32): i32 {
  if (cr4() & CR4_UMIP && notPrivileged()) return FAULTED;
  return writeWordOrRegister(uop, cr0()) ? NEXT : FAULTED;
}

/** Writes PE, MP, EM and TS; it cannot clear PE (Vol. 2, LMSW). */
export function sys_lmsw(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const value = readWord(uop, dstRegister(uop));
  if (value == ~0) return FAULTED;
  const next = nextRipOf(uop);
  if (!writeCr0((cr0() & ~0xe) | (value & 0xf))) return FAULTED;
  store<u64>(RIP, next);
  return CONTINUE_AT_RIP;
}

export function sys_clts(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  store<u64>(CR0, cr0() & ~CR0_TS);
  updateMode();
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

export function sys_invlpg(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const address = effectiveAddress(uop, 1);
  if (faultPending()) return FAULTED;
  if (!longMode() || canonical(address)) flushPage(address);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

/** Types: 0 one address of a PCID, 1 a PCID, 2 everything, 3 everything but global pages (Vol. 2, INVPCID). */
export function sys_invpcid(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  const type = code64() ? load<u64>(dstRegister(uop)) : <u64>load<u32>(dstRegister(uop));
  const p = readMemory(uop, 16);
  if (!p) return FAULTED;
  const context = load<u64>(p);
  const address = load<u64>(p, 8);
  const tagged = (cr4() & CR4_PCIDE) != 0;
  const badContext = context > 0xfff || (type < 2 && !tagged && context != 0);
  if (type > 3 || badContext || (type == 0 && !canonical(address))) {
    raiseGeneralProtection();
    return FAULTED;
  }
  // Nothing is cached under a PCID that is not in force.
  const current = context == (tagged ? load<u64>(CR3) & 0xfff : 0);
  if (type == 2) flushAll();
  else if (type == 3) flushNonGlobal();
  else if (current) {
    if (type == 0) flushPage(address);
    else flushNonGlobal();
  }
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

/** There are no caches here to write back or to lose. */
export function sys_wbinvd(uop: u32): i32 {
  return notPrivileged() ? FAULTED : NEXT;
}
export function sys_invd(uop: u32): i32 {
  if (notPrivileged()) return FAULTED;
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

function setAlignmentFlag(uop: u32, on: bool): i32 {
  if (cpl() != 0) {
    raise(UD);
    return FAULTED;
  }
  const flags = readFlags();
  writeFlags(on ? flags | FLAG_AC : flags & ~FLAG_AC);
  updateMode();
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
export function sys_stac(uop: u32): i32 {
  return setAlignmentFlag(uop, true);
}
export function sys_clac(uop: u32): i32 {
  return setAlignmentFlag(uop, false);
}
