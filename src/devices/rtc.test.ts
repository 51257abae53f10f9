import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { calendarFromSeconds, secondsFromCalendar } from './calendar.ts';
import { Rtc } from './rtc.ts';

let clock: VirtualClock;
let rtc: Rtc;
let irq: boolean;

beforeEach(() => {
  clock = new VirtualClock();
  irq = false;
  rtc = new Rtc({
    clock,
    interrupt: (asserted) => {
      irq = asserted;
    },
  });
});

const read = (index: number) => {
  rtc.ops.write!(0, 1, index);
  return rtc.ops.read!(1, 1);
};
const write = (index: number, value: number) => {
  rtc.ops.write!(0, 1, index);
  rtc.ops.write!(1, 1, value);
};
const date = () => [0x32, 0x09, 0x08, 0x07, 0x04, 0x02, 0x00].map((index) => read(index).toString(16));

describe('calendar', () => {
  it('agrees with the host for any second of four centuries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12_622_780_799 }), (seconds) => {
        const time = calendarFromSeconds(seconds);
        const host = new Date(seconds * 1000);
        expect(time).toEqual({
          year: host.getUTCFullYear(),
          month: host.getUTCMonth() + 1,
          day: host.getUTCDate(),
          weekday: host.getUTCDay() + 1,
          hour: host.getUTCHours(),
          minute: host.getUTCMinutes(),
          second: host.getUTCSeconds(),
        });
        expect(secondsFromCalendar(time)).toBe(seconds);
      }),
    );
  });
});

describe('time', () => {
  it('begins at 2024-01-01 00:00:00, a Monday, in BCD and 24 hours', () => {
    expect([...date(), read(0x06)]).toEqual(['20', '24', '1', '1', '0', '0', '0', 2]);
    clock.advanceTo(86_399e9);
    expect(date()).toEqual(['20', '24', '1', '1', '23', '59', '59']);
  });

  it('shows binary and 12-hour forms', () => {
    clock.advanceTo((13 * 3600 + 45 * 60) * 1e9);
    write(0x0b, 0x04);
    expect([read(0x04), read(0x02)]).toEqual([0x81, 45]);
    write(0x0b, 0x00);
    expect([read(0x04), read(0x02)]).toEqual([0x81, 0x45]);
  });

  it('is set under SET in any order of fields, and runs on from there', () => {
    clock.advanceTo(30 * 86_400e9); // 31 January: no intermediate date may carry over
    write(0x0b, 0x82);
    for (const [index, value] of [
      [0x08, 0x02],
      [0x07, 0x29],
      [0x09, 0x28],
      [0x04, 0x23],
      [0x02, 0x59],
      [0x00, 0x58],
    ] as const) {
      write(index, value);
    }
    clock.advanceTo(30 * 86_400e9 + 5e9);
    expect(date()).toEqual(['20', '28', '2', '29', '23', '59', '58']);
    write(0x0b, 0x02);
    clock.advanceTo(30 * 86_400e9 + 7e9);
    expect(date()).toEqual(['20', '28', '3', '1', '0', '0', '0']);
  });

  it('announces an update 244 microseconds ahead', () => {
    clock.advanceTo(999_700_000);
    expect(read(0x0a)).toBe(0x26);
    clock.advanceTo(999_800_000);
    expect(read(0x0a)).toBe(0xa6);
    expect(read(0x0d)).toBe(0x80);
  });
});

describe('interrupts', () => {
  it('periodic: 1024 Hz at rate 6, one until Register C is read', () => {
    write(0x0b, 0x42);
    let count = 0;
    for (let next = clock.nextDeadline(); next !== undefined && next <= 100_000_000; next = clock.nextDeadline()) {
      clock.advanceTo(next);
      expect(irq).toBe(true);
      expect(read(0x0c) & 0xc0).toBe(0xc0);
      expect(irq).toBe(false);
      count += 1;
    }
    expect(count).toBe(102);
  });

  it('update-ended: once a second', () => {
    write(0x0b, 0x12);
    clock.advanceTo(1e9);
    expect([irq, read(0x0c), irq]).toEqual([true, 0xd0, false]);
  });

  it('alarm: at its time, with wildcards', () => {
    write(0x01, 0x10);
    write(0x03, 0xff);
    write(0x05, 0xff);
    write(0x0b, 0x22);
    clock.advanceTo(9e9);
    expect(irq).toBe(false);
    clock.advanceTo(10e9);
    expect([irq, read(0x0c) & 0xa0]).toEqual([true, 0xa0]);
    clock.advanceTo(70e9);
    expect(irq).toBe(true);
  });

  it('flags can be polled without interrupts', () => {
    expect(read(0x0c)).toBe(0);
    clock.advanceTo(1_000_000_001);
    expect([read(0x0c) & 0x90, irq]).toEqual([0x10, false]);
  });
});

describe('CMOS memory', () => {
  it('holds what is written, and the memory sizes', () => {
    write(0x0f, 0x5a);
    expect(read(0x0f)).toBe(0x5a);
    rtc.setMemorySizes(128 * 2 ** 20, 2 ** 30);
    expect([read(0x15), read(0x16)]).toEqual([0x80, 0x02]);
    expect(read(0x17) | (read(0x18) << 8)).toBe(0xffff);
    expect(read(0x34) | (read(0x35) << 8)).toBe(1792);
    expect([read(0x5b), read(0x5c), read(0x5d)]).toEqual([0x00, 0x40, 0x00]);
  });

  it('port 0x70 carries the NMI mask', () => {
    read(0x80 | 0x0d);
    expect(rtc.nmiMasked).toBe(true);
    read(0x0d);
    expect(rtc.nmiMasked).toBe(false);
  });

  it('survives saving and loading, alarm and all', () => {
    write(0x01, 0x30);
    write(0x03, 0xff);
    write(0x05, 0xff);
    write(0x0b, 0x22);
    const saved = rtc.save();
    rtc.reset();
    rtc.load(saved);
    clock.advanceTo(30e9);
    expect(irq).toBe(true);
  });
});
