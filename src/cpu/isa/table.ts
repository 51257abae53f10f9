/** The opcode table: every instruction form that the core knows, in the order in which the decoder tries them. */
import { AVX_ROWS } from './avx.ts';
import { BIT_MANIPULATION_ROWS } from './bit-manipulation.ts';
import { CRYPTO_ROWS } from './crypto.ts';
import { INTEGER_ROWS } from './integer.ts';
import { MMX_ROWS } from './mmx.ts';
import type { Row } from './row.ts';
import { SSE_ROWS } from './sse.ts';
import { SSE3_ROWS } from './sse3.ts';
import { SSE4_ROWS } from './sse4.ts';
import { SYSTEM_ROWS } from './system.ts';
import { X87_ROWS } from './x87.ts';
import { XSAVE_ROWS } from './xsave.ts';

/** How much a row narrows its opcode: rows that fix more are tried first. */
function specificity(row: Row): number {
  let score = 0;
  for (let bits = row.prefixes; bits !== 0; bits >>= 1) score -= bits & 1;
  if (row.ext !== undefined) score += 4;
  if (row.rm !== undefined) score += 4;
  if (row.mod !== 3) score += 1;
  if (row.span !== 1) score -= 1;
  return score;
}

/** The rows by subject, under the titles that docs/instructions.md gives them. */
export const OPCODE_SECTIONS: readonly (readonly [string, readonly Row[]])[] = [
  ['General purpose', INTEGER_ROWS],
  ['System', [...SYSTEM_ROWS, ...XSAVE_ROWS]],
  ['x87', X87_ROWS],
  ['MMX', MMX_ROWS],
  ['BMI1, BMI2 and ADX', BIT_MANIPULATION_ROWS],
  ['SSE and SSE2', SSE_ROWS],
  ['SSE3 and SSSE3', SSE3_ROWS],
  ['SSE4.1 and SSE4.2', SSE4_ROWS],
  ['AES, PCLMULQDQ and SHA', CRYPTO_ROWS],
  ['AVX and AVX2', AVX_ROWS],
];

export const OPCODE_TABLE: readonly Row[] = OPCODE_SECTIONS.flatMap(([, rows]) => rows)
  .map((row, order) => ({ row, order }))
  .sort((a, b) => specificity(b.row) - specificity(a.row) || a.order - b.order)
  .map(({ row }) => row);
