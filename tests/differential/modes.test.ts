/** BIOS images that walk through the processor's modes and task switches write the same on our processor and on QEMU's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gpa } from '../../src/base/address.ts';
import { TestMachine } from '../../src/cpu/testing/test-machine.ts';

const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const QEMU = 'qemu-system-x86_64';
const KIB = 1024;
const DEBUG_PORT = 0xe9;
/** Instructions the image needs, and room. */
const LIMIT = 500_000;

function onOurs(image: string, slice: number): { readonly text: string; readonly instructions: number } {
  const machine = new TestMachine({ ramBytes: 4096 * KIB });
  const rom = machine.ram.subarray(2048 * KIB, 2112 * KIB);
  rom.set(readFileSync(image));
  machine.processor.setDirectRanges([
    { start: gpa(0), size: 960 * KIB, backing: machine.ram.subarray(0, 960 * KIB), writable: true },
    { start: gpa(0xf_0000), size: 64 * KIB, backing: rom, writable: false },
    { start: gpa(0x10_0000), size: 1024 * KIB, backing: machine.ram.subarray(1024 * KIB, 2048 * KIB), writable: true },
    { start: gpa(0xffff_0000), size: 64 * KIB, backing: rom, writable: false },
  ]);
  let text = '';
  let ended = false;
  machine.onPortWrite = (port, value) => {
    if (port === DEBUG_PORT) text += String.fromCharCode(value & 0xff);
    else ended = true;
  };
  machine.processor.reset();
  let exit = 'budget';
  while (exit === 'budget' && machine.processor.instructions < LIMIT) exit = machine.processor.run(slice);
  expect({ exit, ended }).toEqual({ exit: 'halted', ended: true });
  return { text, instructions: machine.processor.instructions };
}

/** Runs `image` on both; the lines of each. */
function onBoth(image: string): { readonly ours: string[]; readonly theirs: string[] } {
  const flags = '-M pc -accel tcg -display none -monitor none -serial none -net none -debugcon stdio';
  const device = 'isa-debug-exit,iobase=0xf4,iosize=1';
  const { stdout, status } = spawnSync(QEMU, [...flags.split(' '), '-bios', image, '-device', device], {
    encoding: 'latin1',
    timeout: 60_000,
  });
  expect(status).toBe(1);
  return { ours: onOurs(image, LIMIT).text.split('\n'), theirs: stdout.split('\n') };
}

const IMAGES = { modes: 'guests/built/modes.bin', tasks: 'guests/built/tasks.bin' };
const noQemu = spawnSync(QEMU, ['--version']).status !== 0;

describe('all modes of the processor', () => {
  it.skipIf(noQemu)('as QEMU runs them', () => {
    const { ours, theirs } = onBoth(IMAGES.modes);
    expect(theirs.length).toBeGreaterThan(100);
    expect(ours).toEqual(theirs);
  });
});

describe('hardware task switches', () => {
  /** A fault that belongs to the incoming task is at its first instruction (Intel SDM Vol. 3A 8.3); QEMU tells the old EIP. */
  const AFTER_THE_SWITCH = ['551e0000', '551f0000', '55200000'];
  /** QEMU's TCG does not know the T bit of a task (Vol. 3B 18.3.1.5). */
  const TASK_TRAP = '553c0000';

  it.skipIf(noQemu)('as QEMU makes them', () => {
    const { ours, theirs } = onBoth(IMAGES.tasks);
    for (const step of AFTER_THE_SWITCH) {
      // The step's name, the vector, the error code, EIP.
      const at = ours.indexOf(step) + 3;
      expect(ours[at]).toBe(ours[ours.indexOf(AFTER_THE_SWITCH[0]!) + 3]);
      theirs[at] = ours[at]!;
    }
    const end = theirs.indexOf(TASK_TRAP);
    expect(end).toBeGreaterThan(1200);
    expect(ours.slice(0, end + 1)).toEqual(theirs.slice(0, end + 1));
  });

  it('trap where the task asks for it: vector 1, in the new task, DR6.BT', () => {
    const lines = onOurs(IMAGES.tasks, LIMIT).text.split('\n');
    const [, vector, , cs, , task, , dr6] = lines.slice(lines.indexOf(TASK_TRAP));
    expect({ vector, cs, task, dr6 }).toEqual({
      vector: '00000001',
      cs: '00000008',
      task: '00000020',
      dr6: '00008000',
    });
  });
});

describe.each(Object.values(IMAGES))('%s', (image) => {
  it('runs alike whatever the slices', () => {
    const whole = onOurs(image, LIMIT);
    expect(onOurs(image, 1)).toEqual(whole);
    expect(onOurs(image, 13)).toEqual(whole);
  });
});

describe('SeaBIOS', () => {
  it.skipIf(!existsSync(SEABIOS))('comes from the reset vector to protected mode, and says who it is', () => {
    const machine = new TestMachine({ ramBytes: 4096 * KIB });
    const image = readFileSync(SEABIOS);
    const rom = machine.ram.subarray(2048 * KIB, 2048 * KIB + image.length);
    rom.set(image);
    // Its upper half is shadowed below 1 MiB, writable.
    machine.ram.set(image.subarray(image.length - 128 * KIB), 0xe_0000);
    machine.processor.setDirectRanges([
      { start: gpa(0), size: 2048 * KIB, backing: machine.ram.subarray(0, 2048 * KIB), writable: true },
      { start: gpa(2 ** 32 - image.length), size: image.length, backing: rom, writable: false },
    ]);
    let text = '';
    // The debug port answers with its own number, the CMOS with zeros; everything else is not there.
    machine.onPortRead = (port) => (port === 0x402 ? 0xe9 : port === 0x71 ? 0 : 0xffff_ffff);
    machine.onPortWrite = (port, value) => {
      if (port === 0x402) text += String.fromCharCode(value & 0xff);
    };
    machine.processor.reset();
    // Not further: without a chipset it soon finds no memory to move to.
    while (!text.includes('\n') && machine.processor.instructions < LIMIT) {
      expect(machine.processor.run(100)).toBe('budget');
    }
    expect(text).toMatch(/^SeaBIOS \(version /);
    expect(machine.processor.registers()).toMatchObject({ bits: 32, cpl: 0 });
  });
});
