/** Random instruction bytes: any at all, and such as come near to an instruction of the opcode table. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../../src/cpu/isa/table.ts';
import type { Dice } from '../../fuzz/dice.ts';

/** Bytes of one string: more than the longest instruction, so that none is cut off. */
export const STRING_BYTES = 16;

const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;
const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const MANDATORY = [[1], [2, 0x66], [4, 0xf3], [8, 0xf2]] as const;

/** None most often; then a few, a REX byte among them; now and then so many that the instruction gets too long. */
function prefixes(dice: Dice, into: number[]): void {
  let count = dice.chance(2) ? 0 : dice.below(4);
  if (dice.chance(40)) count = 8 + dice.below(7);
  for (let index = 0; index < count; index++) {
    into.push(dice.chance(3) ? 0x40 | dice.below(16) : dice.pick(PREFIXES));
  }
  if (dice.chance(4)) into.push(0x40 | dice.below(16));
}

/** A VEX prefix that fits the row most of the time; a two-byte one if it can be. */
function vexPrefix(dice: Dice, row: Row, vex: NonNullable<Row['vex']>, into: number[]): void {
  const wrong = dice.chance(8);
  const mandatory = wrong ? dice.below(4) : [1, 2, 4, 8].indexOf(row.prefixes & -row.prefixes);
  const long = wrong ? dice.below(2) : vex.lengths === 3 ? dice.below(2) : vex.lengths >> 1;
  const wide = wrong ? dice.below(2) : vex.wide === 3 ? dice.below(2) : vex.wide >> 1;
  const register = dice.chance(3) ? 15 : dice.below(16);
  const last = (register << 3) | (long << 2) | mandatory;
  if (row.map === 1 && wide === 0 && dice.chance(2)) into.push(0xc5, (dice.below(2) << 7) | last);
  else
    into.push(
      0xc4,
      (dice.chance(3) ? dice.below(8) << 5 : 0xe0) | (wrong ? dice.below(32) : row.map),
      (wide << 7) | last,
    );
}

function guided(dice: Dice, row: Row, into: number[]): void {
  if (row.vex) {
    if (dice.chance(8)) prefixes(dice, into);
    vexPrefix(dice, row, row.vex, into);
    into.push(row.opcode);
    modrmByte(dice, row, into);
    return;
  }
  if (row.prefixes !== 15 && !dice.chance(16)) {
    const fits = MANDATORY.filter(([bit]) => row.prefixes & bit);
    const [, byte] = dice.pick(fits);
    if (byte !== undefined) into.push(byte);
  }
  prefixes(dice, into);
  into.push(...ESCAPES[row.map]!, (row.opcode + dice.below(row.span)) & 0xff);
  modrmByte(dice, row, into);
}

function modrmByte(dice: Dice, row: Row, into: number[]): void {
  if (!row.hasModrm) return;
  let modrm = dice.below(256);
  if (row.ext !== undefined && !dice.chance(8)) modrm = (modrm & 0xc7) | (row.ext << 3);
  if (row.mod === 1 && !dice.chance(8)) modrm |= 0xc0;
  if (row.rm !== undefined && !dice.chance(8)) modrm = (modrm & 0xf8) | row.rm;
  into.push(modrm);
}

/** How a string comes about: uniformly; any opcode of any map; a row of the table. */
export type Kind = 'uniform' | 'opcode' | 'row';

export function byteString(dice: Dice, kind: Kind): Uint8Array {
  const bytes = dice.bytes(STRING_BYTES);
  const start: number[] = [];
  if (kind === 'opcode') {
    prefixes(dice, start);
    start.push(...dice.pick(ESCAPES), dice.below(256));
  } else if (kind === 'row') guided(dice, dice.pick(OPCODE_TABLE), start);
  bytes.set(start.slice(0, STRING_BYTES));
  return bytes;
}
