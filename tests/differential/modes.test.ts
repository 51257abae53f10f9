/** A BIOS image that walks through the processor's modes writes the same on our processor and on QEMU's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gpa } from '../../src/base/address.ts';
import { TestMachine } from '../../src/cpu/testing/test-machine.ts';

const IMAGE = 'guests/built/modes.bin';
const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const QEMU = 'qemu-system-x86_64';
const KIB = 1024;
const DEBUG_PORT = 0xe9;
/** Instructions the image needs, and room. */
const LIMIT = 100_000;

function onOurs(slice: number): { readonly text: string; readonly instructions: number } {
  const machine = new TestMachine({ ramBytes: 4096 * KIB });
  const image = readFileSync(IMAGE);
  const rom = machine.ram.subarray(2048 * KIB, 2112 * KIB);
  rom.set(image);
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

describe('all modes of the processor', () => {
  it.skipIf(spawnSync(QEMU, ['--version']).status !== 0)('as QEMU runs them', () => {
    const flags = '-M pc -accel tcg -display none -monitor none -serial none -net none -debugcon stdio';
    const device = 'isa-debug-exit,iobase=0xf4,iosize=1';
    const { stdout, status } = spawnSync(QEMU, [...flags.split(' '), '-bios', IMAGE, '-device', device], {
      encoding: 'latin1',
      timeout: 60_000,
    });
    expect(status).toBe(1);
    expect(stdout.split('\n').length).toBeGreaterThan(100);
    expect(onOurs(LIMIT).text.split('\n')).toEqual(stdout.split('\n'));
  });

  it('alike whatever the slices', () => {
    const whole = onOurs(LIMIT);
    expect(onOurs(1)).toEqual(whole);
    expect(onOurs(13)).toEqual(whole);
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
