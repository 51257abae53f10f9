// Guest-physical memory as the core sees it: direct ranges backed by this memory, everything else through the host.

import { ADDRESS_BITS_OFF, DIRECT_COUNT, DIRECT_RANGES, DIRECT_RANGE_SIZE, PAGE_CODE, PAGE_FLAGS } from './generated/layout';
import { dropCode } from './blocks';
import { mmioRead64, mmioWrite64 } from './host';

/** Whether the range found by the last {@link directPointer} takes stores. */
export let directWritable: bool = false;
let lastRange: u32 = DIRECT_RANGES;

/** Forgets the range found last: call when the table changes. */
export function directRangesChanged(): void {
  lastRange = DIRECT_RANGES;
}

/** Backing of `size` bytes that lie in one direct range, or 0. */
export function directPointer(address: u64, size: u32): u32 {
  const count = load<u32>(DIRECT_COUNT);
  if (count == 0) return 0;
  let range = lastRange;
  let offset = address - load<u64>(range);
  if (offset >= load<u64>(range, 8)) {
    // Binary search for the last range that starts at or below the address.
    let low: u32 = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (load<u64>(DIRECT_RANGES + middle * DIRECT_RANGE_SIZE) <= address) low = middle + 1;
      else high = middle;
    }
    if (low == 0) return 0;
    range = DIRECT_RANGES + (low - 1) * DIRECT_RANGE_SIZE;
    offset = address - load<u64>(range);
    if (offset >= load<u64>(range, 8)) return 0;
    lastRange = range;
  }
  if (load<u64>(range, 8) - offset < <u64>size) return 0;
  directWritable = load<u32>(range, 20) != 0;
  return load<u32>(range, 16) + <u32>offset;
}

/** A physical address as it leaves the processor: the A20 gate may hold bit 20 down. */
@inline
export function onBus(address: u64): u64 {
  return address & ~<u64>load<u32>(ADDRESS_BITS_OFF);
}

export function physicalRead64(address: u64): u64 {
  const at = onBus(address);
  const p = directPointer(at, 8);
  return p ? load<u64>(p) : mmioRead64(at, 8);
}

export function physicalRead32(address: u64): u32 {
  const at = onBus(address);
  const p = directPointer(at, 4);
  return p ? load<u32>(p) : <u32>mmioRead64(at, 4);
}

/** Stores 2, 4 or 8 bytes. */
export function physicalWrite(entry: u64, size: u32, value: u64): void {
  const address = onBus(entry);
  const p = directPointer(address, size);
  if (!p || !directWritable) {
    mmioWrite64(address, size, value);
    return;
  }
  if (size == 8) store<u64>(p, value);
  else if (size == 4) store<u32>(p, <u32>value);
  else store<u16>(p, <u16>value);
  if (load<u8>(PAGE_FLAGS + (p >>> 12)) & PAGE_CODE) dropCode(p, size);
}

/** Sets bits of a page table entry (accessed, dirty). The low word holds both. */
export function physicalSetBits(entry: u64, bits: u32): void {
  const address = onBus(entry);
  const p = directPointer(address, 4);
  if (p && directWritable) {
    store<u32>(p, load<u32>(p) | bits);
    if (load<u8>(PAGE_FLAGS + (p >>> 12)) & PAGE_CODE) dropCode(p, 4);
  } else {
    mmioWrite64(address, 4, physicalRead32(address) | bits);
  }
}
