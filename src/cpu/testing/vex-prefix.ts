/** VEX prefixes of the opcode table's rows, for random encodings. */
import type { Row } from '../isa/row.ts';
import type { Random } from './instruction-cases.ts';

/** VEX.pp by the mandatory prefix of a row's pattern. */
const PP: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

/**
 * The bytes before the opcode: `rex` gives W, R, X and B as a REX prefix would; W counts where the row takes either, and
 * `register` is what VEX.vvvv names if it is an operand. VEX.L is random where the row takes either.
 */
export function vexPrefix(row: Row, rex: number, register: number, random: Random): number[] {
  if (row.vex === undefined) throw new Error(`${row.mnemonic} has no VEX prefix`);
  const { lengths, wide } = row.vex;
  const l = lengths === 3 ? random.below(2) : lengths - 1;
  const w = wide === 3 ? (rex >> 3) & 1 : wide - 1;
  const isOperand = row.operands.some((operand) => /^[BH]/.test(operand));
  const payload = ((isOperand ? ~register & 15 : 15) << 3) | (l << 2) | (PP[row.prefixes] ?? 0);
  const inverted = ~rex & 7;
  // R, X, B from the top; the short form has only R and the first map.
  const r = (inverted & 4) << 5;
  if (row.map === 1 && w === 0 && (rex & 3) === 0 && random.below(2) === 0) return [0xc5, r | payload];
  return [0xc4, r | ((inverted & 2) << 5) | ((inverted & 1) << 5) | row.map, (w << 7) | payload];
}
