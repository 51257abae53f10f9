// Decimal adjustment, 16- and 32-bit modes only (Intel SDM Vol. 2: AAA, AAD, AAM, AAS, DAA, DAS).

import { FAULTED, NEXT, RAX } from './constants';
import { adjust, carry, setPartialFlags } from './flags';
import { imm, signed } from './operands';
import { DE, FLAG_AF, FLAG_CF, raise } from './state';

function finish(low: u8, extra: u32): i32 {
  store<u8>(RAX, low);
  setPartialFlags(signed<u8>(low), extra);
  return NEXT;
}

function asciiAdjust(by: i32): i32 {
  const apply = (load<u8>(RAX) & 15) > 9 || adjust();
  if (apply) store<u16>(RAX, <u16>(<i32>load<u16>(RAX) + by * 0x106));
  return finish(load<u8>(RAX) & 15, apply ? FLAG_AF | FLAG_CF : 0);
}

export function aaa(_u: u32): i32 {
  return asciiAdjust(1);
}

export function aas(_u: u32): i32 {
  const apply = (load<u8>(RAX) & 15) > 9 || adjust();
  if (apply) {
    store<u16>(RAX, <u16>(load<u16>(RAX) - 6));
    store<u8>(RAX, <u8>(load<u8>(RAX, 1) - 1), 1);
  }
  return finish(load<u8>(RAX) & 15, apply ? FLAG_AF | FLAG_CF : 0);
}

export function daa(_u: u32): i32 {
  const old = load<u8>(RAX);
  const oldCarry = carry();
  let value = old;
  let flags: u32 = 0;
  if ((old & 15) > 9 || adjust()) {
    value += 6;
    flags |= FLAG_AF;
  }
  if (old > 0x99 || oldCarry) {
    value += 0x60;
    flags |= FLAG_CF;
  }
  return finish(value, flags);
}

export function das(_u: u32): i32 {
  const old = load<u8>(RAX);
  const oldCarry = carry();
  let value = old;
  let flags: u32 = 0;
  if ((old & 15) > 9 || adjust()) {
    if (oldCarry || old < 6) flags |= FLAG_CF;
    value -= 6;
    flags |= FLAG_AF;
  }
  if (old > 0x99 || oldCarry) {
    value -= 0x60;
    flags |= FLAG_CF;
  }
  return finish(value, flags);
}

export function aam(u: u32): i32 {
  const base = imm<u8>(u);
  if (base == 0) {
    raise(DE);
    return FAULTED;
  }
  const value = load<u8>(RAX);
  store<u8>(RAX, value / base, 1);
  return finish(value % base, 0);
}

export function aad(u: u32): i32 {
  const value = <u8>(load<u8>(RAX) + load<u8>(RAX, 1) * imm<u8>(u));
  store<u8>(RAX, 0, 1);
  return finish(value, 0);
}
