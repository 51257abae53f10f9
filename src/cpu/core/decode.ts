// The decoder: bytes to µops by the generated opcode table (Intel SDM Vol. 2, chapter 2 and appendix A).

import {
  FEATURE_NONE, FORM_LOAD, FORM_MEMORY, INDEX_ENTRY_SIZE, MATCH_EXT_SHIFT, MATCH_MODES_SHIFT, MATCH_MOD_SHIFT, MATCH_RM_SHIFT,
  MATCH_VEX_L_SHIFT, MATCH_VEX_NO_REGISTER, MATCH_VEX_W_SHIFT, MODE, MODE_NO_AVX, MODE_NO_SSE, MODE_NO_X87,
  OP_AVX_REFUSED, OP_MMX_REFUSED, OP_SSE_REFUSED, OP_TOO_LONG, OP_UD, OP_X87_REFUSED, ROW_FEATURE, ROW_MATCH, ROW_OPTIONS, ROW_OPTION_AVX,
  ROW_OPTION_END, ROW_OPTION_LOCK, ROW_OPTION_MMX, ROW_OPTION_SSE, ROW_OPTION_X87, ROW_OP_MEMORY, ROW_OP_REGISTER, ROW_SIZE,
  ROW_SIZED, UOP_DISP, UOP_FORM, UOP_LENGTH, UOP_LINK_NEXT, UOP_LINK_TAKEN, UOP_OP, UOP_PLAIN, UOP_SIZE,
} from './constants';
import { openWindow, position, ranOut } from './decode-bytes';
import { isMemory, modrm, operands, operandSizes, readModrm, refused, relative, ripRelative, sizeLog } from './decode-operands';
import { is64, lock, mandatory, map, readPrefixes, rex, vexLength, vexUnused, vexWide } from './decode-prefixes';
import { hasFeature } from './features';
import { ROW_INDEX, ROWS } from './generated/decode-tables';

/** Longest instruction (Intel SDM Vol. 2 2.3.11). */
const LENGTH_MAX: u32 = 15;
/** Opcode maps, and the first of those with a VEX prefix. */
const MAPS: u32 = 7;
const VEX_MAP: u32 = 4;

/** Results of {@link decodeInstruction} besides the µop: the block must end here; the row of the table, or 0. */
export let endsBlock: bool = false;
export let decodedRow: u32 = 0;
/** 1: the window was too short, nothing decoded. */
export const RAN_OUT: i32 = -1;

/**
 * Decodes the instruction at `from` (bytes up to `to`) into the µop `u`. `rip`: its linear address within CS. Returns
 * its length, or RAN_OUT. An invalid one becomes a µop that raises #UD.
 */
export function decodeInstruction(u: u32, from: u32, to: u32, rip: u64): i32 {
  memory.fill(u, 0, UOP_SIZE);
  const most = from + LENGTH_MAX;
  const limit = min<u32>(to, most);
  openWindow(from, limit);
  const opcode = readPrefixes();
  let row: u32 = 0;
  if (map < MAPS) {
    const index = ROW_INDEX + ((map << 8) | opcode) * INDEX_ENTRY_SIZE;
    readModrm(load<u8>(index, 3) != 0, opcode);
    if (!ranOut) row = findRow(index, opcode);
  }
  decodedRow = row;
  if (row) {
    operandSizes(row);
    operands(u, row, opcode);
    if (refused) row = decodedRow = 0;
  }
  if (ranOut) return limit == most ? tooLong(u) : RAN_OUT;
  const length = position() - from;
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

/** VEX.L and VEX.W as the row wants them, and no register in VEX.vvvv unless it is an operand. */
@inline
function vexFits(match: u32): bool {
  if (!(match & (1 << (MATCH_VEX_L_SHIFT + vexLength)))) return false;
  if (!(match & (1 << (MATCH_VEX_W_SHIFT + vexWide)))) return false;
  return !(match & MATCH_VEX_NO_REGISTER) || vexUnused;
}

/** First row of the opcode that fits prefixes, ModRM and mode; 0: no instruction. */
function findRow(index: u32, opcode: u32): u32 {
  const count = <u32>load<u8>(index, 2);
  let row = ROWS + <u32>load<u16>(index) * ROW_SIZE;
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  for (let i: u32 = 0; i < count; i++, row += ROW_SIZE) {
    const match = load<u32>(row, ROW_MATCH);
    if (!(match & mandatory)) continue;
    if (!(match & (<u32>(isMemory ? 2 : 1) << MATCH_MOD_SHIFT))) continue;
    if (!(match & (<u32>(is64 ? 2 : 1) << MATCH_MODES_SHIFT))) continue;
    const ext = (match >> MATCH_EXT_SHIFT) & 15;
    if (ext != 8 && ext != reg) continue;
    const fixed = (match >> MATCH_RM_SHIFT) & 15;
    if (fixed != 8 && fixed != rm) continue;
    if (map >= VEX_MAP && !vexFits(match)) continue;
    const feature = <u32>load<u16>(row, ROW_FEATURE);
    if (feature != FEATURE_NONE && !hasFeature(feature)) continue;
    // 90 is NOP unless REX.B makes it XCHG r8, rax.
    if (map == 0 && opcode == 0x90 && rex & 1 && i <= 1) continue;
    return row;
  }
  return 0;
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
  if (options & ROW_OPTION_AVX && load<u32>(MODE) & MODE_NO_AVX) {
    setOperation(u, OP_AVX_REFUSED);
    return;
  }
  if (options & ROW_OPTION_X87 && load<u32>(MODE) & MODE_NO_X87) {
    setOperation(u, OP_X87_REFUSED);
    return;
  }
  if (options & ROW_OPTION_MMX && load<u32>(MODE) & MODE_NO_X87) {
    setOperation(u, OP_MMX_REFUSED);
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
