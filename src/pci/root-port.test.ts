/** A root port as software sees it: its bus, its windows, what passes upward. */
import { beforeEach, describe, expect, it } from 'vitest';
import { StateRegistry } from '../base/state.ts';
import { ContainerRegion, MEMTX_OK, MmioRegion } from '../memory/index.ts';
import { assignResources } from './firmware-setup.ts';
import { PciFunction } from './function.ts';
import { IOH3420, PCIE_ROOT_PORT, PcieRootPort, type RootPortModel } from './root-port.ts';
import { TestBus } from './testing/test-bus.ts';

let machine: TestBus;
let port: PcieRootPort;
let card: PciFunction;

function build(model: RootPortModel = PCIE_ROOT_PORT): void {
  machine = new TestBus();
  const { system, bus, rootComplex } = machine;
  port = new PcieRootPort({ system, model, parent: bus, ordinal: 1, slotNumber: 5 });
  port.plug(bus, 4);
  rootComplex.addBus(port.secondary);
  const identity = {
    vendor: 0x1234,
    device: 0x5678,
    revision: 1,
    classCode: 0x0c_0330,
    subsystemVendor: 0,
    subsystem: 0,
  };
  card = new PciFunction({ name: 'card', identity, system, interruptPin: 1, express: true });
  const registers = new ContainerRegion(system, 'card', 0x4000);
  registers.addSubregion(0, new MmioRegion(system, 'id', 0x1000, { read: () => 0xca4d, write: () => {} }));
  card.addMemoryBar(0, { region: registers, is64: true });
  card.addIoBar(2, new MmioRegion(system, 'card I/O', 0x20, { read: () => 0x77, write: () => {} }));
  card.addMsi({ vectors: 1 });
  card.plug(port.secondary, 0);
  port.reset();
}

beforeEach(() => build());

const configure = (offset: number, value: number, size = 4): void => machine.configWrite(port, offset, value, size);
const ofCard = (offset: number, size = 4): number => machine.configRead(card, offset, size);
const memory = (address: number): number => machine.cpu.read(address as never, 4);

/** Bus 7 behind it, memory at 0x2000_0000, both on. */
function open(): void {
  configure(0x18, 0x07_07_00);
  configure(0x20, 0x2010_2000);
  configure(0x04, 7, 2);
  machine.configWrite(card, 0x10, 0x2000_4000);
  machine.configWrite(card, 0x04, 7, 2);
}

describe('configuration accesses', () => {
  it('reach the bus by the number that software gave it, device 0 only', () => {
    expect(machine.io.read(0xcfc, 4)).toBe(0xffff_ffff);
    configure(0x18, 0x07_07_00);
    expect(ofCard(0)).toBe(0x5678_1234);
    expect(card.address).toEqual({ bus: 7, device: 0, function: 0 });
    machine.io.write(0xcf8, 4, 0x8007_0800);
    expect(machine.io.read(0xcfc, 4)).toBe(0xffff_ffff);
    configure(0x18, 0x09_09_00);
    machine.io.write(0xcf8, 4, 0x8007_0000);
    expect(machine.io.read(0xcfc, 4)).toBe(0xffff_ffff);
    expect(ofCard(0)).toBe(0x5678_1234);
  });

  it('never reach it while it has no number', () => {
    expect(machine.configRead(port, 0x18)).toBe(0);
    machine.io.write(0xcf8, 4, 0x8000_0000);
    expect(machine.io.read(0xcfc, 4)).toBe(0xffff_ffff);
  });
});

describe('windows', () => {
  it('show what is behind them, while Memory Space is on', () => {
    open();
    expect(memory(0x2000_4000)).toBe(0xca4d);
    configure(0x04, 4, 2);
    expect(memory(0x2000_4000)).toBe(0);
    configure(0x04, 6, 2);
    expect(memory(0x2000_4000)).toBe(0xca4d);
  });

  it('are closed after a reset, and hide what lies outside', () => {
    open();
    configure(0x20, 0x2020_2010);
    expect(memory(0x2000_4000)).toBe(0);
    configure(0x20, 0x0000_fff0);
    expect(memory(0x2000_4000)).toBe(0);
  });

  it('may stand above 4 GiB', () => {
    open();
    configure(0x20, 0x0000_fff0);
    configure(0x24, 0x0011_0001);
    configure(0x28, 0x12);
    configure(0x2c, 0x12);
    machine.configWrite(card, 0x10, 0x0001_0000);
    machine.configWrite(card, 0x14, 0x12);
    expect(memory(0x12_0001_0000)).toBe(0xca4d);
  });

  it('lead I/O ports in units of 4 KiB', () => {
    open();
    machine.configWrite(card, 0x18, 0xd040);
    expect(machine.io.read(0xd040, 1)).toBe(0xff);
    configure(0x1c, 0xd0d0, 2);
    expect(machine.io.read(0xd040, 1)).toBe(0x77);
  });
});

describe('what passes upward', () => {
  const bytes = new Uint8Array(4);

  it('is data and messages, also while the port itself may not master the bus; messages carry the bus number', () => {
    open();
    configure(0x04, 3, 2);
    expect(card.dma.write(machine.dmaAddress(0x100), bytes)).toBe(MEMTX_OK);
    const { offset } = card.msi!;
    machine.configWrite(card, offset + 4, 0xfee0_0000);
    machine.configWrite(card, offset + 2, 1, 2);
    card.interrupts.sendMessage(0);
    expect(machine.messages.map(({ requesterId }) => requesterId)).toEqual([0x0700]);
    machine.configWrite(card, 0x04, 3, 2);
    expect(card.dma.write(machine.dmaAddress(0x100), bytes)).not.toBe(MEMTX_OK);
  });

  it('is INTA of device 0 at the pin of the port', () => {
    open();
    card.interrupts.setLevel(true);
    card.interrupts.setLevel(false);
    expect(machine.wires).toEqual(['4 0 true', '4 0 false']);
  });
});

describe('resets', () => {
  it('of the secondary bus reset the card and nothing else', () => {
    open();
    configure(0x3e, 0x40, 2);
    expect(ofCard(0x04, 2) & 7).toBe(0);
    expect(machine.configRead(port, 0x19, 1)).toBe(7);
  });

  it('of the root bus reset both', () => {
    open();
    machine.bus.reset();
    expect(card.command).toBe(0);
    expect(machine.configRead(port, 0x18)).toBe(0);
    expect(machine.configRead(port, 0x20)).toBe(0xfff0);
  });
});

describe.each([
  ['pcie-root-port', PCIE_ROOT_PORT, 0x54],
  ['ioh3420', IOH3420, 0x90],
] as const)('%s', (_, model, express) => {
  it('has a slot with a card in it, whose link is up', () => {
    build(model);
    expect(machine.configRead(port, 0x0e, 1)).toBe(1);
    expect((machine.configRead(port, express + 2, 2) >> 4) & 0xf).toBe(4);
    expect(machine.configRead(port, express + 0x14) >>> 19).toBe(5);
    expect(machine.configRead(port, express + 0x1a, 2) & 0x40).toBe(0x40);
    expect(machine.configRead(port, express + 0x12, 2) & 0x2000).toBe(0x2000);
  });

  it('completes commands to the slot, which software acknowledges', () => {
    build(model);
    configure(express + 0x18, 0x03c0, 2);
    expect(machine.configRead(port, express + 0x1a, 2) & 0x10).toBe(0x10);
    configure(express + 0x1a, 0x10, 2);
    expect(machine.configRead(port, express + 0x1a, 2)).toBe(0x40);
  });
});

it('keeps its windows in saved state', () => {
  open();
  const registry = new StateRegistry();
  for (const part of [port, card]) registry.register(part);
  const saved = structuredClone(registry.save());
  build();
  const next = new StateRegistry();
  for (const part of [port, card]) next.register(part);
  expect(next.load(saved)).toEqual([]);
  expect(memory(0x2000_4000)).toBe(0xca4d);
  expect(ofCard(0)).toBe(0x5678_1234);
});

it('gets a bus and windows from the hand-over, as firmware would give them', () => {
  assignResources(machine.bus, [port]);
  expect(machine.configRead(port, 0x18)).toBe(0x01_0100);
  const base = ofCard(0x10) & ~0xf;
  expect(base >>> 0).toBeLessThan(0xfec0_0000);
  expect(memory(base >>> 0)).toBe(0xca4d);
  expect(machine.io.read(ofCard(0x18) & ~3, 1)).toBe(0x77);
  expect(ofCard(0x3c, 1)).toBe(machine.configRead(port, 0x3c, 1));
});
