import { hex } from '../../../base/address.ts';
import { pci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import type { Site } from '../../guest-view.ts';
import { whenFact } from '../../pointers/describe.ts';
import { defineRule, type RuleContext } from '../../rule.ts';

const BAR0 = 0x10;
const BAR1 = 0x14;
const MEMORY_SPACE = 1 << 1;
/** Bits 2:1 of a memory BAR: 64 bits wide. Such a BAR exists even when its address reads 0. */
const TYPE_MASK = 0x7;
const TYPE_64 = 0x4;
const DEVICES_MAX = 256;

interface BarState {
  readonly name: string;
  /** What stands in BAR 0 as the guest last wrote or read it; `undefined` until it touched it. */
  low: number | undefined;
  high: number;
  /** BAR 0 is implemented as a 64-bit memory BAR. */
  wide: boolean;
  memorySpace: boolean;
  site: Site | undefined;
}

type State = { devices: Map<string, BarState> };

function bar(state: State, device: string, name: string): BarState | undefined {
  let entry = state.devices.get(device);
  if (entry === undefined && state.devices.size < DEVICES_MAX) {
    entry = { name, low: undefined, high: 0, wide: false, memorySpace: false, site: undefined };
    state.devices.set(device, entry);
  }
  return entry;
}

function isUnassigned(entry: BarState): boolean {
  return entry.wide && entry.low !== undefined && (entry.low & ~0xf) === 0 && entry.high === 0;
}

function report(
  context: RuleContext,
  device: string,
  entry: { name: string; site: Site | undefined },
  found: string,
): void {
  context.report({
    device,
    where: 'BAR0',
    title: `BAR0 of ${entry.name} has no address`,
    address: 0,
    site: entry.site ?? context.view.currentSite(),
    role: entry.site === undefined ? 'uses BAR0 although it is 0' : 'leaves BAR0 without an address',
    blocking: true,
    key: 'bar0',
    facts: [
      fact('found', found),
      whenFact(context.view, undefined),
      fact(
        'why',
        'A BAR of 0 is unassigned. Its registers answer nowhere; physical address 0 is RAM, so reads through it return ' +
          'memory contents that look like registers, and writes destroy low memory.',
      ),
      fact(
        'help',
        'size the BAR, choose a free range of the PCI window, write it to the BAR, then set Command.MemorySpace',
      ),
    ],
  });
}

function note(
  state: State,
  event: { device: string; name: string; offset: number; size: number; value: number },
): void {
  if (event.size !== 4 || (event.offset !== BAR0 && event.offset !== BAR1)) return;
  const entry = bar(state, event.device, event.name);
  if (entry === undefined) return;
  if (event.offset === BAR0) entry.low = event.value;
  else entry.high = event.value;
}

export default defineRule({
  id: 'pci/bar-unassigned',
  code: 'PCI-06',
  catalogue: ['PCI-06'],
  summary: 'a device is used although its BAR is 0',
  severity: 'error',
  certainty: 'certain',
  spec: [pci('6.2.5.1')],
  what: 'The driver uses a base address register that nobody has given an address.',
  why: 'Firmware assigns BARs on a PC; without firmware, or behind an unconfigured bridge, the kernel must do it.',
  fix: 'Check the BAR for 0 before using it, and assign it from the PCI memory window.',
  example: {
    bad: `uint64_t base = pci_bar(dev, 0);               /* 0 */
volatile uint32_t *regs = map_physical(base);`,
    good: `uint64_t base = pci_bar(dev, 0);
if (base == 0)
    base = pci_assign_bar(dev, 0, &pci_window);
volatile uint32_t *regs = map_physical(base);`,
  },
  behaviour: {
    qemu: 'does not map a BAR whose address is 0; the accesses reach RAM at physical 0',
    hardware: 'may claim addresses from 0 on a secondary bus; on a PC the accesses reach RAM',
  },
  explains: ['PCI-01', 'INIT-05', 'INIT-08', 'INIT-11'],
  start: (): State => ({ devices: new Map() }),
  on: {
    'pci.config-read': (state, event) => {
      if (event.offset !== BAR0 || event.size !== 4) return;
      const entry = bar(state, event.device, event.name);
      if (entry === undefined) return;
      if ((event.value & TYPE_MASK) === TYPE_64) entry.wide = true;
      // A read right after writing all ones shows the size, not the address.
      if (entry.low !== 0xffff_ffff) entry.low = event.value;
    },
    'pci.config-written': (state, event, context) => {
      note(state, event);
      const entry = state.devices.get(event.device);
      if (entry !== undefined && event.offset === BAR0) entry.site = context.known.here();
    },
    'pci.command-changed': (state, event, context) => {
      const entry = bar(state, event.device, event.name);
      if (entry === undefined) return;
      const was = entry.memorySpace;
      entry.memorySpace = (event.command & MEMORY_SPACE) !== 0;
      if (!was && entry.memorySpace && isUnassigned(entry)) {
        report(
          context,
          event.device,
          entry,
          `memory decoding was switched on (Command ${hex(event.command)}) while BAR0 is 0`,
        );
      }
    },
    'pci.bar-access-while-off': (state, event, context) => {
      if (event.because !== 'bar-unassigned') return;
      const entry = state.devices.get(event.device) ?? { name: event.name, site: undefined };
      report(context, event.device, entry, `the CPU accessed BAR${event.bar} + ${hex(event.offset)}, but the BAR is 0`);
    },
    'machine.idle': (state, _event, context) => {
      for (const [device, entry] of state.devices) {
        if (entry.memorySpace && isUnassigned(entry)) {
          report(context, device, entry, 'the guest came to rest with memory decoding on and BAR0 = 0');
        }
      }
    },
  },
});
