// RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE and RDPID (Intel SDM Vol. 2).

import { FAULTED, FS_BASE, GS_BASE, NEXT, TSC_AUX } from './generated/layout';
import { canonical } from './paging';
import { CR4_FSGSBASE, UD, cr4, raise, raiseGeneralProtection } from './state';
import { dstRegister, nativeSize, sizeOf, writeRegister } from './system-operands';

/** #UD without CR4.FSGSBASE: an operating system that has not opted in keeps the bases to itself. */
function refused(): bool {
  if (cr4() & CR4_FSGSBASE) return false;
  raise(UD);
  return true;
}

function readBase(uop: u32, base: u32): i32 {
  if (refused()) return FAULTED;
  writeRegister(dstRegister(uop), sizeOf(uop), load<u64>(base));
  return NEXT;
}

function writeBase(uop: u32, base: u32): i32 {
  if (refused()) return FAULTED;
  const register = dstRegister(uop);
  const value = sizeOf(uop) == 8 ? load<u64>(register) : <u64>load<u32>(register);
  if (!canonical(value)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  store<u64>(base, value);
  return NEXT;
}

export function sys_rdfsbase(uop: u32): i32 {
  return readBase(uop, FS_BASE);
}
export function sys_rdgsbase(uop: u32): i32 {
  return readBase(uop, GS_BASE);
}
export function sys_wrfsbase(uop: u32): i32 {
  return writeBase(uop, FS_BASE);
}
export function sys_wrgsbase(uop: u32): i32 {
  return writeBase(uop, GS_BASE);
}

/** IA32_TSC_AUX without RDTSCP's time, and without regard to CR4.TSD. */
export function sys_rdpid(uop: u32): i32 {
  writeRegister(dstRegister(uop), nativeSize(), <u64>load<u32>(TSC_AUX));
  return NEXT;
}
