// What the core asks of the machine. 64-bit values cross as two 32-bit halves: an i64 would become a BigInt.
// A callback may assert an interrupt line or ask for an exit; whoever calls one ends with `afterHostCall`.

import { EVENTS, HOST_HIGH, LEAVE_BLOCK } from './generated/layout';

/** Reads 1, 2, 4 or 8 bytes; for 8 the high half is left at HOST_HIGH. */
@external('host', 'mmioRead')
export declare function mmioRead(low: u32, high: u32, size: u32): u32;
@external('host', 'mmioWrite')
export declare function mmioWrite(low: u32, high: u32, size: u32, valueLow: u32, valueHigh: u32): void;
@external('host', 'portRead')
export declare function portRead(port: u32, size: u32): u32;
@external('host', 'portWrite')
export declare function portWrite(port: u32, size: u32, value: u32): void;
/** Vector to deliver, or -1. */
@external('host', 'acknowledgeInterrupt')
export declare function acknowledgeInterrupt(): i32;
/** 1: value left at HOST_LOW, HOST_HIGH. 0: not an MSR of the host's. */
@external('host', 'msrRead')
export declare function msrRead(msr: u32): u32;
/** 1: written. 0: not an MSR of the host's. 2: the value must raise #GP(0). */
@external('host', 'msrWrite')
export declare function msrWrite(msr: u32, low: u32, high: u32): u32;
/** FERR# is asserted: 1 when the machine makes an interrupt of it, 0 when nothing is connected. */
@external('host', 'numericError')
export declare function numericError(): u32;
@external('host', 'traceInterrupt')
export declare function traceInterrupt(vector: u32, hasError: u32, errorCode: u32, kind: u32): void;
@external('host', 'pageTablesChanged')
export declare function pageTablesChanged(): void;

/** The host may have raised an event: the block is left after this instruction, so that it is served at once. */
@inline
export function afterHostCall(): void {
  if (load<u32>(EVENTS)) store<u32>(LEAVE_BLOCK, 1);
}

/** An MMIO read with the result as one value. */
export function mmioRead64(address: u64, size: u32): u64 {
  const low = mmioRead(<u32>address, <u32>(address >> 32), size);
  const value = size == 8 ? <u64>low | (<u64>load<u32>(HOST_HIGH) << 32) : <u64>low;
  afterHostCall();
  return value;
}

export function mmioWrite64(address: u64, size: u32, value: u64): void {
  mmioWrite(<u32>address, <u32>(address >> 32), size, <u32>value, <u32>(value >> 32));
  afterHostCall();
}

/** A watched page is read (write 0), or is about to be written (1), at a backing address. */
@external('host', 'watchedAccess')
export declare function watchedAccess(pointer: u32, size: u32, write: u32): void;

/** The active processor enters (1) or has left (0) system management mode: the machine shows or hides SMRAM. */
@external('host', 'managementMode')
export declare function managementMode(entered: u32): void;

/** Leaves the virtual time in nanoseconds at HOST_LOW, HOST_HIGH. */
@external('host', 'readClock')
export declare function readClock(): void;
/** CR8 is the local APIC's task priority, bits 7-4. */
@external('host', 'readTaskPriority')
export declare function readTaskPriority(): u32;
@external('host', 'writeTaskPriority')
export declare function writeTaskPriority(priority: u32): void;

/** PAUSE: the processor may wait a little. */
@external('host', 'pause')
export declare function pause(): void;

/** The next 32 bits of the machine's seeded random source. */
@external('host', 'randomWord')
export declare function randomWord(): u32;

/** The block at RIP was decoded from `bytes` bytes that stand at `backing`. */
@external('host', 'blockDecoded')
export declare function blockDecoded(backing: u32, bytes: u32): void;
