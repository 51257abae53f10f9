import { xhci } from '../../../base/registers.ts';
import { HANG_CODE } from '../../hang-code.ts';
import { defineRule } from '../../rule.ts';

/** The engine reports it at the end of the run: only then is it known that nothing else will happen. */
export const ENDLESS_WAIT = defineRule({
  id: 'machine/endless-wait',
  code: HANG_CODE,
  catalogue: [],
  summary: 'the guest waits for an event that cannot arrive',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.9.4'), xhci('5.4.2')],
  what: 'The guest repeats a loop that changes nothing, or stands in HLT, and the device it waits for cannot answer any more.',
  why: 'An earlier mistake stopped the device or lost the event. The wait itself is a symptom, never the cause.',
  fix: 'Mend the root cause that the report names. Give every wait a limit, and look at USBSTS.HSE and HCE when it passes.',
  example: {
    bad: `while ((event->control & 1) != cycle)
    ;                                          /* for ever */`,
    good: `if (!wait_until(event_arrived, 1000 /* ms */) || (op->usbsts & (USBSTS_HSE | USBSTS_HCE)))
    return report_controller_dead();`,
  },
  behaviour: { qemu: 'spins with the guest', hardware: 'spins with the guest' },
  consequential: true,
  start: () => ({}),
  on: {},
});
