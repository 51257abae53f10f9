/** ACPI power management: PM1 events, the timer at 3.579545 MHz, control, GPE0, SMI, state. */
import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { AcpiPm } from './acpi-pm.ts';

let clock: VirtualClock;
let log: string[];
let acpi: AcpiPm;
let stalled = 0;

function create(asQemu: boolean): AcpiPm {
  return new AcpiPm({
    clock,
    sci: (asserted) => log.push(`sci ${asserted}`),
    smi: () => log.push('smi'),
    stall: (nanoseconds) => {
      stalled += nanoseconds;
    },
    sleep: (state) => log.push(`sleep ${state}`),
    asQemu,
  });
}
const read = (offset: number, size: number) => acpi.ops.read!(offset, size);
const write = (offset: number, size: number, value: number) => acpi.ops.write!(offset, size, value);

beforeEach(() => {
  clock = new VirtualClock();
  log = [];
  acpi = create(false);
});

describe('the power management timer', () => {
  it('takes a microsecond to read, as no other register does', () => {
    stalled = 0;
    read(0, 4);
    read(4, 2);
    expect(stalled).toBe(0);
    read(8, 4);
    expect(stalled).toBe(1000);
  });

  it('counts 3579545 ticks a second in 24 bits', () => {
    clock.advanceTo(1_000_000_000);
    expect(read(8, 4)).toBe(3_579_545);
    clock.advanceTo(10_000_000_000);
    expect(read(8, 4)).toBe(35_795_450 % 2 ** 24);
    expect(read(9, 1)).toBe((read(8, 4) >> 8) & 0xff);
  });

  it('sets TMROF_STS at each change of bit 23, and raises the SCI then when both are enabled', () => {
    const half = Math.ceil((0x80_0000 / 3_579_545) * 1e9);
    write(2, 2, 1);
    write(4, 2, 1);
    expect(clock.nextDeadline()).toBe(half);
    clock.advanceTo(half - 1);
    expect([read(0, 2), log]).toEqual([0, []]);
    clock.advanceTo(half);
    expect([read(0, 2), log]).toEqual([1, ['sci true']]);
    write(0, 2, 1);
    expect([read(0, 2), log]).toEqual([0, ['sci true', 'sci false']]);
    expect(clock.nextDeadline()).toBe(Math.ceil((0x100_0000 / 3_579_545) * 1e9));
    clock.advanceTo(5_000_000_000);
    expect(read(0, 2)).toBe(1);
  });
});

describe('PM1', () => {
  it('tells of the power button: status, cleared by a one, enable by byte', () => {
    write(4, 2, 1);
    acpi.pressPowerButton();
    expect([read(0, 2), log]).toEqual([0x100, []]);
    write(3, 1, 1);
    expect([read(2, 2), log]).toEqual([0x100, ['sci true']]);
    write(0, 1, 0xff);
    expect(read(0, 2)).toBe(0x100);
    write(1, 1, 1);
    expect([read(0, 4), log]).toEqual([0x100_0000, ['sci true', 'sci false']]);
  });

  it('goes to sleep by SLP_TYP when SLP_EN is written, which reads 0', () => {
    write(4, 2, 0x0001);
    write(4, 2, 0x2001);
    write(4, 2, 0x2401);
    write(4, 2, 0x2801);
    expect(log).toEqual(['sleep off', 'sleep memory', 'sleep disk']);
    expect(read(4, 2)).toBe(0x0801);
  });

  it('keeps the SCI down without SCI_EN, which QEMU does not', () => {
    write(2, 2, 0x100);
    acpi.pressPowerButton();
    expect(log).toEqual([]);
    acpi = create(true);
    write(2, 2, 0x100);
    acpi.pressPowerButton();
    expect(log).toEqual(['sci true']);
  });
});

it('GPE0: 64 events, status cleared by ones', () => {
  write(4, 2, 1);
  write(0x2c, 4, 0x100);
  acpi.raiseEvent(41);
  expect([read(0x24, 4), log]).toEqual([0x200, []]);
  acpi.raiseEvent(40);
  expect([read(0x25, 1), log]).toEqual([0x03, ['sci true']]);
  write(0x25, 1, 0x01);
  expect([read(0x24, 4), log]).toEqual([0x200, ['sci true', 'sci false']]);
});

describe('the APM port', () => {
  const apm = (value: number) => acpi.apmOps.write!(0, 1, value);

  it('raises an SMI when SMI_EN says so, and switches SCI_EN', () => {
    apm(0x02);
    expect([read(4, 2), log]).toEqual([1, []]);
    write(0x30, 4, 0x20);
    apm(0x03);
    expect([read(4, 2), read(0x34, 4), log]).toEqual([0, 0x20, ['smi']]);
    write(0x34, 4, 0x20);
    expect(read(0x34, 4)).toBe(0);
    acpi.apmOps.write!(1, 1, 0x77);
    expect([acpi.apmOps.read!(0, 1), acpi.apmOps.read!(1, 1)]).toEqual([0x03, 0x77]);
  });

  it('SMI_LOCK keeps GBL_SMI_EN', () => {
    write(0x30, 4, 0x21);
    acpi.lockSmi();
    write(0x30, 4, 0);
    expect(read(0x30, 4)).toBe(1);
    acpi.reset();
    expect(read(0x30, 4)).toBe(0);
  });
});

it('save and load', () => {
  write(2, 2, 0x101);
  write(4, 2, 0x0401);
  write(0x28, 4, 0x1234);
  write(0x30, 4, 0x21);
  acpi.raiseEvent(9);
  acpi.pressPowerButton();
  const saved = acpi.save();
  const before = [0, 4, 0x20, 0x28, 0x30, 0x34].map((offset) => read(offset, 4));
  acpi.reset();
  expect([0, 4, 0x20, 0x28, 0x30, 0x34].map((offset) => read(offset, 4))).toEqual([0, 0, 0, 0, 0, 0]);
  acpi.load(saved);
  expect(acpi.save()).toEqual(saved);
  expect([0, 4, 0x20, 0x28, 0x30, 0x34].map((offset) => read(offset, 4))).toEqual(before);
});
