/** 64-bit pointers as the controller takes them from registers, contexts and TRBs. */
import { type BusAddress, bus, busFromWords } from '../../base/address.ts';
import type { XhciPersonality } from '../personality.ts';

/** Clears the low bits that `alignment` (a power of two, bytes) leaves no room for. */
export function alignPointer(address: BusAddress, alignment: number): BusAddress {
  if (typeof address === 'number') return (address - (address % alignment)) as BusAddress;
  return bus(BigInt(address) & ~(BigInt(alignment) - 1n));
}

/** The pointer in two words; a controller without AC64 never sees the high one (xHCI 1.2 §5.3.6). */
export function pointerFromWords(personality: XhciPersonality, low: number, high: number): BusAddress {
  return busFromWords(low, personality.addressing64 ? high : 0);
}

export function isNull(address: BusAddress): boolean {
  return address === 0;
}

/** `address - base` in bytes when `address` stands in the `size` bytes from `base`, else `undefined`. */
export function offsetWithin(address: BusAddress, base: BusAddress, size: number): number | undefined {
  if (typeof address === 'number' && typeof base === 'number') {
    const distance = address - base;
    return distance >= 0 && distance < size ? distance : undefined;
  }
  const distance = BigInt(address) - BigInt(base);
  return distance >= 0n && distance < BigInt(size) ? Number(distance) : undefined;
}
