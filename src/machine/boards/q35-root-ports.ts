/** PCI Express root ports on the root bus, each with one slot behind it. */
import type { MemorySystem } from '../../memory/index.ts';
import type { PciBus } from '../../pci/bus.ts';
import type { RootComplex } from '../../pci/root-complex.ts';
import { IOH3420, PCIE_ROOT_PORT, PcieRootPort } from '../../pci/root-port.ts';
import type { BoardError, Q35Options } from './q35-options.ts';
import { PciSlots } from './q35-slots.ts';

const MODELS = { 'pcie-root-port': PCIE_ROOT_PORT, ioh3420: IOH3420 } as const;
const SLOT_NUMBER_MAX = 8191;

export interface RootPortSetting {
  readonly memory: MemorySystem;
  readonly bus: PciBus;
  readonly rootComplex: RootComplex;
  readonly options: Q35Options;
}

export interface RootPorts {
  readonly list: readonly PcieRootPort[];
  /** Where devices can stand, behind the ports too. */
  readonly slots: PciSlots;
  /** When everything is plugged in: the ports find out what is behind them. */
  readonly powerOn: () => void;
}

export function addRootPorts(setting: RootPortSetting): RootPorts | BoardError {
  const { memory, bus, rootComplex, options } = setting;
  const byId = new Map<string, PcieRootPort>();
  const slots = new PciSlots(bus, byId);
  for (const device of options.devices) {
    if (device.kind !== 'pcie-root-port' && device.kind !== 'ioh3420') continue;
    const { id, slotNumber = 0 } = device;
    if (byId.has(id)) return { problem: `two root ports have the id "${id}"`, hint: 'give each its own id=' };
    const place = slots.find({ kind: device.kind, ...(device.slot === undefined ? {} : { slot: device.slot }) });
    if ('problem' in place) return place;
    if (!Number.isInteger(slotNumber) || slotNumber < 0 || slotNumber > SLOT_NUMBER_MAX) {
      return { problem: `slot number ${slotNumber} for ${device.kind}`, hint: `from 0 to ${SLOT_NUMBER_MAX}` };
    }
    const port = new PcieRootPort({
      system: memory,
      model: MODELS[device.kind],
      parent: bus,
      ordinal: byId.size + 1,
      slotNumber,
    });
    port.plug(bus, place.slot);
    rootComplex.addBus(port.secondary);
    byId.set(id, port);
  }
  const list = [...byId.values()];
  const powerOn = (): void => {
    for (const port of list) port.reset();
  };
  return { list, slots, powerOn };
}
