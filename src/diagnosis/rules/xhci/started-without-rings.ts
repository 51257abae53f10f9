import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'xhci/started-without-rings',
  code: 'INIT-11',
  catalogue: ['INIT-11'],
  summary: 'the controller was started without an event ring, or given work while it stands still',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.2'), xhci('4.7'), xhci('5.4.1'), xhci('5.6')],
  what: 'The controller runs without the event ring that it needs to answer, or a doorbell was rung while it is halted.',
  why:
    'Events that find no ring are lost for good. A doorbell that is rung while USBSTS.HCH = 1 is forgotten: the ' +
    'controller does not look at the ring when it is started later.',
  fix: 'Set up rings and interrupt handler, then set USBCMD.R/S, wait for HCH = 0, and only then ring doorbells.',
  example: {
    bad: `submit_command(noop);
doorbell[0] = 0;                               /* still halted: forgotten */
op->usbcmd |= USBCMD_RUN;`,
    good: `op->usbcmd |= USBCMD_RUN;
wait_clear(&op->usbsts, USBSTS_HCH);
submit_command(noop);
doorbell[0] = 0;`,
  },
  behaviour: {
    qemu: 'ignores doorbells while halted, without a message; without an event ring it sets USBSTS.HCE at the first event',
    hardware: 'ignores the doorbell; events without a ring are lost',
  },
  consequential: true,
  start: () => ({}),
  on: {
    'xhci.started': (_state, event, context) => {
      const interrupter = event.interrupters.find(({ index }) => index === 0);
      if (interrupter === undefined || interrupter.erstba !== 0) return;
      if (event.lostByReset.some((name) => name.startsWith('ERSTBA'))) return;
      context.report({
        device: event.controller,
        where: 'ERSTBA',
        title: 'the controller was started without an event ring',
        address: 0,
        site: context.view.currentSite(),
        role: 'starts the controller',
        blocking: true,
        key: 'no event ring',
        facts: [
          fact('found', 'USBCMD.R/S was set while ERSTBA of interrupter 0 is 0'),
          whenFact(context.view, 'triggered by USBCMD.R/S = 1'),
          fact(
            'why',
            'Command completions and port changes are reported on the event ring of interrupter 0, and there is none.',
          ),
          fact('help', 'write ERSTSZ, ERDP and ERSTBA of interrupter 0 (runtime base + 0x20) before R/S = 1'),
        ],
      });
    },
    'xhci.doorbell': (_state, bell, context) => {
      const key = `${bell.controller} ${bell.slotId} ${bell.target}`;
      // Rung again in time: the early one did no harm.
      if (bell.outcome === 'rung') context.withdraw(key);
      if (bell.outcome !== 'halted') return;
      const what = bell.slotId === 0 ? 'the command ring' : `slot ${bell.slotId} endpoint ${bell.target}`;
      context.report(
        {
          device: bell.controller,
          where: `doorbell ${bell.slotId}`,
          title: `the doorbell of ${what} was rung while the controller is halted`,
          site: context.view.currentSite(),
          role: `rings doorbell ${bell.slotId} while USBSTS.HCH is 1`,
          blocking: true,
          key: `doorbell ${bell.slotId} ${bell.target}`,
          facts: [
            whenFact(context.view, undefined),
            fact('why', 'USBCMD.R/S is 0, so the controller forgets the doorbell and will not look at the ring.'),
            fact('help', 'set USBCMD.R/S, wait for USBSTS.HCH = 0, and ring the doorbell after that'),
          ],
        },
        { provisional: key },
      );
    },
  },
});
