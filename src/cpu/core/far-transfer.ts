// What far jumps, calls and returns have in common (Intel SDM Vol. 3A 5.8).

import { CONTINUE_AT_RIP, EFLAGS, FAULTED, RIP, SEG_CS } from './generated/layout';
import { canonical } from './paging';
import { ATTRIBUTE_LONG, descriptorAttributes, descriptorBase, descriptorLimit } from './segments';
import { FLAG_VM, longMode, protectedMode, raiseGeneralProtection, setSegment } from './state';

/** Results of a transfer. */
export const FAILED: i32 = FAULTED;
export const DONE: i32 = CONTINUE_AT_RIP;

@inline
export function realMode(): bool {
  return !protectedMode() || (load<u32>(EFLAGS) & FLAG_VM) != 0;
}

/** The instruction pointer's check against the code descriptor read last: canonical, or within the limit. */
export function targetFits(offset: u64): bool {
  const fits = longMode() && descriptorAttributes() & ATTRIBUTE_LONG ? canonical(offset) : offset <= descriptorLimit();
  if (!fits) raiseGeneralProtection();
  return fits;
}

/** Loads CS from the descriptor read last. The caller sets RIP and the level. */
export function loadCode(value: u32, level: u32): void {
  setSegment(SEG_CS, (value & 0xfffc) | level, descriptorBase(), descriptorLimit(), descriptorAttributes() | 1);
}
