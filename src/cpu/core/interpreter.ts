// The run loop: finds or decodes the block at RIP, runs it and what it chains to, and does what has to be done between
// instructions: events, faults, the end of the budget.

import {
  BLOCK_BACKING, BLOCK_BACKING2, BLOCK_BYTES, BLOCK_COUNT, BLOCK_HEADER, BLOCK_INSTRUCTIONS_MAX, BLOCK_KEY, BLOCK_MODE,
  BLOCK_ORIGIN, BLOCK_RIP, CODE_LIMIT, CONTINUE_AT_RIP, EFLAGS, EVENT_DEBUG, EVENTS, EXIT_BUDGET, EXIT_REASON,
  EXIT_TO_HOST, EXIT_UNIMPLEMENTED, FAULTED, FAULTED_AT_RIP, INTERRUPT_SHADOW, LEAVE_BLOCK, MODE, OP_END, OP_LEAVE, RIP,
  SCRATCH_CODE, SHADOW_ALL, TRACE_BLOCKS, TRACK_WRITERS, UOP_DISP, UOP_INDEX_IN_BLOCK, UOP_LENGTH, UOP_OFFSET, UOP_OP,
  UOP_PLAIN, UOP_SITE, UOP_SIZE,
} from './constants';
import { insertBlock, lookupBlock, nextPage, reserveBlock, SHORT_BLOCK, siteOf, UNCACHED_BLOCK, withinCode } from './blocks';
import { improveBlock } from './block-passes';
import { decodeInstruction, endsBlock, RAN_OUT } from './decode';
import { breakpointsAt, DR6_BS, executionWatched, instructionsToBreakpoint, pendDebug, raiseDebug } from './debug';
import { deliverFault, serviceEvents } from './exceptions';
import { execute } from './generated/hot';
import { blockDecoded } from './host';
import { copied, copyMore, fetchPointer, inScratch } from './mmu';
import { restorePatched } from './operands';
import {
  BRANCHED, codeAddress, currentBlock, LEFT_AFTER, LEFT_BEFORE, leaveCode, leaveUop, remaining, ripOf, setCurrentBlock, setRemaining,
  repeated, setStepping, startChaining, stepping, stopChaining,
} from './run-state';
import { currentUop, faultPending, FLAG_RF, FLAG_TF, raiseGeneralProtection } from './state';

/** Budget of the run in progress. */
let budget: i32 = 0;
/** True while a µop runs, so that {@link executed} and {@link position} are those of its instruction. */
let running: bool = false;
/** Bytes of an instruction that crosses a page. */
const CROSSING_BYTES: u32 = <u32>memory.data(32, 8);
const LENGTH_MAX: u32 = 15;

/** Runs at most `instructions`; returns an EXIT_* reason. RIP is then exact. */
export function run(instructions: i32): i32 {
  budget = instructions;
  setRemaining(instructions);
  let reason = -1;
  while (reason < 0) reason = runOnce();
  setCurrentBlock(0);
  return reason;
}

/**
 * Instructions executed so far in this run; inside a host callback the running one is not counted, but the completed
 * iterations of a REP are, so that time goes on between its accesses to a device.
 */
export function executed(): i32 {
  if (!running) return budget - remaining;
  const left = load<u32>(currentBlock, BLOCK_COUNT) - <u32>load<u8>(currentUop, UOP_INDEX_IN_BLOCK);
  return budget - remaining - <i32>left + repeated;
}

/** RIP of the running instruction, or of the next one. */
export function position(): u64 {
  return running ? ripOf(currentUop) : load<u64>(RIP);
}

/** One round between two visits to the loop: -1 to go on, otherwise why the run ends. */
function runOnce(): i32 {
  store<u32>(LEAVE_BLOCK, 0);
  if (load<u32>(EVENTS)) {
    const reason = serviceEvents();
    if (reason >= 0) return reason;
  }
  if (remaining <= 0) return EXIT_BUDGET;
  setCurrentBlock(0);
  const rip = load<u64>(RIP);
  const shadow = load<u32>(INTERRUPT_SHADOW);
  const watched = executionWatched();
  const flags = load<u32>(EFLAGS);
  // RF and a load of SS hold a breakpoint on the next instruction back; RF for that one only.
  if (watched && !(flags & FLAG_RF) && shadow != SHADOW_ALL && breakpointsAt(rip)) return breakAt(rip);
  if (flags & FLAG_RF) store<u32>(EFLAGS, flags & ~FLAG_RF);
  let block: u32 = 0;
  if (!withinCode(rip)) raiseGeneralProtection();
  else {
    block = lookupBlock(rip);
    if (!block && !faultPending()) block = decodeBlock(rip);
  }
  if (!block) {
    // A fetch that faults counts as an instruction: a handler that cannot be fetched must not hang the host.
    setRemaining(remaining - 1);
    return deliverFault();
  }
  setStepping((flags & FLAG_TF) != 0);
  const events = load<u32>(EVENTS);
  const single = stepping || (events != 0 && (shadow != 0 || (events & EVENT_DEBUG) != 0));
  store<u32>(INTERRUPT_SHADOW, 0);
  startChaining();
  if (single || watched) stopChaining();
  const most = single ? 1 : watched ? instructionsToBreakpoint(block, remaining) : remaining;
  if (load<i32>(block, BLOCK_COUNT) > most) block = shorten(block, <u32>most);
  setRemaining(remaining - load<i32>(block, BLOCK_COUNT));
  setCurrentBlock(block);
  running = true;
  execute(block + BLOCK_HEADER);
  running = false;
  restorePatched();
  return leave();
}

/** Settles the account of the block that was left. */
function leave(): i32 {
  const u = leaveUop;
  const code = leaveCode;
  if (code == BRANCHED) return stepping ? singleStepped() : -1;
  const index = <i32>load<u8>(u, UOP_INDEX_IN_BLOCK);
  const began = code == LEFT_BEFORE || code > BRANCHED ? 0 : 1;
  setRemaining(remaining + load<i32>(currentBlock, BLOCK_COUNT) - index - began);
  if (code == CONTINUE_AT_RIP) return stepping ? singleStepped() : -1;
  if (code == LEFT_AFTER) {
    store<u64>(RIP, cut(ripOf(u) + <u64>load<u8>(u, UOP_LENGTH)));
    return stepping ? singleStepped() : -1;
  }
  if (code == EXIT_TO_HOST) return load<i32>(EXIT_REASON);
  if (code == FAULTED_AT_RIP) return deliverFault();
  store<u64>(RIP, ripOf(u));
  if (code == FAULTED) return deliverFault();
  if (code == LEFT_BEFORE) return stepping && index > 0 ? singleStepped() : -1;
  return EXIT_UNIMPLEMENTED;
}

/**
 * EFLAGS.TF was set when the instruction began: #DB with DR6.BS (Intel SDM Vol. 3B 17.3.1.4), before the next one. A load
 * of SS loses it (Vol. 3A 6.8.3).
 */
function singleStepped(): i32 {
  if (load<u32>(INTERRUPT_SHADOW) != SHADOW_ALL) pendDebug(DR6_BS);
  return -1;
}

/** An instruction breakpoint is a fault. It takes one of the budget: a handler may begin with a breakpoint. */
function breakAt(rip: u64): i32 {
  setRemaining(remaining - 1);
  raiseDebug(breakpointsAt(rip));
  return deliverFault();
}

/** The offset that follows: 16-bit code does not wrap at 64 KiB by itself, its limit stops it (Vol. 3B 22.35). */
function cut(rip: u64): u64 {
  return load<u64>(CODE_LIMIT) == ~0 ? rip : rip & 0xffff_ffff;
}

/** A copy of the first `count` instructions of a block, which then leaves. */
function shorten(block: u32, count: u32): u32 {
  memory.copy(SHORT_BLOCK, block, BLOCK_HEADER + (count + 1) * UOP_SIZE);
  store<u32>(SHORT_BLOCK, 0, BLOCK_KEY);
  store<u32>(SHORT_BLOCK, count, BLOCK_COUNT);
  store<u32>(SHORT_BLOCK, block, BLOCK_ORIGIN);
  const last = SHORT_BLOCK + BLOCK_HEADER + count * UOP_SIZE;
  store<u16>(last, <u16>OP_LEAVE, UOP_OP);
  // A fused pair must not run past the cut, and the flags are visible there.
  for (let u = SHORT_BLOCK + BLOCK_HEADER; u < last; u += UOP_SIZE) store<u16>(u, load<u16>(u, UOP_PLAIN), UOP_OP);
  return SHORT_BLOCK;
}

// --- Decoding a block ------------------------------------------------------------------------------------------------

/** Bytes that may be fetched from `rip` on before the code segment ends, at most a page. */
function roomAt(rip: u64): u32 {
  return <u32>min<u64>(load<u64>(CODE_LIMIT) - rip, 0xfff) + 1;
}

/** Decodes and caches the block at `rip`, which lies within the code segment; 0: the fetch faulted. */
function decodeBlock(rip: u64): u32 {
  const linear = codeAddress(rip);
  const backing = fetchPointer(linear);
  if (!backing) return 0;
  let uncached = inScratch(backing);
  const inPage: u32 = 0x1000 - (<u32>linear & 0xfff);
  const room = roomAt(rip);
  const window = min<u32>(inPage, room);
  const block = uncached ? UNCACHED_BLOCK : reserveBlock();
  memory.fill(block, 0, BLOCK_HEADER);
  store<u64>(block, rip, BLOCK_RIP);
  store<u32>(block, backing, BLOCK_BACKING);
  store<u32>(block, load<u32>(MODE), BLOCK_MODE);
  let u = block + BLOCK_HEADER;
  let offset: u32 = 0;
  let count: u32 = 0;
  let crossed = false;
  while (count < BLOCK_INSTRUCTIONS_MAX) {
    let length = uncached
      ? decodeCopied(u, SCRATCH_CODE, 0, window, rip)
      : decodeInstruction(u, backing + offset, backing + window, rip + offset);
    if (length == RAN_OUT) {
      if (count) break;
      length = RAN_OUT;
      let second: u32 = 0;
      if (room > inPage) {
        const head = min<u32>(inPage, LENGTH_MAX);
        // The second fetch may overwrite what the first one copied.
        memory.copy(CROSSING_BYTES, backing, head);
        second = fetchPointer(nextPage(linear));
        if (!second) return 0;
        length = decodeCrossing(u, head, second, rip, room);
      }
      if (length == RAN_OUT) {
        // The instruction goes beyond the segment's limit.
        raiseGeneralProtection();
        return 0;
      }
      if (inScratch(second)) uncached = true;
      else store<u32>(block, second, BLOCK_BACKING2);
      crossed = true;
    }
    place(u, count, offset, rip);
    offset += length;
    u += UOP_SIZE;
    count++;
    if (endsBlock || crossed || uncached) break;
  }
  finishBlock(block, u, count, offset, rip);
  if (load<u32>(TRACE_BLOCKS)) blockDecoded(crossed ? CROSSING_BYTES : backing, offset);
  improveBlock(block + BLOCK_HEADER, u);
  if (uncached) return copyUncached(block);
  insertBlock(block, u + UOP_SIZE);
  return block;
}

/** Decodes an instruction whose first `head` bytes are in CROSSING_BYTES, and the others from `second` on. */
function decodeCrossing(u: u32, head: u32, second: u32, rip: u64, room: u32): i32 {
  if (inScratch(second)) return decodeCopied(u, CROSSING_BYTES, head, room, rip);
  memory.copy(CROSSING_BYTES + head, second, LENGTH_MAX);
  return decodeInstruction(u, CROSSING_BYTES, CROSSING_BYTES + min<u32>(head + LENGTH_MAX, room), rip);
}

/** Decodes an instruction of code outside of memory, behind `head` bytes that are at `from`: fetches as many as it takes. */
function decodeCopied(u: u32, from: u32, head: u32, room: u32, rip: u64): i32 {
  while (head + copied < room && copyMore()) {
    const size = head + copied;
    if (from != SCRATCH_CODE) store<u8>(from + size - 1, load<u8>(SCRATCH_CODE + copied - 1));
    const length = decodeInstruction(u, from, from + size, rip);
    if (length != RAN_OUT) return length;
  }
  return RAN_OUT;
}

@inline
function place(u: u32, index: u32, offset: u32, rip: u64): void {
  store<u8>(u, <u8>index, UOP_INDEX_IN_BLOCK);
  store<u16>(u, <u16>offset, UOP_OFFSET);
  if (load<u32>(TRACK_WRITERS)) store<u32>(u, siteOf(codeAddress(rip + offset)), UOP_SITE);
}

/** Adds the µop that leads on when no branch ends the block, and completes the header. */
function finishBlock(block: u32, u: u32, count: u32, bytes: u32, rip: u64): void {
  memory.fill(u, 0, UOP_SIZE);
  store<u16>(u, <u16>OP_END, UOP_OP);
  store<u16>(u, <u16>OP_END, UOP_PLAIN);
  store<u64>(u, cut(rip + bytes), UOP_DISP);
  store<u8>(u, <u8>count, UOP_INDEX_IN_BLOCK);
  store<u16>(u, <u16>bytes, UOP_OFFSET);
  store<u32>(block, count, BLOCK_COUNT);
  store<u32>(block, bytes, BLOCK_BYTES);
}

/** A block that must be fetched again each time: nothing leads to it but the run loop. */
function copyUncached(block: u32): u32 {
  if (block != UNCACHED_BLOCK) memory.copy(UNCACHED_BLOCK, block, BLOCK_HEADER + 2 * UOP_SIZE);
  store<u32>(UNCACHED_BLOCK, 0, BLOCK_KEY);
  return UNCACHED_BLOCK;
}
