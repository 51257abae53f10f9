import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { defineRule } from '../../rule.ts';
import { isLinkTrb, reportVirtual } from './virtual-pointer.ts';

export default defineRule({
  id: 'dma/virtual-link-trb',
  code: 'DMA-04',
  catalogue: ['DMA-04'],
  summary: 'a Link TRB points to a virtual address: the ring dies at its first wrap',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.11.5.1'), xhci('6.4.4.1')],
  what: 'The Ring Segment Pointer of a Link TRB is a linear (virtual) address.',
  why:
    'Everything works until the controller reaches the end of the segment. Then it follows the Link TRB to an address ' +
    'where nothing answers, and the ring is dead.',
  fix: 'Put the physical address of the segment into the Link TRB.',
  example: {
    bad: `struct trb *link = &ring->trbs[RING_TRBS - 1];
link->parameter = (uint64_t)ring->trbs;
link->control = TRB_TYPE(LINK) | TRB_TOGGLE_CYCLE;`,
    good: `struct trb *link = &ring->trbs[RING_TRBS - 1];
link->parameter = virt_to_phys(ring->trbs);
link->control = TRB_TYPE(LINK) | TRB_TOGGLE_CYCLE;`,
  },
  behaviour: {
    qemu: 'treats the ring as empty after the Link TRB and raises no error',
    hardware: 'sets USBSTS.HSE and stops at the first wrap',
  },
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, judged, context) => {
      const { pointer, verdict } = judged.record;
      if (verdict?.kind !== 'virtual' || !isLinkTrb(pointer.holder)) return;
      const trbs = pointer.storedAt === undefined ? undefined : trbsBefore(verdict.physical, pointer.storedAt);
      const deadline = trbs === undefined ? 'at its first wrap' : `after ${trbs} TRBs`;
      reportVirtual(context, judged, {
        title: `the ${pointer.holder} points to a virtual address: the ring dies ${deadline}`,
        help: [`store the physical address ${hex(verdict.physical)} in the Link TRB`],
      });
    },
  },
});

/** TRBs between the segment's start and its Link TRB, when the link leads back to its own segment. */
function trbsBefore(start: number, link: number | bigint): number | undefined {
  const bytes = Number(link) - start;
  return bytes > 0 && bytes <= 0x1_0000 && bytes % 16 === 0 ? bytes / 16 : undefined;
}
