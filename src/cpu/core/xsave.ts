// XSAVE, XRSTOR and their relatives, XCR0 (Intel SDM Vol. 1 chapter 13). The components are data (xsave-components.ts):
// where each stands in an image, and here in the state.

import {
  ACCESS_KIND, ACCESS_WRITE, CONTINUE_AT_RIP, FAULTED, FEATURES_1_ECX, FEATURES_XSAVE, FORM_SIZE, MXCSR, MXCSR_MASK,
  NEXT, RAX, RCX, RDX, RIP, UOP_FORM, X87, X87_CONTROL, X87_LAST_DATA, X87_LAST_IP, X87_LAST_OPCODE, X87_STATUS, X87_TAG,
  XCR0, XMM, XSAVE_AVX_OFFSET, XSS, YMM_HIGH,
} from './constants';
import { effective, readBlock, writeBlock } from './operands';
import { loadX87Image, saveX87Image, setMxcsr } from './sse-state';
import {
  CR0_TS, CR4_OSXSAVE, NM, UD, code64, cr0, cr4, faultPending, raise, raiseGeneralProtection, setCurrentUop, updateMode,
} from './state';
import { nextRipOf, notPrivileged } from './system-operands';
import { translate } from './tlb';

const BIT_X87: u64 = 1;
const BIT_SSE: u64 = 2;
const BIT_AVX: u64 = 4;
const COMPACTED: u64 = 1 << 63;
const MXCSR_INITIAL: u32 = 0x1f80;
const LEGACY: u32 = 512;
const HEADER: u32 = 64;
const AVX_BYTES: u32 = 256;
/** Legacy region, header and every component. */
const IMAGE_MAX: u32 = 1024;
const IMAGE: u32 = <u32>memory.data(1024, 16);

// --- Which components there are, and which are in use --------------------------------------------------------------------

/** Components that XCR0 may enable with this model. */
function supported(): u64 {
  return BIT_X87 | BIT_SSE | (load<u32>(FEATURES_1_ECX) & (1 << 28) ? BIT_AVX : 0);
}

/** Vector registers that instructions of this mode see. */
@inline
function vectorBytes(): u32 {
  return code64() ? 256 : 128;
}

function allZero(from: u32, size: u32): bool {
  for (let at: u32 = 0; at < size; at += 8) if (load<u64>(from + at) != 0) return false;
  return true;
}

/** XINUSE: components that are not in their initial configuration (13.6). */
function inUse(): u64 {
  const initial87 =
    load<u32>(X87_CONTROL) == 0x37f && load<u32>(X87_STATUS) == 0 && load<u32>(X87_TAG) == 0 &&
    load<u32>(X87_LAST_OPCODE) == 0 && load<u64>(X87_LAST_IP) == 0 && load<u64>(X87_LAST_DATA) == 0 && allZero(X87, 128);
  let mask: u64 = initial87 ? 0 : BIT_X87;
  if (!allZero(XMM, vectorBytes())) mask |= BIT_SSE;
  if (!allZero(YMM_HIGH, vectorBytes())) mask |= BIT_AVX;
  return mask;
}

/** The same for the compacted forms and XGETBV: MXCSR counts as SSE state. */
function inUseWithMxcsr(): u64 {
  return inUse() | (load<u32>(MXCSR) != MXCSR_INITIAL ? BIT_SSE : 0);
}

/** Bytes of an area with these components. */
export function areaBytes(mask: u64, compact: bool): u32 {
  if (!(mask & BIT_AVX)) return LEGACY + HEADER;
  return (compact ? LEGACY + HEADER : XSAVE_AVX_OFFSET) + AVX_BYTES;
}

/** CPUID leaf 0xd: bytes for what XCR0 (and, compacted, IA32_XSS) enables now. */
export function enabledAreaBytes(compact: bool): u32 {
  return areaBytes(compact ? load<u64>(XCR0) | load<u64>(XSS) : load<u64>(XCR0), compact);
}

/** EDX:EAX. */
@inline
function requested(): u64 {
  return <u64>load<u32>(RAX) | (<u64>load<u32>(RDX) << 32);
}

/** #UD without CR4.OSXSAVE, #NM with CR0.TS. */
function refused(): bool {
  if (!(cr4() & CR4_OSXSAVE)) raise(UD);
  else if (cr0() & CR0_TS) raise(NM);
  else return false;
  return true;
}

/** Linear address of an area of `size` bytes, aligned to 64. Test {@link faultPending} afterwards. */
function areaAddress(u: u32, size: u32): u64 {
  setCurrentUop(u);
  const address = effective(u, size);
  if (!faultPending() && address & 63) raiseGeneralProtection();
  return address;
}

// --- Saving --------------------------------------------------------------------------------------------------------------

/** One stretch of the area, first to see whether it may be written, then to write it. */
function put(u: u32, address: u64, offset: u32, size: u32, write: bool): bool {
  for (let at = offset; at < offset + size; ) {
    const piece = min<u32>(64, offset + size - at);
    const linear = address + at;
    if (write) {
      if (!writeBlock(u, linear, piece, IMAGE + at)) return false;
    } else {
      setCurrentUop(u);
      if (!translate(linear, ACCESS_WRITE, load<u32>(ACCESS_KIND))) return false;
      const end = linear + piece - 1;
      if ((linear ^ end) >> 12 && !translate(end, ACCESS_WRITE, load<u32>(ACCESS_KIND))) return false;
    }
    at += piece;
  }
  return true;
}

/** Everything that an instruction writes: the components in `mask`, MXCSR, the header's first `headerBytes`. */
function putAll(u: u32, address: u64, mask: u64, mxcsr: bool, headerBytes: u32, avxAt: u32, write: bool): bool {
  if (mask & BIT_X87 && !(put(u, address, 0, 24, write) && put(u, address, 32, 128, write))) return false;
  if (mxcsr && !put(u, address, 24, 8, write)) return false;
  if (mask & BIT_SSE && !put(u, address, 160, vectorBytes(), write)) return false;
  if (mask & BIT_AVX && !put(u, address, avxAt, vectorBytes(), write)) return false;
  return put(u, address, LEGACY, headerBytes, write);
}

function buildImage(u: u32, avxAt: u32): void {
  memory.fill(IMAGE, 0, IMAGE_MAX);
  saveX87Image(IMAGE, (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3);
  store<u32>(IMAGE, load<u32>(MXCSR), 24);
  store<u32>(IMAGE, load<u32>(MXCSR_MASK), 28);
  memory.copy(IMAGE + 160, XMM, 256);
  memory.copy(IMAGE + avxAt, YMM_HIGH, 256);
}

/** XSAVE and XSAVEOPT: the standard form; `optimised` leaves out what is in its initial configuration. */
function saveStandard(u: u32, optimised: bool): i32 {
  if (refused()) return FAULTED;
  const mask = requested() & load<u64>(XCR0);
  const address = areaAddress(u, areaBytes(mask, false));
  if (faultPending()) return FAULTED;
  // XSTATE_BV keeps the bits of components that were not asked for.
  const header = readBlock(u, address + LEGACY, 8);
  if (!header) return FAULTED;
  const old = load<u64>(header);
  const used = inUse();
  buildImage(u, XSAVE_AVX_OFFSET);
  store<u64>(IMAGE + LEGACY, (old & ~mask) | (mask & used));
  const saved = optimised ? mask & used : mask;
  const mxcsr = (mask & (BIT_SSE | BIT_AVX)) != 0;
  if (!putAll(u, address, saved, mxcsr, 8, XSAVE_AVX_OFFSET, false)) return FAULTED;
  return putAll(u, address, saved, mxcsr, 8, XSAVE_AVX_OFFSET, true) ? NEXT : FAULTED;
}

/** XSAVEC and XSAVES: the compacted form, with what is in use only. */
function saveCompacted(u: u32, enabled: u64): i32 {
  const mask = requested() & enabled;
  const address = areaAddress(u, areaBytes(mask, true));
  if (faultPending()) return FAULTED;
  const saved = mask & inUseWithMxcsr();
  buildImage(u, LEGACY + HEADER);
  store<u64>(IMAGE + LEGACY, saved);
  store<u64>(IMAGE + LEGACY, mask | COMPACTED, 8);
  const mxcsr = (saved & BIT_SSE) != 0;
  if (!putAll(u, address, saved, mxcsr, 16, LEGACY + HEADER, false)) return FAULTED;
  return putAll(u, address, saved, mxcsr, 16, LEGACY + HEADER, true) ? NEXT : FAULTED;
}

export function sys_xsave(u: u32): i32 {
  return saveStandard(u, false);
}
export function sys_xsaveopt(u: u32): i32 {
  return saveStandard(u, true);
}
export function sys_xsavec(u: u32): i32 {
  return refused() ? FAULTED : saveCompacted(u, load<u64>(XCR0));
}
export function sys_xsaves(u: u32): i32 {
  if (refused() || notPrivileged()) return FAULTED;
  return saveCompacted(u, load<u64>(XCR0) | load<u64>(XSS));
}

// --- Restoring -------------------------------------------------------------------------------------------------------------

function bytesZero(from: u32, to: u32): bool {
  for (let at = from; at < to; at++) if (load<u8>(IMAGE + LEGACY + at) != 0) return false;
  return true;
}

/** Whether the header in IMAGE is one that may be restored (13.8, 13.12). */
function validHeader(enabled: u64, compactOnly: bool): bool {
  const stateBits = load<u64>(IMAGE + LEGACY);
  const layoutBits = load<u64>(IMAGE + LEGACY, 8);
  if (layoutBits & COMPACTED) {
    const has = (load<u32>(FEATURES_XSAVE) & 2) != 0;
    const components = layoutBits & ~COMPACTED;
    return has && !(components & ~enabled) && !(stateBits & ~components) && bytesZero(16, HEADER);
  }
  return !compactOnly && !(stateBits & ~enabled) && bytesZero(8, 24);
}

/** Copies `size` bytes of the area at `offset` into IMAGE. */
function fetch(u: u32, address: u64, offset: u32, size: u32): bool {
  for (let at = offset; at < offset + size; ) {
    const piece = min<u32>(64, offset + size - at);
    const from = readBlock(u, address + at, piece);
    if (!from) return false;
    memory.copy(IMAGE + at, from, piece);
    at += piece;
  }
  return true;
}

function restoreX87(u: u32, present: bool): void {
  if (!present) {
    memory.fill(IMAGE, 0, 24);
    memory.fill(IMAGE + 32, 0, 128);
    store<u16>(IMAGE, 0x37f);
  }
  loadX87Image(IMAGE, (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3 || !present);
}

function restoreVectors(to: u32, from: u32, present: bool): void {
  if (present) memory.copy(to, from, vectorBytes());
  else memory.fill(to, 0, vectorBytes());
}

function restore(u: u32, enabled: u64, compactOnly: bool): i32 {
  const mask = requested() & enabled;
  const address = areaAddress(u, LEGACY + HEADER);
  if (faultPending() || !fetch(u, address, LEGACY, HEADER)) return FAULTED;
  if (!validHeader(enabled, compactOnly)) {
    raiseGeneralProtection();
    return FAULTED;
  }
  const compact = (load<u64>(IMAGE + LEGACY, 8) & COMPACTED) != 0;
  const present = mask & load<u64>(IMAGE + LEGACY);
  const avxAt = compact ? LEGACY + HEADER : XSAVE_AVX_OFFSET;
  // In the standard form MXCSR comes from the area whenever SSE or AVX is asked for; compacted, it is part of SSE.
  const mxcsr = compact ? (present & BIT_SSE) != 0 : (mask & (BIT_SSE | BIT_AVX)) != 0;
  if (present & BIT_X87 && !fetch(u, address, 0, 160)) return FAULTED;
  if (mxcsr && !fetch(u, address, 24, 8)) return FAULTED;
  if (present & BIT_SSE && !fetch(u, address, 160, vectorBytes())) return FAULTED;
  if (present & BIT_AVX && !fetch(u, address, avxAt, vectorBytes())) return FAULTED;
  // The only check that is left; it changes MXCSR when it succeeds.
  if (mxcsr && !setMxcsr(load<u32>(IMAGE, 24))) return FAULTED;
  if (compact && mask & BIT_SSE && !mxcsr) store<u32>(MXCSR, MXCSR_INITIAL);
  if (mask & BIT_X87) restoreX87(u, (present & BIT_X87) != 0);
  if (mask & BIT_SSE) restoreVectors(XMM, IMAGE + 160, (present & BIT_SSE) != 0);
  if (mask & BIT_AVX) restoreVectors(YMM_HIGH, IMAGE + avxAt, (present & BIT_AVX) != 0);
  return NEXT;
}

export function sys_xrstor(u: u32): i32 {
  return refused() ? FAULTED : restore(u, load<u64>(XCR0), false);
}
export function sys_xrstors(u: u32): i32 {
  if (refused() || notPrivileged()) return FAULTED;
  return restore(u, load<u64>(XCR0) | load<u64>(XSS), true);
}

// --- XCR0 ------------------------------------------------------------------------------------------------------------------

/** ECX 0: XCR0. ECX 1, if CPUID offers it: the enabled components that are in use. */
export function sys_xgetbv(uop: u32): i32 {
  if (!(cr4() & CR4_OSXSAVE)) {
    raise(UD);
    return FAULTED;
  }
  const which = load<u32>(RCX);
  if (which > 1 || (which == 1 && !(load<u32>(FEATURES_XSAVE) & 4))) {
    raiseGeneralProtection();
    return FAULTED;
  }
  const value = which ? load<u64>(XCR0) & inUseWithMxcsr() : load<u64>(XCR0);
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
  return NEXT;
}

/** x87 cannot be switched off, AVX needs SSE, and only components of the model exist (Vol. 2, XSETBV). */
export function sys_xsetbv(uop: u32): i32 {
  if (!(cr4() & CR4_OSXSAVE)) {
    raise(UD);
    return FAULTED;
  }
  if (notPrivileged()) return FAULTED;
  const value = requested();
  const badAvx = (value & (BIT_SSE | BIT_AVX)) == BIT_AVX;
  if (load<u32>(RCX) != 0 || !(value & BIT_X87) || badAvx || value & ~supported()) {
    raiseGeneralProtection();
    return FAULTED;
  }
  store<u64>(XCR0, value);
  // Whether AVX instructions decode depends on it.
  updateMode();
  store<u64>(RIP, nextRipOf(uop));
  return CONTINUE_AT_RIP;
}
