// MONITOR and MWAIT (Intel SDM Vol. 2). With one processor, MWAIT waits until an interrupt, or a device's write to the line.
// With several it gives its turn away instead, which its specification allows: it may end at any time.

import {
  CONTINUE_AT_RIP, CPU_COUNT, EVENTS, EVENT_HALTED, FAULTED, FEATURES_1_ECX, HALTED, MONITOR_ARMED, MONITOR_LINE,
  MWAIT_BREAKS, MWAIT_LINE, NEXT, RAX, RCX, RIP, SEG_DS, SEG_FS, UOP_SEGMENT,
} from './generated/layout';
import { sys_pause } from './init';
import { inScratch, readPointer } from './mmu';
import { addressMask, linear } from './operands';
import { UD, cpl, faultPending, raise, raiseGeneralProtection, setCurrentUop } from './state';
import { nextRipOf } from './system-operands';

const LINE_BYTES: u32 = 64;

/** #UD without the feature or above CPL 0. */
function refused(): bool {
  if (load<u32>(FEATURES_1_ECX) & 8 && cpl() == 0) return false;
  raise(UD);
  return true;
}

/** Notes the line that holds rAX. It is read like a byte of data; no extensions are known. */
export function sys_monitor(uop: u32): i32 {
  if (refused()) return FAULTED;
  if (load<u32>(RCX)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  setCurrentUop(uop);
  const prefixed = <u32>load<u8>(uop, UOP_SEGMENT);
  const address = linear(prefixed >= SEG_FS ? prefixed : SEG_DS, load<u64>(RAX) & addressMask(uop), 1);
  if (faultPending()) return FAULTED;
  const pointer = readPointer(address, 1);
  if (!pointer) return FAULTED;
  store<u32>(MONITOR_LINE, pointer & ~(LINE_BYTES - 1));
  store<u32>(MONITOR_ARMED, inScratch(pointer) ? 0 : 1);
  return NEXT;
}

/** ECX bit 0: an interrupt ends the wait although IF is 0. */
export function sys_mwait(uop: u32): i32 {
  if (refused()) return FAULTED;
  const extensions = load<u32>(RCX);
  if (extensions & ~1) {
    raiseGeneralProtection();
    return FAULTED;
  }
  const armed = load<u32>(MONITOR_ARMED);
  store<u32>(MONITOR_ARMED, 0);
  if (load<u32>(CPU_COUNT) > 1) return sys_pause(uop);
  if (armed) {
    store<u32>(MWAIT_LINE, load<u32>(MONITOR_LINE));
    store<u32>(MWAIT_BREAKS, extensions & 1);
    store<u32>(HALTED, 1);
    store<u32>(EVENTS, load<u32>(EVENTS) | EVENT_HALTED);
  }
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
