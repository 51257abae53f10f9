import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { RegisterAccess, RegisterSpace } from '../../../xhci/events.ts';
import { registerName } from '../../../xhci/registers/names.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule, type RuleContext } from '../../rule.ts';

const DWORD = 4;
/** QEMU's names for the controller's register windows, as a refused access reports them. */
const WINDOW = /^(operational|runtime|doorbell|usb[23] port #\d+)$/;

const BARS_MAX = 64;
const SPACES: Readonly<Record<string, RegisterSpace>> = {
  operational: 'operational',
  runtime: 'runtime',
  doorbell: 'doorbell',
};
/** QEMU's layout of BAR 0, the only controller that refuses narrow accesses as a region does. */
const BASES: Readonly<Partial<Record<RegisterSpace, number>>> = {
  operational: 0x40,
  port: 0x440,
  runtime: 0x1000,
  doorbell: 0x2000,
};

interface State {
  writing: RegisterAccess | undefined;
  /** BAR 0 of each function, as mapped now. */
  bars: { readonly device: string; readonly address: number; readonly size: number }[];
}

function report(context: RuleContext, access: RegisterAccess, write: boolean, refused: boolean): void {
  const name = access.register ?? `${access.space} offset ${hex(access.offset)}`;
  const width = `${access.size}-byte`;
  context.report({
    device: access.controller,
    where: name,
    title: `${name} was ${write ? 'written' : 'read'} with a ${width} access`,
    address: access.barOffset,
    site: context.view.currentSite(),
    role: `${write ? 'writes' : 'reads'} ${access.size} byte${access.size === 1 ? '' : 's'} of ${name}`,
    severity: write || refused ? 'error' : 'warning',
    certainty: refused ? 'certain' : 'portability',
    blocking: refused,
    key: `${access.space} ${write} ${access.size}`,
    facts: [
      fact('found', `a ${width} ${write ? 'write' : 'read'} at BAR0 + ${hex(access.barOffset)} (${name})`),
      whenFact(context.view, undefined),
      fact(
        'why',
        'Operational, port, runtime and doorbell registers are accessed as whole 32-bit words.',
        refused
          ? 'This controller refused the access: a write has no effect and a read gives 0.'
          : 'This controller answers from the bytes of the register; others ignore the write or return something else.',
        'Compilers narrow a volatile bit test to a byte load unless the access goes through a 32-bit pointer or asm.',
      ),
      fact('help', 'read or write all 32 bits through a volatile uint32_t, and mask afterwards'),
    ],
  });
}

export default defineRule({
  id: 'xhci/register-width',
  code: 'REG-01',
  catalogue: ['REG-01'],
  summary: 'a 32-bit register was accessed with a narrower access',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.1'), xhci('5.4'), xhci('5.5')],
  what: 'A byte or word access reached a register that must be accessed as a whole.',
  why:
    'Partial accesses are not defined for these registers: QEMU refuses them, and controllers differ. Only the ' +
    'capability registers may be read with other widths.',
  fix: 'Access registers with 32-bit (or, for 64-bit registers, 64-bit) loads and stores only.',
  example: {
    bad: `volatile uint8_t *usbsts = (uint8_t *)&op->usbsts;
while (!(*usbsts & 1))                         /* a byte load */
    ;`,
    good: `while (!(*(volatile uint32_t *)&op->usbsts & 1))
    ;`,
  },
  behaviour: {
    qemu: 'refuses the access: reads give 0, writes are lost; shown only with -d guest_errors (from 10.0: invalid_mem)',
    hardware: 'may do anything; many controllers ignore byte writes',
  },
  explains: ['INIT-05', 'INIT-08', 'INIT-11', 'REG-04', 'INIT-04'],
  start: (): State => ({ writing: undefined, bars: [] }),
  on: {
    'xhci.register-written': (state, access) => {
      state.writing = access.size < DWORD ? access : undefined;
    },
    'xhci.register-misused': (state, access, context) => {
      if (access.problem !== 'width' && access.problem !== 'unaligned') return;
      if (access.space === 'capability') return;
      // A narrow write announces itself first; a narrow read is answered, and so only a matter of luck.
      const write = state.writing?.barOffset === access.barOffset && state.writing.size === access.size;
      state.writing = undefined;
      report(context, access, write, write);
    },
    'pci.bar-mapped': (state, { device, bar, address, size, mapped }) => {
      if (bar !== 0) return;
      state.bars = state.bars.filter((entry) => entry.device !== device).slice(-BARS_MAX);
      if (mapped) state.bars.push({ device, address, size });
    },
    'memory.access-failed': (state, failure, context) => {
      const { reason, initiator } = failure;
      if (initiator.kind !== 'cpu' || reason.kind !== 'refused' || !WINDOW.test(reason.region)) return;
      if (reason.because === 'accepts' || failure.size >= DWORD) return;
      const address = Number(failure.address);
      const found = state.bars.find((entry) => address >= entry.address && address < entry.address + entry.size);
      if (found === undefined) return;
      const barOffset = address - found.address;
      const space = SPACES[reason.region] ?? 'port';
      const offset = barOffset - (BASES[space] ?? 0);
      report(
        context,
        {
          controller: found.device,
          space,
          offset,
          barOffset,
          size: failure.size,
          value: 0,
          register: registerName(space, space === 'port' ? offset % 0x10 : offset - (offset % DWORD)),
        },
        failure.write,
        true,
      );
    },
  },
});
