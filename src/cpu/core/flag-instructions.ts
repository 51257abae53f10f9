// Instructions on single flags (Intel SDM Vol. 2: LAHF, SAHF, CLC, STC, CMC, CLD, STD, SALC).

import { EFLAGS, NEXT, RAX } from './constants';
import { arithmeticFlags, carry, setArithmeticFlags } from './flags';
import { FLAG_AF, FLAG_CF, FLAG_DF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from './state';

export function sahf(_u: u32): i32 {
  const taken = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;
  setArithmeticFlags((arithmeticFlags() & FLAG_OF) | (<u32>load<u8>(RAX, 1) & taken));
  return NEXT;
}

export function lahf(_u: u32): i32 {
  store<u8>(RAX, <u8>((arithmeticFlags() & 0xff) | 2), 1);
  return NEXT;
}

function setCarry(value: bool): i32 {
  setArithmeticFlags((arithmeticFlags() & ~FLAG_CF) | (value ? FLAG_CF : 0));
  return NEXT;
}

export function clc(_u: u32): i32 {
  return setCarry(false);
}
export function stc(_u: u32): i32 {
  return setCarry(true);
}
export function cmc(_u: u32): i32 {
  return setCarry(!carry());
}

export function cld(_u: u32): i32 {
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~FLAG_DF);
  return NEXT;
}
export function std(_u: u32): i32 {
  store<u32>(EFLAGS, load<u32>(EFLAGS) | FLAG_DF);
  return NEXT;
}

/** AL = CF ? 0xff : 0 (undocumented before 2016). */
export function salc(_u: u32): i32 {
  store<u8>(RAX, carry() ? 0xff : 0);
  return NEXT;
}
