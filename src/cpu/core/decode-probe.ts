// The decoder alone, for comparison with another one: what it takes bytes for, without running them.

import { MODE, OP_TOO_LONG, OP_UD, ROW_OP_REGISTER, ROW_SIZE, UOP_ARENA, UOP_OP } from './constants';
import { decodeInstruction, decodedRow } from './decode';
import { ROWS } from './generated/decode-tables';

/** Decodes the bytes [from, to) as code of mode `mode`. See `CoreExports.probe`. */
export function probe(from: u32, to: u32, mode: u32): u32 {
  const before = load<u32>(MODE);
  store<u32>(MODE, mode);
  // The front of the arena is the place of shortened copies, which nobody keeps.
  const u = UOP_ARENA;
  const length = decodeInstruction(u, from, to, 0);
  store<u32>(MODE, before);
  if (length < 0) return 0;
  const operation = load<u16>(u, UOP_OP);
  if (!decodedRow || operation == OP_TOO_LONG) return length;
  // A forbidden LOCK; UD2 and its like are valid instructions that do the same.
  if (operation == OP_UD && load<u16>(decodedRow, ROW_OP_REGISTER) != OP_UD) return length;
  return length | ((decodedRow - ROWS) / ROW_SIZE + 1) << 8;
}
