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
import { swizzle } from './intx.ts';
import { type LpcBridge, PIRQ_A_ROUTE, PIRQ_E_ROUTE } from './lpc-bridge.ts';
import { ACPI_CNTL_OFFSET, PMBASE_OFFSET, RCBA_OFFSET } from './lpc-placement.ts';
import type { PcieRootPort } from './root-port.ts';

/** 32-bit memory for BARs ends where the I/O APIC stands. */
const MEMORY_WINDOW_END = 0xfec0_0000;
const IO_WINDOW_START = 0xc000;
const CHIPSET_BASE = 0xfed1_c000;
/** The least that SeaBIOS opens of a bridge. */
const IO_WINDOW_MIN = 0x1000;
const MEMORY_WINDOW_MIN = 0x20_0000;
const SERR_ENABLE = 1 << 8;
/** The 8259 inputs that SeaBIOS routes PIRQA-D, and again PIRQE-H, to. */
const PIRQ_LINES = [10, 10, 11, 11] as const;

/** Something that takes a range of addresses: a BAR, or the window of a bridge. */
interface Wanted {
  /** A power of two; also the alignment. */
  readonly size: number;
  readonly kind: 'io' | 'memory' | 'prefetchable';
  readonly put: (address: number) => void;
}

/**
 * Assigns every BAR of `bus` and of the buses behind `ports`, which get the numbers 1, 2 ..., enables decoding and fills
 * in Interrupt Line.
 */
export function assignResources(bus: PciBus, ports: readonly PcieRootPort[] = []): void {
  // Of equal windows SeaBIOS places that of the last bus first.
  const wanted = [...bus.functions.flatMap(barsOf), ...ports.toReversed().flatMap(windowsOf)];
  for (const [index, port] of ports.entries()) port.assignBus(index + 1);
  const plain = bySize(wanted.filter(({ kind }) => kind === 'memory'));
  const prefetchable = bySize(wanted.filter(({ kind }) => kind === 'prefetchable'));
  // The half with the stricter alignment goes last, against the top of the window.
  const upper = largest(plain) < largest(prefetchable) ? plain : prefetchable;
  const lower = upper === plain ? prefetchable : plain;
  const upperBase = place(upper, MEMORY_WINDOW_END);
  place(lower, upperBase);
  const io = bySize(wanted.filter(({ kind }) => kind === 'io'));
  placeUpward(io, IO_WINDOW_START);
  for (const entry of bus.functions) enable(entry, entry.address.device);
  for (const port of ports) for (const entry of port.secondary.functions) enable(entry, port.address.device);
}

/** `device`: whose place on the root bus the pins lead through. */
function enable(entry: PciFunction, device: number): void {
  const decoding = header.COMMAND_IO | header.COMMAND_MEMORY | SERR_ENABLE;
  entry.configWrite(header.COMMAND, 2, entry.command | decoding);
  const { interruptPin, address } = entry;
  if (interruptPin === 0) return;
  const pin = address.bus === 0 ? interruptPin - 1 : swizzle(address.device, interruptPin - 1);
  entry.configWrite(header.INTERRUPT_LINE, 1, lineOf(device, pin));
}

function barsOf(entry: PciFunction): Wanted[] {
  return [...entry.bars.values()].flatMap((bar): Wanted[] => {
    if (bar.kind === 'rom') return [];
    const kind = bar.isIo ? 'io' : isPrefetchable(entry, bar) ? 'prefetchable' : 'memory';
    return [{ size: bar.size, kind, put: (address) => writeBar(entry, bar, address) }];
  });
}

/** The windows of a bridge around what is behind it; none for what nobody there wants. */
function windowsOf(port: PcieRootPort): Wanted[] {
  const inner = port.secondary.functions.flatMap(barsOf);
  return (['io', 'memory', 'prefetchable'] as const).flatMap((kind): Wanted[] => {
    const mine = bySize(inner.filter((each) => each.kind === kind));
    if (mine.length === 0) return [];
    const sum = mine.reduce((bytes, { size }) => bytes + size, 0);
    let size = kind === 'io' ? IO_WINDOW_MIN : MEMORY_WINDOW_MIN;
    while (size < sum) size *= 2;
    const put = (address: number): void => {
      port.open(kind, address, size);
      placeUpward(mine, address);
    };
    return [{ size, kind, put }];
  });
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
  const sum = wanted.reduce((bytes, { size }) => bytes + size, 0);
  const base = wanted.length === 0 ? end : alignDown(end - sum, largest(wanted));
  let address = base;
  for (const { size, put } of wanted) {
    put(address);
    address += size;
  }
  return base;
}

function placeUpward(wanted: readonly Wanted[], start: number): void {
  let address = start;
  for (const { size, put } of wanted) {
    address = alignUp(address, size);
    put(address);
    address += size;
  }
}

/** Largest first, so that each is aligned by what stands before it; equals keep the order of the functions. */
function bySize(wanted: readonly Wanted[]): Wanted[] {
  return [...wanted].sort((a, b) => b.size - a.size);
}

function largest(wanted: readonly Wanted[]): number {
  return wanted[0]?.size ?? 0;
}

function isPrefetchable(entry: PciFunction, bar: Bar): boolean {
  return (entry.config.read(header.BAR0 + 4 * bar.index, 1) & 8) !== 0;
}

function writeBar(entry: PciFunction, bar: Bar, address: number): void {
  const offset = header.BAR0 + 4 * bar.index;
  entry.configWrite(offset, 4, address >>> 0);
  if (bar.kind === 'memory64') entry.configWrite(offset + 4, 4, Math.floor(address / 2 ** 32));
}
