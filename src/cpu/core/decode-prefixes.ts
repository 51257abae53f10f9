// Prefixes, opcode maps and VEX (Intel SDM Vol. 2 2.1.1, 2.2.1, 2.3). Valid during one decodeInstruction.

import {
  MODE, MODE_CODE_64, MODE_CODE_SIZE_MASK, MODE_PROTECTED, MODE_V86, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS,
} from './constants';
import { byte, peek, ranOut } from './decode-bytes';

export let is64: bool = false;
/** 0, or the REX prefix; of a VEX prefix its W, R, X and B in the same bits. */
export let rex: u32 = 0;
export let operand16: bool = false;
export let addressOverride: bool = false;
/** 0, f2 or f3. */
export let repeat: u32 = 0;
export let lock: bool = false;
/** Segment override, or 0xff. */
export let segmentOverride: u32 = 0xff;
/** The opcode map: 0 one byte, 1 0F, 2 0F 38, 3 0F 3A; 4 to 6 are 1 to 3 with a VEX prefix. */
export let map: u32 = 0;
/** Accepted by a row's match word: 1 no prefix, 2 66, 4 F3, 8 F2. */
export let mandatory: u32 = 0;
/** VEX.L, VEX.W as encoded, and the register that VEX.vvvv names. */
export let vexLength: u32 = 0;
export let vexWide: u32 = 0;
export let vexRegister: u32 = 0;
/** All bits of VEX.vvvv are ones, as an instruction without that operand wants them in any mode (2.3.5.6). */
export let vexUnused: bool = true;

/** Highest VEX map that exists. */
const VEX_MAPS: u32 = 3;

/** Reads prefixes and the bytes that choose the map; returns the opcode byte. */
export function readPrefixes(): u32 {
  is64 = (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64;
  let opcode = legacyPrefixes();
  map = 0;
  vexLength = 0;
  vexRegister = 0;
  mandatory = repeat == 0xf3 ? 4 : repeat == 0xf2 ? 8 : operand16 ? 2 : 1;
  if ((opcode & 0xfe) == 0xc4 && isVex()) return readVex(opcode);
  if (opcode != 0x0f) return opcode;
  opcode = byte();
  map = 1;
  if (opcode == 0x38 || opcode == 0x3a) {
    map = opcode == 0x38 ? 2 : 3;
    opcode = byte();
  }
  return opcode;
}

function legacyPrefixes(): u32 {
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

/**
 * C4 and C5 are LES and LDS outside of 64-bit mode when ModRM names memory; there, with a register, they are VEX, which
 * real and virtual-8086 mode do not have.
 */
function isVex(): bool {
  if (is64) return true;
  const mode = load<u32>(MODE);
  return peek() >= 0xc0 && (mode & MODE_PROTECTED) != 0 && !(mode & MODE_V86);
}

/** A map that no table has: the instruction is invalid. */
const NO_MAP: u32 = 0xff;

/** The VEX prefix that `first` begins; with LOCK, 66, F2, F3 or REX before it there is no instruction (2.3.2 to 2.3.4). */
function readVex(first: u32): u32 {
  const refused = lock || repeat != 0 || operand16 || rex != 0;
  let payload = byte();
  let selected: u32 = 1;
  // R, X and B are inverted; REX.R stands in bit 2, X in 1, B in 0.
  rex = payload & 0x80 ? 0 : 4;
  vexWide = 0;
  if (first == 0xc4) {
    if (!(payload & 0x40)) rex |= 2;
    if (!(payload & 0x20)) rex |= 1;
    selected = payload & 0x1f;
    payload = byte();
    vexWide = payload >> 7;
    if (vexWide) rex |= 8;
  }
  vexRegister = (~payload >> 3) & 15;
  vexUnused = vexRegister == 0;
  if (!is64) {
    // Only eight registers, and no 64-bit operands: B, the top of vvvv and, for general registers, W say nothing.
    rex = 0;
    vexRegister &= 7;
  }
  vexLength = (payload >> 2) & 1;
  const prefix = payload & 3;
  mandatory = prefix == 0 ? 1 : prefix == 1 ? 2 : prefix == 2 ? 4 : 8;
  map = refused || selected == 0 || selected > VEX_MAPS ? NO_MAP : selected + 3;
  return byte();
}
