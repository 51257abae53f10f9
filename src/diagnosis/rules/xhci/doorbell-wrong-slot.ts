import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

type Bell = TraceEvents['xhci.doorbell'];

function words(bell: Bell): { title: string; why: string; help: string } | undefined {
  switch (bell.outcome) {
    case 'bad-target':
      return {
        title:
          bell.slotId === 0
            ? `the command doorbell was rung with target ${bell.target}; it must be 0`
            : `the doorbell of slot ${bell.slotId} was rung with target ${bell.target}, which names no endpoint`,
        why:
          bell.slotId === 0
            ? `Doorbell 0 belongs to the command ring and knows only target 0; ${hex(bell.value)} was written.`
            : 'Targets 1 to 31 are the Device Context Indices of endpoints; 0 is for the command ring alone.',
        help: bell.slotId === 0 ? 'write 0 to doorbell 0' : 'write the Device Context Index of the endpoint (EP0 is 1)',
      };
    case 'slot-disabled':
      return {
        title: `the doorbell of slot ${bell.slotId} was rung, but that slot is not enabled`,
        why: 'Slot IDs come from Enable Slot and start at 1; the doorbell of slot n is the 32-bit register n of the array.',
        help: 'use the Slot ID of the Enable Slot completion event as the index of the doorbell',
      };
    case 'no-such-slot':
      return {
        title: `doorbell ${bell.slotId} was rung, but the controller has no such slot`,
        why: 'HCSPARAMS1.MaxSlots limits the doorbells; each one is 4 bytes wide.',
        help: 'index the doorbell array by Slot ID, 4 bytes an entry',
      };
    default:
      return undefined;
  }
}

export default defineRule({
  id: 'xhci/doorbell-wrong-slot',
  code: 'RING-11',
  catalogue: ['RING-11'],
  summary: 'a doorbell was rung for a slot that is not enabled, or with an impossible target',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.7'), xhci('5.6')],
  what: 'The doorbell write names a slot or target for which there is no ring.',
  why: 'The controller ignores it, so the work that was queued on the right ring is never looked at.',
  fix: 'Ring doorbell 0 with value 0 for commands, and doorbell <Slot ID> with the Device Context Index for an endpoint.',
  example: {
    bad: `doorbell[slot_id - 1] = dci;                   /* slots are counted from 1 */`,
    good: `doorbell[slot_id] = dci;`,
  },
  behaviour: { qemu: 'ignores the write, silently', hardware: 'ignores the write, or behaves as it likes' },
  consequential: true,
  start: () => ({}),
  on: {
    'xhci.doorbell': (_state, bell, context) => {
      const text = words(bell);
      if (text === undefined) return;
      context.report({
        device: bell.controller,
        where: `doorbell ${bell.slotId}`,
        title: text.title,
        address: bell.value,
        site: context.view.currentSite(),
        role: `writes ${hex(bell.value)} to doorbell ${bell.slotId}`,
        blocking: true,
        key: `${bell.slotId} ${bell.outcome}`,
        facts: [whenFact(context.view, undefined), fact('why', text.why), fact('help', text.help)],
      });
    },
  },
});
