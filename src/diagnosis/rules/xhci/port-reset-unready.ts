import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

export default defineRule({
  id: 'xhci/port-reset-unready',
  code: 'PORT-05',
  catalogue: ['PORT-05'],
  summary: 'a port was reset although it has no power or no device',
  severity: 'warning',
  certainty: 'certain',
  spec: [xhci('5.4.8'), xhci('4.19.5')],
  what: 'PORTSC.PR was set on a port whose PP is 0 or whose CCS is 0.',
  why: 'There is nobody to reset: the port does not become enabled, and a driver that waits for PRC may wait for ever.',
  fix: 'Reset a port only when PP = 1 and CCS = 1, and limit the wait for PRC.',
  example: {
    bad: `for (int port = 1; port <= max_ports; port++)
    reset_port(port);                          /* connected or not */`,
    good: `for (int port = 1; port <= max_ports; port++)
    if ((portsc(port) & (PORTSC_PP | PORTSC_CCS)) == (PORTSC_PP | PORTSC_CCS))
        reset_port(port);`,
  },
  behaviour: {
    qemu: 'ignores the reset of a port without a device: PRC never comes',
    hardware: 'may complete the reset without enabling the port, or never complete it',
  },
  start: () => ({}),
  on: {
    'xhci.port-reset': (_state, event, context) => {
      // A warm reset may well be what brings a USB 3 link back from Inactive or Compliance Mode (xHCI 1.2 §4.19.5.1).
      if (event.powered && (event.connected || event.warm)) return;
      const missing = event.powered ? 'no device is connected (CCS = 0)' : 'it has no power (PP = 0)';
      context.report({
        device: event.controller,
        where: `PORTSC[${event.portId}]`,
        title: `port ${event.portId} was reset, but ${missing}`,
        site: context.view.currentSite(),
        role: `sets PR of port ${event.portId}`,
        severity: event.powered ? 'warning' : 'error',
        key: `${event.portId} ${event.powered}`,
        facts: [
          whenFact(context.view, undefined),
          fact('why', `PORTSC.PR was set on port ${event.portId} while ${missing}.`),
          fact(
            'help',
            event.powered
              ? 'wait for CCS = 1 before resetting the port'
              : 'set PP, wait for power to be good, then look at CCS',
          ),
        ],
      });
    },
  },
});
