// The task-state segment as a hardware task switch uses it (Intel SDM Vol. 3A 7.2.1, 7.6): saving the outgoing task's
// registers, reading the incoming one's image. 32-bit TSSs have 104 bytes, 16-bit ones 44.

import {
  ACCESS_READ, ACCESS_WRITE, FAULT, GPR, SCRATCH_RMW, SEG_TR, TLB_SUPERVISOR,
} from './generated/layout';
import { readPointerAs, storeBytesAs } from './mmu';
import { segmentAttributes, segmentBase, selector } from './state';
import { translate } from './tlb';

export const TSS_SIZE_32: u32 = 104;
export const TSS_SIZE_16: u32 = 44;
/** Attribute and type bit of a 32-bit TSS. */
export const TSS_WIDE: u32 = 8;

/** The incoming task's image, read whole before anything is loaded from it. */
const IMAGE: u32 = <u32>memory.data(104, 8);

/** Whether every byte can be accessed as supervisor. False: a page fault is pending. `size` is less than a page. */
export function reachable(address: u64, size: u32, access: u32): bool {
  if (!translate(address & 0xffffffff, access, TLB_SUPERVISOR)) return false;
  const nextPage = (address & ~0xfff) + 0x1000;
  return address + size <= nextPage || translate(nextPage & 0xffffffff, access, TLB_SUPERVISOR) != 0;
}

/** Whether the registers of the running task can be saved in its TSS. */
export function canSave(): bool {
  const wide = segmentAttributes(SEG_TR) & TSS_WIDE;
  return reachable(segmentBase(SEG_TR) + (wide ? 0x20 : 0x0e), wide ? 0x40 : 0x1c, ACCESS_WRITE);
}

function put(address: u64, size: u32, value: u64): void {
  store<u64>(SCRATCH_RMW, value);
  storeBytesAs(address & 0xffffffff, size, SCRATCH_RMW, TLB_SUPERVISOR);
}

/** Saves the running task in its TSS: what {@link canSave} found reachable. */
export function saveTask(next: u64, flags: u32): void {
  const base = segmentBase(SEG_TR);
  const wide = (segmentAttributes(SEG_TR) & TSS_WIDE) != 0;
  const size: u32 = wide ? 4 : 2;
  let at = base + (wide ? 0x20 : 0x0e);
  put(at, size, next);
  put(at + size, size, flags);
  at += 2 * size;
  for (let i: u32 = 0; i < 8; i++, at += size) put(at, size, load<u64>(GPR + i * 8));
  // es cs ss ds, and fs gs in the 32-bit form: two bytes each, in slots of `size`.
  const segments: u32 = wide ? 6 : 4;
  for (let i: u32 = 0; i < segments; i++, at += size) put(at, 2, selector(i));
}

/** Writes the link to the task that is interrupted. */
export function storeLink(base: u64, value: u32): void {
  put(base, 2, value);
}

/** Copies the image of a TSS that was found reachable. */
export function readImage(base: u64, wide: bool): void {
  const size: u32 = wide ? 4 : 2;
  const end = wide ? TSS_SIZE_32 : TSS_SIZE_16;
  for (let at: u32 = 0; at < end; at += size) {
    const p = readPointerAs((base + at) & 0xffffffff, size, TLB_SUPERVISOR, SCRATCH_RMW);
    if (!p) {
      // Only a device that moves itself while it is read gets here: it reads as zero.
      store<u32>(FAULT, 0);
      store<u32>(SCRATCH_RMW, 0);
    }
    memory.copy(IMAGE + at, p ? p : SCRATCH_RMW, size);
  }
}

@inline
function field(wide: bool, at32: u32, at16: u32): u32 {
  return wide ? load<u32>(IMAGE + at32) : <u32>load<u16>(IMAGE + at16);
}
export function imageRip(wide: bool): u32 {
  return field(wide, 0x20, 0x0e);
}
export function imageFlags(wide: bool): u32 {
  return field(wide, 0x24, 0x10);
}
/** General register 0-7. The upper halves are ones after a 16-bit TSS, as processors leave them. */
export function imageRegister(wide: bool, index: u32): u32 {
  return wide ? load<u32>(IMAGE + 0x28 + 4 * index) : <u32>load<u16>(IMAGE + 0x12 + 2 * index) | 0xffff0000;
}
/** Selector 0-5: es cs ss ds fs gs. A 16-bit TSS has no fs and gs: null. */
export function imageSelector(wide: bool, index: u32): u32 {
  if (wide) return load<u16>(IMAGE + 0x48 + 4 * index);
  return index < 4 ? <u32>load<u16>(IMAGE + 0x22 + 2 * index) : 0;
}
export function imageLdt(wide: bool): u32 {
  return wide ? load<u16>(IMAGE + 0x60) : load<u16>(IMAGE + 0x2a);
}
export function imageCr3(): u32 {
  return load<u32>(IMAGE + 0x1c);
}
/** The debug trap bit T (32-bit TSS only). */
export function imageTrap(wide: bool): bool {
  return wide && (load<u8>(IMAGE + 0x64) & 1) != 0;
}
/** Whether the new task's TSS can be read, and its link written where the switch nests. */
export function canLoad(base: u64, wide: bool, nested: bool): bool {
  if (!reachable(base, wide ? TSS_SIZE_32 : TSS_SIZE_16, ACCESS_READ)) return false;
  return !nested || reachable(base, 2, ACCESS_WRITE);
}
