import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { type FindingDraft, fact } from '../../finding.ts';
import { isHighHalf, registerKey } from '../../knowledge.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule, type RuleContext } from '../../rule.ts';
import { isTypeOf, LINK, storedBy, trbCycle, trbName, trbType } from './trb.ts';

/** A board has a handful of controllers. */
const CONTROLLERS_MAX = 64;

interface State {
  /** RCS as written last before the controller ran, until the first command has been taken. */
  readonly written: Map<string, 0 | 1>;
}

type Looked = Omit<TraceEvents['xhci.trb-fetched'], 'typeName'>;

/** This controller does not heed RCS: what works, or fails, here does the opposite elsewhere. */
function reportIgnored(event: Looked, context: RuleContext, right: boolean): void {
  const draft = ignoredDraft(event, context, right);
  // A doorbell that came before the command is forgiven when another one follows.
  context.report(draft, right ? { provisional: event.controller } : {});
}

function ignoredDraft(event: Looked, context: RuleContext, right: boolean): FindingDraft {
  const cycle = trbCycle(event.trb);
  const rcs = right ? cycle : cycle ^ 1;
  return {
    device: event.controller,
    where: 'CRCR.RCS',
    title: right
      ? 'this controller ignores CRCR.RCS = 0 and takes no command'
      : `the first command has cycle bit ${cycle}, but CRCR.RCS is ${rcs}`,
    address: event.address,
    site: context.known.controller(event.controller).writerOf('CRCR'),
    role: `writes CRCR with RCS = ${rcs}`,
    certainty: 'portability',
    severity: 'warning',
    blocking: right,
    key: 'rcs',
    facts: [
      fact(
        'found',
        `the TRB at ${hex(event.address)} is ${trbName(event.trb)} with cycle bit ${cycle}, and CRCR was written with ` +
          `RCS = ${rcs}; this controller ${right ? 'left it alone' : 'took it all the same'}`,
      ),
      whenFact(context.view, undefined),
      fact(
        'why',
        right
          ? 'The driver is right: RCS says which cycle bit marks its commands. This controller always expects 1.'
          : `With RCS = ${rcs} a controller owns TRBs whose cycle bit is ${rcs}. To most, this ring is empty.`,
      ),
      fact('help', 'write CRCR with RCS (bit 0) set, and begin the ring with cycle bit 1: that works everywhere'),
      ...(right ? [fact('confidence', 'certain: this controller departs from the specification; others do not')] : []),
    ],
  };
}

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
  start: (): State => ({ written: new Map() }),
  on: {
    'xhci.register-written': (state, event, context) => {
      if (registerKey(event) !== 'CRCR' || isHighHalf(event) || state.written.size >= CONTROLLERS_MAX) return;
      // CRR may be 1 while it runs; then only CS and CA mean anything (xHCI 1.2 §5.4.5).
      if (context.known.controller(event.controller).running) state.written.delete(event.controller);
      else state.written.set(event.controller, (event.value & 1) as 0 | 1);
    },
    'xhci.reset': (state, event) => {
      state.written.delete(event.controller);
    },
    'xhci.ring-empty': (state, event, context) => {
      if (event.kind !== 'command' || event.consumed !== 0) return;
      const ring = context.known.controller(event.controller).rings.get(event);
      if (ring.doorbellsUnanswered === 0 || ring.consumed > 0) return;
      if (trbCycle(event.trb) === event.consumerCycle || !isTypeOf('command', event.trb)) return;
      const cycle = trbCycle(event.trb);
      const written = state.written.get(event.controller);
      if (written !== undefined && written !== event.consumerCycle) {
        reportIgnored(event, context, true);
        return;
      }
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
    'diagnosis.trb-consumed': (state, event, context) => {
      if (event.kind !== 'command' || trbType(event.trb) === LINK) return;
      context.withdraw(event.controller);
      const { rings } = context.known.controller(event.controller);
      const written = state.written.get(event.controller);
      state.written.delete(event.controller);
      if (written === undefined || written === trbCycle(event.trb) || rings.get(event).toggles > 0) return;
      reportIgnored(event, context, false);
    },
  },
});
