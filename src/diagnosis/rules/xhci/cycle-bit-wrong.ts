import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { formatCount, whenFact } from '../../pointers/describe.ts';
import { ringKey, ringLabel, ringName, sameTrb, storedSince, trbWriter } from '../../rings.ts';
import { defineRule } from '../../rule.ts';
import { isTypeOf, isZero, LINK, trbCycle, trbName, trbType } from './trb.ts';

export default defineRule({
  id: 'xhci/cycle-bit-wrong',
  code: 'RING-01',
  catalogue: ['RING-01'],
  summary: 'a doorbell was rung for a TRB whose cycle bit says that software still owns it',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.9.2'), xhci('4.9.2.2'), xhci('4.9.3')],
  what: 'The TRB at the dequeue pointer was written, but with the cycle bit that tells the controller to leave it alone.',
  why:
    "The cycle bit is the only sign of ownership. It must equal the controller's consumer cycle state, which flips each " +
    'time a Link TRB with Toggle Cycle is passed. A wrong bit makes the ring look empty.',
  fix: 'Keep a producer cycle state for each ring: start it at the initial state, flip it exactly when the enqueue pointer passes a Link TRB with TC.',
  example: {
    bad: `if (ring->enqueue == RING_TRBS - 1)
    ring->enqueue = 0;                         /* wraps, keeps ring->cycle */
trb->control = TRB_TYPE(type) | ring->cycle;`,
    good: `if (ring->enqueue == RING_TRBS - 1) {
    link->control = (link->control & ~1u) | ring->cycle;
    ring->cycle ^= 1;
    ring->enqueue = 0;
}
trb->control = TRB_TYPE(type) | ring->cycle;`,
  },
  behaviour: {
    qemu: 'takes the ring for empty and does nothing, silently',
    hardware: 'does the same',
  },
  start: () => ({}),
  on: {
    'xhci.ring-empty': (_state, event, context) => {
      const ring = context.known.controller(event.controller).rings.get(event);
      if (ring.doorbellsUnanswered === 0 || isZero(event.trb)) return;
      if (trbCycle(event.trb) === event.consumerCycle || !isTypeOf(event.kind, event.trb)) return;
      // The first command of all is judged against CRCR.RCS by its own rule.
      if (event.kind === 'command' && event.consumed === 0 && ring.consumed === 0) return;
      // What the controller left behind a lap ago is no new work: the ring really is empty. Unless it was stored again.
      const before = ring.fetched.get(event.address);
      const again = storedSince(context.view, event.address) !== undefined;
      if (before !== undefined && sameTrb(before.trb, event.trb) && !again) return;
      // After a wrap, memory that was never fetched in this lap may hold an old TRB; only a change proves a new one.
      if (before === undefined && (ring.toggles > 0 || ring.reused)) return;
      const name = ringName(event);
      context.report(
        {
          device: event.controller,
          where: ringLabel(event),
          title: `a new TRB on ${name} has the wrong cycle bit`,
          address: event.address,
          site: trbWriter(context.view, ring, event.address),
          role: `stores a TRB with cycle bit ${trbCycle(event.trb)}`,
          blocking: true,
          facts: [
            fact(
              'found',
              `the doorbell was rung; at ${hex(event.address)} stands ${trbName(event.trb)} with cycle bit ` +
                `${trbCycle(event.trb)}, while the controller expects ${event.consumerCycle}`,
            ),
            whenFact(context.view, 'at the doorbell'),
            fact(
              'why',
              `The controller has consumed ${formatCount(event.consumed, 'TRB')} and passed ` +
                `${formatCount(ring.toggles, 'Link TRB')} with Toggle Cycle, so it owns TRBs with cycle bit ` +
                `${event.consumerCycle}. To it, the ring is empty.`,
            ),
            fact('help', `store the TRB with cycle bit ${event.consumerCycle}`),
          ],
        },
        { provisional: `${event.controller} ${ringKey(event)}` },
      );
    },
    'diagnosis.trb-consumed': (_state, event, context) => {
      if (trbType(event.trb) !== LINK) context.withdraw(`${event.controller} ${ringKey(event)}`);
    },
  },
});
