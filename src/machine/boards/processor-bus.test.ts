/** The processors' pins: who answers, and that time is seen first. */
import { beforeEach, expect, it } from 'vitest';
import { gpa } from '../../base/address.ts';
import { VirtualClock } from '../../base/clock.ts';
import { ProcessorBus } from './processor-bus.ts';

const APIC_BASE = 0x1b;

let calls: string[];
let bus: ProcessorBus;
const apic = { taskPriority: 0x20 };

beforeEach(() => {
  calls = [];
  const note =
    <T>(name: string, result: T) =>
    () => {
      calls.push(name);
      return result;
    };
  const memory = { read: note('memory read', 1), write: note('memory write', undefined), high: 0 };
  const io = { read: note('port read', 2), write: note('port write', undefined) };
  bus = new ProcessorBus(memory, io, new VirtualClock());
  bus.attach({
    interrupts: {
      acknowledge: note('acknowledge', 0x30),
      msrs: { read: note('RDMSR', 3n), write: note('WRMSR', true) },
      apics: [apic as never],
    },
    loop: { observeTime: note('time', undefined), pause: note('pause', undefined) },
    numericError: { raise: note('FERR#', undefined) },
  });
});

it('says that time is seen before a device, a register outside of the core or the counter answers', () => {
  bus.memory.read(gpa(0xfee0_0000), 4);
  bus.io.read(0x40, 1);
  bus.msrs.read(0, APIC_BASE);
  bus.msrs.write(0, APIC_BASE, 0n);
  bus.clock.now();
  expect(calls).toEqual(['time', 'memory read', 'time', 'port read', 'time', 'RDMSR', 'time', 'WRMSR', 'time']);
});

it('counts writes to devices, and only these', () => {
  bus.memory.write(gpa(0xfee0_0000), 4, 0, 0);
  bus.io.write(0x80, 1, 0);
  bus.io.read(0x80, 1);
  expect(bus.deviceWrites).toBe(2);
});

it('leads FERR#, INTR and CR8 to those that are attached', () => {
  expect(bus.interrupts.numericError(0)).toBe(true);
  expect(bus.interrupts.acknowledge(0)).toBe(0x30);
  bus.pause();
  expect(calls).toEqual(['FERR#', 'acknowledge', 'pause']);
  expect(bus.interrupts.taskPriority(0)).toBe(2);
  bus.interrupts.setTaskPriority(0, 7);
  expect(apic.taskPriority).toBe(0x70);
});

it('is attached once, and before anything runs', () => {
  expect(() => bus.attach({} as never)).toThrow('attached once');
  const nobody = { read: () => 0, write: () => {}, high: 0 };
  const loose = new ProcessorBus(nobody, nobody, new VirtualClock());
  expect(() => loose.io.read(0x80, 1)).toThrow('before a processor runs');
});
