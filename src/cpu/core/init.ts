// RESET, INIT and the start-up IPI (Intel SDM Vol. 3A 8.4, 9.1): what they leave in the active processor's registers.

import {
  CPU_INDEX, CR0, DEBUG_PENDING, DEBUG_REGISTERS, EFLAGS, EVENTS, EVENT_EXIT, EVENT_HALTED, EVENT_INIT,
  EVENT_INTERRUPT_LINE, EVENT_LIMIT, EVENT_STARTUP, EXIT_PAUSED, EXIT_REASON, EXIT_TO_HOST, GDT_LIMIT, HALTED, IDT_LIMIT,
  MISC_ENABLE, MXCSR, MXCSR_MASK, NEXT, PAT, PAUSE_YIELDS, RDX, RIP, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_LDTR, SEG_SS,
  SEG_TR, SIGNATURE, SMBASE, STAR, STARTUP_VECTOR, STATE, STATE_SIZE, TLB_SETS_BASE, VCPU_AREA, VCPU_AREA_SIZE, VCPU_PARKED_STATE, VCPU_TLB,
  X87_CONTROL, X87_TAG, XCR0, XMM,
} from './generated/layout';
import { updateBreakpoints } from './debug';
import { afterHostCall, pause } from './host';
import { codeMappingChanged } from './run-state';
import { FLAG_TF, setSegment, updateMode } from './state';
import { nextRipOf } from './system-operands';
import { clearSets } from './tlb';

/** Value of HALTED while a processor waits for a start-up IPI. */
export const WAIT_FOR_STARTUP: u32 = 3;
/** CR0.CD and CR0.NW, which INIT leaves as they are (Vol. 3A table 9-1). */
const CACHE_CONTROL: u64 = 0x60000000;

/** Registers as RESET leaves them (Vol. 3A table 9-1): real mode, CS:IP at 0xfffffff0. */
export function resetActive(): void {
  const cpu = load<u32>(CPU_INDEX);
  memory.fill(STATE, 0, STATE_SIZE);
  store<u32>(CPU_INDEX, cpu);
  store<u32>(TLB_SETS_BASE, VCPU_AREA + cpu * VCPU_AREA_SIZE + VCPU_TLB);
  clearSets();
  for (let index: u32 = SEG_ES; index <= SEG_GS; index++) setSegment(index, 0, 0, 0xffff, 0x93);
  setSegment(SEG_CS, 0xf000, 0xffff0000, 0xffff, 0x9b);
  setSegment(SEG_LDTR, 0, 0, 0xffff, 0x82);
  setSegment(SEG_TR, 0, 0, 0xffff, 0x8b);
  store<u64>(RIP, 0xfff0);
  // Vol. 3A 9.1.2.
  store<u64>(RDX, <u64>load<u32>(SIGNATURE));
  store<u32>(EFLAGS, 2);
  store<u64>(CR0, 0x60000010);
  store<u32>(GDT_LIMIT, 0xffff);
  store<u32>(IDT_LIMIT, 0xffff);
  store<u64>(DEBUG_REGISTERS + 6 * 8, 0xffff0ff0);
  store<u64>(DEBUG_REGISTERS + 7 * 8, 0x400);
  store<u64>(PAT, 0x0007040600070406);
  store<u64>(MISC_ENABLE, 1);
  store<u32>(SMBASE, 0x30000);
  store<u64>(XCR0, 1);
  store<u32>(MXCSR, 0x1f80);
  store<u32>(MXCSR_MASK, 0xffff);
  store<u32>(X87_CONTROL, 0x40);
  // Tags of zero (5555h): no register is empty.
  store<u32>(X87_TAG, 0xff);
  updateMode();
  codeMappingChanged();
}

/** Where the state of a processor that is not the active one stands. The active one's place is free. */
@inline
export function parked(cpu: u32): u32 {
  return VCPU_AREA + cpu * VCPU_AREA_SIZE + VCPU_PARKED_STATE;
}

/** An application processor after RESET or INIT: it does nothing until it is started. */
export function waitForStartup(): void {
  store<u32>(HALTED, WAIT_FOR_STARTUP);
  store<u32>(EVENTS, load<u32>(EVENTS) | EVENT_HALTED);
}

/** Takes a waiting INIT, then a waiting start-up IPI: a processor that is running ignores the latter. */
export function serviceInit(): void {
  const events = load<u32>(EVENTS);
  if (events & EVENT_INIT) initActive();
  if (events & EVENT_STARTUP && load<u32>(HALTED) == WAIT_FOR_STARTUP) startUp(load<u32>(STARTUP_VECTOR));
  store<u32>(EVENTS, load<u32>(EVENTS) & ~(EVENT_INIT | EVENT_STARTUP));
}

/**
 * INIT: registers as after RESET, but model-specific registers, MTRRs, x87, vector state and CR0's cache control stay
 * (Vol. 3A 9.1, table 9-1). The bootstrap processor goes on at the reset vector, the others wait for a start-up IPI.
 */
function initActive(): void {
  const cpu = load<u32>(CPU_INDEX);
  const events = load<u32>(EVENTS) & (EVENT_INTERRUPT_LINE | EVENT_EXIT | EVENT_LIMIT | EVENT_STARTUP);
  const startupVector = load<u32>(STARTUP_VECTOR);
  const old = parked(cpu);
  memory.copy(old, STATE, STATE_SIZE);
  resetActive();
  memory.copy(STAR, old + (STAR - STATE), DEBUG_REGISTERS - STAR);
  memory.copy(XMM, old + (XMM - STATE), STATE + STATE_SIZE - XMM);
  store<u64>(CR0, (load<u64>(CR0) & ~CACHE_CONTROL) | (load<u64>(old + (CR0 - STATE)) & CACHE_CONTROL));
  store<u32>(EVENTS, events);
  store<u32>(STARTUP_VECTOR, startupVector);
  if (cpu) waitForStartup();
  // What follows from the registers came back with the rest of the old state.
  store<u32>(DEBUG_PENDING, 0);
  updateBreakpoints();
  updateMode();
}

/** Start-up IPI: real mode at `vector` << 12 (Vol. 3A 8.4.4). */
function startUp(vector: u32): void {
  setSegment(SEG_CS, vector << 8, vector << 12, 0xffff, 0x9b);
  store<u64>(RIP, 0);
  store<u32>(HALTED, 0);
  store<u32>(EVENTS, load<u32>(EVENTS) & ~EVENT_HALTED);
  updateMode();
}

/** PAUSE gives the rest of the turn away where another processor can use it; elsewhere it takes time. */
export function sys_pause(uop: u32): i32 {
  if (!load<u32>(PAUSE_YIELDS) || load<u32>(EFLAGS) & FLAG_TF) {
    pause();
    afterHostCall();
    return NEXT;
  }
  store<u64>(RIP, nextRipOf(uop));
  store<u32>(EXIT_REASON, EXIT_PAUSED);
  return EXIT_TO_HOST;
}
