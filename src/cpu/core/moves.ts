// Moves: MOV, MOVZX/MOVSX, LEA, XCHG, CMPXCHG, XADD, BSWAP, MOVBE, sign extension (Intel SDM Vol. 2).

import {
  EA_COMPLEX, FAULTED, FEATURES_1_ECX, FORM_IMMEDIATE, FORM_SIZE, GPR, NEXT, RAX, RBX, RCX, RDX, SEG_GS, UOP_DISP, UOP_FORM, UOP_SCALE,
  UOP_SEGMENT, UOP_SRC,
} from './constants';
import { lacks } from './features';
import { arithmeticFlags, FLAGS_ADD, FLAGS_SUB, setArithmeticFlags, setFlags } from './flags';
import {
  addressMask, assign, dst, effective, finishPair, FORM_MI, FORM_MR, FORM_RI, FORM_RM, FORM_RR, hasMemory, imm, linear,
  modifyPair, offsetOf, readAt, reg, setReg, setTarget, signed, source, src, target, withRights,
  writeAt,
} from './operands';
import { isLoadForm } from './arithmetic';
import { FLAG_ZF, GP, raise, selector, UD } from './state';

// --- MOV -----------------------------------------------------------------------------------------------------------

@inline
export function hotMove<T>(u: u32, form: i32): bool {
  if (form == FORM_RR) setReg<T>(dst(u), reg<T>(src(u)));
  else if (form == FORM_RI) setReg<T>(dst(u), imm<T>(u));
  else if (form == FORM_RM) {
    const from = readAt<T>(u, effective(u, sizeof<T>()));
    if (!from) return false;
    setReg<T>(dst(u), load<T>(from));
  } else if (form == FORM_MR) return writeAt<T>(u, effective(u, sizeof<T>()), reg<T>(src(u)));
  else if (form == FORM_MI) return writeAt<T>(u, effective(u, sizeof<T>()), imm<T>(u));
  return true;
}

export function move<T>(u: u32): i32 {
  if (load<u8>(u, UOP_FORM) & FORM_IMMEDIATE) return assign<T>(u, imm<T>(u)) ? NEXT : FAULTED;
  if (!isLoadForm(u)) return assign<T>(u, reg<T>(src(u))) ? NEXT : FAULTED;
  const from = source<T>(u, src(u));
  if (!from) return FAULTED;
  setReg<T>(dst(u), load<T>(from));
  return NEXT;
}

/** MOV r, imm of full width. */
@inline
export function hotMoveWide<T>(u: u32): void {
  setReg<T>(dst(u), <T>load<u64>(u, UOP_DISP));
}

export function moveWide<T>(u: u32): i32 {
  hotMoveWide<T>(u);
  return NEXT;
}

/** MOV r/m, Sreg: 16 bits to memory, zero extended into a register. */
export function mov_from_segment(u: u32): i32 {
  // REX.R does not count; registers 6 and 7 do not exist.
  const number = load<u8>(u, UOP_SRC) & 7;
  if (number > SEG_GS) {
    raise(UD);
    return FAULTED;
  }
  const value = selector(number);
  if (hasMemory(u)) return writeAt<u16>(u, effective(u, 2), <u16>value) ? NEXT : FAULTED;
  switch (load<u8>(u, UOP_FORM) & FORM_SIZE) {
    case 1: setReg<u16>(dst(u), <u16>value); break;
    case 2: setReg<u32>(dst(u), value); break;
    default: setReg<u64>(dst(u), value);
  }
  return NEXT;
}

// --- MOVZX, MOVSX, MOVSXD --------------------------------------------------------------------------------------------

@inline
function extend<T, N>(u: u32, form: i32, isSigned: bool): bool {
  let from: u32;
  if (form == FORM_RM) {
    from = readAt<N>(u, effective(u, sizeof<N>()));
    if (!from) return false;
  } else from = src(u) + GPR;
  if (isSigned) setReg<T>(dst(u), <T>signed<N>(load<N>(from)));
  else setReg<T>(dst(u), <T>load<N>(from));
  return true;
}

@inline
function extendAny<T, N>(u: u32, isSigned: bool): i32 {
  if (hasMemory(u)) return extend<T, N>(u, FORM_RM, isSigned) ? NEXT : FAULTED;
  extend<T, N>(u, FORM_RR, isSigned);
  return NEXT;
}

@inline
export function hotExtendZero_u8<T>(u: u32, form: i32): bool {
  return extend<T, u8>(u, form, false);
}
@inline
export function hotExtendZero_u16<T>(u: u32, form: i32): bool {
  return extend<T, u16>(u, form, false);
}
@inline
export function hotExtendSigned_u8<T>(u: u32, form: i32): bool {
  return extend<T, u8>(u, form, true);
}
@inline
export function hotExtendSigned_u16<T>(u: u32, form: i32): bool {
  return extend<T, u16>(u, form, true);
}
@inline
export function hotExtendSigned_u32<T>(u: u32, form: i32): bool {
  return extend<T, u32>(u, form, true);
}
export function extendZero_u8<T>(u: u32): i32 {
  return extendAny<T, u8>(u, false);
}
export function extendZero_u16<T>(u: u32): i32 {
  return extendAny<T, u16>(u, false);
}
export function extendSigned_u8<T>(u: u32): i32 {
  return extendAny<T, u8>(u, true);
}
export function extendSigned_u16<T>(u: u32): i32 {
  return extendAny<T, u16>(u, true);
}
export function extendSigned_u32<T>(u: u32): i32 {
  return extendAny<T, u32>(u, true);
}

// --- LEA, NOP --------------------------------------------------------------------------------------------------------

/** Only 64-bit addresses without a segment base keep the short form; the offset alone counts. */
@inline
export function hotLea<T>(u: u32): void {
  setReg<T>(dst(u), <T>leaOffset(u));
}

@inline
function leaOffset(u: u32): u64 {
  return load<u8>(u, UOP_SCALE) & EA_COMPLEX ? offsetOf(u) : effective(u);
}

export function lea<T>(u: u32): i32 {
  setReg<T>(dst(u), <T>leaOffset(u));
  return NEXT;
}

@inline
export function hotNop(_u: u32): void {}

export function nop(_u: u32): i32 {
  return NEXT;
}

/** CLFLUSH and its kin: nothing is cached, but the address is checked as a load's; execute-only code may be flushed. */
export function clflush(u: u32): i32 {
  return readAt<u8>(u, withRights(effective(u), 0)) ? NEXT : FAULTED;
}

// --- Exchange ----------------------------------------------------------------------------------------------------------

export function xchg<T>(u: u32): i32 {
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  const other = reg<T>(src(u));
  const value = load<T>(pointer);
  setTarget<T>(u, pointer, other);
  setReg<T>(src(u), value);
  return NEXT;
}

export function xadd<T>(u: u32): i32 {
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  const a = load<T>(pointer);
  const b = reg<T>(src(u));
  const sum = <T>(a + b);
  // The register first: XADD r, r leaves the sum.
  setReg<T>(src(u), a);
  setTarget<T>(u, pointer, sum);
  setFlags(FLAGS_ADD, signed<T>(a), signed<T>(b), signed<T>(sum));
  return NEXT;
}

export function cmpxchg<T>(u: u32): i32 {
  const pointer = target<T>(u);
  if (!pointer) return FAULTED;
  const value = load<T>(pointer);
  const expected = load<T>(RAX);
  const equal = value == expected;
  // Memory is written in either case (Intel SDM Vol. 2, CMPXCHG); a register destination only when equal.
  if (equal) setTarget<T>(u, pointer, reg<T>(src(u)));
  else {
    if (hasMemory(u)) setTarget<T>(u, pointer, value);
    setReg<T>(0, value);
  }
  setFlags(FLAGS_SUB, signed<T>(expected), signed<T>(value), signed<T>(<T>(expected - value)));
  return NEXT;
}

/** CMPXCHG8B, CMPXCHG16B: ZF says whether it was equal, the other flags stay. */
export function cmpxchg_pair(u: u32): i32 {
  const is16 = (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3;
  if (is16 && lacks(FEATURES_1_ECX, 13)) return FAULTED;
  const equal = is16 ? exchangePair<u64>(u) : exchangePair<u32>(u);
  if (equal < 0) return FAULTED;
  setArithmeticFlags((arithmeticFlags() & ~FLAG_ZF) | (equal ? FLAG_ZF : 0));
  return NEXT;
}

/** -1: fault pending, 0: not equal, 1: exchanged. */
function exchangePair<T>(u: u32): i32 {
  const address = effective(u, sizeof<T>() * 2);
  if (sizeof<T>() == 8 && address & 15) {
    raise(GP, 0, true);
    return -1;
  }
  const pointer = modifyPair(u, address, sizeof<T>() * 2);
  if (!pointer) return -1;
  const low = load<T>(pointer);
  const high = load<T>(pointer, sizeof<T>());
  if (low == load<T>(RAX) && high == load<T>(RDX)) {
    finishPair<T>(u, pointer, address, load<T>(RBX), load<T>(RCX));
    return 1;
  }
  finishPair<T>(u, pointer, address, low, high);
  setReg<T>(<u32>(RAX - GPR), low);
  setReg<T>(<u32>(RDX - GPR), high);
  return 0;
}

// --- Byte order, sign extension, XLAT -----------------------------------------------------------------------------------

/** BSWAP of 16 bits is undefined; processors clear the register half. */
export function bswap<T>(u: u32): i32 {
  if (sizeof<T>() == 2) setReg<u16>(dst(u), 0);
  else if (sizeof<T>() == 4) setReg<u32>(dst(u), bswap32(reg<u32>(dst(u))));
  else setReg<u64>(dst(u), bswap64(reg<u64>(dst(u))));
  return NEXT;
}

function bswap32(value: u32): u32 {
  return (rotl<u32>(value, 8) & 0x00ff00ff) | (rotl<u32>(value, 24) & 0xff00ff00);
}
function bswap64(value: u64): u64 {
  return (<u64>bswap32(<u32>value) << 32) | <u64>bswap32(<u32>(value >> 32));
}

function swapped<T>(value: T): T {
  if (sizeof<T>() == 2) return <T>((value << 8) | (value >> 8));
  if (sizeof<T>() == 4) return <T>bswap32(<u32>value);
  return <T>bswap64(<u64>value);
}

export function movbe_load<T>(u: u32): i32 {
  const from = readAt<T>(u, effective(u, sizeof<T>()));
  if (!from) return FAULTED;
  setReg<T>(dst(u), swapped<T>(load<T>(from)));
  return NEXT;
}

export function movbe_store<T>(u: u32): i32 {
  return writeAt<T>(u, effective(u, sizeof<T>()), swapped<T>(reg<T>(src(u)))) ? NEXT : FAULTED;
}

/** CBW, CWDE, CDQE. */
export function cbw<T>(_u: u32): i32 {
  if (sizeof<T>() == 2) setReg<u16>(0, <u16>(<i16>load<i8>(RAX)));
  else if (sizeof<T>() == 4) setReg<u32>(0, <u32>(<i32>load<i16>(RAX)));
  else setReg<u64>(0, <u64>(<i64>load<i32>(RAX)));
  return NEXT;
}

/** CWD, CDQ, CQO. */
export function cwd<T>(_u: u32): i32 {
  setReg<T>(<u32>(RDX - GPR), <T>(signed<T>(load<T>(RAX)) >> 63));
  return NEXT;
}

/** AL from [rBX + AL]; the segment and address size are the µop's. */
export function xlat(u: u32): i32 {
  const offset = (load<u64>(RBX) + <u64>load<u8>(RAX)) & addressMask(u);
  const from = readAt<u8>(u, linear(load<u8>(u, UOP_SEGMENT), offset, 1));
  if (!from) return FAULTED;
  store<u8>(RAX, load<u8>(from));
  return NEXT;
}
