// Where the interpreter stands: budget, block in progress, why a run of µops ended.

import { forgetKeys } from './blocks';
import {
  BLOCK_BACKING, BLOCK_COUNT, BLOCK_HEADER, BLOCK_KEY, BLOCK_RIP, CODE_BASE, CODE_LIMIT, CONTINUE_AT_RIP, MODE, RIP, UOP_INDEX_IN_BLOCK,
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
/** Number of the present way from RIP to code: no block found under another number may be entered without a lookup. */
export let generation: u32 = 1;
/** The last number given out, from 1. */
let newest: u32 = 1;

/** Iterations that the REP instruction in progress has completed and not yet charged to the budget. */
export let repeated: i32 = 0;

@inline
export function setRepeated(count: i32): void {
  repeated = count;
}

export let leaveCode: i32 = 0;
export let leaveUop: u32 = 0;

/** EFLAGS.TF was set when the instruction began, so that a debug exception follows it. */
export let stepping: bool = false;

/** The run loop; and instructions that are an exception to the rule: INT n never traps, SYSCALL and SYSRET by their new TF. */
@inline
export function setStepping(on: bool): void {
  stepping = on;
}

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

/** One bit per hashed linear page from which a block was found since the mapping last changed. */
const CODE_PAGES_SIZE: u32 = 1024;
const CODE_PAGES: u32 = <u32>memory.data(1024, 8);

@inline
function codePageBit(linear: u64): u32 {
  const page = <u32>(linear >> 12);
  return (page ^ (page >>> 13) ^ (page >>> 26)) & (CODE_PAGES_SIZE * 8 - 1);
}
/** A block with bytes on this linear page may be entered by its key. */
export function noteCodePage(linear: u64): void {
  const bit = codePageBit(linear);
  store<u8>(CODE_PAGES + (bit >>> 3), load<u8>(CODE_PAGES + (bit >>> 3)) | (<u8>1 << <u8>(bit & 7)));
}
/** False: no block that may be entered by its key has bytes on this page, so losing its translation changes nothing. */
export function mayHoldCode(linear: u64): bool {
  const bit = codePageBit(linear);
  return (load<u8>(CODE_PAGES + (bit >>> 3)) & (1 << (bit & 7))) != 0;
}

/** The mapping from linear addresses to code changed (TLB flush, direct ranges): all blocks are looked up again. */
export function codeMappingChanged(): void {
  memory.fill(CODE_SPACES, 0, CODE_SPACES_SIZE);
  memory.fill(CODE_PAGES, 0, CODE_PAGES_SIZE);
  newest++;
  if (newest == GENERATIONS) {
    newest = 1;
    forgetKeys();
  }
  generation = newest;
  chainKey = NO_CHAIN;
}

// --- Code segments ---------------------------------------------------------------------------------------------------
// RIP leads to other code when CS has another base, and may lead nowhere when it has another limit. Firmware goes to
// and fro between a few segments, so each keeps its generation until the mapping changes.

/** {u64 base, u64 limit, u32 generation or 0, u32 spare} for the segments used since then, by a hash of the base. */
const CODE_SPACE_SIZE: u32 = 24;
const CODE_SPACES_SIZE: u32 = 64 * CODE_SPACE_SIZE;
const CODE_SPACES: u32 = <u32>memory.data(1536, 8);

/** CS has this base and limit from now on. */
export function setCodeSpace(base: u64, limit: u64): void {
  if (load<u64>(CODE_BASE) == base && load<u64>(CODE_LIMIT) == limit) return;
  const old = codeSpaceOf(load<u64>(CODE_BASE));
  store<u64>(old, load<u64>(CODE_BASE));
  store<u64>(old, load<u64>(CODE_LIMIT), 8);
  store<u32>(old, generation, 16);
  store<u64>(CODE_BASE, base);
  store<u64>(CODE_LIMIT, limit);
  chainKey = NO_CHAIN;
  const known = codeSpaceOf(base);
  if (load<u32>(known, 16) && load<u64>(known) == base && load<u64>(known, 8) == limit) {
    generation = load<u32>(known, 16);
    return;
  }
  if (newest + 1 == GENERATIONS) codeMappingChanged();
  else generation = ++newest;
}

@inline
function codeSpaceOf(base: u64): u32 {
  return CODE_SPACES + (<u32>((base >> 4) ^ (base >> 10) ^ (base >> 16)) & 63) * CODE_SPACE_SIZE;
}

/** Linear address of an offset in the code segment. */
@inline
export function codeAddress(rip: u64): u64 {
  const address = load<u64>(CODE_BASE) + rip;
  return load<u64>(CODE_LIMIT) == ~0 ? address : address & 0xffff_ffff;
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
