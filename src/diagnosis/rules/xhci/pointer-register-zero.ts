import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'xhci/pointer-register-zero',
  code: 'INIT-05',
  catalogue: ['INIT-05'],
  summary: 'the controller was started with DCBAAP or CRCR = 0',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.2'), xhci('5.4.5'), xhci('5.4.6')],
  what: 'USBCMD.R/S was set although a pointer that the controller needs is 0.',
  why: 'The controller takes 0 for an address: it will read commands or contexts from physical address 0 and write there.',
  fix: 'Write DCBAAP and CRCR before setting R/S; the order of initialisation is in xHCI section 4.2.',
  example: {
    bad: `op->config = max_slots;
op->usbcmd = USBCMD_RUN;                       /* DCBAAP still 0 */`,
    good: `op->config = max_slots;
op->dcbaap = virt_to_phys(dcbaa);
op->crcr = virt_to_phys(command_ring) | CRCR_RCS;
op->usbcmd = USBCMD_RUN;`,
  },
  behaviour: {
    qemu: 'reads commands from address 0; with DCBAAP = 0 it writes device contexts to low memory',
    hardware: 'does the same, unless an IOMMU refuses it',
  },
  explains: ['CTX-08', 'INIT-07', 'RING-01', 'RING-15'],
  start: () => ({}),
  on: {
    'xhci.started': (_state, event, context) => {
      const zero = [
        ...(event.dcbaap === 0 && !event.lostByReset.some((name) => name.startsWith('DCBAAP')) ? ['DCBAAP'] : []),
        ...(event.crcr === 0 && !event.lostByReset.some((name) => name.startsWith('CRCR')) ? ['CRCR'] : []),
      ];
      for (const register of zero) {
        context.report({
          device: event.controller,
          where: register,
          title: `the controller was started with ${register} = 0`,
          address: 0,
          site: context.view.currentSite(),
          role: 'starts the controller',
          blocking: true,
          key: register,
          facts: [
            fact('found', `USBCMD.R/S was set while ${register} is 0`),
            whenFact(context.view, 'triggered by USBCMD.R/S = 1'),
            fact(
              'why',
              register === 'DCBAAP'
                ? "The first Address Device will take the slot's context pointer from physical address 8."
                : 'The first command will be fetched from physical address 0.',
            ),
            fact(
              'help',
              `write the physical address of the ${register === 'DCBAAP' ? 'Device Context Base Address Array' : 'command ring, with RCS,'} to ${register} before R/S = 1`,
            ),
          ],
        });
      }
    },
  },
});
