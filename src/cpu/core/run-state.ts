// Where the interpreter stands: budget, block in progress, why a run of µops ended.

import { forgetKeys } from './blocks';
import {
  BLOCK_BACKING, BLOCK_COUNT, BLOCK_HEADER, BLOCK_KEY, BLOCK_RIP, CONTINUE_AT_RIP, MODE, RIP, UOP_INDEX_IN_BLOCK,
  UOP_OFFSET,
} from './generated/layout';

/** Codes of `setLeave` beyond CONTINUE_AT_RIP, FAULTED and EXIT_TO_HOST. */
/** The µop was not executed: go on there. */
export const LEFT_BEFORE: i32 = 16;
/** The µop was executed and RIP not yet moved past it. */
export const LEFT_AFTER: i32 = 17;
/** All of the block was executed; RIP holds the target. */
export const BRANCHED: i32 = 18;
/** The core does not implement the µop. */
export const LEFT_UNIMPLEMENTED: i32 = 19;

/** Width of MODE in a block's key; generations have the rest. */
const MODE_BITS: u32 = 12;
const GENERATIONS: u32 = (1 << (32 - MODE_BITS)) - 1;

/** Never a block's key: while chainKey holds it, every branch goes back to the run loop. */
const NO_CHAIN: u32 = 0xffffffff;

/** Instructions left in this run, those of the current block already taken off. */
export let remaining: i32 = 0;
/** Instructions executed in earlier runs, as of the start of this one plus its budget. */
export let currentBlock: u32 = 0;
/** A block whose key equals this may be entered without a lookup. */
export let chainKey: u32 = NO_CHAIN;
/** Bumped when a linear address may lead to other code than before; 22 bits are used, from 1. */
export let generation: u32 = 1;

/** Iterations that the REP instruction in progress has completed and not yet charged to the budget. */
export let repeated: i32 = 0;

@inline
export function setRepeated(count: i32): void {
  repeated = count;
}

export let leaveCode: i32 = 0;
export let leaveUop: u32 = 0;

@inline
export function setRemaining(value: i32): void {
  remaining = value;
}
@inline
export function setCurrentBlock(block: u32): void {
  currentBlock = block;
}
@inline
export function setLeave(code: i32): void {
  leaveCode = code;
}
@inline
export function setLeaveUop(u: u32): void {
  leaveUop = u;
}

/** Makes every branch return to the run loop: something must be looked at before the next block. */
@inline
export function stopChaining(): void {
  chainKey = NO_CHAIN;
}
/** Generation and mode as one word: a block that was found valid under it leads where it says. */
@inline
export function keyOfNow(): u32 {
  return (generation << MODE_BITS) | load<u32>(MODE);
}
/** The run loop, once it has looked. */
@inline
export function startChaining(): void {
  chainKey = keyOfNow();
}
@inline
export function chainingStopped(): bool {
  return chainKey == NO_CHAIN;
}

/** The mapping from linear addresses to code changed (TLB flush, direct ranges): all blocks are looked up again. */
export function codeMappingChanged(): void {
  generation++;
  if (generation == GENERATIONS) {
    generation = 1;
    forgetKeys();
  }
  chainKey = NO_CHAIN;
}

/** Address of a µop's own instruction. */
@inline
export function ripOf(u: u32): u64 {
  return load<u64>(currentBlock, BLOCK_RIP) + <u64>load<u16>(u, UOP_OFFSET);
}

/** Enters a block if the budget covers it; otherwise leaves with RIP at its start. */
@inline
export function enterBlock(block: u32): u32 {
  const left = remaining - load<i32>(block, BLOCK_COUNT);
  if (left < 0) {
    store<u64>(RIP, load<u64>(block, BLOCK_RIP));
    leaveCode = BRANCHED;
    return 0;
  }
  remaining = left;
  currentBlock = block;
  return block + BLOCK_HEADER;
}
