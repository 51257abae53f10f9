import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import type { Site } from '../../guest-view.ts';
import { registerKey } from '../../knowledge.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

/** Interrupters of all controllers whose table was written while its size was 0. */
const PENDING_MAX = 256;

interface Early {
  readonly value: number;
  readonly site: Site | undefined;
}

export default defineRule({
  id: 'xhci/erst-size-late',
  code: 'INIT-08',
  catalogue: ['INIT-08'],
  summary: 'ERSTBA was written while ERSTSZ is 0',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.2'), xhci('4.9.4'), xhci('5.5.2.3.1'), xhci('5.5.2.3.2')],
  what: 'The base of the Event Ring Segment Table was written before its size, or its size was never written.',
  why: 'Writing ERSTBA is what sets the event ring up. With ERSTSZ = 0 there is no segment to set up, so the ring stays off.',
  fix: 'Write ERSTSZ first, then ERDP, then ERSTBA.',
  example: {
    bad: `ir->erstba = virt_to_phys(erst);
ir->erdp = virt_to_phys(event_ring);
ir->erstsz = 1;                                /* too late */`,
    good: `ir->erstsz = 1;
ir->erdp = virt_to_phys(event_ring);
ir->erstba = virt_to_phys(erst);`,
  },
  behaviour: {
    qemu: 'sets up an empty ring; later raises USBSTS.HCE at the first event, with no message',
    hardware: 'depends on when the controller reads the table; many latch it at the ERSTBA write',
  },
  start: () => ({ size: new Map<string, number>(), early: new Map<string, Early>() }),
  on: {
    'xhci.reset': (state, { controller }, context) => {
      context.withdraw(`${controller} 0`);
      for (const table of [state.size, state.early]) {
        for (const key of table.keys()) if (key === controller || key.startsWith(`${controller}[`)) table.delete(key);
      }
    },
    'xhci.register-written': (state, access, context) => {
      const register = registerKey(access);
      const match = register === undefined ? null : /^(ERSTSZ|ERSTBA)(\[\d+\])?$/.exec(register);
      if (match === null) return;
      const key = `${access.controller}${match[2] ?? ''}`;
      if (match[1] === 'ERSTSZ') {
        if (state.size.size < PENDING_MAX || state.size.has(key)) state.size.set(key, access.value & 0xffff);
        return;
      }
      if ((state.size.get(key) ?? 0) !== 0) state.early.delete(key);
      else if (access.value !== 0 && state.early.size < PENDING_MAX) {
        state.early.set(key, {
          value: access.value,
          site: context.known.controller(access.controller).writerOf(register!),
        });
      }
    },
    'xhci.started': (state, event, context) => {
      for (const interrupter of event.interrupters) {
        const key = `${event.controller}${interrupter.index === 0 ? '' : `[${interrupter.index}]`}`;
        const early = state.early.get(key);
        state.early.delete(key);
        if (early === undefined) continue;
        const never = interrupter.erstsz === 0;
        // A secondary interrupter without segments is simply off (xHCI 1.2 §5.5.2.3.1).
        if (never && interrupter.index !== 0) continue;
        context.report({
          device: event.controller,
          where: interrupter.index === 0 ? 'ERSTSZ' : `ERSTSZ[${interrupter.index}]`,
          title: never ? 'ERSTBA was written, but ERSTSZ is 0' : 'ERSTSZ was written after ERSTBA',
          address: early.value,
          site: early.site,
          role: `writes ${hex(early.value)} to ERSTBA while ERSTSZ is 0`,
          certainty: never ? 'certain' : 'portability',
          blocking: never,
          key: `erst ${interrupter.index}`,
          facts: [
            whenFact(context.view, 'judged when the controller was started'),
            fact(
              'why',
              never
                ? 'The Event Ring Segment Table has no entries, so no event can ever be written.'
                : 'Writing ERSTBA sets the ring up with the size that stands in ERSTSZ at that moment: 0.',
            ),
            fact('help', 'write ERSTSZ first, then ERDP, then ERSTBA'),
          ],
        });
      }
    },
    'xhci.event-ring-reset': (state, event, context) => {
      if (event.interrupter !== 0) return;
      // Written again with a size in place: nothing is wrong any more.
      if (event.outcome !== 'size-zero') context.withdraw(`${event.controller} 0`);
      if (event.outcome !== 'size-zero' || event.erstba === 0) return;
      const early = state.early.get(event.controller);
      context.report(
        {
          device: event.controller,
          where: 'ERSTSZ',
          title: 'the event ring was set up with ERSTSZ = 0',
          address: event.erstba,
          site: early?.site ?? context.view.currentSite(),
          role: `writes ${hex(event.erstba)} to ERSTBA while ERSTSZ is 0`,
          blocking: true,
          key: 'erst 0',
          facts: [
            whenFact(context.view, 'triggered by ERSTBA'),
            fact(
              'why',
              'The controller took ERSTBA while ERSTSZ is 0: the event ring has no segment, and no event can be written.',
            ),
            fact('help', 'write ERSTSZ first, then ERDP, then ERSTBA'),
          ],
        },
        { provisional: `${event.controller} 0` },
      );
      if (context.known.controller(event.controller).running) context.confirm(`${event.controller} 0`);
    },
    'xhci.run': (_state, { controller }, context) => context.confirm(`${controller} 0`),
  },
});
