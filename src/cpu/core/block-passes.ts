// Passes over a decoded block: fusing a comparison with the branch after it, and dropping flags that nobody can see.
// Both only exchange numbers in UOP_OP; UOP_PLAIN keeps what was decoded.

import { UOP_OP, UOP_PLAIN, UOP_SIZE, UOP_SUB } from './constants';
import { FLAG_EFFECTS, FUSED_OPERATIONS, HOT_OPERATIONS, QUIET_OPERATIONS } from './generated/decode-tables';
import {
  OP_JCC0, OP_JCC1, OP_JCC2, OP_JCC3, OP_JCC4, OP_JCC5, OP_JCC6, OP_JCC7, OP_JCC8, OP_JCC9, OP_JCC10, OP_JCC11, OP_JCC12,
  OP_JCC13, OP_JCC14, OP_JCC15,
} from './generated/operations';

const BRANCHES: u32 = <u32>memory.data<u16>([
  <u16>OP_JCC0, <u16>OP_JCC1, <u16>OP_JCC2, <u16>OP_JCC3, <u16>OP_JCC4, <u16>OP_JCC5, <u16>OP_JCC6, <u16>OP_JCC7,
  <u16>OP_JCC8, <u16>OP_JCC9, <u16>OP_JCC10, <u16>OP_JCC11, <u16>OP_JCC12, <u16>OP_JCC13, <u16>OP_JCC14, <u16>OP_JCC15,
]);

/** FLAG_EFFECTS: cannot fault and keeps the flags; cannot fault and overwrites them all. */
const KEPT: u8 = 1;
const OVERWRITTEN: u8 = 2;

/** `first`: the block's first µop; `end`: the one after its last instruction. */
export function improveBlock(first: u32, end: u32): void {
  if (end - first >= 2 * UOP_SIZE) fuse(end - 2 * UOP_SIZE, end - UOP_SIZE);
  dropFlags(first, end);
}

function fuse(u: u32, branch: u32): void {
  const operation = <u32>load<u16>(u, UOP_PLAIN);
  const condition = <u32>load<u8>(branch, UOP_SUB) & 15;
  if (operation >= HOT_OPERATIONS || load<u16>(branch, UOP_PLAIN) != load<u16>(BRANCHES + condition * 2)) return;
  const fused = load<u16>(FUSED_OPERATIONS + (operation * 8 + (condition >> 1)) * 2);
  if (fused) store<u16>(u, fused, UOP_OP);
}

/** From the last instruction to the first: flags are visible where something reads them, may fault, or leaves. */
function dropFlags(first: u32, end: u32): void {
  let visible = true;
  for (let u = end - UOP_SIZE; u >= first; u -= UOP_SIZE) {
    const operation = <u32>load<u16>(u, UOP_PLAIN);
    const effect = operation < HOT_OPERATIONS ? load<u8>(FLAG_EFFECTS + operation) : 0;
    if (effect == KEPT) continue;
    if (effect != OVERWRITTEN) {
      visible = true;
      continue;
    }
    const quiet = load<u16>(QUIET_OPERATIONS + operation * 2);
    if (!visible && quiet) store<u16>(u, quiet, UOP_OP);
    visible = false;
  }
}
