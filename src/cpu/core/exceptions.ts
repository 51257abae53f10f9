// Delivery of exceptions and interrupts (Intel SDM Vol. 3A chapter 6): real mode, 32-bit protected mode and long mode.

import {
  CONTINUE_AT_RIP, CR2, DEBUG_PENDING, DELIVERING, DELIVER_EXCEPTION, DELIVER_INTERRUPT, DELIVER_NMI, DELIVER_SOFTWARE,
  EFLAGS, EVENTS, EVENT_DEBUG, EVENT_EXIT, EVENT_HALTED, EVENT_INIT, EVENT_STARTUP, EVENT_INTERRUPT_LINE, EVENT_LIMIT,
  EVENT_NMI, EVENT_SMI, EXIT_BUDGET, EXIT_HALTED, EXIT_REQUESTED, EXIT_TRIPLE_FAULT,
  FAULT, FAULTED, FAULTED_AT_RIP, FAULT_ADDRESS, FAULT_ERROR, FAULT_HAS_ERROR, HALTED, IDT_BASE, IDT_LIMIT,
  INTERRUPT_SHADOW, MONITOR_ARMED, MWAIT_BREAKS, MWAIT_LINE, NMI_BLOCKED, RAISED, RIP, RSP, SCRATCH_RMW, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS,
  SHADOW_ALL, SMM_ACTIVE, TLB_SUPERVISOR, TRACE_INTERRUPTS, TRIPLE_FAULT_VECTOR,
} from './generated/layout';
import { dropPendingDebug, raiseDebug } from './debug';
import { readFlags, writeFlags } from './flags';
import { acknowledgeInterrupt, traceInterrupt } from './host';
import { serviceInit, WAIT_FOR_STARTUP } from './init';
import { readPointerAs } from './mmu';
import { canonical } from './paging';
import {
  ATTRIBUTE_BIG, ATTRIBUTE_LONG, ATTRIBUTE_RW, ATTRIBUTE_S, checkStackDescriptor, descriptorAttributes,
  descriptorBase, descriptorDpl, descriptorIsSystem, descriptorLimit, descriptorPresent, descriptorType,
  fetchDescriptor, isNull, kindOf, pushFrame, readTssStack32, readTssStack64, setDescriptorBits, setFrame,
  setFromDescriptor, setRealSegment, storeFrame, tssSelector, tssStack, withinLimit,
} from './segments';
import {
  BP, DB, DE, DF, FLAG_AC, FLAG_IF, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VM, GP, NMI, NP, OF, PF, SS, TS, cpl,
  longMode, protectedMode, raise, raiseGeneralProtection, selector, setCpl, setSegment, updateMode,
} from './state';
import { setStepping } from './run-state';
import { enterManagementMode } from './smm';
import { BY_EVENT, enteredWideTask, switchTask, taskTargetFits } from './task-switch';

/** The gate that {@link readGate} read. */
let gateSelector: u32 = 0;
let gateOffset: u64 = 0;
let gateType: u32 = 0;
let gateIst: u32 = 0;
const TASK_GATE: u32 = 5;

/** Set when a delivery failed in the task that it had switched to: the fault belongs there, at RIP. */
let failedInTask: bool = false;

/** #DE, #TS, #NP, #SS, #GP (Vol. 3A table 6-4). */
function contributory(vector: u32): bool {
  return vector == DE || (vector >= TS && vector <= GP);
}

/** The debug exception being raised is a fault that pushes RF: an access to a guarded debug register. */
let generalDetect: bool = false;
export function debugRegisterFault(): void {
  generalDetect = true;
}

/** Faults leave RIP at the instruction; they push RF so that it is not broken upon again (Vol. 3B 17.3.1.1). */
function isFault(vector: u32): bool {
  if (vector == DB) return generalDetect;
  return vector != NMI && vector != BP && vector != OF && vector != DF && vector != 18;
}

/**
 * Delivers the pending fault. RIP is at the faulting instruction. Returns -1: go on at RIP; otherwise the EXIT_* reason:
 * a fault while delivering a double fault shuts the processor down.
 */
export function deliverFault(): i32 {
  let vector = load<u32>(FAULT) - 1;
  let error = load<u32>(FAULT_ERROR);
  let hasError = load<u32>(FAULT_HAS_ERROR) != 0;
  dropPendingDebug();
  store<u32>(DELIVERING, 0);
  store<u32>(RAISED, vector + 1);
  // Each round ends, or moves on towards a double and then a triple fault; benign vectors cannot fault twice.
  for (let round = 0; round < 8; round++) {
    store<u32>(FAULT, 0);
    if (vector == PF) store<u64>(CR2, load<u64>(FAULT_ADDRESS));
    if (load<u32>(TRACE_INTERRUPTS)) traceInterrupt(vector, hasError ? 1 : 0, error, DELIVER_EXCEPTION);
    const done = deliver(vector, hasError, error, load<u64>(RIP), isFault(vector), false);
    generalDetect = false;
    if (done) return -1;
    const second = load<u32>(FAULT) - 1;
    store<u32>(DELIVERING, vector + 1);
    store<u32>(RAISED, second + 1);
    if (vector == DF) break;
    if (
      (contributory(vector) && contributory(second)) ||
      (vector == PF && (second == PF || contributory(second)))
    ) {
      // CR2 keeps the address of the second page fault, as hardware has it.
      if (second == PF) store<u64>(CR2, load<u64>(FAULT_ADDRESS));
      vector = DF;
      error = 0;
      hasError = true;
    } else {
      vector = second;
      error = load<u32>(FAULT_ERROR);
      hasError = load<u32>(FAULT_HAS_ERROR) != 0;
    }
  }
  store<u32>(FAULT, 0);
  store<u32>(TRIPLE_FAULT_VECTOR, vector);
  halt(2);
  return EXIT_TRIPLE_FAULT;
}

/** Delivers an external interrupt or NMI between two instructions. Returns as {@link deliverFault}. */
export function deliverInterrupt(vector: u32, kind: u32): i32 {
  if (load<u32>(TRACE_INTERRUPTS)) traceInterrupt(vector, 0, 0, kind);
  if (deliver(vector, false, 0, load<u64>(RIP), false, false)) return -1;
  return deliverFault();
}

/**
 * INT n, INT3, INTO and, `privileged`, INT1, whose gate's DPL is not asked. `next` is what the frame returns to. Returns CONTINUE_AT_RIP, FAULTED (a fault is pending at
 * the instruction itself) or FAULTED_AT_RIP (in the task that a gate led to).
 */
export function softwareInterrupt(vector: u32, next: u64, privileged: bool = false): i32 {
  if (load<u32>(TRACE_INTERRUPTS)) traceInterrupt(vector, 0, 0, DELIVER_SOFTWARE);
  if (deliver(vector, false, 0, next, false, !privileged)) {
    setStepping(false);
    return CONTINUE_AT_RIP;
  }
  return failedInTask ? FAULTED_AT_RIP : FAULTED;
}

/**
 * What is pending between two instructions. Returns -1: go on at RIP (which may have moved); otherwise an EXIT_* reason.
 * The run loop calls it whenever EVENTS is not 0; INTERRUPT_SHADOW holds interrupts back.
 */
export function serviceEvents(): i32 {
  let events = load<u32>(EVENTS);
  if (events & EVENT_EXIT) {
    store<u32>(EVENTS, events & ~EVENT_EXIT);
    return EXIT_REQUESTED;
  }
  // INIT waits for the end of system management mode.
  if (events & (EVENT_INIT | EVENT_STARTUP) && !load<u32>(SMM_ACTIVE)) {
    serviceInit();
    return -1;
  }
  if (load<u32>(HALTED) == 2) return EXIT_TRIPLE_FAULT;
  if (events & EVENT_LIMIT) {
    // The host moved the end of the slice: it decides whether to run on.
    store<u32>(EVENTS, events & ~EVENT_LIMIT);
    return EXIT_BUDGET;
  }
  // Nothing but INIT and a start-up IPI reaches a processor that has not been started (Vol. 3A 8.4.3).
  if (load<u32>(HALTED) == WAIT_FOR_STARTUP) return EXIT_HALTED;
  if (events & EVENT_SMI && !load<u32>(SMM_ACTIVE) && !load<u32>(INTERRUPT_SHADOW)) {
    enterManagementMode();
    return -1;
  }
  if (events & EVENT_DEBUG && load<u32>(INTERRUPT_SHADOW) != SHADOW_ALL) {
    const reason = deliverDebug();
    if (reason >= 0) return reason;
    events = load<u32>(EVENTS);
  }
  if (!load<u32>(INTERRUPT_SHADOW)) {
    if (events & EVENT_NMI && !load<u32>(NMI_BLOCKED)) {
      store<u32>(EVENTS, events & ~EVENT_NMI);
      wake();
      store<u32>(NMI_BLOCKED, 1);
      return deliverInterrupt(NMI, DELIVER_NMI);
    }
    if (events & EVENT_INTERRUPT_LINE && load<u32>(MWAIT_BREAKS)) wake();
    if (events & EVENT_INTERRUPT_LINE && load<u32>(EFLAGS) & FLAG_IF) {
      const vector = acknowledgeInterrupt();
      if (vector >= 0) {
        wake();
        // At least one instruction runs before the next interrupt: a level that stays up, a trap gate and an IST
        // stack would otherwise deliver for ever.
        store<u32>(INTERRUPT_SHADOW, 1);
        return deliverInterrupt(vector, DELIVER_INTERRUPT);
      }
    }
  }
  return load<u32>(HALTED) ? EXIT_HALTED : -1;
}

/** Traps of the previous instruction: breakpoints on data and ports, single step, a task's T bit. */
function deliverDebug(): i32 {
  const bits = load<u32>(DEBUG_PENDING);
  dropPendingDebug();
  wake();
  raiseDebug(bits);
  return deliverFault();
}

/** HLT, or a shutdown: nothing more runs until an interrupt, or a reset. */
export function halt(how: u32): void {
  store<u32>(HALTED, how);
  store<u32>(EVENTS, load<u32>(EVENTS) | EVENT_HALTED);
}

function wake(): void {
  store<u32>(MWAIT_LINE, 0);
  store<u32>(MWAIT_BREAKS, 0);
  store<u32>(HALTED, 0);
  store<u32>(EVENTS, load<u32>(EVENTS) & ~EVENT_HALTED);
}

/** One delivery. False: a fault is pending and the processor is as it was before, unless {@link failedInTask}. */
function deliver(vector: u32, hasError: bool, error: u32, next: u64, fault: bool, software: bool): bool {
  failedInTask = false;
  // A handler may store to the monitored line: MWAIT then falls through.
  store<u32>(MONITOR_ARMED, 0);
  if (!protectedMode()) return deliverReal(vector, next);
  const external: u32 = software ? 0 : 1;
  if (!readGate(vector, external, software)) return false;
  if (gateType == TASK_GATE) return deliverTask(hasError, error, next, fault, external);
  return longMode()
    ? deliverLong(vector, hasError, error, next, fault, external)
    : deliverProtected(vector, hasError, error, next, fault, external);
}

/** Real mode: the interrupt vector table (Vol. 3A 20.1.4). */
function deliverReal(vector: u32, next: u64): bool {
  if (vector * 4 + 3 > load<u32>(IDT_LIMIT)) {
    raise(GP, 0, false);
    return false;
  }
  const p = readPointerAs(load<u64>(IDT_BASE) + vector * 4, 4, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return false;
  const offset = load<u16>(p);
  const base = load<u16>(p, 2);
  const flags = readFlags();
  setFrame(0, 2, next);
  setFrame(2, 2, selector(SEG_CS));
  setFrame(4, 2, flags);
  if (!pushFrame(6, 2)) return false;
  setRealSegment(SEG_CS, base);
  store<u64>(RIP, offset);
  writeFlags(flags & ~(FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC));
  updateMode();
  return true;
}

/** Reads and checks the IDT gate of a vector (Vol. 3A 6.11, 6.14.1). */
function readGate(vector: u32, external: u32, software: bool): bool {
  const long = longMode();
  const size: u32 = long ? 16 : 8;
  const error = vector * 8 + 2 + external;
  if (vector * size + size - 1 > load<u32>(IDT_LIMIT)) {
    raiseGeneralProtection(error);
    return false;
  }
  const p = readPointerAs(load<u64>(IDT_BASE) + vector * size, size, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return false;
  const low = load<u32>(p);
  const high = load<u32>(p, 4);
  gateType = (high >>> 8) & 0x1f;
  gateSelector = low >>> 16;
  gateIst = high & 7;
  gateOffset = <u64>((low & 0xffff) | (high & 0xffff0000));
  if (long) gateOffset |= <u64>load<u32>(p, 8) << 32;
  const interruptOrTrap = gateType == 0xe || gateType == 0xf;
  const legacy = gateType == 6 || gateType == 7 || gateType == TASK_GATE;
  if (!interruptOrTrap && (long || !legacy)) {
    raiseGeneralProtection(error);
    return false;
  }
  if (software && ((high >>> 13) & 3) < cpl()) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!(high & 0x8000)) {
    raise(NP, error, true);
    return false;
  }
  return true;
}

/** Through a task gate (Vol. 3A 7.3): the handler is a task of its own and finds the error code on its stack. */
function deliverTask(hasError: bool, error: u32, next: u64, fault: bool, external: u32): bool {
  const flags = readFlags();
  const result = switchTask(gateSelector, BY_EVENT, next, fault ? flags | FLAG_RF : flags, external);
  failedInTask = result != FAULTED;
  if (result != CONTINUE_AT_RIP) return false;
  if (hasError) {
    const size: u32 = enteredWideTask ? 4 : 2;
    setFrame(0, size, error);
    if (!pushFrame(size, size)) {
      if (load<u32>(FAULT) == SS + 1) store<u32>(FAULT_ERROR, external);
      return false;
    }
  }
  return taskTargetFits(external);
}

/** Reads and checks the handler's code segment. Its level is in {@link handlerLevel}. */
let handlerLevel: u32 = 0;
function checkHandler(external: u32, long: bool): bool {
  if (isNull(gateSelector)) {
    raiseGeneralProtection(external);
    return false;
  }
  if (!fetchDescriptor(gateSelector, 8, GP, external)) return false;
  const error = (gateSelector & 0xfffc) | external;
  const attributes = descriptorAttributes();
  const wrongSize = long && (attributes & (ATTRIBUTE_LONG | ATTRIBUTE_BIG)) != ATTRIBUTE_LONG;
  if (descriptorIsSystem() || !(descriptorType() & 8) || descriptorDpl() > cpl() || wrongSize) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  handlerLevel = descriptorType() & 4 ? cpl() : descriptorDpl();
  return true;
}

/** Flags inside the handler: an interrupt gate also masks interrupts. */
function enterHandler(flags: u32, clearIf: bool): void {
  writeFlags(flags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (clearIf ? FLAG_IF : 0)));
}

/** Long mode (Vol. 3A 6.14): the frame always has SS:RSP, and the stack is aligned to 16. */
function deliverLong(vector: u32, hasError: bool, error: u32, next: u64, fault: bool, external: u32): bool {
  if (!checkHandler(external, true)) return false;
  const level = handlerLevel;
  const code = gateSelector;
  const attributes = descriptorAttributes() | 1;
  let stack = load<u64>(RSP);
  if (gateIst) {
    if (!readTssStack64(28 + 8 * gateIst, external)) return false;
    stack = tssStack;
  } else if (level < cpl()) {
    if (!readTssStack64(4 + 8 * level, external)) return false;
    stack = tssStack;
  }
  stack &= ~15;
  const flags = readFlags();
  let at: u32 = 0;
  if (hasError) {
    setFrame(0, 8, error);
    at = 8;
  }
  setFrame(at, 8, next);
  setFrame(at + 8, 8, selector(SEG_CS));
  setFrame(at + 16, 8, fault ? flags | FLAG_RF : flags);
  setFrame(at + 24, 8, load<u64>(RSP));
  setFrame(at + 32, 8, selector(SEG_SS));
  const top = stack - (at + 40);
  if (!canonical(top)) {
    raise(SS, external, true);
    return false;
  }
  if (!canonical(gateOffset)) {
    raiseGeneralProtection(external);
    return false;
  }
  if (!storeFrame(top, at + 40, 8, kindOf(level))) return false;
  if (level < cpl()) setSegment(SEG_SS, level, 0, 0xffffffff, ATTRIBUTE_BIG | ATTRIBUTE_S | ATTRIBUTE_RW | (level << 5));
  setSegment(SEG_CS, (code & ~3) | level, 0, 0xffffffff, attributes);
  store<u64>(RSP, top);
  store<u64>(RIP, gateOffset);
  enterHandler(flags, gateType == 0xe);
  setCpl(level);
  return true;
}

/** 32-bit protected mode (Vol. 3A 6.12), 16- and 32-bit gates; also out of virtual-8086 mode. */
function deliverProtected(vector: u32, hasError: bool, error: u32, next: u64, fault: bool, external: u32): bool {
  if (!checkHandler(external, false)) return false;
  const flags = readFlags();
  const fromV86 = (flags & FLAG_VM) != 0;
  if (fromV86 && handlerLevel != 0) {
    raiseGeneralProtection((gateSelector & 0xfffc) | external);
    return false;
  }
  if (gateOffset > descriptorLimit()) {
    raiseGeneralProtection(external);
    return false;
  }
  const level = handlerLevel;
  const codeBase = descriptorBase();
  const codeLimit = descriptorLimit();
  const codeAttributes = descriptorAttributes() | 1;
  const size: u32 = gateType & 8 ? 4 : 2;
  const inner = level < cpl() || fromV86;
  const pushedFlags = fault ? flags | FLAG_RF : flags;
  // The frame from its lowest address up.
  let at: u32 = 0;
  if (hasError) {
    setFrame(0, size, error);
    at = size;
  }
  setFrame(at, size, next);
  setFrame(at + size, size, selector(SEG_CS));
  setFrame(at + 2 * size, size, pushedFlags);
  at += 3 * size;
  if (!inner) {
    if (!pushFrame(at, size)) return false;
  } else {
    setFrame(at, size, load<u64>(RSP));
    setFrame(at + size, size, selector(SEG_SS));
    at += 2 * size;
    if (fromV86) {
      setFrame(at, size, selector(SEG_ES));
      setFrame(at + size, size, selector(SEG_DS));
      setFrame(at + 2 * size, size, selector(SEG_FS));
      setFrame(at + 3 * size, size, selector(SEG_GS));
      at += 4 * size;
    }
    if (!pushInner(level, at, size, external)) return false;
    if (fromV86) {
      setSegment(SEG_ES, 0, 0, 0, 0);
      setSegment(SEG_DS, 0, 0, 0, 0);
      setSegment(SEG_FS, 0, 0, 0, 0);
      setSegment(SEG_GS, 0, 0, 0, 0);
    }
  }
  setSegment(SEG_CS, (gateSelector & ~3) | level, codeBase, codeLimit, codeAttributes);
  store<u64>(RIP, size == 4 ? gateOffset : gateOffset & 0xffff);
  enterHandler(flags, (gateType & 1) == 0);
  setCpl(level);
  return true;
}

/** Switches to the TSS's stack for `level` and stores the frame of `size` bytes, made of `slot`s, there. */
function pushInner(level: u32, size: u32, slot: u32, external: u32): bool {
  if (!readTssStack32(level, external)) return false;
  const newStack = tssSelector;
  if (isNull(newStack)) {
    raise(TS, external, true);
    return false;
  }
  if (!checkStackDescriptor(newStack, level, TS, external)) return false;
  const mask: u64 = descriptorAttributes() & ATTRIBUTE_BIG ? 0xffffffff : 0xffff;
  const top = (tssStack - size) & mask;
  if (!withinLimit(top, size, descriptorLimit(), descriptorAttributes())) {
    raise(SS, (newStack & 0xfffc) | external, true);
    return false;
  }
  if (!storeFrame((<u64>descriptorBase() + top) & 0xffffffff, size, slot, kindOf(level))) return false;
  if (!setDescriptorBits(0x100)) return false;
  setFromDescriptor(SEG_SS, newStack);
  store<u64>(RSP, mask == 0xffff ? (tssStack & ~0xffff) | top : top);
  return true;
}
