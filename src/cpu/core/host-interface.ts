// What the facade calls besides `run`: power-on, reset, processors, what the host changed behind the core's back.

import {
  ACTIVE_CPU, CPUS_MAX, CPU_COUNT, CPU_INDEX, CR0, DEBUG_REGISTERS, EFLAGS, GDT_LIMIT, IDT_LIMIT, LEAVE_BLOCK,
  MISC_ENABLE, MXCSR, MXCSR_MASK, OBSERVE_STORES, PAGE_CODE, PAGE_FLAGS, PAT, RDX, RIP, SEG_CS, SEG_DS, SEG_ES, SEG_FS,
  SEG_GS, SEG_LDTR, SEG_SS, SEG_TR, SIGNATURE, SITE_SPACE, STATE, STATE_SIZE, TLB_SETS, TLB_SETS_BASE, TLB_SET_SIZE, VCPU_AREA,
  VCPU_AREA_SIZE, VCPU_PARKED_STATE, VCPU_TLB, X87_CONTROL, X87_TAG, XCR0,
} from './generated/layout';
import { dropCode } from './blocks';
import { controlRegistersChanged } from './control-registers';
import { readFlags, writeFlags } from './flags';
import { directRangesChanged } from './physical';
import { codeMappingChanged } from './run-state';
import { setSegment, updateMode } from './state';
import { clearSets, flushAll } from './tlb';

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
  store<u64>(XCR0, 1);
  store<u32>(MXCSR, 0x1f80);
  store<u32>(MXCSR_MASK, 0xffff);
  store<u32>(X87_CONTROL, 0x40);
  // Tags of zero (5555h): no register is empty.
  store<u32>(X87_TAG, 0xff);
  updateMode();
  codeMappingChanged();
}

/** Power-on: every processor is reset; 0 is active, the others are parked. */
export function initialise(): void {
  const cpus = load<u32>(CPU_COUNT);
  for (let cpu = cpus; cpu > 0; cpu--) {
    store<u32>(CPU_INDEX, cpu - 1);
    resetActive();
    if (cpu > 1) memory.copy(parked(cpu - 1), STATE, STATE_SIZE);
  }
  store<u32>(ACTIVE_CPU, 0);
}

@inline
function parked(cpu: u32): u32 {
  return VCPU_AREA + cpu * VCPU_AREA_SIZE + VCPU_PARKED_STATE;
}

/** Makes another processor the active one. Never while one runs. */
export function switchTo(cpu: u32): void {
  const active = load<u32>(ACTIVE_CPU);
  if (cpu == active) return;
  memory.copy(parked(active), STATE, STATE_SIZE);
  memory.copy(STATE, parked(cpu), STATE_SIZE);
  store<u32>(ACTIVE_CPU, cpu);
  codeMappingChanged();
}

/** Somebody else than the processor stored `size` bytes to RAM at `pointer`. */
export function invalidate(pointer: u32, size: u32): void {
  let at = pointer;
  let rest = size;
  while (rest) {
    const piece = min<u32>(rest, 0x1000 - (at & 0xfff));
    if (load<u8>(PAGE_FLAGS + (at >>> 12)) & PAGE_CODE) dropCode(at, piece);
    at += piece;
    rest -= piece;
  }
}

/** The direct ranges are new: no translation of any processor holds. */
export function rangesChanged(): void {
  directRangesChanged();
  flushEverywhere();
  store<u32>(LEAVE_BLOCK, 1);
}

function flushEverywhere(): void {
  const cpus = load<u32>(CPU_COUNT);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    memory.fill(VCPU_AREA + cpu * VCPU_AREA_SIZE + VCPU_TLB, 0xff, TLB_SETS * TLB_SET_SIZE);
  }
  codeMappingChanged();
}

/** Starts or ends reporting every store to RAM. */
export function observe(on: u32): void {
  store<u32>(OBSERVE_STORES, on);
  flushEverywhere();
}

/** Control registers, segments or CPL of the active processor were set from outside. */
export function stateChanged(): void {
  controlRegistersChanged();
}

export function flags(): u32 {
  return readFlags();
}
export function setFlags(value: u32): void {
  writeFlags(value);
  updateMode();
}
