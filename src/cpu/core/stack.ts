// PUSH, POP and their kin, ENTER, LEAVE (Intel SDM Vol. 2 and Vol. 1 6.2).

import {
  CPL, FAULTED, GPR, MODE, MODE_CODE_64, MODE_CODE_SIZE_MASK, MODE_STACK_32,
  NEXT, RBP, RSP, SEG_SS, UOP_DST, UOP_IMM, UOP_SUB,
} from './constants';
import { readFlags, writeFlags } from './flags';
import { assign, dst, imm, linear, readAt, reg, setReg, source, stackFaultAt, storableOperand, writeAt } from './operands';
import {
  FLAG_AC, FLAG_DF, FLAG_ID, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VM,
  FLAGS_ARITHMETIC, selector, updateMode,
} from './state';
import {
  ioPrivilege, mayPopVirtualFlags, popVirtualFlags, pushedVirtualFlags, restricted8086, virtualFlags,
} from './virtual-8086';

/** Bits of the stack pointer in use: 16, 32 or 64. */
@inline
export function stackMask(): u64 {
  const mode = load<u32>(MODE);
  if ((mode & MODE_CODE_SIZE_MASK) == MODE_CODE_64) return 0xffff_ffff_ffff_ffff;
  return mode & MODE_STACK_32 ? 0xffff_ffff : 0xffff;
}

/** Sets the stack pointer within its width; the bits above are kept (16) or cleared (32). */
export function setStackPointer(value: u64): void {
  const mask = stackMask();
  if (mask == 0xffff) store<u16>(RSP, <u16>value);
  else store<u64>(RSP, value & mask);
}

@inline
function stackAddress(offset: u64, size: u32): u64 {
  const mask = stackMask();
  return mask + 1 == 0 ? offset : linear(SEG_SS, offset & mask, size);
}

/** The end of an access of the stack that has faulted. */
function stackFailed<T>(address: u64): bool {
  stackFaultAt(address, sizeof<T>());
  return false;
}

/** Pushes a T; false: fault pending and nothing changed. */
export function pushValue<T>(u: u32, value: T): bool {
  const offset = load<u64>(RSP) - sizeof<T>();
  const address = stackAddress(offset, sizeof<T>());
  if (!writeAt<T>(u, address, value)) return stackFailed<T>(address);
  setStackPointer(offset);
  return true;
}

/** Pointer to the T `depth` bytes above the stack pointer; 0: fault pending. */
export function peek<T>(u: u32, depth: u64): u32 {
  const address = stackAddress(load<u64>(RSP) + depth, sizeof<T>());
  const pointer = readAt<T>(u, address);
  if (!pointer) stackFaultAt(address, sizeof<T>());
  return pointer;
}

/** 64-bit code only. */
@inline
export function hotPush<T>(u: u32, form: i32): bool {
  const address = load<u64>(RSP) - 8;
  if (!writeAt<u64>(u, address, reg<u64>(dst(u)))) return stackFailed<u64>(address);
  store<u64>(RSP, address);
  return true;
}

/** 64-bit code only. POP RSP leaves the popped value. */
@inline
export function hotPop<T>(u: u32, form: i32): bool {
  const address = load<u64>(RSP);
  const from = readAt<u64>(u, address);
  if (!from) return stackFailed<u64>(address);
  const value = load<u64>(from);
  store<u64>(RSP, address + 8);
  setReg<u64>(dst(u), value);
  return true;
}

/** 64-bit code only. */
@inline
export function hotLeave<T>(u: u32): bool {
  const frame = load<u64>(RBP);
  const from = readAt<u64>(u, frame);
  if (!from) return stackFailed<u64>(frame);
  const value = load<u64>(from);
  store<u64>(RSP, frame + 8);
  store<u64>(RBP, value);
  return true;
}

export function push<T>(u: u32): i32 {
  const from = source<T>(u, dst(u));
  if (!from) return FAULTED;
  return pushValue<T>(u, load<T>(from)) ? NEXT : FAULTED;
}

export function push_imm<T>(u: u32): i32 {
  return pushValue<T>(u, imm<T>(u)) ? NEXT : FAULTED;
}

export function pop<T>(u: u32): i32 {
  const from = peek<T>(u, 0);
  if (!from) return FAULTED;
  const value = load<T>(from);
  const old = load<u64>(RSP);
  // An address that uses rSP sees it already raised.
  setStackPointer(old + sizeof<T>());
  if (assign<T>(u, value)) return NEXT;
  store<u64>(RSP, old);
  return FAULTED;
}

/** A segment register takes a whole slot; the upper bytes are zero. */
export function push_segment<T>(u: u32): i32 {
  return pushValue<T>(u, <T>selector(load<u8>(u, UOP_SUB))) ? NEXT : FAULTED;
}

// --- PUSHA, POPA -----------------------------------------------------------------------------------------------------

export function pusha<T>(u: u32): i32 {
  const old = load<u64>(RSP);
  for (let i: u32 = 0; i < 8; i++) {
    const value = i == 4 ? <T>old : reg<T>(i * 8);
    if (!pushValue<T>(u, value)) {
      store<u64>(RSP, old);
      return FAULTED;
    }
  }
  return NEXT;
}

export function popa<T>(u: u32): i32 {
  // All slots are read before a register changes.
  for (let i: u32 = 0; i < 8; i++) {
    const from = peek<T>(u, i * sizeof<T>());
    if (!from) return FAULTED;
    store<u64>(POPA_VALUES + i * 8, <u64>load<T>(from));
  }
  for (let i: u32 = 0; i < 8; i++) {
    if (i != 3) setReg<T>((7 - i) * 8, load<T>(POPA_VALUES + i * 8));
  }
  setStackPointer(load<u64>(RSP) + 8 * sizeof<T>());
  return NEXT;
}

const POPA_VALUES: u32 = <u32>memory.data(64, 8);

// --- PUSHF, POPF -----------------------------------------------------------------------------------------------------

export function pushf<T>(u: u32): i32 {
  if (restricted8086()) {
    if (!virtualFlags(sizeof<T>())) return FAULTED;
    return pushValue<T>(u, <T>pushedVirtualFlags()) ? NEXT : FAULTED;
  }
  return pushValue<T>(u, <T>(readFlags() & ~(FLAG_RF | FLAG_VM))) ? NEXT : FAULTED;
}

export function popf<T>(u: u32): i32 {
  const virtual = restricted8086();
  if (virtual && !virtualFlags(sizeof<T>())) return FAULTED;
  const from = peek<T>(u, 0);
  if (!from) return FAULTED;
  const value = <u32>load<T>(from);
  if (virtual) {
    if (!mayPopVirtualFlags(value)) return FAULTED;
    setStackPointer(load<u64>(RSP) + sizeof<T>());
    popVirtualFlags(value);
    return NEXT;
  }
  let writable = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  if (sizeof<T>() > 2) writable |= FLAG_AC | FLAG_ID;
  const cpl = load<u32>(CPL);
  if (cpl == 0) writable |= FLAG_IOPL;
  if (cpl <= ioPrivilege()) writable |= FLAG_IF;
  setStackPointer(load<u64>(RSP) + sizeof<T>());
  // VIP, VIF and VM stay as they are; RF is cleared by the 32- and 64-bit forms.
  writeFlags((readFlags() & ~writable & ~FLAG_RF) | (value & writable));
  updateMode();
  return NEXT;
}

// --- ENTER, LEAVE ----------------------------------------------------------------------------------------------------

export function enter<T>(u: u32): i32 {
  const size = <u64>(load<u32>(u, UOP_IMM) & 0xffff);
  const level = load<u8>(u, UOP_DST) & 31;
  const oldStack = load<u64>(RSP);
  const oldFrame = load<u64>(RBP);
  if (!pushValue<T>(u, load<T>(RBP))) return FAULTED;
  const frame = load<u64>(RSP);
  if (!copyDisplay<T>(u, level, frame) || !mayPush<T>(u, load<u64>(RSP) - size)) {
    store<u64>(RSP, oldStack);
    store<u64>(RBP, oldFrame);
    return FAULTED;
  }
  setReg<T>(<u32>(RBP - GPR), <T>frame);
  setStackPointer(load<u64>(RSP) - size);
  return NEXT;
}

/** ENTER faults where the procedure's first store on its new stack would (Vol. 2, ENTER). */
function mayPush<T>(u: u32, offset: u64): bool {
  const address = stackAddress(offset, sizeof<T>());
  return storableOperand(u, address, sizeof<T>()) || stackFailed<T>(address);
}

/** Pushes the outer frame pointers of a nested procedure, and its own (Intel SDM Vol. 1 6.6.1). */
function copyDisplay<T>(u: u32, level: u32, frame: u64): bool {
  if (level == 0) return true;
  let link = load<u64>(RBP);
  for (let i: u32 = 1; i < level; i++) {
    link -= sizeof<T>();
    const address = stackAddress(link, sizeof<T>());
    const from = readAt<T>(u, address);
    if (!from) return stackFailed<T>(address);
    if (!pushValue<T>(u, load<T>(from))) return false;
  }
  return pushValue<T>(u, <T>frame);
}

export function leave<T>(u: u32): i32 {
  const frame = load<u64>(RBP);
  const address = stackAddress(frame, sizeof<T>());
  const from = readAt<T>(u, address);
  if (!from) {
    stackFaultAt(address, sizeof<T>());
    return FAULTED;
  }
  const value = load<T>(from);
  setStackPointer((frame & stackMask()) + sizeof<T>());
  setReg<T>(<u32>(RBP - GPR), value);
  return NEXT;
}
