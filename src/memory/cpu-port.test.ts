import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { AliasRegion, CpuMemoryPort, CpuPortIo, createRom, directRanges, RamRegion } from './index.ts';
import { Fixture, noting } from './testing/fixture.ts';

describe('the processor', () => {
  it('reads a hole as zero in one piece, and states who asked', () => {
    const machine = new Fixture();
    const cpu = new CpuMemoryPort(machine.space);
    expect(cpu.read(gpa(0xc0_0000_0000), 8)).toBe(0);
    expect(machine.invalid).toEqual([
      { write: false, address: 0xc0_0000_0000, size: 8, region: undefined, reason: 'rejected' },
    ]);
    expect(machine.failures[0]?.initiator).toEqual({ kind: 'cpu', cpu: 0 });
  });

  it('splits an unaligned access to registers into aligned ones', () => {
    const machine = new Fixture();
    const calls: string[] = [];
    machine.mmio(0x1000, 0x100, noting(calls));
    const cpu = new CpuMemoryPort(machine.space);
    cpu.write(gpa(0x1003), 4, 0x4433_2211, 0);
    cpu.read(gpa(0x1006), 8);
    expect(calls).toEqual(['w1@3=11', 'w2@4=3322', 'w1@6=44', 'r2@6', 'r4@8', 'r2@c']);
  });

  it('reads across the border of two ranges', () => {
    const machine = new Fixture();
    machine.ram(0, 0x1000, 'low').backing.fill(1);
    machine.ram(0x1000, 0x1000, 'high').backing.fill(2);
    const cpu = new CpuMemoryPort(machine.space);
    expect(cpu.read(gpa(0xffe), 4)).toBe(0x0202_0101);
    expect(cpu.read(gpa(0xffc), 8)).toBe(0x0101_0101);
    expect(cpu.high).toBe(0x0202_0202);
    cpu.write(gpa(0xffc), 8, 0x0403_0201, 0x0807_0605);
    expect(cpu.read(gpa(0xffa), 8)).toBe(0x0201_0101);
    expect(cpu.high).toBe(0x0605_0403);
  });

  it('stores to ROM without effect: no log line, but a fact', () => {
    const machine = new Fixture();
    const rom = createRom(machine.system, 'pc.rom', new Uint8Array(0x1000));
    machine.root.addSubregion(0xc0000, rom);
    new CpuMemoryPort(machine.space).write(gpa(0xc0000), 4, 1, 0);
    expect(rom.backing[0]).toBe(0);
    expect(machine.invalid).toEqual([]);
    expect(machine.failures[0]?.reason).toEqual({ kind: 'rom-write', region: 'pc.rom' });
  });

  it('sends port accesses out whole', () => {
    const machine = new Fixture();
    const calls: string[] = [];
    machine.mmio(0x3f8, 8, noting(calls, { impl: { maximum: 1 } }));
    const ports = new CpuPortIo(machine.space);
    ports.write(0x3f8, 1, 0x41);
    expect(ports.read(0x3fc, 2)).toBe(0x4444);
    expect(calls).toEqual(['w1@0=41', 'r1@4', 'r1@5']);
  });
});

describe('direct ranges', () => {
  it('list RAM and ROM by address, with the very bytes behind them', () => {
    const machine = new Fixture();
    const { system, root } = machine;
    const ram = new RamRegion(system, 'pc.ram', new Uint8Array(0x3000));
    root.addSubregion(0, new AliasRegion(system, 'below', ram, 0, 0x2000));
    root.addSubregion(0x1_0000_0000, new AliasRegion(system, 'above', ram, 0x2000, 0x1000));
    root.addSubregion(0x1000, createRom(system, 'rom', new Uint8Array(0x800)), 1);
    machine.mmio(0xfee0_0000, 0x1000, noting([]));
    const ranges = directRanges(machine.space.view);
    expect(ranges.map(({ start, size, writable, region }) => [start, size, writable, region])).toEqual([
      [0, 0x1000, true, 'pc.ram'],
      [0x1000, 0x800, false, 'rom'],
      [0x1800, 0x800, true, 'pc.ram'],
      [0x1_0000_0000, 0x1000, true, 'pc.ram'],
    ]);
    ranges[3]!.backing[0] = 9;
    expect(ram.backing[0x2000]).toBe(9);
  });
});
