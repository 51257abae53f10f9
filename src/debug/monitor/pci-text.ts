/** `info pci` (QEMU 7.2, hmp_info_pci). */
import { hexPadded } from '../../base/address.ts';
import type { Bar } from '../../pci/bar.ts';
import type { PciBus } from '../../pci/bus.ts';
import { INTERRUPT_LINE } from '../../pci/config-registers.ts';
import type { PciFunction } from '../../pci/function.ts';

const PIN_NAMES = ['', 'A', 'B', 'C', 'D'];

/** By class and subclass, as QEMU describes them. */
const CLASSES: Readonly<Record<number, string>> = {
  256: 'SCSI controller',
  257: 'IDE controller',
  262: 'SATA controller',
  512: 'Ethernet controller',
  768: 'VGA controller',
  1536: 'Host bridge',
  1537: 'ISA bridge',
  1540: 'PCI bridge',
  3075: 'USB controller',
  3077: 'SMBus',
};

export function pciText(bus: PciBus): string {
  return bus.functions.map(functionText).join('');
}

function functionText(entry: PciFunction): string {
  const { address, identity } = entry;
  const code = identity.classCode >>> 8;
  const lines = [
    `  Bus ${String(address.bus).padStart(2)}, device ${String(address.device).padStart(3)}, function ${address.function}:`,
    `    ${CLASSES[code] ?? `Class ${hexPadded(code, 4)}`}: PCI device ${hexPadded(identity.vendor, 4)}:${hexPadded(identity.device, 4)}`,
  ];
  if (identity.subsystemVendor !== 0 || identity.subsystem !== 0) {
    lines.push(`      PCI subsystem ${hexPadded(identity.subsystemVendor, 4)}:${hexPadded(identity.subsystem, 4)}`);
  }
  if (entry.interruptPin !== 0) {
    lines.push(`      IRQ ${entry.config.read(INTERRUPT_LINE, 1)}, pin ${PIN_NAMES[entry.interruptPin]}`);
  }
  for (const bar of entry.bars.values()) lines.push(`      BAR${bar.index}: ${barText(bar)}`);
  lines.push('      id ""');
  return `${lines.join('\n')}\n`;
}

function barText(bar: Bar): string {
  const start = bar.mappedAt;
  const place = (digits: number): string => {
    // As QEMU shows a BAR that is not mapped: from -1.
    if (start === undefined) return `0x${'f'.repeat(16)} [0x${hexPadded(bar.size - 2, digits)}]`;
    return `0x${hexPadded(start, digits)} [0x${hexPadded(start + bar.size - 1, digits)}]`;
  };
  if (bar.isIo) return `I/O at ${place(4)}.`;
  return `${bar.kind === 'memory64' ? '64' : '32'} bit${bar.prefetchable ? ' prefetchable' : ''} memory at ${place(8)}.`;
}
