/** The event timers, driven as Linux and firmware drive them. 10 ns are one tick. */
import { beforeEach, describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { VirtualClock } from '../base/clock.ts';
import { TraceBus } from '../base/trace.ts';
import { AddressSpace, ContainerRegion, CpuMemoryPort, MemorySystem, MmioRegion } from '../memory/index.ts';
import { Hpet } from './hpet.ts';

let clock: VirtualClock;
let hpet: Hpet;
let log: string[];

function create(asQemu = false): void {
  clock = new VirtualClock();
  log = [];
  hpet = new Hpet({
    clock,
    interrupt: (route, asserted) => log.push(`${clock.now()} ${route}${asserted ? '+' : '-'}`),
    asQemu,
  });
}

const read = (offset: number): number => hpet.ops.read!(offset, 4);
const write = (offset: number, value: number): void => hpet.ops.write!(offset, 4, value);
const pass = (nanoseconds: number): void => clock.advanceTo(clock.now() + nanoseconds);
const taken = (): string[] => log.splice(0);

beforeEach(() => create());

describe('the main counter', () => {
  it('tells what it is: 64 bits, 10 ns, three timers, legacy route (2.3.4)', () => {
    expect([read(0), read(4), read(0x100), read(0x104)]).toEqual([0x8086_a201, 10_000_000, 0x30, 0x00ff_0104]);
  });

  it('stands until it is enabled, counts 10 ns, and keeps its value when it is stopped', () => {
    pass(1000);
    expect(read(0xf0)).toBe(0);
    write(0xf0, 0xffff_ffff);
    write(0xf4, 2);
    write(0x10, 1);
    pass(25);
    expect([read(0xf0), read(0xf4)]).toEqual([1, 3]);
    write(0x10, 0);
    pass(1000);
    expect([read(0xf0), read(0xf4)]).toEqual([1, 3]);
  });

  it('is read whole by a processor, as 64-bit kernels read their registers (2.3.1)', () => {
    const memory = new MemorySystem(new TraceBus());
    const root = new ContainerRegion(memory, 'root', 0x1000);
    const port = new CpuMemoryPort(new AddressSpace(memory, 'memory', root));
    memory.transaction(() => root.addSubregion(0, new MmioRegion(memory, 'hpet', 0x400, hpet.ops)));
    expect([port.read(gpa(0), 8), port.high]).toEqual([0x8086_a201, 10_000_000]);
  });
});

describe('a timer', () => {
  it('fires once at its comparator', () => {
    write(0x10, 1);
    write(0x100, (20 << 9) | 4);
    write(0x108, 100);
    write(0x10c, 0);
    pass(999);
    expect(taken()).toEqual([]);
    pass(5000);
    expect(taken()).toEqual(['1000 20+', '1000 20-']);
  });

  it('fires periodically: comparator, then period (2.3.9.2.2)', () => {
    write(0x10, 1);
    write(0x120, (16 << 9) | 0x14c);
    write(0x128, 500);
    write(0x128, 200);
    pass(9500);
    expect(taken()).toEqual(['5000 16+', '5000 16-', '7000 16+', '7000 16-', '9000 16+', '9000 16-']);
    expect([read(0x128), read(0x120) & 0x40]).toEqual([1100, 0]);
  });

  it('holds a level until its status is written', () => {
    write(0x10, 1);
    write(0x140, (21 << 9) | 6);
    write(0x148, 10);
    write(0x14c, 0);
    pass(200);
    expect([taken(), read(0x20)]).toEqual([['100 21+'], 4]);
    write(0x20, 4);
    expect([taken(), read(0x20)]).toEqual([['200 21-'], 0]);
  });

  it('of 32 bits comes round; set to the past it waits for that, on QEMU it fires at once', () => {
    write(0xf0, 1000);
    write(0x10, 1);
    write(0x100, (20 << 9) | 0x104);
    write(0x108, 900);
    pass(1000);
    expect(taken()).toEqual([]);
    // At the counter's wrap, then at the match.
    pass(44_000_000_000);
    const [wrapAt, matchAt] = [(0xffff_ffff - 1000) * 10, (2 ** 32 - 100) * 10];
    expect(taken().filter((line) => line.endsWith('+'))).toEqual([`${wrapAt} 20+`, `${matchAt} 20+`]);
    create(true);
    write(0xf0, 1000);
    write(0x10, 1);
    write(0x100, (20 << 9) | 0x104);
    write(0x108, 900);
    pass(1);
    expect(taken()).toEqual(['0 20+', '0 20-']);
  });

  it('never fires more than once a microsecond', () => {
    write(0x10, 1);
    write(0x120, (16 << 9) | 0x14c);
    write(0x128, 1);
    write(0x128, 1);
    pass(10_000);
    expect(taken().filter((line) => line.endsWith('+')).length).toBe(10);
  });

  it('reaches only the inputs that it tells of', () => {
    write(0x10, 1);
    write(0x100, (5 << 9) | 4);
    write(0x108, 1);
    write(0x10c, 0);
    pass(100);
    expect(taken()).toEqual([]);
  });
});

describe('the legacy replacement route', () => {
  it('takes IRQ 0 and 8 from the PIT and the clock, and gives them back', () => {
    hpet.pitOutput(true);
    hpet.clockOutput(true);
    expect(taken()).toEqual(['0 0+', '0 8+']);
    write(0x10, 3);
    expect(taken()).toEqual(['0 0-', '0 8-']);
    hpet.pitOutput(false);
    write(0x100, 4);
    write(0x108, 10);
    write(0x10c, 0);
    write(0x120, 4);
    write(0x128, 20);
    write(0x12c, 0);
    pass(300);
    expect(taken()).toEqual(['100 0+', '100 0-', '200 8+', '200 8-']);
    write(0x10, 1);
    expect(taken()).toEqual(['300 0-', '300 8+']);
  });

  it('moves what is pending to the other line', () => {
    write(0x10, 1);
    write(0x100, (20 << 9) | 6);
    write(0x108, 10);
    write(0x10c, 0);
    pass(100);
    write(0x10, 3);
    expect(taken().filter((line) => !line.endsWith('8-'))).toEqual(['100 20+', '100 20-', '100 0-', '100 0+']);
    hpet.reset();
    expect(taken().slice(0, 1)).toEqual(['100 0-']);
  });
});

it('saves and loads a running timer', () => {
  write(0x10, 1);
  write(0x120, (16 << 9) | 0x14c);
  write(0x128, 500);
  write(0x128, 200);
  pass(5500);
  const saved = structuredClone(hpet.save());
  create();
  clock.advanceTo(5500);
  hpet.load(saved as never);
  expect(hpet.save()).toEqual(saved);
  pass(2000);
  expect(taken()).toEqual(['7000 16+', '7000 16-']);
});
