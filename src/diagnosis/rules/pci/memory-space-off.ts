import { hex } from '../../../base/address.ts';
import { pci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'pci/memory-space-off',
  code: 'PCI-01',
  catalogue: ['PCI-01'],
  summary: 'registers were accessed while PCI Command.MemorySpace is 0',
  severity: 'error',
  certainty: 'certain',
  spec: [pci('6.2.2')],
  what: 'The CPU accessed the register window of a device that does not decode it, because memory decoding is off.',
  why: 'With Command bit 1 clear the device ignores the address: reads return all ones or zeros, writes vanish.',
  fix: 'Set bit 1 of the PCI Command register before the first access to a BAR.',
  example: {
    bad: `uint8_t *regs = map_physical(pci_bar(dev, 0));
uint8_t caplength = regs[0];                   /* nothing answers */`,
    good: `pci_write16(dev, PCI_COMMAND, pci_read16(dev, PCI_COMMAND) | PCI_COMMAND_MEMORY);
uint8_t *regs = map_physical(pci_bar(dev, 0));
uint8_t caplength = regs[0];`,
  },
  behaviour: {
    qemu: 'reads return 0 on x86 and writes are ignored, without a message by default',
    hardware: 'does not answer: reads return all ones (master abort), writes are lost',
  },
  explains: ['DMA-13', 'INIT-04', 'INIT-05', 'INIT-08', 'INIT-11', 'REG-04'],
  start: () => ({}),
  on: {
    'pci.bar-access-while-off': (_state, event, context) => {
      if (event.because !== 'memory-space-off') return;
      context.report({
        device: event.device,
        where: `BAR${event.bar}`,
        title: `BAR${event.bar} of ${event.name} does not decode: Command.MemorySpace is 0`,
        address: event.address,
        site: context.view.currentSite(),
        role: `${event.write ? 'writes' : 'reads'} offset ${hex(event.offset)} of BAR${event.bar}`,
        blocking: true,
        key: `bar ${event.bar}`,
        facts: [
          fact(
            'what failed',
            `the CPU ${event.write ? 'wrote' : 'read'} pa ${hex(event.address)} (BAR${event.bar} + ${hex(event.offset)}): ` +
              'nothing at that address',
          ),
          whenFact(context.view, undefined),
          fact(
            'why',
            `BAR${event.bar} is ${hex(event.address - event.offset)}, but bit 1 of PCI Command is 0, so nothing decodes it.`,
          ),
          fact('help', 'set bit 1 (Memory Space) of PCI Command (offset 4) before the first register access'),
        ],
      });
    },
  },
});
