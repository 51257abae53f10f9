import { hex } from '../../../base/address.ts';
import { pci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import type { Site } from '../../guest-view.ts';
import { formatBytes, whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

const COMMAND_OFFSET = 4;
const BUS_MASTER = 1 << 2;
/** A machine has a few dozen functions. */
const DEVICES_MAX = 256;

interface LastWrite {
  readonly value: number;
  readonly site: Site | undefined;
}

export default defineRule({
  id: 'dma/bus-master-off',
  code: 'DMA-13',
  catalogue: ['DMA-13'],
  summary: 'the device may not access memory: PCI Command.BusMaster is 0',
  severity: 'error',
  certainty: 'certain',
  spec: [pci('6.2.2')],
  what: 'The device wanted to read or write memory while bus mastering was switched off in its PCI Command register.',
  why:
    'Registers work without it, so the driver seems to talk to a healthy device; but the device cannot fetch a single ' +
    'command nor send a message-signalled interrupt. Firmware often leaves the bit set, which hides the omission.',
  fix: 'Set bit 2 of the PCI Command register before starting the controller, with the other bits kept.',
  example: {
    bad: `uint16_t cmd = pci_read16(dev, PCI_COMMAND);
pci_write16(dev, PCI_COMMAND, cmd | PCI_COMMAND_MEMORY);`,
    good: `uint16_t cmd = pci_read16(dev, PCI_COMMAND);
pci_write16(dev, PCI_COMMAND, cmd | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);`,
  },
  behaviour: {
    qemu: 'reads zeros and drops writes and MSIs without a message; -d invalid_mem shows the accesses',
    hardware: 'issues no request at all; the controller stops with USBSTS.HSE or waits for ever',
  },
  explains: ['INIT-07', 'INIT-08', 'INIT-09', 'RING-01', 'RING-02', 'RING-15', 'CTX-08'],
  start: () => ({ commands: new Map<string, LastWrite>() }),
  on: {
    'pci.config-written': (state, event, context) => {
      if (event.offset > COMMAND_OFFSET + 1 || event.offset + event.size <= COMMAND_OFFSET) return;
      if (state.commands.size >= DEVICES_MAX && !state.commands.has(event.device)) return;
      const value = (event.value >>> (8 * Math.max(0, COMMAND_OFFSET - event.offset))) & 0xffff;
      state.commands.set(event.device, { value, site: context.known.here() });
    },
    'memory.access-failed': (state, failure, context) => {
      if (failure.reason.kind !== 'bus-master-off' || failure.initiator.kind !== 'device') return;
      const device = failure.reason.device;
      const last = state.commands.get(device);
      const what = failure.purpose?.what ?? 'memory';
      const site = last !== undefined && (last.value & BUS_MASTER) === 0 ? last.site : context.view.currentSite();
      context.report(
        {
          device,
          where: 'PCI Command',
          title: `the device wanted to ${failure.write ? 'write' : 'read'} memory, but bus mastering is off`,
          address: failure.address,
          expected: last === undefined ? undefined : last.value | BUS_MASTER,
          site,
          role:
            last === undefined
              ? 'made the device access memory'
              : `writes ${hex(last.value)} to PCI Command: bit 2 is 0`,
          blocking: true,
          key: 'bus-master',
          facts: [
            fact(
              'what failed',
              `${failure.initiator.name} ${failure.write ? 'wrote' : 'read'} ${formatBytes(failure.size)} at bus ` +
                `${hex(failure.address)} (${what}): its requests do not leave the device`,
            ),
            whenFact(context.view, undefined),
            fact(
              'why',
              last === undefined
                ? 'The driver never wrote the PCI Command register; bit 2 (Bus Master Enable) is 0 after reset.'
                : `The PCI Command register was last written as ${hex(last.value)}; bit 2 (Bus Master Enable) is 0.`,
            ),
            fact('help', 'set bit 2 of PCI Command (offset 4) before USBCMD.R/S, keeping the other bits'),
          ],
        },
        { failed: true },
      );
    },
  },
});
