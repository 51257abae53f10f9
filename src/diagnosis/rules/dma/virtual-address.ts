import { hex } from '../../../base/address.ts';
import { spec, xhci } from '../../../base/registers.ts';
import { defineRule } from '../../rule.ts';
import { isLinkTrb, reportVirtual } from './virtual-pointer.ts';

export default defineRule({
  id: 'dma/virtual-address',
  code: 'DMA-01',
  catalogue: ['DMA-01'],
  summary: 'a register of the device was given a virtual address',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('6'), xhci('5.5.2.3.2'), xhci('5.4.2'), spec('Intel SDM Vol. 3A', '4.5')],
  what: 'A pointer register of the device holds a linear (virtual) address of the kernel.',
  why:
    'Linear addresses mean something only to the CPU, whose page tables translate them. A device puts the number on the ' +
    'bus as it is, and no memory answers there. A stale cache could never cause this: it returns old data, ' +
    'never "nobody there".',
  fix:
    'Translate the address before it leaves the driver, and look at every other pointer that the driver hands out: ' +
    'they usually share the mistake. Give physical and virtual addresses different types.',
  example: {
    bad: `static struct erst_entry erst[1] __attribute__((aligned(64)));
ir->erstba = (uint64_t)erst;                   /* a linear address */`,
    good: `static struct erst_entry erst[1] __attribute__((aligned(64)));
ir->erstba = virt_to_phys(erst);               /* what the bus understands */`,
  },
  behaviour: {
    qemu: 'sets USBSTS.HCE, keeps running, and prints nothing unless run with -d guest_errors',
    hardware: 'gets an Unsupported Request, sets USBSTS.HSE and stops',
  },
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, judged, context) => {
      const { pointer, verdict } = judged.record;
      if (verdict?.kind !== 'virtual' || pointer.storedAt !== undefined || isLinkTrb(pointer.holder)) return;
      reportVirtual(context, judged, {
        title: `${pointer.holder} was given a virtual address`,
        help: [`write the physical address ${hex(verdict.physical)} to ${pointer.holder} (virt_to_phys)`],
      });
    },
  },
});
