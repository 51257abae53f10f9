/** Where a function sits: bus 0-255, device 0-31, function 0-7 (PCI Local Bus 3.0 §3.2.2.3). */
import { hexPadded } from '../base/address.ts';

export interface PciAddress {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/** "00:03.0": how lspci, Linux and our reports write it. */
export function formatPciAddress(address: PciAddress): string {
  return `${hexPadded(address.bus, 2)}:${hexPadded(address.device, 2)}.${address.function}`;
}

/** The 16-bit requester id that a transaction carries: bus, device, function. */
export function requesterIdOf(address: PciAddress): number {
  return (address.bus << 8) | (address.device << 3) | address.function;
}
