/** SeaBIOS with controllers behind PCI Express root ports: scenarios of others once more, and disks by bootindex. */
import type { DeviceOption } from '../../../src/machine/boards/q35-options.ts';
import { bootDisk } from '../boot-disk.ts';
import type { BootPlan, BootScenario } from '../scenario.ts';
import { CONTENTS, diskPlan, OTHER, SEABIOS } from './seabios.ts';

/** Ports in front of the list, and every controller behind one of its own. */
function behindPorts(devices: readonly DeviceOption[]): DeviceOption[] {
  const ports: DeviceOption[] = [];
  const moved = devices.map((device): DeviceOption => {
    if (device.kind !== 'qemu-xhci') return device;
    const id = `rp${ports.length + 1}`;
    ports.push({ kind: ports.length % 2 === 0 ? 'pcie-root-port' : 'ioh3420', id });
    const { slot: _, ...rest } = device;
    return { ...rest, pciBus: id };
  });
  return [...ports, ...moved];
}

function moved(scenario: BootScenario): BootScenario {
  return {
    ...scenario,
    name: `${scenario.name}-root-port`,
    about: `${scenario.about}, behind root ports`,
    build: () => {
      const plan = scenario.build();
      return { ...plan, options: { ...plan.options, devices: behindPorts(plan.options.devices ?? []) } };
    },
  };
}

/** A disk on the chipset's AHCI would come first; the index says otherwise, by a path through the port. */
function virtioByIndex(): BootPlan {
  return diskPlan({
    files: { hd: bootDisk(OTHER), disk: bootDisk(CONTENTS) },
    boots: CONTENTS,
    devices: () => [
      { kind: 'pcie-root-port', id: 'rp1', slot: 4, slotNumber: 1 },
      { kind: 'ide-hd', drive: 'hd', bus: 'ide.0', bootIndex: 2 },
      { kind: 'virtio-blk-pci', drive: 'disk', pciBus: 'rp1', bootIndex: 1 },
    ],
    qemu: [
      ...['-device', 'pcie-root-port,id=rp1,addr=4,slot=1,hotplug=off'],
      ...['-drive', 'file=@hd,format=raw,if=none,id=hd', '-device', 'ide-hd,drive=hd,bus=ide.0,bootindex=2'],
      ...['-drive', 'file=@disk,format=raw,if=none,id=disk'],
      ...['-device', 'virtio-blk-pci,drive=disk,bus=rp1,bootindex=1'],
    ],
  });
}

function ahciByIndex(): BootPlan {
  return diskPlan({
    files: { hd: bootDisk(OTHER), disk: bootDisk(CONTENTS) },
    boots: CONTENTS,
    devices: () => [
      { kind: 'ioh3420', id: 'rp1', slot: 0x1c, slotNumber: 1 },
      { kind: 'ahci', id: 'more', pciBus: 'rp1' },
      { kind: 'ide-hd', drive: 'hd', bus: 'ide.0', bootIndex: 2 },
      { kind: 'ide-hd', drive: 'disk', bus: 'more.1', bootIndex: 1 },
    ],
    qemu: [
      ...['-device', 'ioh3420,id=rp1,addr=0x1c,slot=1,hotplug=off', '-device', 'ahci,id=more,bus=rp1'],
      ...['-drive', 'file=@hd,format=raw,if=none,id=hd', '-device', 'ide-hd,drive=hd,bus=ide.0,bootindex=2'],
      ...['-drive', 'file=@disk,format=raw,if=none,id=disk'],
      ...['-device', 'ide-hd,drive=disk,bus=more.1,bootindex=1'],
    ],
  });
}

function byIndex(name: string, what: string, build: () => BootPlan): BootScenario {
  const about = `SeaBIOS boots the ${what} behind a root port that bootindex puts first; as on QEMU`;
  return { name: `seabios-${name}-root-port`, about, budgetSeconds: 60, maxInstructions: 3e9, build };
}

export const ROOT_PORT: readonly BootScenario[] = [
  ...SEABIOS.filter(({ name }) => name === 'seabios-usb').map(moved),
  byIndex('virtio', 'virtio disk', virtioByIndex),
  byIndex('ahci', 'AHCI disk', ahciByIndex),
];
