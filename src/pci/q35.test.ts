/** The Q35's own functions: host bridge with ECAM, LPC bridge with PIRQ routing, and what firmware leaves behind. */
import { beforeEach, describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { ContainerRegion, MmioRegion } from '../memory/index.ts';
import { PciBus } from './bus.ts';
import { assignResources, routePirqs } from './firmware-setup.ts';
import { PciFunction } from './function.ts';
import { HostBridge } from './host-bridge.ts';
import { describeBus } from './info.ts';
import { LpcBridge } from './lpc-bridge.ts';
import { TestBus } from './testing/test-bus.ts';

let guest: TestBus;
let bus: PciBus;
let host: HostBridge;
let lpc: LpcBridge;
let wires: string[];

beforeEach(() => {
  guest = new TestBus();
  wires = [];
  const { system, rootComplex } = guest;
  lpc = new LpcBridge({
    system,
    ioApicPin: (pin, asserted) => wires.push(`ioapic ${pin} ${asserted}`),
    picIrq: (irq, asserted) => wires.push(`pic ${irq} ${asserted}`),
  });
  host = new HostBridge({ system, rootComplex, memory: guest.root });
  bus = new PciBus({
    system,
    trace: guest.trace,
    memory: guest.pci,
    io: guest.ports,
    dmaRoot: guest.root,
    intx: lpc,
  });
  rootComplex.addBus(bus);
  host.plug(bus, 0);
  lpc.plug(bus, 31);
});

function plug(device: number, bar: { size: number; is64?: boolean; prefetchable?: boolean }): PciFunction {
  const entry = new PciFunction({
    name: `test${device}`,
    identity: {
      vendor: 0x1b36,
      device: 0x000d,
      revision: 1,
      classCode: 0x0c_0330,
      subsystemVendor: 0x1af4,
      subsystem: 0x1100,
    },
    system: guest.system,
    interruptPin: 1,
    express: true,
  });
  const region = new ContainerRegion(guest.system, 'bar', bar.size);
  region.addSubregion(0, new MmioRegion(guest.system, 'registers', bar.size, { read: () => 0x55, write: () => {} }));
  entry.addMemoryBar(0, { region, is64: bar.is64 ?? false, prefetchable: bar.prefetchable ?? false });
  entry.plug(bus, device);
  return entry;
}

const ecam = (device: number, offset: number, size = 4) =>
  guest.cpu.read(gpa(0xb000_0000 + device * 0x8000 + offset), size);

describe('identities as QEMU shows them', () => {
  it('MCH 8086:29c0 and ICH9 LPC 8086:2918, the latter multi-function', () => {
    expect(guest.configRead(host, 0)).toBe(0x29c0_8086);
    expect(guest.configRead(host, 8)).toBe(0x0600_0000);
    expect(guest.configRead(lpc, 0)).toBe(0x2918_8086);
    expect(guest.configRead(lpc, 8)).toBe(0x0601_0002);
    expect(guest.configRead(lpc, 0x0e, 1)).toBe(0x80);
    expect(guest.configRead(lpc, 0x60)).toBe(0x8080_8080);
  });
});

describe('ECAM (PCI Express 4.0 §7.2.2)', () => {
  it('is off until PCIEXBAR enables it, moves with it, and shrinks with its length', () => {
    plug(3, { size: 0x4000, is64: true });
    expect(guest.configRead(host, 0x60)).toBe(0xb000_0000);
    expect(ecam(3, 0)).toBe(0);
    guest.configWrite(host, 0x60, 0xb000_0001);
    expect(ecam(3, 0)).toBe(0x000d_1b36);
    guest.configWrite(host, 0x60, 0xe000_0001);
    expect(ecam(3, 0)).toBe(0);
    expect(guest.cpu.read(gpa(0xe001_8000), 4)).toBe(0x000d_1b36);
    guest.configWrite(host, 0x60, 0xe000_0005);
    expect(guest.cpu.read(gpa(0xe3f0_0000), 4)).toBe(0xffff_ffff);
    expect(guest.cpu.read(gpa(0xe400_0000), 4)).toBe(0);
  });

  it('reaches all 4096 bytes of an express function and 256 of a conventional one, and ones elsewhere', () => {
    plug(3, { size: 0x4000, is64: true });
    guest.configWrite(host, 0x60, 0xb000_0001);
    expect(ecam(3, 0x100)).toBe(0);
    expect(ecam(31, 0x100)).toBe(0xffff_ffff);
    expect(ecam(7, 0)).toBe(0xffff_ffff);
    expect(guest.cpu.read(gpa(0xb010_0000), 4)).toBe(0xffff_ffff);
    guest.cpu.write(gpa(0xb001_803c), 1, 0x0b, 0);
    expect(ecam(3, 0x3c, 2)).toBe(0x010b);
  });

  it('stands at reset where the board says that firmware has been', () => {
    const { system, rootComplex } = guest;
    const memory = new ContainerRegion(system, 'other', 2 ** 64);
    const other = new HostBridge({ system, rootComplex, memory, ecamAtReset: true });
    expect(other.ecamAddress).toBe(0xb000_0000);
  });
});

describe('INTx routing of the ICH9', () => {
  it('leads slot pins to PIRQE-H by device and pin, and to I/O APIC inputs 20-23', () => {
    const entry = plug(3, { size: 0x1000 });
    entry.interrupts.setLevel(true);
    expect(wires).toEqual(['ioapic 23 true']);
    entry.interrupts.setLevel(false);
    const other = plug(4, { size: 0x1000 });
    other.interrupts.setLevel(true);
    expect(wires.slice(1)).toEqual(['ioapic 23 false', 'ioapic 20 true']);
  });

  it('leads them to the 8259s as PIRQ[n]_ROUT says, also when the route changes under an asserted wire', () => {
    const entry = plug(3, { size: 0x1000 });
    entry.interrupts.setLevel(true);
    guest.configWrite(lpc, 0x6b, 11, 1);
    guest.configWrite(lpc, 0x6b, 10, 1);
    guest.configWrite(lpc, 0x6b, 0x80, 1);
    expect(wires).toEqual(['ioapic 23 true', 'pic 11 true', 'pic 10 true', 'pic 11 false', 'pic 10 false']);
  });

  it('shares a wire: it falls when the last device lets go', () => {
    const first = plug(3, { size: 0x1000 });
    const second = plug(7, { size: 0x1000 });
    guest.configWrite(lpc, 0x6b, 11, 1);
    first.interrupts.setLevel(true);
    second.interrupts.setLevel(true);
    first.interrupts.setLevel(false);
    expect(wires).toEqual(['ioapic 23 true', 'pic 11 true']);
    second.interrupts.setLevel(false);
    expect(wires.slice(2)).toEqual(['ioapic 23 false', 'pic 11 false']);
  });
});

describe('what firmware leaves (SeaBIOS on a Q35)', () => {
  it('places BARs below the I/O APIC as SeaBIOS does, decodes them, and fills in interrupt lines', () => {
    // The machine of `-device qemu-xhci,addr=3 -device virtio-rng-pci,addr=4`, without the disk controller.
    plug(3, { size: 0x4000, is64: true });
    plug(4, { size: 0x4000, is64: true, prefetchable: true });
    plug(5, { size: 0x1000 });
    assignResources(bus);
    routePirqs(lpc);
    expect(describeBus(bus).filter((line) => /BAR|IRQ/.test(line))).toEqual([
      '      IRQ 11, pin A',
      '      BAR0: 64 bit memory at 0xfebf4000 [0xfebf7fff].',
      '      IRQ 10, pin A',
      '      BAR0: 64 bit prefetchable memory at 0xfebfc000 [0xfebfffff].',
      '      IRQ 10, pin A',
      '      BAR0: 32 bit memory at 0xfebf8000 [0xfebf8fff].',
    ]);
    expect(guest.cpu.read(gpa(0xfebf_4000), 4)).toBe(0x55);
    expect([lpc.picIrqOf(7), lpc.picIrqOf(4), lpc.picIrqOf(0)]).toEqual([11, 10, 10]);
    expect(bus.at(3, 0)!.busMasterEnabled).toBe(false);
  });

  it('prints functions as `info pci` does', () => {
    plug(3, { size: 0x4000, is64: true });
    expect(describeBus(bus)).toEqual([
      '  Bus  0, device   0, function 0:',
      '    Host bridge: PCI device 8086:29c0',
      '      PCI subsystem 1af4:1100',
      '  Bus  0, device   3, function 0:',
      '    USB controller: PCI device 1b36:000d',
      '      PCI subsystem 1af4:1100',
      '      IRQ 0, pin A',
      '      BAR0: 64 bit memory (not mapped)',
      '  Bus  0, device  31, function 0:',
      '    ISA bridge: PCI device 8086:2918',
      '      PCI subsystem 1af4:1100',
    ]);
  });
});

it('states power states and MSI-X control as facts', () => {
  const states = guest.record('pci.power-state-changed');
  const entry = new PciFunction({ name: 'sleeper', identity: host.identity, system: guest.system });
  entry.addPowerManagement({ offset: 0x40 });
  entry.plug(bus, 9);
  guest.configWrite(entry, 0x44, 0x3, 2);
  guest.configWrite(entry, 0x44, 0x0, 2);
  expect(states.map(({ from, to }) => [from, to])).toEqual([
    [0, 3],
    [3, 0],
  ]);
});
