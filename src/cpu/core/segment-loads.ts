// Loads of segment registers: MOV, POP, LES and its kin (Intel SDM Vol. 2; Vol. 3A 6.8.3).

import { CONTINUE_AT_RIP, FAULTED, INTERRUPT_SHADOW, SHADOW_ALL, RIP, RSP, SEG_CS, SEG_GS, SEG_SS, UOP_SUB } from './generated/layout';
import { raise, UD } from './state';
import { addToStack, frameValue, loadSegment, peekFrame } from './segments';
import {
  dstNumber, dstRegister, farOffset, farSelector, nextRipOf, readFarPointer, readWord, sizeOf, srcRegister, writeRegister,
} from './system-operands';

/** After a load of SS, the next instruction runs before any interrupt or debug exception (Vol. 3A 6.8.3). */
function afterLoad(index: u32, uop: u32): i32 {
  if (index == SEG_SS) store<u32>(INTERRUPT_SHADOW, SHADOW_ALL);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}

export function sys_mov_segment(uop: u32): i32 {
  // REX.R does not count; CS cannot be loaded, 6 and 7 do not exist.
  const number = dstNumber(uop) & 7;
  if (number == SEG_CS || number > SEG_GS) {
    raise(UD);
    return FAULTED;
  }
  const value = readWord(uop, srcRegister(uop));
  if (value == ~0 || !loadSegment(number, value)) return FAULTED;
  return afterLoad(number, uop);
}

export function sys_pop_segment(uop: u32): i32 {
  const size = sizeOf(uop);
  if (!peekFrame(size, size)) return FAULTED;
  const index = load<u8>(uop, UOP_SUB);
  const old = load<u64>(RSP);
  // POP SS moves the stack pointer of the old segment.
  addToStack(size);
  if (!loadSegment(index, <u32>frameValue(0, 2))) {
    store<u64>(RSP, old);
    return FAULTED;
  }
  return afterLoad(index, uop);
}

/** LES, LDS, LSS, LFS, LGS: the segment register's number is in UOP_SUB. */
export function sys_load_far(uop: u32): i32 {
  const size = sizeOf(uop);
  if (!readFarPointer(uop, size) || !loadSegment(load<u8>(uop, UOP_SUB), farSelector)) return FAULTED;
  writeRegister(dstRegister(uop), size, farOffset);
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
