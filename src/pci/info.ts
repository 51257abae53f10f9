/** What `info pci` of QEMU's monitor prints, in its shape. */
import type { Bar } from './bar.ts';
import type { PciBus } from './bus.ts';
import * as header from './config-registers.ts';
import type { PciFunction } from './function.ts';

/** Words for the classes that a PC has, by base class and sub-class; others print their number. */
const CLASS_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0100, 'SCSI controller'],
  [0x0101, 'IDE controller'],
  [0x0106, 'SATA controller'],
  [0x0200, 'Ethernet controller'],
  [0x0300, 'VGA controller'],
  [0x0600, 'Host bridge'],
  [0x0601, 'ISA bridge'],
  [0x0604, 'PCI bridge'],
  [0x0c03, 'USB controller'],
  [0x0c05, 'SMBus'],
]);

/** One line per element, without line ends. */
export function describeBus(bus: PciBus): string[] {
  return bus.functions.flatMap((entry) => describeFunction(bus, entry));
}

function describeFunction(bus: PciBus, entry: PciFunction): string[] {
  const { device, function: number } = entry.address;
  const { vendor, device: id, subsystemVendor, subsystem } = entry.identity;
  const code = entry.identity.classCode >>> 8;
  const title = CLASS_NAMES.get(code) ?? `Class ${code.toString().padStart(4, '0')}`;
  const lines = [
    `  Bus ${bus.number.toString().padStart(2)}, device ${device.toString().padStart(3)}, function ${number}:`,
    `    ${title}: PCI device ${word(vendor)}:${word(id)}`,
    `      PCI subsystem ${word(subsystemVendor)}:${word(subsystem)}`,
  ];
  if (entry.interruptPin > 0) {
    const line = entry.config.read(header.INTERRUPT_LINE, 1);
    lines.push(`      IRQ ${line}, pin ${'ABCD'[entry.interruptPin - 1]}`);
  }
  const bars = [...entry.bars.values()].sort((a, b) => a.index - b.index);
  return [...lines, ...bars.map((bar) => `      BAR${bar.index}: ${describeBar(entry, bar)}`)];
}

function describeBar(entry: PciFunction, bar: Bar): string {
  const at = bar.mappedAt;
  const type = entry.config.read(header.BAR0 + 4 * bar.index, 1);
  const prefetchable = !bar.isIo && bar.kind !== 'rom' && (type & 8) !== 0 ? ' prefetchable' : '';
  const width = bar.kind === 'memory64' ? '64 bit' : '32 bit';
  const what = bar.isIo ? 'I/O' : `${width}${prefetchable} memory`;
  if (at === undefined) return `${what} (not mapped)`;
  const digits = bar.isIo ? 4 : 8;
  return `${what} at 0x${padded(at, digits)} [0x${padded(at + bar.size - 1, digits)}].`;
}

function word(value: number): string {
  return padded(value, 4);
}

function padded(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
