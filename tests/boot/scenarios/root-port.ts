/** Scenarios of others once more, with each USB controller behind a PCI Express root port. */
import type { DeviceOption } from '../../../src/machine/boards/q35-options.ts';
import type { BootScenario } from '../scenario.ts';
import { SEABIOS } from './seabios.ts';

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

export const ROOT_PORT: readonly BootScenario[] = SEABIOS.filter(({ name }) => name === 'seabios-usb').map(moved);
