import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { defineRule } from '../../rule.ts';
import { isLinkTrb, reportVirtual } from './virtual-pointer.ts';

export default defineRule({
  id: 'dma/virtual-address-in-structure',
  code: 'DMA-03',
  catalogue: ['DMA-03'],
  summary: 'a structure that the device reads contains a virtual address',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('6'), xhci('6.1'), xhci('6.5')],
  what: 'The register is right, but a pointer inside the structure it leads to is a linear (virtual) address.',
  why:
    'The device follows pointers in memory just as it follows its registers: DCBAA entries, segment table bases, ' +
    'TR Dequeue Pointers and data buffers must all be physical addresses.',
  fix: 'Translate the address where the structure is filled in, not only where its own address is written to a register.',
  example: {
    bad: `dcbaa[slot] = (uint64_t)device_context;
op->dcbaap = virt_to_phys(dcbaa);              /* only this one is translated */`,
    good: `dcbaa[slot] = virt_to_phys(device_context);
op->dcbaap = virt_to_phys(dcbaa);`,
  },
  behaviour: {
    qemu: 'fails when the entry is first used: sets USBSTS.HCE, or silently ends the transfer',
    hardware: 'sets USBSTS.HSE and stops when the entry is first used',
  },
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, judged, context) => {
      const { pointer, verdict } = judged.record;
      if (verdict?.kind !== 'virtual' || pointer.storedAt === undefined || isLinkTrb(pointer.holder)) return;
      reportVirtual(context, judged, {
        title: `${pointer.holder} in memory holds a virtual address`,
        help: [
          `store the physical address ${hex(verdict.physical)} in ${pointer.holder} (at pa ${hex(pointer.storedAt)})`,
        ],
      });
    },
  },
});
