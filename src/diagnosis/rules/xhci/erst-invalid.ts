import { busToGpa, hex, offsetBus } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule, type RuleContext } from '../../rule.ts';

/** Event ring segments hold 16 to 4096 TRBs (xHCI 1.2 §6.5). */
const TRBS_MIN = 16;
const TRBS_MAX = 4096;

type Reset = TraceEvents['xhci.event-ring-reset'];

function describe(event: Reset): { title: string; why: string; help: string; entry: number | undefined } | undefined {
  switch (event.outcome) {
    case 'too-many-segments':
      return {
        title: `ERSTSZ = ${event.erstsz} is more than this controller allows`,
        why: `HCSPARAMS2.ERST Max limits the table to 2^n entries; the driver asked for ${event.erstsz}.`,
        help: 'read HCSPARAMS2.ERST Max and use at most that many segments; one is always allowed',
        entry: undefined,
      };
    case 'segment-size': {
      const entry = event.segments.findIndex(({ size }) => size < TRBS_MIN || size > TRBS_MAX);
      const size = event.segments[entry]?.size;
      return {
        title: `the event ring segment has ${size ?? 'too few or too many'} TRBs; 16 to 4096 are allowed`,
        why:
          `Entry ${Math.max(entry, 0)} of the Event Ring Segment Table at ${hex(event.erstba)} says ${size ?? '?'} TRBs. ` +
          'The size counts TRBs of 16 bytes, not bytes.',
        help: 'allocate at least 16 TRBs (256 bytes) and store their number in the entry',
        entry: Math.max(entry, 0),
      };
    }
    case 'reserved-bits':
      return {
        title: 'reserved bits of the Event Ring Segment Table entry are set',
        why: 'The upper 16 bits of the size word and the last word of an entry must be zero.',
        help: 'zero the whole table before filling it in',
        entry: 0,
      };
    default:
      return undefined;
  }
}

function report(event: Reset, context: RuleContext): void {
  const words = describe(event);
  if (words === undefined) return;
  const at = words.entry === undefined ? undefined : busToGpa(offsetBus(event.erstba, words.entry * 16 + 8));
  const site = at === undefined ? undefined : context.view.whoWrote(at);
  const known = context.known.controller(event.controller);
  context.report({
    device: event.controller,
    where: words.entry === undefined ? 'ERSTSZ' : `ERST[${words.entry}]`,
    title: words.title,
    address: event.erstba,
    site: site ?? known.writerOf('ERSTSZ') ?? context.view.currentSite(),
    role: words.entry === undefined ? `writes ${event.erstsz} to ERSTSZ` : `stores the size of segment ${words.entry}`,
    blocking: true,
    key: `${event.interrupter} ${event.outcome}`,
    facts: [whenFact(context.view, undefined), fact('why', words.why), fact('help', words.help)],
  });
}

export default defineRule({
  id: 'xhci/erst-invalid',
  code: 'INIT-09',
  catalogue: ['INIT-09'],
  summary: 'the Event Ring Segment Table has too many entries or a segment of a forbidden size',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.3.4'), xhci('5.5.2.3.1'), xhci('6.5')],
  what: 'The table that describes the event ring breaks one of its limits.',
  why: 'A controller that cannot use the table cannot report anything; most stop with an internal error.',
  fix: 'Use one segment of 16 to 4096 TRBs, count TRBs rather than bytes, and keep the reserved fields zero.',
  example: {
    bad: `erst[0].base = virt_to_phys(event_ring);
erst[0].size = sizeof(event_ring);             /* bytes: 4096 TRBs at most */`,
    good: `erst[0].base = virt_to_phys(event_ring);
erst[0].size = sizeof(event_ring) / sizeof(struct trb);`,
  },
  behaviour: {
    qemu: 'allows one segment only; sets USBSTS.HCE without a message',
    hardware: 'sets USBSTS.HCE, or uses a part of the table',
  },
  explains: ['INIT-11', 'RING-08'],
  start: () => ({}),
  on: {
    'xhci.event-ring-reset': (_state, event, context) => {
      if (event.erstba !== 0) report(event, context);
    },
  },
});
