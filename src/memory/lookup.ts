/** A debugger's look at an address: what stands there, without touching it. */
import type { BusAddress } from '../base/address.ts';
import type { AddressSpace } from './address-space.ts';
import { copyBytes } from './bytes.ts';
import type { Neighbour } from './events.ts';

export type AddressDescription =
  | {
      /** `rom` also for a flash in ROM mode and for RAM behind a read-only alias. */
      readonly kind: 'ram' | 'rom' | 'mmio';
      readonly region: string;
      readonly start: number;
      /** Last byte of the range, inclusive. */
      readonly last: number;
      /** Bytes from the start of the region. */
      readonly offset: number;
    }
  | { readonly kind: 'nothing'; readonly below: Neighbour | undefined; readonly above: Neighbour | undefined };

/** What answers at `address`, or what stands around it. An IOMMU is shown as `mmio`: nothing is translated. */
export function describeAddress(space: AddressSpace, address: BusAddress): AddressDescription {
  if (typeof address !== 'number') {
    return { kind: 'nothing', below: space.view.ranges.at(-1)?.neighbour(), above: undefined };
  }
  const range = space.view.find(address);
  if (range === undefined) {
    const { below, above } = space.view.neighbours(address);
    return { kind: 'nothing', below: below?.neighbour(), above: above?.neighbour() };
  }
  const { region, start, end } = range;
  const writable = range.writeBacking !== undefined && !range.readonly;
  const kind = range.readBacking === undefined ? 'mmio' : writable ? 'ram' : 'rom';
  return { kind, region: region.name, start, last: end - 1, offset: address + range.offsetDelta };
}

/** The bytes at `address` if all of them are RAM or ROM; no trace, no failure, no callback. */
export function peek(space: AddressSpace, address: BusAddress, size: number): Uint8Array | undefined {
  if (typeof address !== 'number') return undefined;
  // Checked before anything is allocated: a guest may have chosen the size.
  for (let done = 0; done < size; ) {
    const range = space.view.find(address + done);
    if (range?.readBacking === undefined) return undefined;
    done += Math.min(size - done, range.end - address - done);
  }
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const range = space.view.find(address + done)!;
    const length = Math.min(size - done, range.end - address - done);
    copyBytes(range.readBacking!, address + done + range.offsetDelta, bytes, done, length);
    done += length;
  }
  return bytes;
}
