import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import type { Site } from '../../guest-view.ts';
import { registerKey } from '../../knowledge.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

interface LostWrite {
  readonly value: number;
  readonly site: Site | undefined;
}

const REGISTERS_MAX = 64;
const CONTROLLERS_MAX = 64;

export default defineRule({
  id: 'xhci/registers-lost-by-reset',
  code: 'INIT-04',
  catalogue: ['INIT-04'],
  summary: 'registers were written before the reset that cleared them',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.2'), xhci('5.4.1')],
  what: 'The driver set up pointer registers, then reset the controller, and started it without writing them again.',
  why: 'USBCMD.HCRST returns every operational and runtime register to its default, as a power-on does.',
  fix: 'Reset first and wait for HCRST = 0 and CNR = 0; then write CONFIG, DCBAAP, CRCR and the event ring registers.',
  example: {
    bad: `op->dcbaap = virt_to_phys(dcbaa);
op->crcr = virt_to_phys(ring) | CRCR_RCS;
op->usbcmd = USBCMD_HCRST;                     /* clears both again */
wait_clear(&op->usbcmd, USBCMD_HCRST);
op->usbcmd = USBCMD_RUN;`,
    good: `op->usbcmd = USBCMD_HCRST;
wait_clear(&op->usbcmd, USBCMD_HCRST);
wait_clear(&op->usbsts, USBSTS_CNR);
op->dcbaap = virt_to_phys(dcbaa);
op->crcr = virt_to_phys(ring) | CRCR_RCS;
op->usbcmd = USBCMD_RUN;`,
  },
  behaviour: {
    qemu: 'clears the registers at once; the first command is then read from address 0',
    hardware: 'does the same, a few milliseconds later',
  },
  explains: ['INIT-05', 'INIT-08', 'INIT-11', 'REG-04', 'CTX-08', 'RING-01', 'INIT-07', 'RING-15'],
  start: () => ({
    written: new Map<string, Map<string, LostWrite>>(),
    lost: new Map<string, Map<string, LostWrite>>(),
  }),
  on: {
    'xhci.register-written': (state, access, context) => {
      const register = registerKey(access);
      if (register === undefined || access.space === 'doorbell' || access.value === 0) return;
      let writes = state.written.get(access.controller);
      if (writes === undefined) {
        if (state.written.size >= CONTROLLERS_MAX) return;
        writes = new Map();
        state.written.set(access.controller, writes);
      }
      if (writes.size < REGISTERS_MAX || writes.has(register)) {
        writes.set(register, {
          value: access.value,
          site: context.known.controller(access.controller).writerOf(register),
        });
      }
    },
    'xhci.reset': (state, { controller }) => {
      const writes = state.written.get(controller);
      if (writes !== undefined && state.lost.size < CONTROLLERS_MAX) state.lost.set(controller, writes);
      state.written.delete(controller);
    },
    'xhci.started': (state, event, context) => {
      const interrupter = event.interrupters.find(({ index }) => index === 0);
      // Only what stands at its default now was really lost: firmware may have used the controller before.
      const missing: [string, boolean][] = [
        ['DCBAAP', event.dcbaap === 0],
        ['CRCR', event.crcr === 0],
        ['CONFIG', event.maxSlotsEnabled === 0],
        ['ERSTSZ', interrupter?.erstsz === 0],
        ['ERSTBA', interrupter?.erstba === 0],
      ];
      const lost = missing
        .filter(([name, zero]) => zero && event.lostByReset.some((entry) => entry.replace(/\[0\]$/, '') === name))
        .map(([name]) => name);
      if (lost.length === 0) return;
      const write = state.lost.get(event.controller)?.get(lost[0]!);
      context.report({
        device: event.controller,
        where: lost[0]!,
        title: `${lost.join(', ')} ${lost.length === 1 ? 'was' : 'were'} written before the reset that cleared ${lost.length === 1 ? 'it' : 'them'}`,
        address: 0,
        expected: write?.value,
        site: write?.site ?? context.view.currentSite(),
        role:
          write === undefined
            ? 'starts the controller'
            : `writes ${hex(write.value)} to ${lost[0]}, which the reset then clears`,
        blocking: true,
        key: 'lost',
        facts: [
          fact('found', `USBCMD.R/S was set while ${lost.join(', ')} ${lost.length === 1 ? 'is' : 'are'} 0`),
          whenFact(context.view, 'triggered by USBCMD.R/S = 1'),
          fact(
            'why',
            'A Host Controller Reset came between the writes and the start; it returns every register to its default.',
          ),
          fact('help', `write ${lost.join(', ')} after HCRST and CNR have both read 0`),
        ],
      });
    },
  },
});
