import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

type Misuse = TraceEvents['xhci.register-misused'];

/** Registers of which not one bit can be written: a write there aimed at something else. */
const READ_ONLY = /^(CAPLENGTH|HCIVERSION|HCSPARAMS\d|HCCPARAMS\d|DBOFF|RTSOFF|MFINDEX|PAGESIZE)/;
/** Interrupter 0 stands this far behind RTSOFF (xHCI 1.2 §5.5.2). */
const INTERRUPTERS = 0x20;

function suspect(access: Misuse): { why: string; help: string } {
  if (access.space === 'runtime' && access.offset < INTERRUPTERS) {
    return {
      why: `Runtime offset ${hex(access.offset)} is MFINDEX or reserved; interrupter 0 begins at RTSOFF + 0x20.`,
      help: `add 0x20: the register meant is probably at runtime offset ${hex(access.offset + INTERRUPTERS)}`,
    };
  }
  if (access.space === 'capability') {
    return {
      why: 'Capability registers are read-only; the operational registers begin CAPLENGTH bytes further.',
      help: 'add CAPLENGTH (the byte at BAR0 + 0) to the base before using operational offsets',
    };
  }
  return {
    why: `No register stands at ${access.space} offset ${hex(access.offset)}.`,
    help: 'check the base: CAPLENGTH is one byte; DBOFF and RTSOFF are byte offsets from BAR0 with their low bits masked',
  };
}

export default defineRule({
  id: 'xhci/register-base-wrong',
  code: 'REG-09',
  catalogue: ['REG-09'],
  summary: 'a write went to a place where no writable register stands',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.2.1'), xhci('5.3.1'), xhci('5.3.7'), xhci('5.3.8'), xhci('5.5')],
  what: 'The driver wrote to a reserved hole or a read-only register, as happens when a base address is miscomputed.',
  why: 'The write is dropped, and the register that was meant keeps its old value.',
  fix:
    'Compute the bases as BAR0 + CAPLENGTH (one byte), BAR0 + (RTSOFF & ~0x1f), BAR0 + (DBOFF & ~3); interrupter n is at ' +
    'the runtime base + 0x20 + 0x20 * n.',
  example: {
    bad: `ir = (struct interrupter *)(bar0 + rtsoff);     /* lands on MFINDEX */
ir->erstsz = 1;`,
    good: `ir = (struct interrupter *)(bar0 + rtsoff + 0x20);
ir->erstsz = 1;`,
  },
  behaviour: { qemu: 'ignores the write; -trace usb_xhci_unimplemented may show it', hardware: 'ignores the write' },
  explains: ['INIT-05', 'INIT-08', 'INIT-11', 'REG-04'],
  start: () => ({}),
  on: {
    'xhci.register-misused': (_state, access, context) => {
      const readOnly =
        access.problem === 'read-only' &&
        (READ_ONLY.test(access.register ?? '') || (access.space === 'capability' && access.register === undefined));
      if (access.problem !== 'no-register' && !readOnly) return;
      const name = access.register ?? 'no register';
      const words = suspect(access);
      context.report({
        device: access.controller,
        where: `${access.space} ${hex(access.offset)}`,
        title: `a write to ${access.space} offset ${hex(access.offset)} (${name}) had no effect`,
        address: access.barOffset,
        site: context.view.currentSite(),
        role: `writes ${hex(access.value)} to BAR0 + ${hex(access.barOffset)}`,
        blocking: false,
        key: `${access.space}`,
        facts: [
          fact(
            'found',
            `${hex(access.value)} was written to BAR0 + ${hex(access.barOffset)}: ${name === 'no register' ? 'no register stands there' : `${name} is read-only`}`,
          ),
          whenFact(context.view, undefined),
          fact('why', words.why),
          fact('help', words.help),
        ],
      });
    },
  },
});
