// Segment registers and descriptors (Intel SDM Vol. 3A chapters 3 and 5): loads with their checks, and the stack
// accesses that deliveries and far transfers share.

import {
  ACCESS_KIND, EFLAGS, FRAME, GDT_BASE, GDT_LIMIT, RSP, SCRATCH_RMW, SEG_DS, SEG_ES,
  SEG_FS, SEG_GS, SEG_LDTR, SEG_SS, SEG_TR, TLB_SUPERVISOR, TLB_USER,
} from './generated/layout';
import { storeMisaligned } from './alignment';
import { readPointerAs, storeBytesAs } from './mmu';
import { canonical } from './paging';
import { translateStore } from './tlb';
import {
  FLAG_VM, GP, NP, SS, TS, code64, cpl, protectedMode, raise, raiseGeneralProtection, segment,
  segmentAttributes, segmentBase, segmentLimit, selector, setSegment, updateMode,
} from './state';

// Attribute bits as the state keeps them (second descriptor word, bits 8-23, shifted down).
export const ATTRIBUTE_TYPE: u32 = 0x0f;
export const ATTRIBUTE_ACCESSED: u32 = 0x01;
/** Code: readable. Data: writable. */
export const ATTRIBUTE_RW: u32 = 0x02;
/** Code: conforming. Data: expand-down. */
export const ATTRIBUTE_CONFORMING: u32 = 0x04;
export const ATTRIBUTE_CODE: u32 = 0x08;
export const ATTRIBUTE_S: u32 = 0x10;
export const ATTRIBUTE_PRESENT: u32 = 0x80;
export const ATTRIBUTE_LONG: u32 = 0x2000;
export const ATTRIBUTE_BIG: u32 = 0x4000;
export const ATTRIBUTE_GRANULARITY: u32 = 0x8000;

/** The descriptor that {@link fetchDescriptor} read: its two words, the two more of a 16-byte one, and where it is. */
export let descriptorLow: u32 = 0;
export let descriptorHigh: u32 = 0;
export let descriptorTop: u32 = 0;
let descriptorLast: u32 = 0;
let descriptorAddress: u64 = 0;

@inline
export function descriptorAttributes(): u32 {
  return (descriptorHigh >>> 8) & 0xf0ff;
}
@inline
export function descriptorDpl(): u32 {
  return (descriptorHigh >>> 13) & 3;
}
@inline
export function descriptorPresent(): bool {
  return (descriptorHigh & 0x8000) != 0;
}
export function descriptorBase(): u32 {
  return (descriptorLow >>> 16) | ((descriptorHigh & 0xff) << 16) | (descriptorHigh & 0xff000000);
}
export function descriptorBase64(): u64 {
  return <u64>descriptorBase() | (<u64>descriptorTop << 32);
}
/** The type field of a 16-byte descriptor's upper half, which must be 0 (Vol. 3A 5.8.3.1). */
@inline
export function descriptorUpperType(): u32 {
  return (descriptorLast >>> 8) & 0x1f;
}
/** In bytes: the granularity bit is applied. */
export function descriptorLimit(): u32 {
  const limit = (descriptorLow & 0xffff) | (descriptorHigh & 0xf0000);
  return descriptorHigh & 0x800000 ? (limit << 12) | 0xfff : limit;
}

@inline
export function isNull(value: u32): bool {
  return (value & 0xfffc) == 0;
}

/**
 * Reads the descriptor of a selector that is not null. False: a fault is pending, `vector`(selector | external) when it
 * lies beyond its table's limit. `size` is 8, or 16 for a system descriptor in long mode.
 */
export function fetchDescriptor(value: u32, size: u32, vector: u32 = GP, external: u32 = 0): bool {
  const local = (value & 4) != 0;
  const limit = local ? segmentLimit(SEG_LDTR) : load<u32>(GDT_LIMIT);
  const offset = value & 0xfff8;
  if (offset + size - 1 > limit || (local && !(segmentAttributes(SEG_LDTR) & ATTRIBUTE_PRESENT))) {
    raise(vector, (value & 0xfffc) | external, true);
    return false;
  }
  descriptorAddress = (local ? segmentBase(SEG_LDTR) : load<u64>(GDT_BASE)) + offset;
  const p = readPointerAs(descriptorAddress, size, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return false;
  descriptorLow = load<u32>(p);
  descriptorHigh = load<u32>(p, 4);
  descriptorTop = size == 16 ? load<u32>(p, 8) : 0;
  descriptorLast = size == 16 ? load<u32>(p, 12) : 0;
  return true;
}

/** Sets bits in the second word of the descriptor read last (accessed, busy). False: fault pending. */
export function setDescriptorBits(bits: u32): bool {
  if ((descriptorHigh & bits) == bits) return true;
  descriptorHigh |= bits;
  store<u32>(SCRATCH_RMW, descriptorHigh);
  return storeBytesAs(descriptorAddress + 4, 4, SCRATCH_RMW, TLB_SUPERVISOR);
}

/** Segment type of the descriptor: 0-15 with S. */
@inline
export function descriptorType(): u32 {
  return (descriptorHigh >>> 8) & 0x0f;
}
@inline
export function descriptorIsSystem(): bool {
  return !(descriptorHigh & 0x1000);
}

/** Fills a segment register from the descriptor read last. */
export function setFromDescriptor(index: u32, value: u32): void {
  setSegment(index, value, <u64>descriptorBase(), descriptorLimit(), descriptorAttributes());
}

/**
 * Real and virtual-8086 mode: base = selector * 16. A real-mode load leaves limit and attributes as protected mode set
 * them ("unreal mode"), unless a null selector had made the register unusable.
 */
export function setRealSegment(index: u32, value: u32): void {
  const v86 = (load<u32>(EFLAGS) & FLAG_VM) != 0;
  const kept = !v86 && (segmentAttributes(index) & ATTRIBUTE_PRESENT) != 0;
  const limit = kept ? segmentLimit(index) : 0xffff;
  const attributes: u32 = v86 ? 0xf3 : kept ? segmentAttributes(index) : 0x93;
  setSegment(index, value, <u64>((value & 0xffff) << 4), limit, attributes);
}

/** MOV/POP/Lxx to es, ss, ds, fs or gs. False: fault pending, nothing changed. */
export function loadSegment(index: u32, value: u32): bool {
  value &= 0xffff;
  if (!protectedMode() || load<u32>(EFLAGS) & FLAG_VM) {
    setRealSegment(index, value);
    updateMode();
    return true;
  }
  if (index == SEG_SS) return loadStackSegment(value);
  if (isNull(value)) {
    setSegment(index, value, 0, 0, 0);
    updateMode();
    return true;
  }
  if (!fetchDescriptor(value, 8)) return false;
  const type = descriptorType();
  const error = value & 0xfffc;
  if (descriptorIsSystem() || (type & 0xa) == 8) {
    // A system descriptor or execute-only code.
    raiseGeneralProtection(error);
    return false;
  }
  // Data and non-conforming code: both CPL and RPL must reach DPL.
  if ((type & 0xc) != 0xc && max<u32>(cpl(), value & 3) > descriptorDpl()) {
    raiseGeneralProtection(error);
    return false;
  }
  if (!descriptorPresent()) {
    raise(NP, error, true);
    return false;
  }
  if (!setDescriptorBits(0x100)) return false;
  setFromDescriptor(index, value);
  updateMode();
  return true;
}

function loadStackSegment(value: u32): bool {
  if (isNull(value)) {
    // 64-bit mode allows it outside of CPL 3 (Vol. 3A 5.4.1).
    if (!code64() || cpl() == 3 || (value & 3) != cpl()) {
      raiseGeneralProtection();
      return false;
    }
    setSegment(SEG_SS, value, 0, 0xffffffff, ATTRIBUTE_BIG | ATTRIBUTE_S | ATTRIBUTE_RW | (cpl() << 5));
    updateMode();
    return true;
  }
  if (!checkStackDescriptor(value, cpl(), GP, 0)) return false;
  if (!setDescriptorBits(0x100)) return false;
  setFromDescriptor(SEG_SS, value);
  updateMode();
  return true;
}

/** Reads and checks a stack segment for privilege `level`; `vector` is #GP, or #TS for one from a TSS. */
export function checkStackDescriptor(value: u32, level: u32, vector: u32, external: u32): bool {
  if (!fetchDescriptor(value, 8, vector, external)) return false;
  const error = (value & 0xfffc) | external;
  const writableData = !descriptorIsSystem() && (descriptorType() & 0xa) == 2;
  if ((value & 3) != level || descriptorDpl() != level || !writableData) {
    raise(vector, error, true);
    return false;
  }
  if (!descriptorPresent()) {
    raise(SS, error, true);
    return false;
  }
  return true;
}

/** A return to an outer level must not leave inner data segments behind (Vol. 3A 6.8.6, RET and IRET). */
export function dropInnerSegments(level: u32): void {
  dropInner(SEG_ES, level);
  dropInner(SEG_DS, level);
  dropInner(SEG_FS, level);
  dropInner(SEG_GS, level);
}

function dropInner(index: u32, level: u32): void {
  const attributes = segmentAttributes(index);
  const conformingCode = (attributes & (ATTRIBUTE_S | 0xc)) == (ATTRIBUTE_S | 0xc);
  if (conformingCode || ((attributes >>> 5) & 3) >= level) return;
  // In 64-bit mode a null selector keeps its base where it had been null before.
  if (isNull(selector(index)) && !(attributes & ATTRIBUTE_PRESENT)) return;
  setSegment(index, 0, 0, 0, 0);
}

// --- The stack of a delivery or far transfer -----------------------------------------------------------------------

/** Mask of the stack pointer in force. */
export function stackMask(): u64 {
  if (code64()) return ~0;
  return segmentAttributes(SEG_SS) & ATTRIBUTE_BIG ? 0xffffffff : 0xffff;
}

/** Linear address of stack offset `offset` in the stack segment in force. */
@inline
export function stackLinear(offset: u64): u64 {
  if (code64()) return offset;
  return (segmentBase(SEG_SS) + (offset & stackMask())) & 0xffffffff;
}

/** Whether `size` bytes at `offset` lie within a segment of this limit and these attributes (Vol. 3A 5.3). */
export function withinLimit(offset: u64, size: u32, limit: u32, attributes: u32): bool {
  const last = offset + size - 1;
  if ((attributes & (ATTRIBUTE_CODE | ATTRIBUTE_CONFORMING)) == ATTRIBUTE_CONFORMING) {
    const top: u64 = attributes & ATTRIBUTE_BIG ? 0xffffffff : 0xffff;
    return offset > limit && last <= top;
  }
  return last <= limit;
}

/** Puts a value into the frame that is about to be pushed, at byte `at`; `size` is 2, 4 or 8. */
export function setFrame(at: u32, size: u32, value: u64): void {
  if (size == 8) store<u64>(FRAME + at, value);
  else if (size == 4) store<u32>(FRAME + at, <u32>value);
  else store<u16>(FRAME + at, <u16>value);
}

/**
 * Bytes of a frame of `size` bytes at stack offset `offset` before a 16-bit stack pointer wraps, if it does so between
 * two slots: each slot is an access of its own. Otherwise `size`.
 */
function beforeWrap(offset: u64, size: u32, slot: u32): u32 {
  const first = <u32>(0x10000 - offset);
  return stackMask() == 0xffff && first < size && first % slot == 0 ? first : size;
}

/** Whether a frame may be accessed there. False: #SS(0) is pending. */
function stackAllows(offset: u64, size: u32): bool {
  const attributes = segmentAttributes(SEG_SS);
  const typed = protectedMode() && !(load<u32>(EFLAGS) & FLAG_VM);
  const fits = code64()
    ? canonical(offset) && canonical(offset + size - 1)
    : withinLimit(offset, size, segmentLimit(SEG_SS), attributes) && !(typed && !(attributes & ATTRIBUTE_PRESENT));
  if (!fits) raise(SS, 0, true);
  return fits;
}

/** Pushes `size` bytes of the frame, made of `slot`s, on the stack in force. False: fault pending, RSP unchanged. */
export function pushFrame(size: u32, slot: u32): bool {
  const mask = stackMask();
  const old = load<u64>(RSP);
  const top = (old - size) & mask;
  const first = beforeWrap(top, size, slot);
  if (!stackAllows(top, first) || (first < size && !stackAllows(0, size - first))) return false;
  const kind = load<u32>(ACCESS_KIND);
  if (storeMisaligned(stackLinear(top), slot, kind)) return false;
  if (first < size && !storeFrame(stackLinear(0), size - first, slot, kind, FRAME + first)) return false;
  if (!storeFrame(stackLinear(top), first, slot, kind)) return false;
  store<u64>(RSP, mask == 0xffff ? (old & ~0xffff) | top : top);
  return true;
}

/**
 * Stores `size` bytes of a frame, made of `slot`s, all or none. Slots are pushed from the highest on: the fault is that of
 * the first that faults.
 */
export function storeFrame(address: u64, size: u32, slot: u32, kind: u32, from: u32 = FRAME): bool {
  if (storeBytesAs(address, size, from, kind)) return true;
  for (let at = size; at > 0; at -= slot) if (!translateStore(address + at - slot, slot, kind)) break;
  return false;
}

/**
 * Copies `size` bytes, made of `slot`s, from the top of the stack, not popped yet, to `to`; see {@link frameValue}.
 * False: fault pending.
 */
export function peekFrame(size: u32, slot: u32, to: u32 = FRAME): bool {
  const offset = load<u64>(RSP) & stackMask();
  const first = beforeWrap(offset, size, slot);
  if (!stackAllows(offset, first) || (first < size && !stackAllows(0, size - first))) return false;
  // In pieces that the scratch bytes have room for. A copy: descriptor loads may follow before the last value is used.
  for (let at: u32 = 0; at < size; at += slot) {
    const from = at < first ? offset + at : <u64>(at - first);
    const p = readPointerAs(stackLinear(from), slot, load<u32>(ACCESS_KIND), SCRATCH_RMW);
    if (!p) return false;
    memory.copy(to + at, p, slot);
  }
  return true;
}

/** A 2-, 4- or 8-byte value of the frame that {@link peekFrame} copied. */
export function frameValue(at: u32, size: u32): u64 {
  if (size == 8) return load<u64>(FRAME + at);
  return size == 4 ? <u64>load<u32>(FRAME + at) : <u64>load<u16>(FRAME + at);
}

/** Adds to the stack pointer within its size. */
export function addToStack(bytes: u32): void {
  const mask = stackMask();
  const old = load<u64>(RSP);
  const next = (old + bytes) & mask;
  store<u64>(RSP, mask == 0xffff ? (old & ~0xffff) | next : next);
}

// --- Inner stacks from the TSS -------------------------------------------------------------------------------------

/** Rights of a push by code at `level`. */
@inline
export function kindOf(level: u32): u32 {
  return level == 3 ? TLB_USER : TLB_SUPERVISOR;
}

/** 64-bit TSS: the 8-byte stack pointer at `offset`, in {@link tssStack}. False: fault pending. */
export let tssStack: u64 = 0;
export let tssSelector: u32 = 0;
export function readTssStack64(offset: u32, external: u32): bool {
  if (offset + 7 > segmentLimit(SEG_TR)) {
    raise(TS, (selector(SEG_TR) & 0xfffc) | external, true);
    return false;
  }
  const p = readPointerAs(segmentBase(SEG_TR) + offset, 8, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return false;
  tssStack = load<u64>(p);
  return true;
}

/** 32-bit (or 16-bit) TSS: stack segment and pointer for `level`. */
export function readTssStack32(level: u32, external: u32): bool {
  const wide = (segmentAttributes(SEG_TR) & 8) != 0;
  const offset: u32 = wide ? 4 + 8 * level : 2 + 4 * level;
  const size: u32 = wide ? 6 : 4;
  if (offset + size - 1 > segmentLimit(SEG_TR)) {
    raise(TS, (selector(SEG_TR) & 0xfffc) | external, true);
    return false;
  }
  const p = readPointerAs((segmentBase(SEG_TR) + offset) & 0xffffffff, size, TLB_SUPERVISOR, SCRATCH_RMW);
  if (!p) return false;
  tssStack = wide ? <u64>load<u32>(p) : <u64>load<u16>(p);
  tssSelector = wide ? load<u16>(p, 4) : load<u16>(p, 2);
  return true;
}
