// Operands of an instruction: sizes, ModRM forms, immediates, into the fields of a µop (Intel SDM Vol. 2 2.1.3 to 2.1.5).

import {
  EA_ADDRESS_SHIFT, EA_COMPLEX, EA_STACK, FORM_256, FORM_IMMEDIATE, FORM_LOAD, FORM_LOCK, FORM_MEMORY, FORM_REP,
  FORM_REPNE, GPR, GPR_ZERO, MODE, MODE_CODE_SIZE_MASK, OPERAND_A, OPERAND_ACCUMULATOR, OPERAND_B, OPERAND_E,
  OPERAND_E8, OPERAND_G, OPERAND_G8, OPERAND_H, OPERAND_I16, OPERAND_I8, OPERAND_I8S, OPERAND_IV, OPERAND_IZ,
  OPERAND_J8, OPERAND_JZ, OPERAND_NONE, OPERAND_O, OPERAND_ONE, OPERAND_REGISTER_NUMBER, OPERAND_T, OPERAND_V, OPERAND_W,
  OPERAND_Z, OPERAND_Z8, ROW_OPERANDS, ROW_OPTIONS, ROW_OPTION_D64, ROW_OPTION_F64, ROW_SIZING, ROW_SUB, SEG_DS,
  SEG_FS, SEG_SS, SIZE_BYTE, SIZE_NATIVE, SIZE_WORD, SIZE_Y, SIZE_Z, UOP_BASE, UOP_DISP, UOP_DST, UOP_FORM, UOP_IMM,
  UOP_INDEX, UOP_SCALE, UOP_SEGMENT, UOP_SRC, UOP_SUB,
} from './constants';
import { byte, dword, qword, word } from './decode-bytes';
import {
  addressOverride, is64, lock, map, operand16, repeat, rex, segmentOverride, vexLength, vexRegister,
} from './decode-prefixes';

const NO_REGISTER: u8 = <u8>(GPR_ZERO - GPR);

export let modrm: u32 = 0;
/** ModRM names memory. */
export let isMemory: bool = false;
/** UOP_DISP counts from the next instruction: a memory operand; a branch. */
export let ripRelative: bool = false;
export let relative: bool = false;
/** log2 of the operand size in bytes. */
export let sizeLog: u32 = 0;
/** 0: 16, 1: 32, 2: 64 bits. */
let addressLog: u32 = 0;
let immediates: u32 = 0;
/** Index and scale of the SIB byte, as an instruction with a vector of indices sees them. */
let vectorIndex: u32 = 0;
let vectorScale: u32 = 0;
/** The operands together are #UD: a vector of indices that no SIB byte names, or that is another operand too. */
export let refused: bool = false;

/** Takes the ModRM byte, if the opcode has one. */
export function readModrm(present: bool, opcode: u32): void {
  modrm = 0;
  isMemory = false;
  immediates = 0;
  ripRelative = false;
  relative = false;
  refused = false;
  if (!present) return;
  modrm = byte();
  // MOV to and from control and debug registers ignore mod.
  isMemory = modrm < 0xc0 && !(map == 1 && opcode >= 0x20 && opcode <= 0x23);
}

/** Sets sizeLog and addressLog (0: 16, 1: 32, 2: 64 bits) for the row. */
export function operandSizes(row: u32): void {
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

export function operands(u: u32, row: u32, opcode: u32): void {
  store<u8>(u, NO_REGISTER, UOP_BASE);
  store<u8>(u, NO_REGISTER, UOP_INDEX);
  store<u8>(u, <u8>(segmentOverride != 0xff ? segmentOverride : SEG_DS), UOP_SEGMENT);
  store<u8>(u, load<u8>(row, ROW_SUB), UOP_SUB);
  let form = sizeLog;
  if (lock) form |= FORM_LOCK;
  if (repeat == 0xf3) form |= FORM_REP;
  if (repeat == 0xf2) form |= FORM_REPNE;
  // No VEX instruction may be locked.
  if (vexLength) form |= FORM_256;
  store<u8>(u, <u8>(addressLog << EA_ADDRESS_SHIFT), UOP_SCALE);
  if (isMemory) {
    form |= FORM_MEMORY;
    memoryOperand(u);
  }
  // The x87 keeps the last opcode: 11 bits of it. None of its instructions has an immediate.
  if (map == 0 && opcode >= 0xd8 && opcode <= 0xdf) store<u32>(u, ((opcode & 7) << 8) | modrm, UOP_IMM);
  for (let i: u32 = 0; i < 4; i++) {
    const kind = <u32>load<u8>(row + i, ROW_OPERANDS);
    if (kind == OPERAND_NONE) break;
    if (i > 0 && (kind == OPERAND_E || kind == OPERAND_E8 || kind == OPERAND_W || kind == OPERAND_O)) form |= FORM_LOAD;
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
    // VEX.vvvv is the destination of a few instructions, and otherwise one of two sources.
    case OPERAND_B: store<u8>(u + (at == UOP_DST ? at : UOP_SUB), <u8>(vexRegister * 8)); return 0;
    case OPERAND_H: store<u8>(u + (at == UOP_DST ? at : UOP_SUB), <u8>(vexRegister << 4)); return 0;
    case OPERAND_T: {
      // Destination, indices and mask are three registers (Vol. 2, VGATHERDPS).
      const three = reg != vectorIndex && reg != vexRegister && vectorIndex != vexRegister;
      refused = !three || addressLog == 0 || (modrm & 7) != 4;
      store<u8>(u, NO_REGISTER, UOP_INDEX);
      store<u8>(u, (load<u8>(u, UOP_SCALE) & ~3) | <u8>vectorScale, UOP_SCALE);
      store<u8>(u + at, <u8>(vectorIndex << 4));
      return 0;
    }
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

/** Chooses the segment (SS for stack addresses without an override) and the slow form where it is needed. */
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
    vectorIndex = index;
    vectorScale = sib >> 6;
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
