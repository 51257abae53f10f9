// Alignment checks (#AC, Intel SDM Vol. 3A 6.15): at CPL 3 with CR0.AM and EFLAGS.AC. While they are on, reads and writes
// use a TLB set that always misses, so that every access comes to the slow functions, which ask here. What the processor
// does on its own as supervisor (descriptor tables, TSS, inner stacks) is not checked.

import {
  TLB_READ, TLB_SETS_BASE, TLB_SET_MISS, TLB_SET_SIZE, TLB_USER,
} from './generated/layout';
import { AC, raise } from './state';
import { translateStore } from './tlb';

@inline
export function alignmentChecked(): bool {
  return load<u32>(TLB_READ) == load<u32>(TLB_SETS_BASE) + TLB_SET_MISS * TLB_SET_SIZE;
}

/**
 * Alignment of an operand of `size` bytes (table 6-7): extended reals 8, far pointers and tables 4, the x87 environment 2
 * or 4. Vectors of 16 bytes and more have rules of their own (#GP), or none.
 */
function alignmentOf(size: u32): u32 {
  if (size == 6 || size == 28) return 4;
  if (size == 10) return 8;
  if (size == 14) return 2;
  return size <= 8 ? size : 1;
}

/** True, with #AC(0) pending, for an access with rights `kind` that must be aligned and is not. */
export function misaligned(address: u64, size: u32, kind: u32): bool {
  if (kind != TLB_USER || !alignmentChecked()) return false;
  if (!(<u32>address & (alignmentOf(size) - 1))) return false;
  raise(AC, 0, true);
  return true;
}

/** The same for a store that has not been translated yet: a page fault comes first (table 6-2). */
export function storeMisaligned(address: u64, size: u32, kind: u32): bool {
  if (kind != TLB_USER || !alignmentChecked() || !(<u32>address & (alignmentOf(size) - 1))) return false;
  if (!translateStore(address, size, kind)) return true;
  raise(AC, 0, true);
  return true;
}
