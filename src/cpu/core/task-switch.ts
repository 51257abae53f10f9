// Hardware task switches (Intel SDM Vol. 3A chapter 7): JMP, CALL, IRET, interrupts and exceptions to another TSS.
//
// Everything that may be refused is checked first and faults in the outgoing task. From the commit point on, the
// registers belong to the incoming task: what is wrong with its segments faults there, before its first instruction.

import {
  ACCESS_WRITE, CONTINUE_AT_RIP, CPL, CR0, DEBUG_REGISTERS, FAULTED, FAULTED_AT_RIP, GDT_BASE, GPR, RIP, SCRATCH_RMW,
  SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_LDTR, SEG_SS, SEG_TR, TLB_SUPERVISOR,
} from './generated/layout';
import { loadPageTables } from './control-registers';
import { DR6_BT, pendDebug, updateBreakpoints } from './debug';
import { readFlags, writeFlags } from './flags';
import { readPointerAs, storeBytesAs } from './mmu';
import {
  descriptorAttributes, descriptorBase, descriptorDpl, descriptorHigh, descriptorIsSystem, descriptorLimit, descriptorLow,
  descriptorPresent, descriptorType, fetchDescriptor, isNull, setDescriptorBits, setFromDescriptor, setRealSegment,
} from './segments';
import {
  CR0_PG, CR0_TS, FLAG_NT, FLAG_VM, GP, NP, SS, TS, cpl, cr0, raise, raiseGeneralProtection, segmentAttributes,
  segmentBase, segmentLimit, selector, setSegment, updateMode,
} from './state';
import {
  TSS_SIZE_16, TSS_SIZE_32, TSS_WIDE, canLoad, canSave, imageCr3, imageFlags, imageLdt, imageRegister, imageRip,
  imageSelector, imageTrap, readImage, reachable, saveTask, storeLink,
} from './task-state';

/** What switches: JMP and IRET end the outgoing task, CALL and events nest the incoming one in it. */
export const BY_JUMP: u32 = 0;
export const BY_CALL: u32 = 1;
export const BY_RETURN: u32 = 2;
export const BY_EVENT: u32 = 3;

/** Busy bit of a TSS descriptor, in its second word. */
const BUSY: u32 = 0x200;
/** Bits of EFLAGS that a TSS can set. */
const FLAGS_32: u32 = 0x003f_7fd5;
const FLAGS_16: u32 = 0x7fd5;
/** L0-L3 and LE of DR7. */
const LOCAL_BREAKPOINTS: u64 = 0x155;

/** Whether the task entered last has a 32-bit TSS: the size of the error code that its handler finds. */
export let enteredWideTask: bool = false;

@inline
function nests(cause: u32): bool {
  return (cause & 1) != 0;
}

/**
 * Switches to the task whose TSS `value` selects. The outgoing task continues at `next` with `flags` when it comes back.
 * FAULTED: nothing changed. FAULTED_AT_RIP: a fault is pending in the new task. CONTINUE_AT_RIP: done.
 * The new instruction pointer's check is {@link taskTargetFits}, for events push an error code before it.
 */
export function switchTask(value: u32, cause: u32, next: u64, flags: u32, external: u32): i32 {
  if (!fetchTask(value, cause, external)) return FAULTED;
  const base = <u64>descriptorBase();
  const limit = descriptorLimit();
  const attributes = descriptorAttributes();
  const wide = (attributes & TSS_WIDE) != 0;
  const old = selector(SEG_TR);
  const oldSize: u32 = segmentAttributes(SEG_TR) & TSS_WIDE ? TSS_SIZE_32 : TSS_SIZE_16;
  if (segmentLimit(SEG_TR) < oldSize - 1) {
    raise(TS, (old & 0xfffc) | external, true);
    return FAULTED;
  }
  const oldDescriptor = load<u64>(GDT_BASE) + (old & 0xfff8);
  if (!canSave() || !canLoad(base, wide, nests(cause))) return FAULTED;
  if (!nests(cause) && !reachable(oldDescriptor, 8, ACCESS_WRITE)) return FAULTED;
  // The commit point: marking the incoming task as busy is the last thing that may be refused.
  if (cause != BY_RETURN && !setDescriptorBits(BUSY)) return FAULTED;
  if (!nests(cause)) clearBusy(oldDescriptor);
  saveTask(next, flags);
  if (nests(cause)) storeLink(base, old);
  readImage(base, wide);
  enteredWideTask = wide;
  setSegment(SEG_TR, value, base, limit, attributes | 2);
  return enterTask(wide, nests(cause), external) ? CONTINUE_AT_RIP : FAULTED_AT_RIP;
}

/** Reads and checks the incoming task's descriptor (Vol. 3A table 7-1). */
function fetchTask(value: u32, cause: u32, external: u32): bool {
  const vector = cause == BY_RETURN ? TS : GP;
  const error = (value & 0xfffc) | external;
  if (isNull(value) || value & 4) {
    raise(vector, error, true);
    return false;
  }
  if (!fetchDescriptor(value, 8, vector, external)) return false;
  // 1 and 9 are available TSSs, 3 and 11 busy ones.
  const wanted: u32 = cause == BY_RETURN ? 3 : 1;
  if (!descriptorIsSystem() || (descriptorType() & ~TSS_WIDE) != wanted) {
    raise(vector, error, true);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  if (descriptorLimit() < (descriptorType() & TSS_WIDE ? TSS_SIZE_32 : TSS_SIZE_16) - 1) {
    raise(TS, error, true);
    return false;
  }
  return true;
}

function clearBusy(descriptor: u64): void {
  const p = readPointerAs(descriptor + 4, 4, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return;
  store<u32>(SCRATCH_RMW, load<u32>(p) & ~BUSY);
  storeBytesAs(descriptor + 4, 4, SCRATCH_RMW, TLB_SUPERVISOR);
}

/** Loads the registers out of the image. False: a fault is pending in the new task. */
function enterTask(wide: bool, nested: bool, external: u32): bool {
  store<u64>(CR0, cr0() | CR0_TS);
  store<u64>(DEBUG_REGISTERS + 7 * 8, load<u64>(DEBUG_REGISTERS + 7 * 8) & ~LOCAL_BREAKPOINTS);
  if (wide && cr0() & CR0_PG) loadPageTables(imageCr3());
  store<u64>(RIP, imageRip(wide));
  for (let i: u32 = 0; i < 8; i++) store<u64>(GPR + i * 8, imageRegister(wide, i));
  let flags = (imageFlags(wide) & (wide ? FLAGS_32 : FLAGS_16)) | 2;
  if (nested) flags |= FLAG_NT;
  writeFlags(flags);
  const isV86 = (flags & FLAG_VM) != 0;
  store<u32>(CPL, isV86 ? 3 : imageSelector(wide, SEG_CS) & 3);
  for (let i: u32 = SEG_ES; i <= SEG_GS; i++) {
    // Not usable until its descriptor has been found good.
    if (isV86) setRealSegment(i, imageSelector(wide, i));
    else setSegment(i, imageSelector(wide, i), 0, 0, 0);
  }
  const good = loadLdt(imageLdt(wide), external) && (isV86 || loadSegments(wide, external));
  updateBreakpoints();
  updateMode();
  if (imageTrap(wide)) pendDebug(DR6_BT);
  return good;
}

function loadLdt(value: u32, external: u32): bool {
  setSegment(SEG_LDTR, value, 0, 0, 0);
  if (isNull(value)) return true;
  if (!(value & 4)) {
    if (!fetchDescriptor(value, 8, TS, external)) return false;
    if (descriptorIsSystem() && descriptorType() == 2 && descriptorPresent()) {
      setFromDescriptor(SEG_LDTR, value);
      return true;
    }
  }
  raise(TS, (value & 0xfffc) | external, true);
  return false;
}

function loadSegments(wide: bool, external: u32): bool {
  return (
    loadCodeSegment(imageSelector(wide, SEG_CS), external) && loadStack(imageSelector(wide, SEG_SS), external) &&
    loadData(SEG_ES, imageSelector(wide, SEG_ES), external) && loadData(SEG_DS, imageSelector(wide, SEG_DS), external) &&
    loadData(SEG_FS, imageSelector(wide, SEG_FS), external) && loadData(SEG_GS, imageSelector(wide, SEG_GS), external)
  );
}

function refuse(value: u32, external: u32, vector: u32 = TS): bool {
  raise(vector, (value & 0xfffc) | external, true);
  return false;
}

/** Marks the descriptor as accessed and fills the segment register. */
function accept(index: u32, value: u32): bool {
  if (!setDescriptorBits(0x100)) return false;
  setFromDescriptor(index, value);
  return true;
}

function loadCodeSegment(value: u32, external: u32): bool {
  if (isNull(value)) return refuse(value, external);
  if (!fetchDescriptor(value, 8, TS, external)) return false;
  const conforming = (descriptorType() & 4) != 0;
  const level = value & 3;
  if (
    descriptorIsSystem() || !(descriptorType() & 8) || (conforming ? descriptorDpl() > level : descriptorDpl() != level)
  ) {
    return refuse(value, external);
  }
  if (!descriptorPresent()) return refuse(value, external, NP);
  return accept(SEG_CS, value);
}

function loadStack(value: u32, external: u32): bool {
  if (isNull(value)) return refuse(value, external);
  if (!fetchDescriptor(value, 8, TS, external)) return false;
  const isWritableData = !descriptorIsSystem() && (descriptorType() & 0xa) == 2;
  if (!isWritableData || (value & 3) != cpl() || descriptorDpl() != cpl()) return refuse(value, external);
  if (!descriptorPresent()) return refuse(value, external, SS);
  return accept(SEG_SS, value);
}

function loadData(index: u32, value: u32, external: u32): bool {
  if (isNull(value)) return true;
  if (!fetchDescriptor(value, 8, TS, external)) return false;
  const type = descriptorType();
  const isReadable = !descriptorIsSystem() && (type & 0xa) != 8;
  const isConforming = (type & 0xc) == 0xc;
  if (!isReadable || (!isConforming && max<u32>(cpl(), value & 3) > descriptorDpl())) return refuse(value, external);
  if (!descriptorPresent()) return refuse(value, external, NP);
  return accept(index, value);
}

/** The new instruction pointer against the new code segment: #GP in the new task. */
export function taskTargetFits(external: u32): bool {
  if (load<u64>(RIP) <= segmentLimit(SEG_CS)) return true;
  raiseGeneralProtection(external);
  return false;
}

// --- JMP, CALL, IRET -------------------------------------------------------------------------------------------------

function transferToTask(value: u32, cause: u32, next: u64, flags: u32): i32 {
  const result = switchTask(value, cause, next, flags, 0);
  return result == CONTINUE_AT_RIP && !taskTargetFits(0) ? FAULTED_AT_RIP : result;
}

/** Far JMP or CALL whose selector names the TSS or task gate that was read last. */
export function transferThroughTask(value: u32, call: bool, next: u64): i32 {
  if (max<u32>(cpl(), value & 3) > descriptorDpl()) {
    raiseGeneralProtection(value & 0xfffc);
    return FAULTED;
  }
  let task = value;
  if (descriptorType() == 5) {
    if (!descriptorPresent()) {
      raise(NP, value & 0xfffc, true);
      return FAULTED;
    }
    task = descriptorLow >>> 16;
  }
  return transferToTask(task, call ? BY_CALL : BY_JUMP, next, readFlags());
}

/** IRET with NT set: back to the task that the current TSS links to. */
export function returnToTask(next: u64): i32 {
  const p = readPointerAs(segmentBase(SEG_TR) & 0xffffffff, 2, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return FAULTED;
  return transferToTask(load<u16>(p), BY_RETURN, next, readFlags() & ~FLAG_NT);
}
