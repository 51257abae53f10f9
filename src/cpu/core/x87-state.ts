// The x87 register stack, its exceptions and its last pointers (Intel SDM Vol. 1 chapter 8).
//
// An instruction collects what it raised; `settle` then notes that in the status word and says whether the result may be
// written. Nothing is noted before the instruction's memory accesses have succeeded.

import {
  CONTINUE_AT_RIP, EFLAGS, FAULTED, NEXT, RIP, SEG_CS, UOP_IMM, UOP_SEGMENT, X87, X87_CONTROL, X87_IGNORE_ERROR,
  X87_LAST_CS, X87_LAST_DATA, X87_LAST_DS, X87_LAST_IP, X87_LAST_OPCODE, X87_STATUS, X87_TAG,
} from './constants';
import { afterHostCall, numericError } from './host';
import { hasMemory, offsetOf } from './operands';
import { ripOf } from './run-state';
import { CR0_MP, CR0_NE, CR0_TS, cr0, FLAG_IF, MF, NM, raise, selector } from './state';

// Status word bits (Vol. 1 8.1.3).
export const FE_INVALID: u32 = 1;
export const FE_DENORMAL: u32 = 2;
export const FE_ZERO: u32 = 4;
export const FE_OVERFLOW: u32 = 8;
export const FE_UNDERFLOW: u32 = 16;
export const FE_PRECISION: u32 = 32;
export const FE_STACK: u32 = 0x40;
export const FE_ALL: u32 = 0x3f;
/** Exceptions that are found before the operation: unmasked, they leave the operands as they were. */
const FE_BEFORE: u32 = FE_INVALID | FE_DENORMAL | FE_ZERO;
/** ES and B, which are one and the same. */
export const FE_SUMMARY: u32 = 0x8080;
export const CODE_ZERO: u32 = 0x100;
export const CODE_ONE: u32 = 0x200;
export const CODE_TWO: u32 = 0x400;
export const CODE_THREE: u32 = 0x4000;
export const CODE_ALL: u32 = 0x4700;
const TOP_SHIFT: u32 = 11;
const TOP_MASK: u32 = 7 << TOP_SHIFT;

export const INDEFINITE_HEAD: u32 = 0xffff;
export const INDEFINITE_SIG: u64 = 0xc000_0000_0000_0000;
export const INTEGER_BIT: u64 = 0x8000_0000_0000_0000;

/** What the instruction in progress raised: FE_* bits, and C1 when it rounded away from zero. */
let raised: u32 = 0;

@inline
export function signalX87(bits: u32): void {
  raised |= bits;
}
@inline
export function raisedX87(): u32 {
  return raised;
}
/** Starts over, for an instruction that gives its result up. */
@inline
export function clearRaised(): void {
  raised = 0;
}

/** True when the exception's mask bit is set. */
@inline
export function masked(exception: u32): bool {
  return (load<u32>(X87_CONTROL) & exception) != 0;
}
/** RC: 0 nearest, 1 down, 2 up, 3 towards zero. */
@inline
export function x87Rounding(): u32 {
  return (load<u32>(X87_CONTROL) >> 10) & 3;
}
/** Bits of the significand that PC asks for. */
@inline
export function x87Precision(): u32 {
  const control = (load<u32>(X87_CONTROL) >> 8) & 3;
  return control == 0 ? 24 : control == 2 ? 53 : 64;
}

// --- The stack ---------------------------------------------------------------------------------------------------------

@inline
export function topOfStack(): u32 {
  return (load<u32>(X87_STATUS) >> TOP_SHIFT) & 7;
}
@inline
export function setTop(top: u32): void {
  store<u32>(X87_STATUS, (load<u32>(X87_STATUS) & ~TOP_MASK) | ((top & 7) << TOP_SHIFT));
}
/** Address of ST(index). */
@inline
export function stackSlot(index: u32): u32 {
  return X87 + ((topOfStack() + index) & 7) * 16;
}
@inline
export function isEmpty(index: u32): bool {
  return !((load<u32>(X87_TAG) >> ((topOfStack() + index) & 7)) & 1);
}
@inline
export function headOf(index: u32): u32 {
  return load<u16>(stackSlot(index), 8);
}
@inline
export function sigOf(index: u32): u64 {
  return load<u64>(stackSlot(index));
}
/** Writes ST(index), which is no longer empty. */
export function writeStack(index: u32, head: u32, sig: u64): void {
  const slot = stackSlot(index);
  store<u64>(slot, sig);
  store<u16>(slot, <u16>head, 8);
  store<u32>(X87_TAG, load<u32>(X87_TAG) | (1 << ((topOfStack() + index) & 7)));
}
export function freeStack(index: u32): void {
  store<u32>(X87_TAG, load<u32>(X87_TAG) & ~(1 << ((topOfStack() + index) & 7)));
}
export function popStack(): void {
  freeStack(0);
  setTop(topOfStack() + 1);
}
export function pushStack(head: u32, sig: u64): void {
  setTop(topOfStack() - 1);
  writeStack(0, head, sig);
}

/** A register that the instruction needs is empty. */
export function stackUnderflow(): void {
  raised = FE_INVALID | FE_STACK;
}
/** The register to push into is in use: C1 tells it from an underflow. */
export function stackOverflow(): void {
  raised = FE_INVALID | FE_STACK | CODE_ONE;
}

// --- Exceptions --------------------------------------------------------------------------------------------------------

/**
 * Before a waiting instruction: NEXT, or what its handler must return. An exception that is pending is #MF, or with
 * CR0.NE clear the interrupt that the machine makes of FERR#, for which the processor waits (Vol. 1 8.7.2).
 */
export function beginX87(u: u32): i32 {
  raised = 0;
  if (!(load<u32>(X87_STATUS) & 0x80)) return NEXT;
  if (cr0() & CR0_NE) {
    raise(MF);
    return FAULTED;
  }
  if (load<u32>(X87_IGNORE_ERROR)) return NEXT;
  const connected = numericError();
  afterHostCall();
  // Without interrupts it would wait for ever; like QEMU it goes on then.
  if (!connected || !(load<u32>(EFLAGS) & FLAG_IF)) return NEXT;
  store<u64>(RIP, ripOf(u));
  return CONTINUE_AT_RIP;
}

/** The pre-operation exceptions that are not masked. */
@inline
function blocking(): u32 {
  return raised & ~load<u32>(X87_CONTROL) & FE_BEFORE;
}

/** ES and B follow from the flags and masks. */
export function updateSummary(): void {
  const status = load<u32>(X87_STATUS);
  const pending = (status & ~load<u32>(X87_CONTROL) & FE_ALL) != 0;
  if (!pending) store<u32>(X87_IGNORE_ERROR, 0);
  store<u32>(X87_STATUS, pending ? status | FE_SUMMARY : status & ~FE_SUMMARY);
}

/** As {@link settle} for instructions that leave C1 alone but for a stack fault. */
export function settleKeeping(): bool {
  const kept = raised & FE_STACK ? 0 : load<u32>(X87_STATUS) & CODE_ONE;
  const allowed = settle();
  store<u32>(X87_STATUS, load<u32>(X87_STATUS) | kept);
  return allowed;
}

/** Notes what was raised; false: an unmasked exception forbids the result. C1 is cleared unless raised. */
export function settle(): bool {
  const forbidden = blocking() != 0;
  if (forbidden) raised &= FE_BEFORE | FE_STACK | (raised & FE_STACK ? CODE_ONE : 0);
  store<u32>(X87_STATUS, (load<u32>(X87_STATUS) & ~CODE_ONE) | raised);
  if (raised & ~load<u32>(X87_CONTROL) & FE_ALL) {
    store<u32>(X87_STATUS, load<u32>(X87_STATUS) | FE_SUMMARY);
  }
  return !forbidden;
}

/** True when the result may go to memory: there, unmasked over- and underflow forbid it too (Vol. 1 8.5.4, 8.5.5). */
export function mayStore(): bool {
  return (raised & ~load<u32>(X87_CONTROL) & (FE_BEFORE | FE_OVERFLOW | FE_UNDERFLOW)) == 0;
}

/** Notes the instruction as the last one, with its operand; control instructions do not call it (Vol. 1 8.1.8). */
export function endX87(u: u32): i32 {
  store<u32>(X87_LAST_OPCODE, load<u32>(u, UOP_IMM) & 0x7ff);
  store<u64>(X87_LAST_IP, ripOf(u));
  store<u32>(X87_LAST_CS, selector(SEG_CS));
  if (hasMemory(u)) {
    store<u64>(X87_LAST_DATA, offsetOf(u));
    store<u32>(X87_LAST_DS, selector(load<u8>(u, UOP_SEGMENT)));
  }
  return NEXT;
}

/** WAIT: #NM when CR0.MP and CR0.TS are set, then a pending exception. */
export function fwait(u: u32): i32 {
  if ((cr0() & (CR0_MP | CR0_TS)) != (CR0_MP | CR0_TS)) return beginX87(u);
  raise(NM);
  return FAULTED;
}
