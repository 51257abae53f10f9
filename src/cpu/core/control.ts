// Near control flow (Intel SDM Vol. 2: Jcc, JMP, CALL, RET, LOOP) and how one block leads to the next.

import {
  BLOCK_KEY, BLOCK_RIP, CODE_LIMIT, FAULTED, LEAVE_BLOCK, NEXT, RCX, RIP,
  RSP, UOP_DISP, UOP_FORM, UOP_IMM, UOP_LENGTH, UOP_LINK_NEXT, UOP_LINK_TAKEN, UOP_SIZE,
} from './constants';
import { findBlock, jumpCacheLookup, withinCode } from './blocks';
import { condition, zero } from './flags';
import {
  addressMask, dst, effective, FORM_M, readAt, reg, source, stackFaultAt, writeAt,
} from './operands';
import {
  BRANCHED, chainingStopped, chainKey, enterBlock, LEFT_AFTER, LEFT_UNIMPLEMENTED, ripOf, setLeave,
  stopChaining,
} from './run-state';
import { peek, pushValue, setStackPointer } from './stack';
import {
  avxForbidden, BR, CR0_EM, CR4_OSFXSR, cr0, cr4, faultPending, GP, NM, raise, UD,
} from './state';

/** Address of the instruction after a µop. */
@inline
export function nextRip(u: u32): u64 {
  return ripOf(u) + <u64>load<u8>(u, UOP_LENGTH);
}

/** Goes on at `rip` through a link of the branch: the block it names is right if its key is the current one. */
@inline
function follow(link: u32, rip: u64): u32 {
  const block = load<u32>(link);
  if (load<u32>(block, BLOCK_KEY) == chainKey) return enterBlock(block);
  return branchAllowed(rip) ? followSlow(link, rip) : refuseTarget();
}

/** As {@link follow} for what stands behind the branch: if it lies beyond the limit, the next fetch faults, not this. */
@inline
function fallThrough(link: u32, rip: u64): u32 {
  const block = load<u32>(link);
  if (load<u32>(block, BLOCK_KEY) == chainKey) return enterBlock(block);
  return followSlow(link, load<u64>(CODE_LIMIT) == ~0 ? rip : rip & 0xffff_ffff);
}

function followSlow(link: u32, rip: u64): u32 {
  const block = chainingStopped() ? 0 : findBlock(rip);
  if (!block) return leaveTo(rip);
  store<u32>(link, block);
  return enterBlock(block);
}

/** Leaves to the run loop, which goes on at `rip`. */
function leaveTo(rip: u64): u32 {
  store<u64>(RIP, rip);
  setLeave(BRANCHED);
  return 0;
}

/** Goes on at an address that only now is known. */
@inline
function followIndirect(rip: u64): u32 {
  const block = jumpCacheLookup(rip);
  if (load<u64>(block, BLOCK_RIP) == rip && load<u32>(block, BLOCK_KEY) == chainKey) return enterBlock(block);
  return followIndirectSlow(rip);
}

function followIndirectSlow(rip: u64): u32 {
  const block = chainingStopped() ? 0 : findBlock(rip);
  return block ? enterBlock(block) : leaveTo(rip);
}

/** A block that ends without a branch; UOP_DISP is the address after it. */
@inline
export function endBlock(u: u32): u32 {
  return fallThrough(u + UOP_LINK_TAKEN, load<u64>(u, UOP_DISP));
}

@inline
export function hotJumpIf(u: u32, code: u32): u32 {
  if (condition(code)) return follow(u + UOP_LINK_TAKEN, load<u64>(u, UOP_DISP));
  return fallThrough(u + UOP_LINK_NEXT, nextRip(u));
}

/** Takes a conditional branch µop or falls through. */
@inline
export function branch(u: u32, taken: bool): u32 {
  if (taken) return follow(u + UOP_LINK_TAKEN, load<u64>(u, UOP_DISP));
  return fallThrough(u + UOP_LINK_NEXT, nextRip(u));
}

@inline
export function hotJump(u: u32): u32 {
  return follow(u + UOP_LINK_TAKEN, load<u64>(u, UOP_DISP));
}

// --- 64-bit CALL, RET, JMP: hot ----------------------------------------------------------------------------------------

@inline
export function hotCall<T>(u: u32): u32 {
  const address = load<u64>(RSP) - 8;
  if (!writeAt<u64>(u, address, nextRip(u))) return failedOnStack(address);
  store<u64>(RSP, address);
  const next = follow(u + UOP_LINK_TAKEN, load<u64>(u, UOP_DISP));
  // Refused: a target that is not canonical is rare enough to be seen last.
  if (!next && faultPending()) store<u64>(RSP, address + 8);
  return next;
}

@inline
export function hotRet<T>(u: u32): u32 {
  const address = load<u64>(RSP);
  const from = readAt<u64>(u, address);
  if (!from) return failedOnStack(address);
  const rip = load<u64>(from);
  if (!canonical(rip)) return refuseTarget();
  store<u64>(RSP, address + 8 + <u64>(load<u32>(u, UOP_IMM)));
  return followIndirect(rip);
}

@inline
export function hotJumpIndirect<T>(u: u32, form: i32): u32 {
  let rip: u64;
  if (form == FORM_M) {
    const from = readAt<u64>(u, effective(u, 8));
    if (!from) return failed();
    rip = load<u64>(from);
  } else rip = reg<u64>(dst(u));
  if (!canonical(rip)) return refuseTarget();
  return followIndirect(rip);
}

@inline
export function hotCallIndirect<T>(u: u32, form: i32): u32 {
  let rip: u64;
  if (form == FORM_M) {
    const from = readAt<u64>(u, effective(u, 8));
    if (!from) return failed();
    rip = load<u64>(from);
  } else rip = reg<u64>(dst(u));
  if (!canonical(rip)) return refuseTarget();
  const address = load<u64>(RSP) - 8;
  if (!writeAt<u64>(u, address, nextRip(u))) return failedOnStack(address);
  store<u64>(RSP, address);
  return followIndirect(rip);
}

@inline
function canonical(address: u64): bool {
  return (<i64>address << 16) >> 16 == <i64>address;
}

/** An access of the stack has faulted. */
function failedOnStack(address: u64): u32 {
  stackFaultAt(address, 8);
  return failed();
}

function failed(): u32 {
  setLeave(FAULTED);
  return 0;
}

/** Whether a near branch may go to `rip`: canonical, or within the code segment (Vol. 2, JMP). */
function branchAllowed(rip: u64): bool {
  return load<u64>(CODE_LIMIT) == ~0 ? canonical(rip) : withinCode(rip);
}

/** A near branch to where it may not go faults at the branch. */
function refuseTarget(): u32 {
  raise(GP, 0, true);
  return failed();
}

// --- All sizes: cold ---------------------------------------------------------------------------------------------------

/** RIP after a branch with operand size T: 16-bit operands cut it, 32-bit code has 32 bits. */
@inline
function cut<T>(rip: u64): u64 {
  return sizeof<T>() == 8 ? rip : <u64>(<T>rip);
}

function goTo(rip: u64): i32 {
  store<u64>(RIP, rip);
  return CONTINUE_CHAINED;
}

/** True, with #GP(0) pending, when a near branch may not go to `rip`. */
function refused(rip: u64): bool {
  if (branchAllowed(rip)) return false;
  raise(GP, 0, true);
  return true;
}

/** Of a cold handler: RIP is set and the block ended; go on without a visit to the run loop. */
export const CONTINUE_CHAINED: i32 = 8;

export function call<T>(u: u32): i32 {
  const rip = load<u64>(u, UOP_DISP);
  if (refused(rip) || !pushValue<T>(u, <T>nextRip(u))) return FAULTED;
  return goTo(rip);
}

export function ret<T>(u: u32): i32 {
  const from = peek<T>(u, 0);
  if (!from) return FAULTED;
  const rip = <u64>load<T>(from);
  if (refused(rip)) return FAULTED;
  setStackPointer(load<u64>(RSP) + sizeof<T>() + <u64>(load<u32>(u, UOP_IMM)));
  return goTo(rip);
}

export function callIndirect<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const rip = <u64>load<T>(from);
  if (refused(rip) || !pushValue<T>(u, <T>nextRip(u))) return FAULTED;
  return goTo(rip);
}

export function jumpIndirect<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  const rip = <u64>load<T>(from);
  return refused(rip) ? FAULTED : goTo(rip);
}

/** LOOPNE, LOOPE, LOOP, JRCXZ: the counter has the address size. */
export function loop(u: u32, kind: i32): i32 {
  const mask = addressMask(u);
  let count = load<u64>(RCX) & mask;
  let taken: bool;
  if (kind == 3) taken = count == 0;
  else {
    count = (count - 1) & mask;
    taken = count != 0;
    if (kind == 0) taken = taken && !zero();
    else if (kind == 1) taken = taken && zero();
  }
  const rip = taken ? load<u64>(u, UOP_DISP) : nextRip(u);
  if (taken && refused(rip)) return FAULTED;
  if (kind != 3) {
    if (mask == 0xffff) store<u16>(RCX, <u16>count);
    else store<u64>(RCX, count);
  }
  return goTo(rip);
}

export function jumpIf(u: u32, code: i32): i32 {
  if (!condition(code)) return goTo(nextRip(u));
  return jump(u);
}
export function jump(u: u32): i32 {
  const rip = load<u64>(u, UOP_DISP);
  return refused(rip) ? FAULTED : goTo(rip);
}

/** UD0, UD1, UD2 and every byte string that is no instruction. */
export function ud(_u: u32): i32 {
  raise(UD);
  return FAULTED;
}

/** BOUND: 32-bit code only. #BR when the signed index is outside. */
export function bound(u: u32): i32 {
  const wide = (load<u8>(u, UOP_FORM) & 3) == 2;
  const size: u32 = wide ? 4 : 2;
  const address = effective(u, size * 2);
  const low = wide ? readAt<u32>(u, address) : readAt<u16>(u, address);
  if (!low) return FAULTED;
  const lower: i32 = wide ? load<i32>(low) : <i32>load<i16>(low);
  const high = wide ? readAt<u32>(u, address + 4) : readAt<u16>(u, address + 2);
  if (!high) return FAULTED;
  const upper: i32 = wide ? load<i32>(high) : <i32>load<i16>(high);
  const index: i32 = wide ? reg<i32>(dst(u)) : <i32>reg<i16>(dst(u));
  if (index >= lower && index <= upper) return NEXT;
  raise(BR);
  return FAULTED;
}

/** A valid instruction that the core does not have: it is named, never skipped. */
export function unimplemented(_u: u32): i32 {
  return LEFT_UNIMPLEMENTED;
}

/** An SSE instruction while CR0 or CR4 forbid it: #UD, or #NM when only the task switched (Vol. 3A 2.5, table 13-1). */
export function sse_refused(_u: u32): i32 {
  raise(cr0() & CR0_EM || !(cr4() & CR4_OSFXSR) ? UD : NM);
  return FAULTED;
}

/** An AVX instruction while AVX is not enabled (#UD), or CR0.TS is set (#NM). */
export function avx_refused(_u: u32): i32 {
  raise(avxForbidden() ? UD : NM);
  return FAULTED;
}

/** An x87 instruction while CR0.EM or CR0.TS is set. */
export function x87_refused(_u: u32): i32 {
  raise(NM);
  return FAULTED;
}

/** An MMX instruction then: nothing emulates those (Vol. 3A table 12-1). */
export function mmx_refused(_u: u32): i32 {
  raise(cr0() & CR0_EM ? UD : NM);
  return FAULTED;
}

/** More than 15 bytes. */
export function too_long(_u: u32): i32 {
  raise(GP, 0, true);
  return FAULTED;
}

/** What follows a cold handler: the next µop, or 0 after `setLeave`. */
export function finishCold(u: u32, code: i32): u32 {
  if (code == NEXT) {
    if (!load<u32>(LEAVE_BLOCK)) return u + UOP_SIZE;
    setLeave(LEFT_AFTER);
    return 0;
  }
  if (code == CONTINUE_CHAINED) {
    if (load<u32>(LEAVE_BLOCK)) stopChaining();
    return followIndirect(load<u64>(RIP));
  }
  setLeave(code);
  return 0;
}
