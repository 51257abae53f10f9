// Breakpoints of the debug registers, and the debug exceptions that wait for an instruction boundary (Intel SDM Vol. 3B
// 17.2, 17.3). Nothing here runs while no breakpoint is enabled: data breakpoints are tags in the TLB, instruction
// breakpoints make the run loop visit every block.

import {
  BLOCK_COUNT, BLOCK_HEADER, BLOCK_RIP, DEBUG_ARMED, DEBUG_DATA, DEBUG_EXECUTE, DEBUG_PENDING, DEBUG_PORTS,
  DEBUG_REGISTERS, EVENTS, EVENT_DEBUG, LEAVE_BLOCK, UOP_OFFSET, UOP_SIZE,
} from './generated/layout';
import { codeAddress } from './run-state';
import { CR4_DE, DB, cr4, raise } from './state';
import { flushAll } from './tlb';

const DR6: u32 = DEBUG_REGISTERS + 6 * 8;
const DR7: u32 = DEBUG_REGISTERS + 7 * 8;
/** DR6: the breakpoints that were hit, access to a debug register, single step, task switch. */
export const DR6_HITS: u32 = 0x000f;
export const DR6_BD: u32 = 0x2000;
export const DR6_BS: u32 = 0x4000;
export const DR6_BT: u32 = 0x8000;
/** General detect: an access to a debug register is a fault. */
const DR7_GD: u64 = 0x2000;

/** Kinds of breakpoint, R/W0-R/W3 of DR7. */
const ON_EXECUTE: u32 = 0;
const ON_PORT: u32 = 2;

@inline
function breakpoint(index: u32): u64 {
  return load<u64>(DEBUG_REGISTERS + index * 8);
}
@inline
function kindOf(index: u32): u32 {
  return <u32>(load<u64>(DR7) >> <u64>(16 + 4 * index)) & 3;
}
/** Bytes that a data or port breakpoint covers: LEN is 0 for 1, 1 for 2, 2 for 8, 3 for 4. */
@inline
function lengthOf(index: u32): u64 {
  const code = <u32>(load<u64>(DR7) >> <u64>(18 + 4 * index)) & 3;
  return code == 2 ? 8 : <u64>code + 1;
}

/** After DR0-3, DR7 or CR4.DE changed: which breakpoints are armed, by kind. */
export function updateBreakpoints(): void {
  const enabled = <u32>load<u64>(DR7);
  let armed: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (!((enabled >>> (2 * i)) & 3)) continue;
    const kind = kindOf(i);
    if (kind == ON_EXECUTE) armed |= 1 << i;
    else if (kind != ON_PORT) armed |= 0x10 << i;
    else if (cr4() & CR4_DE) armed |= 0x100 << i;
  }
  const before = load<u32>(DEBUG_ARMED);
  store<u32>(DEBUG_ARMED, armed);
  if ((armed | before) & DEBUG_DATA) flushAll();
  store<u32>(LEAVE_BLOCK, 1);
}

/** Makes a debug exception with these bits of DR6 come before the next instruction. */
export function pendDebug(bits: u32): void {
  store<u32>(DEBUG_PENDING, load<u32>(DEBUG_PENDING) | bits);
  store<u32>(EVENTS, load<u32>(EVENTS) | EVENT_DEBUG);
  store<u32>(LEAVE_BLOCK, 1);
}

/** An instruction that faults has not been executed: what it touched does not break. */
@inline
export function dropPendingDebug(): void {
  if (!load<u32>(DEBUG_PENDING)) return;
  store<u32>(DEBUG_PENDING, 0);
  store<u32>(EVENTS, load<u32>(EVENTS) & ~EVENT_DEBUG);
}

/** Reports `bits` in DR6 and raises #DB. The hits are those of this exception; the other bits stay until cleared. */
export function raiseDebug(bits: u32): void {
  let dr6 = load<u64>(DR6);
  if (bits & DR6_HITS) dr6 &= ~(<u64>DR6_HITS);
  store<u64>(DR6, dr6 | bits);
  store<u64>(DR7, load<u64>(DR7) & ~DR7_GD);
  raise(DB);
}

/** True, with #DB pending, when DR7.GD guards the debug registers. */
export function guardedDebugRegister(): bool {
  if (!(load<u64>(DR7) & DR7_GD)) return false;
  raiseDebug(DR6_BD);
  return true;
}

// --- Data ----------------------------------------------------------------------------------------------------------

/** Whether the 4 KiB page of a linear address holds part of a data breakpoint: its TLB entries are tagged then. */
export function watchesPage(address: u64): bool {
  const armed = load<u32>(DEBUG_ARMED);
  for (let i: u32 = 0; i < 4; i++) {
    // Breakpoints are aligned to their length: none crosses a page.
    if (armed & (0x10 << i) && (breakpoint(i) ^ address) < 0x1000) return true;
  }
  return false;
}

/** An access to `size` bytes at a linear address in a watched page. */
export function watchData(address: u64, size: u32, write: bool): void {
  const armed = load<u32>(DEBUG_ARMED);
  if (!(armed & DEBUG_DATA)) return;
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (!(armed & (0x10 << i)) || (!write && kindOf(i) != 3)) continue;
    const length = lengthOf(i);
    const first = breakpoint(i) & ~(length - 1);
    if (address < first + length && first < address + size) hits |= 1 << i;
  }
  if (hits) pendDebug(hits);
}

// --- Ports ---------------------------------------------------------------------------------------------------------

/** An access to `size` ports. Call only while DEBUG_ARMED has DEBUG_PORTS bits. */
export function watchPorts(port: u32, size: u32): void {
  const armed = load<u32>(DEBUG_ARMED);
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (!(armed & (0x100 << i))) continue;
    const length = lengthOf(i);
    const first = breakpoint(i) & ~(length - 1);
    if (<u64>port < first + length && first < <u64>(port + size)) hits |= 1 << i;
  }
  if (hits) pendDebug(hits);
}

// --- Instructions --------------------------------------------------------------------------------------------------

/** The armed instruction breakpoints at an address, as bits of DR6. */
export function breakpointsAt(rip: u64): u32 {
  const address = codeAddress(rip);
  const armed = load<u32>(DEBUG_ARMED);
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) if (armed & (1 << i) && breakpoint(i) == address) hits |= 1 << i;
  return hits;
}

/** How many instructions of a block come before the next one with a breakpoint; the first is not looked at. */
export function instructionsToBreakpoint(block: u32, most: i32): i32 {
  const count = min<i32>(most, load<i32>(block, BLOCK_COUNT));
  const rip = load<u64>(block, BLOCK_RIP);
  for (let i = 1; i < count; i++) {
    const u = block + BLOCK_HEADER + <u32>i * UOP_SIZE;
    if (breakpointsAt(rip + load<u16>(u, UOP_OFFSET))) return i;
  }
  return most;
}

@inline
export function executionWatched(): bool {
  return (load<u32>(DEBUG_ARMED) & DEBUG_EXECUTE) != 0;
}
@inline
export function portsWatched(): bool {
  return (load<u32>(DEBUG_ARMED) & DEBUG_PORTS) != 0;
}
