/** Which place on the root bus each device of the command line takes. */
import type { DeviceOption } from './q35-options.ts';

/** The first free slot of the root bus: 0 is the host bridge, and QEMU keeps 1 for a display adapter. */
const FIRST_SLOT = 2;
export const LAST_SLOT = 30;

/** Kinds that are functions of the root bus. */
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
