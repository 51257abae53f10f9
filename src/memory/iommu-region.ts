import type { BusAddress } from '../base/address.ts';
import type { AddressSpace } from './address-space.ts';
import type { MemorySystem } from './memory-system.ts';
import type { MemTxAttrs } from './memtx.ts';
import { MemoryRegion, type RegionOptions } from './region.ts';

export type IommuPermission = 'none' | 'read-only' | 'write-only' | 'read-write';

/** Where an I/O virtual address leads. */
export interface IommuTranslation {
  readonly target: AddressSpace;
  readonly translatedAddress: number;
  /** Page size - 1: the low bits that come from the I/O virtual address. */
  readonly addressMask: number;
  readonly permission: IommuPermission;
  /** How the translation was found or where it ended, one line a step, for a report on a fault. */
  readonly walk?: readonly string[];
}

/** @param address relative to the region. With `attrs.debug` it must have no side effect (no fault record). */
export type Translate = (address: BusAddress, write: boolean, attrs: MemTxAttrs) => IommuTranslation;

export interface IommuNotification {
  readonly kind: 'map' | 'unmap';
  readonly address: number;
  readonly addressMask: number;
  readonly translatedAddress: number;
  readonly permission: IommuPermission;
}

/** Leads each page elsewhere: `translate` names the address space and the address that answer. */
export class IommuRegion extends MemoryRegion {
  readonly kind = 'iommu';
  readonly #notifiers: ((notification: IommuNotification) => void)[] = [];

  constructor(
    system: MemorySystem,
    name: string,
    size: number,
    readonly translate: Translate,
    options?: RegionOptions,
  ) {
    super(system, name, size, options);
  }

  /** Hears of every mapping made or dropped (device TLBs, pass-through). Returns the way to stop. */
  onNotification(notify: (notification: IommuNotification) => void): () => void {
    this.#notifiers.push(notify);
    return () => {
      const index = this.#notifiers.indexOf(notify);
      if (index >= 0) this.#notifiers.splice(index, 1);
    };
  }

  notify(notification: IommuNotification): void {
    for (const notifier of [...this.#notifiers]) notifier(notification);
  }
}
