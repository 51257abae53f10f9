/** The opcode table: every instruction form that the core knows, in the order in which the decoder tries them. */
import { INTEGER_ROWS } from './integer.ts';
import type { Row } from './row.ts';
import { SSE_ROWS } from './sse.ts';
import { SYSTEM_ROWS } from './system.ts';
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

export const OPCODE_TABLE: readonly Row[] = [...INTEGER_ROWS, ...SYSTEM_ROWS, ...SSE_ROWS, ...XSAVE_ROWS]
  .map((row, order) => ({ row, order }))
  .sort((a, b) => specificity(b.row) - specificity(a.row) || a.order - b.order)
  .map(({ row }) => row);
