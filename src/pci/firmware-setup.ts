/**
 * What firmware would have done to PCI by the time a kernel starts, for boards that enter a kernel directly: BARs
 * assigned, decoding on, interrupt lines filled in. The layout is the one that SeaBIOS gives a Q35 (checked against
 * `info pci` of QEMU). Bus mastering stays off: that is the driver's business.
 */
import { alignDown, alignUp } from '../base/bits.ts';
import type { Bar } from './bar.ts';
import type { PciBus } from './bus.ts';
import * as header from './config-registers.ts';
import type { PciFunction } from './function.ts';
import { type LpcBridge, PIRQ_A_ROUTE, PIRQ_E_ROUTE } from './lpc-bridge.ts';
import { ACPI_CNTL_OFFSET, PMBASE_OFFSET, RCBA_OFFSET } from './lpc-placement.ts';

/** 32-bit memory for BARs ends where the I/O APIC stands. */
const MEMORY_WINDOW_END = 0xfec0_0000;
const IO_WINDOW_START = 0xc000;
const CHIPSET_BASE = 0xfed1_c000;
const SERR_ENABLE = 1 << 8;
/** The 8259 inputs that SeaBIOS routes PIRQA-D, and again PIRQE-H, to. */
const PIRQ_LINES = [10, 10, 11, 11] as const;

interface Wanted {
  readonly entry: PciFunction;
  readonly bar: Bar;
}

/** Assigns every BAR of `bus`, enables decoding and fills in Interrupt Line. */
export function assignResources(bus: PciBus): void {
  const wanted: Wanted[] = [];
  for (const entry of bus.functions) for (const bar of entry.bars.values()) wanted.push({ entry, bar });
  const memory = wanted.filter(({ bar }) => !bar.isIo && bar.kind !== 'rom');
  const plain = bySize(memory.filter(({ entry, bar }) => !isPrefetchable(entry, bar)));
  const prefetchable = bySize(memory.filter(({ entry, bar }) => isPrefetchable(entry, bar)));
  // The half with the stricter alignment goes last, against the top of the window.
  const upper = largest(plain) < largest(prefetchable) ? plain : prefetchable;
  const lower = upper === plain ? prefetchable : plain;
  const upperBase = place(upper, MEMORY_WINDOW_END);
  place(lower, upperBase);
  let port = IO_WINDOW_START;
  for (const { entry, bar } of bySize(wanted.filter(({ bar }) => bar.isIo))) {
    port = alignUp(port, bar.size);
    writeBar(entry, bar, port);
    port += bar.size;
  }
  for (const entry of bus.functions) {
    const decoding = header.COMMAND_IO | header.COMMAND_MEMORY | SERR_ENABLE;
    entry.configWrite(header.COMMAND, 2, entry.command | decoding);
    const { interruptPin, address } = entry;
    if (interruptPin > 0) entry.configWrite(header.INTERRUPT_LINE, 1, lineOf(address.device, interruptPin - 1));
  }
}

/** Routes the PIRQs to IRQ 10 and 11. The caller makes those level-triggered in the 8259s (ELCR bits 10 and 11). */
export function routePirqs(lpc: LpcBridge): void {
  for (const [index, irq] of PIRQ_LINES.entries()) {
    lpc.configWrite(PIRQ_A_ROUTE + index, 1, irq);
    lpc.configWrite(PIRQ_E_ROUTE + index, 1, irq);
  }
}

/** Places the ACPI registers and the chipset's configuration registers where SeaBIOS does. */
export function placeChipset(lpc: LpcBridge, acpiBase: number): void {
  lpc.configWrite(PMBASE_OFFSET, 4, acpiBase);
  lpc.configWrite(ACPI_CNTL_OFFSET, 1, 0x80);
  lpc.configWrite(RCBA_OFFSET, 4, CHIPSET_BASE + 1);
}

function lineOf(device: number, pin: number): number {
  return PIRQ_LINES[(device <= 24 ? device + pin : pin) & 3]!;
}

/** Places `wanted` back to back below `end`; returns where they begin. */
function place(wanted: readonly Wanted[], end: number): number {
  const sum = wanted.reduce((bytes, { bar }) => bytes + bar.size, 0);
  const base = wanted.length === 0 ? end : alignDown(end - sum, largest(wanted));
  let address = base;
  for (const { entry, bar } of wanted) {
    writeBar(entry, bar, address);
    address += bar.size;
  }
  return base;
}

/** Largest first, so that each is aligned by what stands before it; equals keep the order of the functions. */
function bySize(wanted: readonly Wanted[]): Wanted[] {
  return [...wanted].sort((a, b) => b.bar.size - a.bar.size);
}

function largest(wanted: readonly Wanted[]): number {
  return wanted[0]?.bar.size ?? 0;
}

function isPrefetchable(entry: PciFunction, bar: Bar): boolean {
  return (entry.config.read(header.BAR0 + 4 * bar.index, 1) & 8) !== 0;
}

function writeBar(entry: PciFunction, bar: Bar, address: number): void {
  const offset = header.BAR0 + 4 * bar.index;
  entry.configWrite(offset, 4, address >>> 0);
  if (bar.kind === 'memory64') entry.configWrite(offset + 4, 4, Math.floor(address / 2 ** 32));
}
