import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { isHighHalf, registerKey } from '../../knowledge.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

/** CRCR.CS and CRCR.CA: stopping or aborting the ring is what a write while it runs is for (xHCI 1.2 §5.4.5). */
const STOP_OR_ABORT = 0x6;

export default defineRule({
  id: 'xhci/crcr-written-while-running',
  code: 'INIT-06',
  catalogue: ['INIT-06'],
  summary: 'CRCR was written while the command ring runs',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.4.5'), xhci('4.6.1')],
  what: 'The driver gave the command ring a new address while CRCR.CRR = 1.',
  why:
    'While the ring runs, the controller ignores writes to the pointer and to RCS. It goes on with the old ring, and the ' +
    "new commands are never seen. (CRCR's pointer always reads as 0; that is no reason to write it again.)",
  fix: 'Stop the ring first: write CRCR.CS = 1, wait for the Command Ring Stopped event and CRR = 0, then write the pointer.',
  example: {
    bad: `submit_command(noop);
op->crcr = virt_to_phys(new_ring) | CRCR_RCS;  /* ignored: CRR is 1 */`,
    good: `op->crcr = CRCR_CS;
wait_clear(&op->crcr, CRCR_CRR);
op->crcr = virt_to_phys(new_ring) | CRCR_RCS;`,
  },
  behaviour: {
    qemu: 'takes the new pointer all the same, as soon as the high half is written',
    hardware: 'ignores the write',
  },
  explains: ['RING-01', 'INIT-07', 'REG-04'],
  start: () => ({ running: new Set<string>() }),
  on: {
    'xhci.doorbell': (state, bell) => {
      if (bell.slotId === 0 && bell.outcome === 'rung' && state.running.size < 64) state.running.add(bell.controller);
    },
    'xhci.stop': (state, { controller }) => void state.running.delete(controller),
    'xhci.reset': (state, { controller }) => void state.running.delete(controller),
    'xhci.host-error': (state, { controller, bit }) => {
      if (bit === 'HSE') state.running.delete(controller);
    },
    'xhci.register-written': (state, access, context) => {
      if (!state.running.has(access.controller) || registerKey(access) !== 'CRCR' || isHighHalf(access)) return;
      if ((access.value & STOP_OR_ABORT) !== 0) {
        state.running.delete(access.controller);
        return;
      }
      context.report({
        device: access.controller,
        where: 'CRCR',
        title: 'CRCR was given a new pointer while the command ring runs',
        address: access.value,
        site: context.view.currentSite(),
        role: `writes ${hex(access.value)} to CRCR while CRR is 1`,
        key: 'crcr',
        facts: [
          whenFact(context.view, undefined),
          fact(
            'why',
            'The doorbell of the command ring was rung and the ring was not stopped since, so CRCR.CRR is 1 and the write is ignored.',
          ),
          fact('help', 'write CRCR.CS (bit 1), wait until CRR (bit 3) reads 0, then write the new pointer with RCS'),
        ],
      });
    },
  },
});
