// The x87's control instructions: control and status word, environment and whole state in memory (Intel SDM Vol. 1
// 8.1.10 with figures 8-9 to 8-12; Vol. 2 FSTENV, FSAVE).

import { misaligned } from './alignment';
import {
  ACCESS_KIND, FAULTED, FORM_SIZE, MODE, MODE_PROTECTED, MODE_V86, NEXT, RAX, UOP_FORM, X87, X87_CONTROL, X87_LAST_CS, X87_LAST_DATA,
  X87_LAST_DS, X87_LAST_IP, X87_LAST_OPCODE, X87_STATUS, X87_TAG,
} from './constants';
import { effective, readAt, readBlock, storable, writeAt, writeBlock, writeOperand } from './operands';
import { KIND_NORMAL, KIND_ZERO, kindOfNumber } from './x87-rounding';
import { beginX87, FE_ALL, FE_STACK, FE_SUMMARY, topOfStack, updateSummary } from './x87-state';

/** Bits of the control word that exist: masks, PC, RC, and the 287's infinity control, which does nothing. */
const CONTROL_BITS: u32 = 0x1f3f;
/** Reads as 1. */
const CONTROL_FIXED: u32 = 0x40;
export const ENVIRONMENT: u32 = <u32>memory.data(112, 16);

export function setControlWord(value: u32): void {
  store<u32>(X87_CONTROL, (value & CONTROL_BITS) | CONTROL_FIXED);
}

/** FNINIT; the registers keep their contents. */
export function initialiseX87(): void {
  store<u32>(X87_CONTROL, 0x37f);
  store<u32>(X87_STATUS, 0);
  store<u32>(X87_TAG, 0);
  store<u32>(X87_LAST_OPCODE, 0);
  store<u64>(X87_LAST_IP, 0);
  store<u64>(X87_LAST_DATA, 0);
  store<u32>(X87_LAST_CS, 0);
  store<u32>(X87_LAST_DS, 0);
  updateSummary();
}

export function fninit(_u: u32): i32 {
  initialiseX87();
  return NEXT;
}

export function fnclex(_u: u32): i32 {
  store<u32>(X87_STATUS, load<u32>(X87_STATUS) & ~(FE_ALL | FE_STACK | FE_SUMMARY));
  updateSummary();
  return NEXT;
}

/** FNDISI, FNENI, FNSETPM: the 8087's and 287's, which do nothing now. */
export function fnothing(_u: u32): i32 {
  return NEXT;
}

export function fnstcw(u: u32): i32 {
  return writeAt<u16>(u, effective(u, 2), <u16>load<u32>(X87_CONTROL)) ? NEXT : FAULTED;
}

export function fldcw(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const from = readAt<u16>(u, effective(u, 2));
  if (!from) return FAULTED;
  setControlWord(load<u16>(from));
  updateSummary();
  return NEXT;
}

export function fnstsw(u: u32): i32 {
  return writeAt<u16>(u, effective(u, 2), <u16>load<u32>(X87_STATUS)) ? NEXT : FAULTED;
}

export function fnstsw_ax(_u: u32): i32 {
  store<u16>(RAX, <u16>load<u32>(X87_STATUS));
  return NEXT;
}

// --- Tag word --------------------------------------------------------------------------------------------------------------

/** Two bits a register: 0 valid, 1 zero, 2 special, 3 empty. */
export function fullTags(): u32 {
  let tags: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    let tag: u32 = 3;
    if ((load<u32>(X87_TAG) >> i) & 1) {
      const kind = kindOfNumber(load<u16>(X87 + i * 16, 8), load<u64>(X87 + i * 16));
      tag = kind == KIND_NORMAL ? 0 : kind == KIND_ZERO ? 1 : 2;
    }
    tags |= tag << (i * 2);
  }
  return tags;
}

function setFullTags(tags: u32): void {
  let abridged: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((tags >> (i * 2)) & 3) != 3) abridged |= 1 << i;
  store<u32>(X87_TAG, abridged);
}

// --- Environment -----------------------------------------------------------------------------------------------------------

@inline
function realFormat(): bool {
  return !(load<u32>(MODE) & MODE_PROTECTED) || (load<u32>(MODE) & MODE_V86) != 0;
}
@inline
function isWide(u: u32): bool {
  return (load<u8>(u, UOP_FORM) & FORM_SIZE) != 1;
}

/** Fills ENVIRONMENT; returns its size, 14 or 28 bytes. */
function makeEnvironment(u: u32): u32 {
  const ip = <u32>load<u64>(X87_LAST_IP);
  const data = <u32>load<u64>(X87_LAST_DATA);
  const cs = load<u32>(X87_LAST_CS);
  const ds = load<u32>(X87_LAST_DS);
  const opcode = load<u32>(X87_LAST_OPCODE);
  const real = realFormat();
  if (!isWide(u)) {
    store<u16>(ENVIRONMENT, <u16>load<u32>(X87_CONTROL));
    store<u16>(ENVIRONMENT, <u16>load<u32>(X87_STATUS), 2);
    store<u16>(ENVIRONMENT, <u16>fullTags(), 4);
    // In real mode the pointers are linear, 20 bits of them.
    const code = real ? ip + (cs << 4) : ip;
    const operand = real ? data + (ds << 4) : data;
    store<u16>(ENVIRONMENT, <u16>code, 6);
    store<u16>(ENVIRONMENT, <u16>(real ? ((code >> 4) & 0xf000) | opcode : cs), 8);
    store<u16>(ENVIRONMENT, <u16>operand, 10);
    store<u16>(ENVIRONMENT, <u16>(real ? (operand >> 4) & 0xf000 : ds), 12);
    return 14;
  }
  store<u32>(ENVIRONMENT, 0xffff0000 | load<u32>(X87_CONTROL));
  store<u32>(ENVIRONMENT, 0xffff0000 | load<u32>(X87_STATUS), 4);
  store<u32>(ENVIRONMENT, 0xffff0000 | fullTags(), 8);
  if (real) {
    const code = ip + (cs << 4);
    const operand = data + (ds << 4);
    store<u32>(ENVIRONMENT, 0xffff0000 | (code & 0xffff), 12);
    store<u32>(ENVIRONMENT, ((code >> 4) & 0x0ffff000) | opcode, 16);
    store<u32>(ENVIRONMENT, 0xffff0000 | (operand & 0xffff), 20);
    store<u32>(ENVIRONMENT, (operand >> 4) & 0x0ffff000, 24);
  } else {
    store<u32>(ENVIRONMENT, ip, 12);
    store<u32>(ENVIRONMENT, cs | (opcode << 16), 16);
    store<u32>(ENVIRONMENT, data, 20);
    store<u32>(ENVIRONMENT, 0xffff0000 | ds, 24);
  }
  return 28;
}

/** Takes the environment that stands at ENVIRONMENT. */
function takeEnvironment(u: u32): void {
  const wide = isWide(u);
  const step: u32 = wide ? 4 : 2;
  setControlWord(load<u16>(ENVIRONMENT));
  store<u32>(X87_STATUS, load<u16>(ENVIRONMENT + step));
  setFullTags(load<u16>(ENVIRONMENT + 2 * step));
  let ip = wide ? load<u32>(ENVIRONMENT + 12) : <u32>load<u16>(ENVIRONMENT + 6);
  const second = wide ? load<u32>(ENVIRONMENT + 16) : <u32>load<u16>(ENVIRONMENT + 8);
  let data = wide ? load<u32>(ENVIRONMENT + 20) : <u32>load<u16>(ENVIRONMENT + 10);
  const last = wide ? load<u32>(ENVIRONMENT + 24) : <u32>load<u16>(ENVIRONMENT + 12);
  let cs: u32 = 0;
  let ds: u32 = 0;
  if (realFormat()) {
    const high: u32 = wide ? 0x0ffff000 : 0xf000;
    ip = (ip & 0xffff) | ((second & high) << 4);
    data = (data & 0xffff) | ((last & high) << 4);
    store<u32>(X87_LAST_OPCODE, second & 0x7ff);
  } else {
    cs = second & 0xffff;
    ds = last & 0xffff;
    if (wide) store<u32>(X87_LAST_OPCODE, (second >> 16) & 0x7ff);
  }
  store<u64>(X87_LAST_IP, ip);
  store<u64>(X87_LAST_DATA, data);
  store<u32>(X87_LAST_CS, cs);
  store<u32>(X87_LAST_DS, ds);
  updateSummary();
}

/** FNSTENV: the exceptions are masked after it. */
export function fnstenv(u: u32): i32 {
  const size = makeEnvironment(u);
  if (!writeOperand(u, effective(u, size), size, ENVIRONMENT)) return FAULTED;
  store<u32>(X87_CONTROL, load<u32>(X87_CONTROL) | FE_ALL);
  updateSummary();
  return NEXT;
}

export function fldenv(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const size: u32 = isWide(u) ? 28 : 14;
  const from = readBlock(u, effective(u, size), size);
  if (!from) return FAULTED;
  memory.copy(ENVIRONMENT, from, size);
  takeEnvironment(u);
  return NEXT;
}

/** FNSAVE: the environment, then ST0-ST7, ten bytes each; then FNINIT. */
export function fnsave(u: u32): i32 {
  const size = makeEnvironment(u);
  const top = topOfStack();
  for (let i: u32 = 0; i < 8; i++) {
    memory.copy(ENVIRONMENT + size + i * 10, X87 + ((top + i) & 7) * 16, 10);
  }
  const address = effective(u, size + 80);
  const all = size + 80;
  // In pieces, which a block store's size asks for; all of it is checked before any of it is written.
  if (!storable(u, address, all) || misaligned(address, size, load<u32>(ACCESS_KIND))) return FAULTED;
  if (!writeBlock(u, address, 64, ENVIRONMENT)) return FAULTED;
  if (!writeBlock(u, address + 64, all - 64, ENVIRONMENT + 64)) return FAULTED;
  initialiseX87();
  return NEXT;
}

export function frstor(u: u32): i32 {
  const code = beginX87(u);
  if (code != NEXT) return code;
  const size: u32 = isWide(u) ? 28 : 14;
  const address = effective(u, size + 80);
  for (let at: u32 = 0; at < size + 80; at += 64) {
    const part = min<u32>(64, size + 80 - at);
    const from = readBlock(u, address + at, part);
    if (!from) return FAULTED;
    memory.copy(ENVIRONMENT + at, from, part);
  }
  if (misaligned(address, size, load<u32>(ACCESS_KIND))) return FAULTED;
  takeEnvironment(u);
  const top = topOfStack();
  for (let i: u32 = 0; i < 8; i++) {
    memory.copy(X87 + ((top + i) & 7) * 16, ENVIRONMENT + size + i * 10, 10);
  }
  return NEXT;
}
