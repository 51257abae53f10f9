import { type BusAddress, busToGpa, hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { RingRef, TrbWords } from '../../../xhci/events.ts';
import { fact } from '../../finding.ts';
import type { GuestView } from '../../guest-view.ts';
import { whenFact } from '../../pointers/describe.ts';
import { type RingHistory, ringKey, ringLabel, ringName, sameTrb, storedSince, trbWriter } from '../../rings.ts';
import { defineRule, type RuleContext } from '../../rule.ts';
import { isTypeOf, isZero, LINK, trbCycle, trbType } from './trb.ts';

function readTrb(view: GuestView, address: BusAddress): TrbWords | undefined {
  const at = busToGpa(address);
  const bytes = at === undefined ? undefined : view.readPhysical(at, 16);
  if (bytes === undefined) return undefined;
  const word = (offset: number): number =>
    ((bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>>
      0) as number;
  return { parameterLow: word(0), parameterHigh: word(4), status: word(8), control: word(12) };
}

/** Where the variable ends in which the ring began, when the dequeue pointer has left it. */
function leftVariable(
  view: GuestView,
  ring: RingHistory,
  address: BusAddress,
): { name: string; end: number } | undefined {
  const first = ring.segmentStart === undefined ? undefined : busToGpa(ring.segmentStart);
  const at = busToGpa(address);
  if (first === undefined || at === undefined || at < first) return undefined;
  const linear = view.linearFor(first);
  const symbol = linear === undefined ? undefined : view.symbolAt(linear);
  if (symbol === undefined || symbol.kind !== 'object') return undefined;
  // The ring is the variable, not the field of its first TRB.
  const { name, offset, size } = symbol.enclosing ?? symbol;
  const end = first - offset + size;
  return size > 0 && at >= end ? { name, end } : undefined;
}

type Stop = RingRef & { readonly address: BusAddress };

function reportNoLink(event: Stop, ring: RingHistory, why: string, context: RuleContext): void {
  const name = ringName(event);
  const first = ring.first ?? event.address;
  context.report(
    {
      device: event.controller,
      where: ringLabel(event),
      title: `${name} has no Link TRB at its end`,
      address: event.address,
      expected: first,
      site: trbWriter(context.view, ring, first),
      role: 'stores a TRB at the start of the ring again',
      blocking: true,
      key: `${name} no link`,
      facts: [
        fact('found', `the controller stands at ${hex(event.address)}, after ${ring.consumed} TRBs from ${hex(first)}`),
        whenFact(context.view, undefined),
        fact(
          'why',
          why,
          'Only a Link TRB tells the controller to go back; the size of a ring is written nowhere else.',
        ),
        fact('help', `make the last TRB of the segment a Link TRB to ${hex(first)} with Toggle Cycle`),
      ],
    },
    { provisional: `${event.controller} ${ringKey(event)}` },
  );
}

export default defineRule({
  id: 'xhci/ring-end-unlinked',
  code: 'RING-02',
  catalogue: ['RING-02'],
  summary: 'a ring has no Link TRB at its end, or one without Toggle Cycle',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.9.2.1'), xhci('4.11.5.1'), xhci('6.4.4.1')],
  what: 'The controller reached the end of a ring segment and was not sent back properly.',
  why:
    'Without a Link TRB the controller reads on into whatever memory follows. With a Link TRB but without Toggle Cycle it ' +
    'goes back with the old cycle state and takes the TRBs of the last lap for new ones.',
  fix: 'End every segment with a Link TRB; the one that leads back to the first segment has Toggle Cycle (bit 1) set.',
  example: {
    bad: `ring->enqueue = (ring->enqueue + 1) % RING_TRBS;  /* no Link TRB */
if (ring->enqueue == 0)
    ring->cycle ^= 1;`,
    good: `link->parameter = virt_to_phys(ring->trbs);
link->control = TRB_TYPE(LINK) | TRB_TOGGLE_CYCLE | ring->cycle;
ring->enqueue = 0;
ring->cycle ^= 1;`,
  },
  behaviour: {
    qemu: 'reads on past the end, silently; with TC = 0 it runs the old commands again, up to a limit',
    hardware: 'does the same, and may fetch ahead past the end even before it gets there',
  },
  explains: ['RING-01', 'RING-15', 'RING-08'],
  start: () => ({}),
  on: {
    'xhci.ring-wrapped': (_state, event, context) => {
      if (event.toggled) return;
      const ring = context.known.controller(event.controller).rings.get(event);
      const before = ring.fetched.get(event.target);
      // A Link TRB between two segments has no TC; one that leads to TRBs of this very lap must have it.
      if (before === undefined || before.toggles !== ring.toggles) return;
      const now = readTrb(context.view, event.target);
      if (now === undefined || trbCycle(now) !== trbCycle(before.trb)) return;
      const name = ringName(event);
      context.report({
        device: event.controller,
        where: ringLabel(event),
        title: `the Link TRB of ${name} has no Toggle Cycle`,
        address: event.link,
        site: trbWriter(context.view, ring, event.link),
        role: 'stores the Link TRB without bit 1 (TC)',
        blocking: true,
        key: `${name} toggle`,
        facts: [
          fact(
            'found',
            `the controller followed the Link TRB at ${hex(event.link)} to ${hex(event.target)} without changing its cycle state`,
          ),
          whenFact(context.view, undefined),
          fact(
            'why',
            `The TRB at ${hex(event.target)} was consumed in this lap already and still has the cycle bit that marks it as new.`,
          ),
          fact('help', 'set bit 1 (Toggle Cycle) in the control word of the Link TRB that closes the ring'),
        ],
      });
    },
    'xhci.ring-empty': (_state, event, context) => {
      const ring = context.known.controller(event.controller).rings.get(event);
      if (ring.doorbellsUnanswered === 0 || ring.first === undefined || ring.consumed === 0) return;
      const before = ring.fetched.get(ring.first);
      const now = readTrb(context.view, ring.first);
      const left = leftVariable(context.view, ring, event.address);
      if (left !== undefined) {
        reportNoLink(
          event,
          ring,
          `The ring \`${left.name}\` ends at ${hex(left.end)}; the controller has walked past its end.`,
          context,
        );
      } else if (
        before !== undefined &&
        now !== undefined &&
        !isZero(now) &&
        (!sameTrb(before.trb, now) || storedSince(context.view, ring.first) !== undefined) &&
        ring.toggles === 0 &&
        !ring.reused
      ) {
        reportNoLink(
          event,
          ring,
          `The driver has stored a new TRB at the start of the ring (${hex(ring.first)}), but the controller reads on at ${hex(event.address)}.`,
          context,
        );
      }
    },
    'diagnosis.trb-consumed': (_state, event, context) => {
      if (trbType(event.trb) !== LINK) context.withdraw(`${event.controller} ${ringKey(event)}`);
      if (isTypeOf(event.kind, event.trb)) return;
      const ring = context.known.controller(event.controller).rings.get(event);
      const left = leftVariable(context.view, ring, event.address);
      if (left === undefined) return;
      const why = `The ring \`${left.name}\` ends at ${hex(left.end)}; the controller takes what follows for TRBs.`;
      reportNoLink(event, ring, why, context);
      context.confirm(`${event.controller} ${ringKey(event)}`);
    },
  },
});
