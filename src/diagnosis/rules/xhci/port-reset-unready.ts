import { xhci } from '../../../base/registers.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { type FindingDraft, fact } from '../../finding.ts';
import type { GuestView } from '../../guest-view.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

/** A board has a handful of controllers. */
const CONTROLLERS_MAX = 64;

type PortReset = TraceEvents['xhci.port-reset'];

interface State {
  /** Resets that were the last thing the driver did with a controller, and when. */
  readonly last: Map<string, { readonly draft: FindingDraft; readonly instruction: number }>;
}

function draftOf(event: PortReset, view: GuestView): FindingDraft {
  const missing = event.powered ? 'no device is connected (CCS = 0)' : 'it has no power (PP = 0)';
  return {
    device: event.controller,
    where: `PORTSC[${event.portId}]`,
    title: `port ${event.portId} was reset, but ${missing}`,
    site: view.currentSite(),
    role: `sets PR of port ${event.portId}`,
    severity: event.powered ? 'warning' : 'error',
    key: `${event.portId} ${event.powered}`,
    facts: [
      whenFact(view, undefined),
      fact('why', `PORTSC.PR was set on port ${event.portId} while ${missing}.`),
      fact(
        'help',
        event.powered
          ? 'wait for CCS = 1 before resetting the port'
          : 'set PP, wait for power to be good, then look at CCS',
      ),
    ],
  };
}

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
  start: (): State => ({ last: new Map() }),
  on: {
    'xhci.port-reset': (state, event, context) => {
      // A warm reset may well be what brings a USB 3 link back from Inactive or Compliance Mode (xHCI 1.2 §4.19.5.1).
      if (event.powered && (event.connected || event.warm)) return;
      const draft = draftOf(event, context.view);
      context.report(draft);
      const { instruction } = context.view.now();
      if (state.last.size < CONTROLLERS_MAX) state.last.set(event.controller, { draft, instruction });
    },
    'xhci.register-written': (state, event, context) => {
      const last = state.last.get(event.controller);
      if (last !== undefined && last.instruction !== context.view.now().instruction)
        state.last.delete(event.controller);
    },
    'machine.idle': (state, event, context) => {
      if (event.kind !== 'spin') return;
      // It reset the port, did nothing more, and waits: for the end of the reset, which does not come.
      for (const { draft } of state.last.values()) context.report({ ...draft, blocking: true }, { update: true });
    },
  },
});
