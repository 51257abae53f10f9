import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { failureFact, standsThere, storeRole, whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'dma/double-translation',
  code: 'DMA-02',
  catalogue: ['DMA-02'],
  summary: 'an address was translated from virtual to physical twice',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('6'), xhci('5.4.2')],
  what: 'The pointer is what remains when virt_to_phys is applied to an address that is physical already.',
  why: 'The offset of the direct map was subtracted twice, so the value lies far outside memory.',
  fix: 'Translate once, where the address is handed to the device. Give physical and virtual addresses different types.',
  example: {
    bad: `uint64_t ring = virt_to_phys(event_ring);
write_erdp(ring);                              /* which translates again inside */`,
    good: `uint64_t ring = virt_to_phys(event_ring);
write_erdp_physical(ring);`,
  },
  behaviour: {
    qemu: 'as for any address where nothing answers: USBSTS.HCE, no message by default',
    hardware: 'sets USBSTS.HSE and stops',
  },
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, { record, failure }, context) => {
      const { pointer, verdict } = record;
      if (verdict?.kind !== 'double-translated') return;
      const sum = `${hex(pointer.value)} + ${hex(verdict.offset)} = ${hex(verdict.physical)} (modulo 2^64)`;
      context.report(
        {
          device: pointer.controller,
          where: pointer.holder,
          parent: context.known.parentOf(pointer),
          title:
            `${pointer.holder} ${verdict.certainty === 'certain' ? 'holds' : 'looks like'} a physical address ` +
            'that was translated a second time',
          address: pointer.value,
          expected: verdict.physical,
          site: record.site,
          role: storeRole(pointer),
          key: pointer.holder,
          certainty: verdict.certainty,
          family: 'double-translation',
          facts: [
            failureFact(pointer, failure),
            whenFact(context.view, undefined),
            fact(
              'why',
              `Adding the offset of the guest's direct map gives a good address: ${sum}.`,
              standsThere(context.view, verdict.physical, verdict.evidence),
            ),
            fact('help', `write ${hex(verdict.physical)}: leave out the second virt_to_phys`),
            fact(
              'confidence',
              verdict.certainty === 'certain'
                ? 'certain: the offset and the object behind the sum were observed'
                : 'suspected: nothing answers at the address; the second translation was inferred',
            ),
          ],
        },
        { failed: failure !== undefined },
      );
    },
  },
});
