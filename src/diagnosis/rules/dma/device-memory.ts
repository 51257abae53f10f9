import { hex } from '../../../base/address.ts';
import { spec, xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { failureFact, storeRole, whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'dma/device-memory',
  code: 'DMA-10',
  catalogue: ['DMA-10'],
  summary: 'a DMA pointer leads to the registers of a device instead of memory',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('6'), spec('PCI 3.0', '6.2.5')],
  what: 'The address belongs to the register window (BAR) of a device, often the controller itself.',
  why: 'The structure would be read from registers, and every write would go to them; most bridges refuse such requests.',
  fix: 'Allocate the structure in RAM. Look for a mix-up of the register base with the buffer address.',
  example: {
    bad: `uint64_t dcbaa = bar0 + 0x1000;                /* an offset from the wrong base */
op->dcbaap = dcbaa;`,
    good: `uint64_t dcbaa = alloc_dma(4096, 4096);
op->dcbaap = dcbaa;`,
  },
  behaviour: {
    qemu: 'reads and writes the registers; access to its own registers is refused by the re-entrancy guard',
    hardware: 'may reach the other device, or end as an Unsupported Request; not to be relied upon',
  },
  garbles: true,
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, { record, failure }, context) => {
      const { pointer, verdict } = record;
      if (verdict?.kind !== 'mmio') return;
      context.report(
        {
          device: pointer.controller,
          where: pointer.holder,
          parent: context.known.parentOf(pointer),
          title: `${pointer.holder} leads to device registers, not to memory`,
          address: pointer.value,
          site: record.site,
          role: storeRole(pointer),
          facts: [
            failureFact(pointer, failure),
            whenFact(context.view, undefined),
            fact(
              'why',
              `The address lies in the register window "${verdict.region}" (${hex(verdict.start)} to ${hex(verdict.last)})` +
                `${failure?.reason.kind === 'reentrancy' ? `, which belongs to ${pointer.controller} itself` : ''}.`,
            ),
            fact('help', `give ${pointer.holder} the physical address of RAM`),
          ],
        },
        { failed: failure !== undefined },
      );
    },
  },
});
