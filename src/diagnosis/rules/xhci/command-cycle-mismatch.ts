import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';
import { isTypeOf, LINK, storedBy, trbCycle, trbName, trbType } from './trb.ts';

export default defineRule({
  id: 'xhci/command-cycle-mismatch',
  code: 'INIT-07',
  catalogue: ['INIT-07'],
  summary: "the first command's cycle bit does not match CRCR.RCS",
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.9.3'), xhci('5.4.5'), xhci('4.6.1')],
  what: 'The doorbell of the command ring was rung, but the first TRB has the cycle bit that means "still owned by software".',
  why:
    'CRCR.RCS tells the controller which cycle value marks a TRB as its own. When the driver writes its first commands ' +
    'with the other value, the ring looks empty and the command is never run.',
  fix: 'Write CRCR with RCS = 1 and start the producer cycle state at 1, so that both sides begin alike.',
  example: {
    bad: `op->crcr = virt_to_phys(ring);                 /* RCS = 0 */
ring[0].control = TRB_TYPE(NO_OP_COMMAND) | 1; /* cycle = 1 */`,
    good: `op->crcr = virt_to_phys(ring) | CRCR_RCS;      /* RCS = 1 */
ring[0].control = TRB_TYPE(NO_OP_COMMAND) | 1; /* cycle = 1 */`,
  },
  behaviour: {
    qemu: 'ignores RCS and always expects 1: this works there when the TRB has cycle 1',
    hardware: 'takes the ring for empty and does nothing, silently',
  },
  explains: ['RING-01'],
  start: () => ({}),
  on: {
    'xhci.ring-empty': (_state, event, context) => {
      if (event.kind !== 'command' || event.consumed !== 0) return;
      const ring = context.known.controller(event.controller).rings.get(event);
      if (ring.doorbellsUnanswered === 0 || ring.consumed > 0) return;
      if (trbCycle(event.trb) === event.consumerCycle || !isTypeOf('command', event.trb)) return;
      const cycle = trbCycle(event.trb);
      context.report(
        {
          device: event.controller,
          where: 'CRCR.RCS',
          title: `the first command has cycle bit ${cycle}, but CRCR.RCS is ${event.consumerCycle}`,
          address: event.address,
          site: context.known.controller(event.controller).writerOf('CRCR'),
          role: `writes CRCR with RCS = ${event.consumerCycle}`,
          blocking: true,
          key: 'rcs',
          facts: [
            fact(
              'found',
              `the command doorbell was rung; the TRB at ${hex(event.address)} is ${trbName(event.trb)} with cycle bit ${cycle}`,
            ),
            whenFact(context.view, 'at the doorbell'),
            fact(
              'why',
              `With RCS = ${event.consumerCycle} the controller owns TRBs whose cycle bit is ${event.consumerCycle}. ` +
                'To it, the ring is empty.',
              ...storedBy(context.view, event.address),
            ),
            fact(
              'help',
              cycle === 1
                ? 'write CRCR with RCS (bit 0) set'
                : 'set the cycle bit of the first commands, or clear RCS in CRCR',
            ),
          ],
        },
        { provisional: event.controller },
      );
    },
    'diagnosis.trb-consumed': (_state, event, context) => {
      if (event.kind === 'command' && trbType(event.trb) !== LINK) context.withdraw(event.controller);
    },
  },
});
