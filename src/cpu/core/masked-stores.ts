// Stores of chosen bytes: what is not chosen is neither written nor faults.

import { FAULTED, NEXT, RDI, UOP_SEGMENT } from './constants';
import { addressMask, linear, storable, withWriteRight, writeBlock } from './operands';
import { xmmDst, xmmSrc } from './sse-operands';
import { faultPending, setCurrentUop } from './state';

/**
 * Stores those of up to 32 bytes at `from` whose bit in `mask` is set. False: fault pending, nothing was stored. The
 * addresses of the first and the last chosen byte are on the only pages that matter.
 */
export function storeMasked(u: u32, given: u64, from: u32, mask: u32): bool {
  if (!mask) return true;
  setCurrentUop(u);
  const first = ctz<u32>(mask);
  const last = 31 - clz<u32>(mask);
  const address = withWriteRight(given + first) - first;
  if (faultPending()) return false;
  if (!storable(u, address + first, last - first + 1)) return false;
  let rest = mask;
  while (rest) {
    const start = ctz<u32>(rest);
    const above = ~(rest >> start);
    const count = above ? ctz<u32>(above) : 32;
    if (!writeBlock(u, address + start, count, from + start)) return false;
    rest = start + count >= 32 ? 0 : (rest >> (start + count)) << (start + count);
  }
  return true;
}

/** Stores those of the bytes at `from` whose bit in `mask` is set to DS:rDI, or to another segment that a prefix names. */
export function storeMaskedAtRdi(u: u32, from: u32, mask: u32): i32 {
  if (!mask) return NEXT;
  const first = ctz<u32>(mask);
  const last = 31 - clz<u32>(mask);
  const offset = load<u64>(RDI) & addressMask(u);
  const address = linear(load<u8>(u, UOP_SEGMENT), offset + first, last - first + 1);
  if (faultPending()) return FAULTED;
  return storeMasked(u, address - first, from, mask) ? NEXT : FAULTED;
}

/** MASKMOVDQU: the bytes whose top bit in the second register is set. */
export function maskmovdqu(u: u32): i32 {
  return storeMaskedAtRdi(u, xmmDst(u), <u32>i8x16.bitmask(v128.load(xmmSrc(u))));
}
