/** Which place each PCI device of the command line takes: a slot of the root bus, or the one behind a root port. */
import type { PciBus } from '../../pci/bus.ts';
import type { PcieRootPort } from '../../pci/root-port.ts';
import type { BoardError, DeviceOption } from './q35-options.ts';

/** The first free slot of the root bus: 0 is the host bridge, and QEMU keeps 1 for a display adapter. */
const FIRST_SLOT = 2;
const LAST_SLOT = 30;

/** Kinds that are PCI functions. */
const PCI_KINDS: ReadonlySet<string> = new Set([
  'qemu-xhci',
  'nec-usb-xhci',
  'pcie-root-port',
  'ioh3420',
  'ahci',
  'virtio-blk-pci',
  'virtio-rng-pci',
]);

/** Gives those without a place the first one that those before them left free, as QEMU does. */
export function placeDevices(devices: readonly DeviceOption[]): readonly DeviceOption[] {
  const taken = new Set<number>();
  return devices.map((device) => {
    if (!PCI_KINDS.has(device.kind) || ('pciBus' in device && device.pciBus !== undefined)) return device;
    const given = (device as { readonly slot?: number }).slot;
    let slot = given ?? FIRST_SLOT;
    while (given === undefined && taken.has(slot)) slot += 1;
    taken.add(slot);
    return { ...device, slot } as DeviceOption;
  });
}

/** A place that is free. */
export interface PciPlace {
  readonly bus: PciBus;
  readonly slot: number;
  readonly behindPort: boolean;
}

export interface PciPlaceWanted {
  readonly kind: string;
  readonly slot?: number;
  /** The id of a root port; default: the root bus. */
  readonly pciBus?: string;
}

/** The buses of the board. */
export class PciSlots {
  readonly #root: PciBus;
  readonly #ports: ReadonlyMap<string, PcieRootPort>;

  constructor(root: PciBus, ports: ReadonlyMap<string, PcieRootPort>) {
    this.#root = root;
    this.#ports = ports;
  }

  /** Without a slot: the first that is free. */
  find(wanted: PciPlaceWanted): PciPlace | BoardError {
    const { kind, pciBus } = wanted;
    if (pciBus === undefined) return this.#onRootBus(wanted);
    const port = this.#ports.get(pciBus);
    if (port === undefined) {
      const known = [...this.#ports.keys()].join(', ');
      return { problem: `there is no PCI bus "${pciBus}"`, hint: `known: ${known || 'none but pcie.0'}` };
    }
    // Only one device fits behind a port.
    if ((wanted.slot ?? 0) !== 0 || port.secondary.functions.length > 0) {
      return { problem: `${kind} does not fit behind "${pciBus}"`, hint: 'a port has one slot, addr=0' };
    }
    return { bus: port.secondary, slot: 0, behindPort: true };
  }

  #onRootBus({ kind, slot: given }: PciPlaceWanted): PciPlace | BoardError {
    const bus = this.#root;
    let slot = given ?? FIRST_SLOT;
    while (given === undefined && bus.at(slot, 0) !== undefined) slot += 1;
    if (slot >= 1 && slot <= LAST_SLOT && bus.at(slot, 0) === undefined) return { bus, slot, behindPort: false };
    return {
      problem: `PCI slot ${given ?? 'none'} for ${kind} is not free`,
      hint: `give another addr=, in hex from 1 to ${LAST_SLOT.toString(16)}, or none`,
    };
  }
}
