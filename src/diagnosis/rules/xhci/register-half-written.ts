import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

/** The 64-bit pointer registers that must stand when the controller starts. */
const REGISTERS = ['DCBAAP', 'CRCR', 'ERSTBA', 'ERDP'] as const;
/** QEMU acts on these only when their high half is written. */
const LATCHED_BY_HIGH_HALF: readonly string[] = ['CRCR', 'ERSTBA'];

export default defineRule({
  id: 'xhci/register-half-written',
  code: 'REG-04',
  catalogue: ['REG-04'],
  summary: 'only one half of a 64-bit register was written',
  severity: 'warning',
  certainty: 'portability',
  spec: [xhci('5.1'), xhci('5.5.2.3.3')],
  what: 'The controller was started although one half of a 64-bit pointer register was never written since the reset.',
  why:
    'Writing the register as a whole is what makes the controller take it. QEMU acts on ERSTBA and CRCR only when the ' +
    'high half is written, and some controllers wait for both halves of ERDP.',
  fix: 'Write 64-bit registers with one 64-bit store, or the low half first and then the high half, even when it is 0.',
  example: {
    bad: `op->crcr_lo = (uint32_t)virt_to_phys(ring) | CRCR_RCS;
/* "the high half is 0 anyway" */`,
    good: `uint64_t crcr = virt_to_phys(ring) | CRCR_RCS;
op->crcr_lo = (uint32_t)crcr;
op->crcr_hi = (uint32_t)(crcr >> 32);`,
  },
  behaviour: {
    qemu: 'never sets up the ring when the high half of ERSTBA or CRCR is not written',
    hardware: 'depends on the controller: some latch on the low half, some on the high one',
  },
  start: () => ({}),
  on: {
    'xhci.started': (_state, event, context) => {
      const known = context.known.controller(event.controller);
      for (const register of REGISTERS) {
        const writes = known.registers.get(register);
        if (writes === undefined || (writes.low !== undefined && writes.high !== undefined)) continue;
        const written = writes.low ?? writes.high;
        const missing = writes.high === undefined ? 'high' : 'low';
        if (written === undefined || (written.value === 0 && missing === 'low')) continue;
        const latched = missing === 'high' && LATCHED_BY_HIGH_HALF.includes(register);
        context.report({
          device: event.controller,
          where: register,
          title: `the ${missing} half of ${register} was never written`,
          address: written.value,
          site: written.site,
          role: `writes ${hex(written.value)} to the ${missing === 'high' ? 'low' : 'high'} half of ${register} only`,
          severity: latched ? 'error' : 'warning',
          facts: [
            fact(
              'found',
              `USBCMD.R/S was set; since the reset only the ${missing === 'high' ? 'low' : 'high'} half of ${register} was written`,
            ),
            whenFact(context.view, 'triggered by USBCMD.R/S = 1'),
            fact(
              'why',
              latched
                ? `QEMU acts on ${register} only when its high half is written, so there this ring does not exist.`
                : 'The other half keeps its reset value 0 here; controllers may wait for it before they take the pointer.',
            ),
            fact('help', `write both halves of ${register}, low first, even when one is 0`),
          ],
        });
      }
    },
  },
});
