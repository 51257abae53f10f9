// What the facade calls besides `run`: power-on, reset, processors, what the host changed behind the core's back.

import {
  ACTIVE_CPU, CPU_COUNT, CPU_INDEX, LEAVE_BLOCK, OBSERVE_STORES, PAGE_CODE, PAGE_FLAGS, STATE, STATE_SIZE, TLB_SETS,
  TLB_SET_SIZE, VCPU_AREA, VCPU_AREA_SIZE, VCPU_TLB,
} from './generated/layout';
import { dropCode } from './blocks';
import { controlRegistersChanged } from './control-registers';
import { readFlags, writeFlags } from './flags';
import { parked, resetActive, waitForStartup } from './init';
import { directRangesChanged } from './physical';
import { codeMappingChanged } from './run-state';
import { updateMode } from './state';

/** Power-on: every processor is reset; 0 is active, the others are parked and wait to be started. */
export function initialise(): void {
  const cpus = load<u32>(CPU_COUNT);
  for (let cpu = cpus; cpu > 0; cpu--) {
    store<u32>(CPU_INDEX, cpu - 1);
    resetActive();
    if (cpu > 1) {
      waitForStartup();
      memory.copy(parked(cpu - 1), STATE, STATE_SIZE);
    }
  }
  store<u32>(ACTIVE_CPU, 0);
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
