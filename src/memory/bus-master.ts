/**
 * The gate between a device and memory: a view of its own that is empty until the guest lets the device master the bus
 * (PCI 3.0 §6.2.2, Command bit 2). Built as QEMU builds it, from a container with one alias that is enabled or not.
 */
import { AddressSpace } from './address-space.ts';
import { AliasRegion } from './alias-region.ts';
import type { MemorySystem } from './memory-system.ts';
import { ContainerRegion, type MemoryRegion, WHOLE_ADDRESS_SPACE } from './region.ts';

export class BusMasterGate {
  readonly space: AddressSpace;
  readonly #alias: AliasRegion;

  /**
   * @param name of the address space, as `info mtree` lists it (QEMU: the device's type).
   * @param device as reports name it: `00:03.0`.
   * @param upstream what the device sees when it may: system memory, or an IOMMU.
   */
  constructor(system: MemorySystem, name: string, device: string, upstream: MemoryRegion) {
    const container = new ContainerRegion(system, 'bus master container', WHOLE_ADDRESS_SPACE);
    this.#alias = new AliasRegion(system, 'bus master', upstream, 0, upstream.size);
    this.#alias.setEnabled(false);
    container.addSubregion(0, this.#alias);
    this.space = new AddressSpace(system, name, container);
    this.space.explainUnassigned = () => (this.#alias.enabled ? undefined : { kind: 'bus-master-off', device });
  }

  get enabled(): boolean {
    return this.#alias.enabled;
  }

  /** Bus Master Enable was written: takes effect at once, also for a transfer that is under way. */
  setEnabled(enabled: boolean): void {
    this.#alias.setEnabled(enabled);
  }
}
