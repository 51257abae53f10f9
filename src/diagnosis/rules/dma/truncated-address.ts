import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { failureFact, standsThere, storeRole, whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'dma/truncated-address',
  code: 'DMA-06',
  catalogue: ['DMA-06'],
  summary: 'the upper 32 bits of a 64-bit address are missing',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.1'), xhci('5.5.2.3.3')],
  what: 'A 64-bit pointer reached the device with its upper half zero, although the object stands above 4 GiB.',
  why: 'A cast to 32 bits or a forgotten write of the upper half drops bits that matter once memory is large enough.',
  fix: 'Keep addresses in 64-bit variables and write both halves of the register, low half first.',
  example: {
    bad: `uint32_t erdp = virt_to_phys(event_ring);      /* cuts the address */
ir->erdp_lo = erdp;
ir->erdp_hi = 0;`,
    good: `uint64_t erdp = virt_to_phys(event_ring);
ir->erdp_lo = (uint32_t)erdp;
ir->erdp_hi = (uint32_t)(erdp >> 32);`,
  },
  behaviour: {
    qemu: 'uses the low address: reads or overwrites whatever stands there, or sets USBSTS.HCE when nothing does',
    hardware: 'does the same; memory below 4 GiB is silently corrupted',
  },
  explains: ['REG-04', 'INIT-07', 'INIT-09', 'RING-01', 'RING-15', 'CTX-08'],
  garbles: true,
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, { record, failure }, context) => {
      const { pointer, verdict } = record;
      if (verdict?.kind !== 'truncated') return;
      const high = hex(verdict.full >> 32n);
      const stands = `${hex(verdict.full)}${verdict.virtual ? ` (pa ${hex(verdict.physical)})` : ''}`;
      context.report(
        {
          device: pointer.controller,
          where: pointer.holder,
          parent: context.known.parentOf(pointer),
          title: verdict.virtual
            ? `${pointer.holder} holds the lower half of a virtual address`
            : `${pointer.holder} has lost the upper half of its address`,
          address: pointer.value,
          expected: verdict.physical,
          site: record.site,
          role: storeRole(pointer),
          key: pointer.holder,
          certainty: verdict.certainty,
          family: 'truncated-address',
          facts: [
            failureFact(pointer, failure),
            whenFact(context.view, undefined),
            fact(
              'why',
              `The upper half is 0, but the address that was meant is ${stands}: the upper half ${high} was lost.`,
              standsThere(context.view, verdict.physical, verdict.evidence),
            ),
            fact('help', `write all 64 bits of the physical address ${hex(verdict.physical)}`),
            fact(
              'confidence',
              verdict.certainty === 'certain'
                ? 'certain: the object was found where the whole address leads'
                : 'suspected: the value is wrong; the missing half was inferred',
            ),
          ],
        },
        { failed: failure !== undefined },
      );
    },
  },
});
