// SSE4.2 string comparison: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (Intel SDM Vol. 2 4.1).

import { FAULTED, FORM_SIZE, GPR, NEXT, RAX, RCX, RDX, UOP_FORM, UOP_IMM, XMM } from './constants';
import { setArithmeticFlags } from './flags';
import { setReg } from './operands';
import { source128Unaligned, xmmDst } from './sse-operands';
import { FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF } from './state';

// imm8: bit 0 words, bit 1 signed, bits 3-2 what is compared, bits 5-4 polarity, bit 6 which index or what mask.
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;

@inline
function element(at: u32, index: u32, format: u32): i32 {
  switch (format) {
    case 0: return <i32>load<u8>(at + index);
    case 1: return <i32>load<u16>(at + index * 2);
    case 2: return <i32>load<i8>(at + index);
    default: return <i32>load<i16>(at + index * 2);
  }
}

/** Elements before the first zero. */
function implicitLength(at: u32, count: u32, format: u32): u32 {
  for (let i: u32 = 0; i < count; i++) if (!element(at, i, format)) return i;
  return count;
}

/** |rAX| or |rDX|, at most `count`. */
function explicitLength(u: u32, register: u32, count: u32): u32 {
  const wide = (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
  const value = wide ? load<i64>(register) : <i64>load<i32>(register);
  // -2^63 stays negative: as unsigned it is more than enough.
  return <u32>min<u64>(<u64>(value < 0 ? -value : value), count);
}

function anyEqual(first: u32, firstLength: u32, value: i32, format: u32): bool {
  for (let i: u32 = 0; i < firstLength; i++) if (element(first, i, format) == value) return true;
  return false;
}
function inRange(first: u32, firstLength: u32, value: i32, format: u32): bool {
  for (let i: u32 = 0; i + 1 < firstLength; i += 2) {
    if (value >= element(first, i, format) && value <= element(first, i + 1, format)) return true;
  }
  return false;
}
/** The first string stands in the second from `start` on, as far as the register shows. */
function startsAt(first: u32, firstLength: u32, second: u32, secondLength: u32, start: u32, count: u32, format: u32): bool {
  for (let i: u32 = 0; i < firstLength && start + i < count; i++) {
    if (start + i >= secondLength || element(first, i, format) != element(second, start + i, format)) return false;
  }
  return true;
}

/** The intermediate result before polarity (4.1.5, 4.1.6): a bit for each element of the second string. */
function compare(first: u32, firstLength: u32, second: u32, secondLength: u32, count: u32, control: u32): u32 {
  const format = control & 3;
  const kind = (control >> 2) & 3;
  let result: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    let bit: bool;
    const valid = i < secondLength;
    if (kind == EQUAL_ANY) bit = valid && anyEqual(first, firstLength, element(second, i, format), format);
    else if (kind == RANGES) bit = valid && inRange(first, firstLength, element(second, i, format), format);
    else if (kind == EQUAL_EACH) {
      // Both over: equal; one over: not.
      const firstValid = i < firstLength;
      if (valid && firstValid) bit = element(first, i, format) == element(second, i, format);
      else bit = valid == firstValid;
    } else bit = startsAt(first, firstLength, second, secondLength, i, count, format);
    if (bit) result |= 1 << i;
  }
  return result;
}

/** Polarity (4.1.7): bit 4 negates, with bit 5 only elements of the second string. */
function polarised(result: u32, secondLength: u32, all: u32, control: u32): u32 {
  if (!(control & 0x10)) return result;
  return control & 0x20 ? result ^ (((1 << secondLength) - 1) & all) : ~result & all;
}

function compareStrings(u: u32, isExplicit: bool, toMask: bool): i32 {
  const second = source128Unaligned(u);
  if (!second) return FAULTED;
  const first = xmmDst(u);
  const control = load<u32>(u, UOP_IMM) & 0x7f;
  const count: u32 = control & 1 ? 8 : 16;
  const format = control & 3;
  const firstLength = isExplicit ? explicitLength(u, RAX, count) : implicitLength(first, count, format);
  const secondLength = isExplicit ? explicitLength(u, RDX, count) : implicitLength(second, count, format);
  const all: u32 = (1 << count) - 1;
  const raw = compare(first, firstLength, second, secondLength, count, control);
  const result = polarised(raw, secondLength, all, control);
  let flags: u32 = result ? FLAG_CF : 0;
  if (secondLength < count) flags |= FLAG_ZF;
  if (firstLength < count) flags |= FLAG_SF;
  if (result & 1) flags |= FLAG_OF;
  if (toMask) storeMask(result, count, control);
  else if (!result) setReg<u32>(RCX - GPR, count);
  else setReg<u32>(RCX - GPR, control & 0x40 ? 31 - clz<u32>(result) : ctz<u32>(result));
  setArithmeticFlags(flags);
  return NEXT;
}

/** xmm0: the bits, or a lane of ones for each. */
function storeMask(result: u32, count: u32, control: u32): void {
  store<u64>(XMM, control & 0x40 ? 0 : <u64>result);
  store<u64>(XMM, 0, 8);
  if (!(control & 0x40)) return;
  for (let i: u32 = 0; i < count; i++) {
    if (!(result & (1 << i))) continue;
    if (control & 1) store<u16>(XMM + i * 2, 0xffff);
    else store<u8>(XMM + i, 0xff);
  }
}

export function pcmpestri(u: u32): i32 {
  return compareStrings(u, true, false);
}
export function pcmpestrm(u: u32): i32 {
  return compareStrings(u, true, true);
}
export function pcmpistri(u: u32): i32 {
  return compareStrings(u, false, false);
}
export function pcmpistrm(u: u32): i32 {
  return compareStrings(u, false, true);
}
