// The decoder: bytes to µops by the generated opcode table (Intel SDM Vol. 2, chapter 2 and appendix A).

import {
  EA_ADDRESS_SHIFT, EA_COMPLEX, EA_STACK, FORM_IMMEDIATE, FORM_LOAD, FORM_LOCK, FORM_MEMORY, FORM_REP, FORM_REPNE,
  GPR, GPR_ZERO, INDEX_ENTRY_SIZE, MATCH_EXT_SHIFT, MATCH_MODES_SHIFT, MATCH_MOD_SHIFT, MATCH_RM_SHIFT, MODE,
  MODE_CODE_64, MODE_CODE_SIZE_MASK, MODE_NO_SSE, MODE_NO_X87, OPERAND_A, OPERAND_ACCUMULATOR, OPERAND_E, OPERAND_E8,
  OPERAND_G, OPERAND_G8, OPERAND_I16, OPERAND_I8, OPERAND_I8S, OPERAND_IV, OPERAND_IZ, OPERAND_J8, OPERAND_JZ,
  OPERAND_NONE, OPERAND_O, OPERAND_ONE, OPERAND_REGISTER_NUMBER, OPERAND_V, OPERAND_W, OPERAND_Z, OPERAND_Z8, OP_SSE_REFUSED,
  OP_TOO_LONG, OP_UD, OP_X87_REFUSED, ROW_MATCH, ROW_OPERANDS, ROW_OPTIONS, ROW_OPTION_D64,
  ROW_OPTION_END, ROW_OPTION_F64, ROW_OPTION_LOCK, ROW_OPTION_SSE, ROW_OPTION_X87, ROW_OP_MEMORY, ROW_OP_REGISTER,
  ROW_SIZE, ROW_SIZED, ROW_SIZING, ROW_SUB, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, SIZE_BYTE, SIZE_NATIVE,
  SIZE_WORD, SIZE_Y, SIZE_Z, UOP_BASE, UOP_DISP, UOP_DST, UOP_FORM, UOP_IMM, UOP_INDEX, UOP_LENGTH, UOP_LINK_NEXT,
  UOP_LINK_TAKEN, UOP_OP, UOP_PLAIN,
  UOP_SCALE, UOP_SEGMENT, UOP_SIZE, UOP_SRC, UOP_SUB,
} from './constants';
import { ROW_INDEX, ROWS } from './generated/decode-tables';

/** Longest instruction (Intel SDM Vol. 2 2.3.11). */
const LENGTH_MAX: u32 = 15;
const NO_REGISTER: u8 = <u8>(GPR_ZERO - GPR);

// The byte window and what the prefixes said. Valid during one decodeInstruction.
let cursor: u32 = 0;
let limit: u32 = 0;
/** The instruction is not over at the end of the window. */
let ranOut: bool = false;
let is64: bool = false;
let rex: u32 = 0;
let operand16: bool = false;
let addressOverride: bool = false;
let repeat: u32 = 0;
let lock: bool = false;
/** Segment segmentOverride, or 0xff. */
let segmentOverride: u32 = 0xff;
let modrm: u32 = 0;
let isMemory: bool = false;
let ripRelative: bool = false;
let relative: bool = false;
let addressLog: u32 = 0;
let sizeLog: u32 = 0;
let immediates: u32 = 0;

/** Results of {@link decodeInstruction} besides the µop: the block must end here. */
export let endsBlock: bool = false;
/** 1: the window was too short, nothing decoded. */
export const RAN_OUT: i32 = -1;

@inline
function byte(): u32 {
  if (cursor >= limit) {
    ranOut = true;
    return 0;
  }
  return load<u8>(cursor++);
}
function word(): u32 {
  const low = byte();
  return low | (byte() << 8);
}
function dword(): u32 {
  const low = word();
  return low | (word() << 16);
}
function qword(): u64 {
  const low = <u64>dword();
  return low | (<u64>dword() << 32);
}

/**
 * Decodes the instruction at `from` (bytes up to `to`) into the µop `u`. `rip`: its linear address within CS. Returns
 * its length, or RAN_OUT. An invalid one becomes a µop that raises #UD.
 */
export function decodeInstruction(u: u32, from: u32, to: u32, rip: u64): i32 {
  memory.fill(u, 0, UOP_SIZE);
  cursor = from;
  const most = from + LENGTH_MAX;
  limit = min<u32>(to, most);
  ranOut = false;
  immediates = 0;
  ripRelative = false;
  relative = false;
  is64 = (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64;
  let opcode = prefixes();
  let map: u32 = 0;
  if (opcode == 0x0f) {
    opcode = byte();
    map = 1;
    if (opcode == 0x38 || opcode == 0x3a) {
      map = opcode == 0x38 ? 2 : 3;
      opcode = byte();
    }
  }
  const index = ROW_INDEX + ((map << 8) | opcode) * INDEX_ENTRY_SIZE;
  modrm = 0;
  isMemory = false;
  if (load<u8>(index, 3)) {
    modrm = byte();
    // MOV to and from control and debug registers ignore mod.
    isMemory = modrm < 0xc0 && !(map == 1 && opcode >= 0x20 && opcode <= 0x23);
  }
  const row = ranOut ? 0 : findRow(index, map, opcode);
  if (row) {
    operandSizes(row);
    operands(u, row, opcode);
  }
  if (ranOut) return limit == most ? tooLong(u) : RAN_OUT;
  const length = cursor - from;
  store<u8>(u, <u8>length, UOP_LENGTH);
  if (!row) return invalid(u, length);
  finish(u, row, rip + length);
  return length;
}

function invalid(u: u32, length: u32): i32 {
  setOperation(u, OP_UD);
  endsBlock = true;
  return length;
}

/** More than 15 bytes: #GP(0). */
function tooLong(u: u32): i32 {
  store<u8>(u, <u8>LENGTH_MAX, UOP_LENGTH);
  setOperation(u, OP_TOO_LONG);
  endsBlock = true;
  return LENGTH_MAX;
}

@inline
function setOperation(u: u32, operation: u32): void {
  store<u16>(u, <u16>operation, UOP_OP);
  store<u16>(u, <u16>operation, UOP_PLAIN);
}

/** Reads prefixes; returns the first opcode byte. */
function prefixes(): u32 {
  rex = 0;
  operand16 = false;
  addressOverride = false;
  repeat = 0;
  lock = false;
  segmentOverride = 0xff;
  while (!ranOut) {
    const value = byte();
    if (is64 && (value & 0xf0) == 0x40) {
      rex = value;
      // REX counts only directly before the opcode; another REX or a prefix after it cancels it.
      continue;
    }
    switch (value) {
      case 0x66: operand16 = true; break;
      case 0x67: addressOverride = true; break;
      case 0xf0: lock = true; break;
      case 0xf2:
      case 0xf3: repeat = value; break;
      case 0x26: setOverride(SEG_ES); break;
      case 0x2e: setOverride(SEG_CS); break;
      case 0x36: setOverride(SEG_SS); break;
      case 0x3e: setOverride(SEG_DS); break;
      case 0x64: segmentOverride = SEG_FS; break;
      case 0x65: segmentOverride = SEG_GS; break;
      default: return value;
    }
    rex = 0;
  }
  return 0;
}

/** ES, CS, SS and DS overrides are ignored in 64-bit mode (Vol. 1 3.7.4). */
@inline
function setOverride(segment: u32): void {
  if (!is64) segmentOverride = segment;
}

/** First row of the opcode that fits prefixes, ModRM and mode; 0: no instruction. */
function findRow(index: u32, map: u32, opcode: u32): u32 {
  const count = <u32>load<u8>(index, 2);
  let row = ROWS + <u32>load<u16>(index) * ROW_SIZE;
  const prefix: u32 = repeat == 0xf3 ? 4 : repeat == 0xf2 ? 8 : operand16 ? 2 : 1;
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  for (let i: u32 = 0; i < count; i++, row += ROW_SIZE) {
    const match = load<u32>(row, ROW_MATCH);
    if (!(match & prefix)) continue;
    if (!(match & (<u32>(isMemory ? 2 : 1) << MATCH_MOD_SHIFT))) continue;
    if (!(match & (<u32>(is64 ? 2 : 1) << MATCH_MODES_SHIFT))) continue;
    const ext = (match >> MATCH_EXT_SHIFT) & 15;
    if (ext != 8 && ext != reg) continue;
    const fixed = (match >> MATCH_RM_SHIFT) & 15;
    if (fixed != 8 && fixed != rm) continue;
    // 90 is NOP unless REX.B makes it XCHG r8, rax.
    if (map == 0 && opcode == 0x90 && rex & 1 && i == 0) continue;
    return row;
  }
  return 0;
}

/** Sets sizeLog and addressLog (0: 16, 1: 32, 2: 64 bits) for the row. */
function operandSizes(row: u32): void {
  const options = load<u16>(row, ROW_OPTIONS);
  const code = load<u32>(MODE) & MODE_CODE_SIZE_MASK;
  if (is64) addressLog = addressOverride ? 1 : 2;
  else addressLog = (code == 1) != addressOverride ? 1 : 0;
  let log: u32;
  if (is64) {
    if (rex & 8) log = 3;
    else if (options & ROW_OPTION_D64) log = operand16 ? 1 : 3;
    else log = operand16 ? 1 : 2;
    if (options & ROW_OPTION_F64) log = 3;
  } else log = (code == 1) != operand16 ? 2 : 1;
  switch (<u32>load<u8>(row, ROW_SIZING)) {
    case SIZE_BYTE: log = 0; break;
    case SIZE_Y: log = rex & 8 ? 3 : 2; break;
    case SIZE_WORD: log = 1; break;
    case SIZE_Z: log = min<u32>(log, 2); break;
    case SIZE_NATIVE: log = is64 ? 3 : 2; break;
  }
  sizeLog = log;
}

@inline
function register8(number: u32): u8 {
  // Without REX, 4 to 7 are AH, CH, DH, BH.
  if (!rex && number >= 4 && number < 8) return <u8>((number - 4) * 8 + 1);
  return <u8>(number * 8);
}

function operands(u: u32, row: u32, opcode: u32): void {
  store<u8>(u, NO_REGISTER, UOP_BASE);
  store<u8>(u, NO_REGISTER, UOP_INDEX);
  store<u8>(u, <u8>(segmentOverride != 0xff ? segmentOverride : SEG_DS), UOP_SEGMENT);
  store<u8>(u, load<u8>(row, ROW_SUB), UOP_SUB);
  let form = sizeLog;
  if (lock) form |= FORM_LOCK;
  if (repeat == 0xf3) form |= FORM_REP;
  if (repeat == 0xf2) form |= FORM_REPNE;
  store<u8>(u, <u8>(addressLog << EA_ADDRESS_SHIFT), UOP_SCALE);
  if (isMemory) {
    form |= FORM_MEMORY;
    memoryOperand(u);
  }
  for (let i: u32 = 0; i < 3; i++) {
    const kind = <u32>load<u8>(row + i, ROW_OPERANDS);
    if (kind == OPERAND_NONE) break;
    if (i == 1 && (kind == OPERAND_E || kind == OPERAND_E8 || kind == OPERAND_W || kind == OPERAND_O)) form |= FORM_LOAD;
    if (kind == OPERAND_O) form |= FORM_MEMORY;
    form |= operand(u, kind, i == 0 ? UOP_DST : UOP_SRC, opcode);
  }
  store<u8>(u, <u8>form, UOP_FORM);
}

/** Decodes one operand into the field at `at`; returns FORM_IMMEDIATE for an immediate. */
function operand(u: u32, kind: u32, at: u32, opcode: u32): u32 {
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const low = (opcode & 7) | ((rex & 1) << 3);
  switch (kind) {
    case OPERAND_E: if (!isMemory) store<u8>(u + at, <u8>(rm * 8)); return 0;
    case OPERAND_E8: if (!isMemory) store<u8>(u + at, register8(rm)); return 0;
    case OPERAND_G: store<u8>(u + at, <u8>(reg * 8)); return 0;
    case OPERAND_G8: store<u8>(u + at, register8(reg)); return 0;
    case OPERAND_Z: store<u8>(u + at, <u8>(low * 8)); return 0;
    case OPERAND_Z8: store<u8>(u + at, register8(low)); return 0;
    case OPERAND_ACCUMULATOR: store<u8>(u + at, 0); return 0;
    case OPERAND_REGISTER_NUMBER: store<u8>(u + at, <u8>reg); return 0;
    case OPERAND_V: store<u8>(u + at, <u8>(reg << 4)); return 0;
    case OPERAND_W: if (!isMemory) store<u8>(u + at, <u8>(rm << 4)); return 0;
    case OPERAND_I8: return immediate(u, byte());
    case OPERAND_I8S: return immediate(u, <u32>(<i32>(<i8>byte())));
    case OPERAND_I16: return immediate(u, word());
    case OPERAND_IZ: return immediate(u, sizeLog == 1 ? <u32>(<i32>(<i16>word())) : dword());
    case OPERAND_ONE: return immediate(u, 1);
    case OPERAND_IV: {
      const value = sizeLog == 3 ? qword() : sizeLog == 2 ? <u64>dword() : <u64>word();
      store<u64>(u, value, UOP_DISP);
      return immediate(u, <u32>value);
    }
    case OPERAND_J8: branchTarget(u, <i64>(<i8>byte())); return 0;
    case OPERAND_JZ: branchTarget(u, sizeLog == 1 ? <i64>(<i16>word()) : <i64>(<i32>dword())); return 0;
    case OPERAND_O: {
      const offset = addressLog == 2 ? qword() : addressLog == 1 ? <u64>dword() : <u64>word();
      store<u64>(u, offset, UOP_DISP);
      markComplex(u, false);
      return 0;
    }
    case OPERAND_A: {
      store<u64>(u, sizeLog == 1 ? <u64>word() : <u64>dword(), UOP_DISP);
      store<u32>(u, word(), UOP_IMM);
      return 0;
    }
  }
  return 0;
}

/** The first immediate is UOP_IMM; a second (ENTER) goes to UOP_DST. */
function immediate(u: u32, value: u32): u32 {
  if (immediates++ == 0) store<u32>(u, value, UOP_IMM);
  else store<u8>(u, <u8>value, UOP_DST);
  return FORM_IMMEDIATE;
}

function branchTarget(u: u32, displacement: i64): void {
  store<i64>(u, displacement, UOP_DISP);
  relative = true;
}

// --- ModRM memory forms ------------------------------------------------------------------------------------------------

/** Chooses the segment (SS for stack addresses without an segmentOverride) and the slow form where it is needed. */
function markComplex(u: u32, stack: bool): void {
  let segment = stack ? SEG_SS : SEG_DS;
  if (segmentOverride != 0xff) segment = segmentOverride;
  store<u8>(u, <u8>segment, UOP_SEGMENT);
  let scale = <u32>load<u8>(u, UOP_SCALE);
  if (stack && segment == SEG_SS) scale |= EA_STACK;
  if (!is64 || addressLog != 2 || segment >= SEG_FS) scale |= EA_COMPLEX;
  store<u8>(u, <u8>scale, UOP_SCALE);
}

function memoryOperand(u: u32): void {
  if (addressLog == 0) memory16(u);
  else memory32(u);
}

/** 16-bit addressing (Vol. 2 table 2-1). */
function memory16(u: u32): void {
  const rm = modrm & 7;
  const mod = modrm >> 6;
  let base = NO_REGISTER;
  let index = NO_REGISTER;
  let stack = false;
  if (rm < 2 || rm == 7) base = 3 * 8;
  else if (rm < 4 || rm == 6) {
    base = 5 * 8;
    stack = true;
  }
  if (rm == 0 || rm == 2 || rm == 4) index = 6 * 8;
  else if (rm == 1 || rm == 3 || rm == 5) index = 7 * 8;
  let disp: i64 = 0;
  if (mod == 0 && rm == 6) {
    base = NO_REGISTER;
    stack = false;
    disp = <i64>word();
  } else if (mod == 1) disp = <i64>(<i8>byte());
  else if (mod == 2) disp = <i64>(<i16>word());
  store<u8>(u, base, UOP_BASE);
  store<u8>(u, index, UOP_INDEX);
  store<i64>(u, disp, UOP_DISP);
  markComplex(u, stack);
}

/** 32- and 64-bit addressing (Vol. 2 tables 2-2, 2-3; 2.2.1.6 for RIP-relative). */
function memory32(u: u32): void {
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let base: u32 = rm | ((rex & 1) << 3);
  let hasBase = true;
  if (rm == 4) {
    const sib = byte();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index != 4) {
      store<u8>(u, <u8>(index * 8), UOP_INDEX);
      store<u8>(u, load<u8>(u, UOP_SCALE) | <u8>(sib >> 6), UOP_SCALE);
    }
    rm = sib & 7;
    base = rm | ((rex & 1) << 3);
    if (mod == 0 && rm == 5) hasBase = false;
  } else if (mod == 0 && rm == 5) {
    hasBase = false;
    ripRelative = is64;
  }
  let disp: i64 = 0;
  if (mod == 1) disp = <i64>(<i8>byte());
  else if (mod == 2 || !hasBase) disp = <i64>(<i32>dword());
  if (hasBase) store<u8>(u, <u8>(base * 8), UOP_BASE);
  store<i64>(u, disp, UOP_DISP);
  markComplex(u, hasBase && (base == 4 || base == 5));
}

// --- The handler -------------------------------------------------------------------------------------------------------

function finish(u: u32, row: u32, next: u64): void {
  const options = <u32>load<u16>(row, ROW_OPTIONS);
  endsBlock = (options & ROW_OPTION_END) != 0;
  const form = load<u8>(u, UOP_FORM);
  if (lock && !(options & ROW_OPTION_LOCK && form & FORM_MEMORY && !(form & FORM_LOAD))) {
    setOperation(u, OP_UD);
    endsBlock = true;
    return;
  }
  if (options & ROW_OPTION_SSE && load<u32>(MODE) & MODE_NO_SSE) {
    setOperation(u, OP_SSE_REFUSED);
    return;
  }
  if (options & ROW_OPTION_X87 && load<u32>(MODE) & MODE_NO_X87) {
    setOperation(u, OP_X87_REFUSED);
    return;
  }
  let operation = <u32>(form & FORM_MEMORY ? load<u16>(row, ROW_OP_MEMORY) : load<u16>(row, ROW_OP_REGISTER));
  if (load<u8>(row, ROW_SIZED)) operation += sizeLog;
  setOperation(u, operation);
  if (ripRelative) store<u64>(u, load<u64>(u, UOP_DISP) + next, UOP_DISP);
  if (relative) {
    let target = load<u64>(u, UOP_DISP) + next;
    if (!is64) target &= sizeLog == 1 ? 0xffff : 0xffff_ffff;
    store<u64>(u, target, UOP_DISP);
    // The operand fields of a branch hold its links; none yet.
    store<u32>(u, 0, UOP_LINK_TAKEN);
    store<u32>(u, 0, UOP_LINK_NEXT);
  }
}
