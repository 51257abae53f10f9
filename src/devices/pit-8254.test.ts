import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { Pit8254 } from './pit-8254.ts';
import { ticksAt, timeOfTick } from './pit-channel.ts';
import { SystemControlB } from './system-control-b.ts';

let clock: VirtualClock;
let pit: Pit8254;
let port61: SystemControlB;
let edges: number[];

beforeEach(() => {
  clock = new VirtualClock();
  edges = [];
  pit = new Pit8254({
    clock,
    interrupt: (asserted) => {
      if (asserted) edges.push(clock.now());
    },
  });
  port61 = new SystemControlB(clock, pit);
});

const write = (offset: number, value: number) => pit.ops.write!(offset, 1, value);
const read = (offset: number) => pit.ops.read!(offset, 1);
const readWord = (offset: number) => read(offset) | (read(offset) << 8);
const gate = (value: number) => port61.ops.write!(0, 1, value);
const afterTicks = (ticks: number) => clock.advanceTo(timeOfTick(ticks));

it('counts 1.193182 MHz exactly, however long it runs', () => {
  expect(ticksAt(1_000_000_000)).toBe(1_193_182);
  expect(ticksAt(86_400e9)).toBe(86_400 * 1_193_182);
  for (const tick of [0, 1, 2, 65_536, 1_193_181, 1_193_182, 987_654_321]) expect(ticksAt(timeOfTick(tick))).toBe(tick);
});

describe('counter 0 and IRQ 0', () => {
  it('mode 2 at 11932 interrupts 100 times a second', () => {
    write(3, 0x34);
    write(0, 0x9c);
    write(0, 0x2e);
    edges.length = 0;
    clock.advanceTo(1_000_000_000);
    expect(edges).toHaveLength(99);
    expect(edges.slice(0, 2)).toEqual([timeOfTick(11_932), timeOfTick(23_864)]);
  });

  it('mode 3 with count 0 (65536) is the 18.2 Hz tick', () => {
    write(3, 0x36);
    write(0, 0);
    write(0, 0);
    edges.length = 0;
    clock.advanceTo(10_000_000_000);
    expect(edges).toHaveLength(182);
  });

  it('mode 0 interrupts once, at terminal count', () => {
    write(3, 0x30);
    write(0, 0xe8);
    write(0, 0x03);
    expect(edges).toEqual([]);
    clock.advanceTo(5_000_000);
    expect(edges).toEqual([timeOfTick(1000)]);
    expect(clock.nextDeadline()).toBeUndefined();
  });

  it('mode 4 strobes low for one tick', () => {
    write(3, 0x38);
    edges.length = 0;
    write(0, 0x10);
    write(0, 0x00);
    clock.advanceTo(1_000_000);
    expect(edges).toEqual([timeOfTick(17)]);
  });

  it('a new count in mode 2 waits for the end of the cycle', () => {
    write(3, 0x34);
    write(0, 0xe8);
    write(0, 0x03); // 1000
    edges.length = 0;
    afterTicks(500);
    write(0, 0x64);
    write(0, 0x00); // 100
    afterTicks(1250);
    expect(edges).toEqual([1000, 1100, 1200].map(timeOfTick));
  });
});

describe('reading', () => {
  it('latches the count, both bytes of the same moment', () => {
    write(3, 0x34);
    write(0, 0x00);
    write(0, 0x10); // 4096
    afterTicks(255);
    write(3, 0x00);
    afterTicks(300);
    write(3, 0x00); // a second latch changes nothing
    expect(readWord(0)).toBe(4096 - 255);
    expect(readWord(0)).toBe(4096 - 300);
  });

  it('reads back status and count (8254, "Read-Back Command")', () => {
    write(3, 0xb0); // counter 2, mode 0
    write(3, 0xe8); // status of counter 2
    expect(read(2)).toBe(0x70); // OUT low, null count, access 3, mode 0
    write(2, 0x0a);
    write(2, 0x00);
    gate(1);
    afterTicks(4);
    write(3, 0xc8); // count and status of counter 2
    expect([read(2), read(2), read(2)]).toEqual([0x30, 6, 0]);
  });

  it('counts in BCD', () => {
    write(3, 0x35);
    write(0, 0x00);
    write(0, 0x10); // 1000
    afterTicks(1);
    expect(readWord(0)).toBe(0x0999);
  });

  it('mode 3 counts down by two', () => {
    write(3, 0x36);
    write(0, 100);
    write(0, 0);
    afterTicks(10);
    expect(readWord(0)).toBe(80);
    afterTicks(60);
    expect(readWord(0)).toBe(80);
  });
});

describe('counter 2 behind port 0x61', () => {
  it('calibrates a clock as kernels do: gate up, mode 0, wait for OUT', () => {
    gate(0);
    write(3, 0xb0);
    write(2, 0x9b);
    write(2, 0x2e); // 11931 ticks: 10 ms
    gate(1);
    clock.advanceTo(9_990_000);
    expect(port61.ops.read!(0, 1) & 0x21).toBe(0x01);
    clock.advanceTo(10_000_000);
    expect(port61.ops.read!(0, 1) & 0x21).toBe(0x21);
  });

  it('does not count while the gate is low', () => {
    gate(1);
    write(3, 0xb0);
    write(2, 0x64);
    write(2, 0x00);
    afterTicks(40);
    gate(0);
    afterTicks(1000);
    expect(readWord(2)).toBe(60);
    gate(1);
    afterTicks(1059);
    expect(pit.output2).toBe(false);
    afterTicks(1060);
    expect(pit.output2).toBe(true);
  });

  it('mode 1 is triggered by the gate and can be retriggered', () => {
    write(3, 0xb2);
    write(2, 0x64);
    write(2, 0x00);
    expect(pit.output2).toBe(true);
    gate(1);
    expect(pit.output2).toBe(false);
    afterTicks(60);
    gate(0);
    gate(1);
    afterTicks(159);
    expect(pit.output2).toBe(false);
    afterTicks(160);
    expect(pit.output2).toBe(true);
  });

  it('toggles the refresh bit, by which old programs delay', () => {
    const seen = new Set<number>();
    for (let time = 0; time < 100_000; time += 10_000) {
      clock.advanceTo(time);
      seen.add(port61.ops.read!(0, 1) & 0x10);
    }
    expect([...seen].sort()).toEqual([0, 0x10]);
  });
});

it('saves and loads a running timer', () => {
  write(3, 0x34);
  write(0, 0xe8);
  write(0, 0x03);
  afterTicks(300);
  const saved = pit.save();
  pit.reset();
  pit.load(saved);
  edges.length = 0;
  afterTicks(1000);
  expect(edges).toEqual([timeOfTick(1000)]);
});
