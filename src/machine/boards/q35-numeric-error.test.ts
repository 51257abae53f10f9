/** IRQ 13: an x87 exception with CR0.NE clear, as DOS and BIOSes handle it (Intel SDM Vol. 1 8.7.2). */
import { expect, it } from 'vitest';
import { TraceBus } from '../../base/trace.ts';
import { createQ35 } from './q35.ts';

const HANDLER = 0x100;
const outByte = (port: number, value: number) => [0xb0, value, 0xe6, port];
const say = (letter: string) => [0xba, 0x02, 0x04, 0xb0, letter.charCodeAt(0), 0xee];
const pic = (command: number, ...words: readonly number[]) => [
  ...outByte(command, 0x11),
  ...words.flatMap((word) => outByte(command + 1, word)),
];
const PROGRAM = [
  // IA32_APIC_BASE: the local APIC off, so that the 8259s reach the processor.
  ...[0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, 0x0f, 0x32, 0x80, 0xe4, 0xf7, 0x0f, 0x30],
  // xor ax, ax; mov ds, ax; mov ss, ax; mov sp, 0x7000
  ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x70],
  // Interrupt vector 0x75 is f000:0100; the control word at 0x500 lets division by zero through.
  ...[0xc7, 0x06, 0xd4, 0x01, HANDLER & 0xff, HANDLER >> 8, 0xc7, 0x06, 0xd6, 0x01, 0x00, 0xf0],
  ...[0xc7, 0x06, 0x00, 0x05, 0x7b, 0x03],
  ...pic(0x20, 0x08, 0x04, 0x01, 0xfb),
  ...pic(0xa0, 0x70, 0x02, 0x01, 0xdf),
  // fninit; fldcw [0x500]; fld1; fldz; fdivp; sti; fwait
  ...[0xdb, 0xe3, 0xd9, 0x2e, 0x00, 0x05, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xfb, 0x9b],
  ...say('B'),
  ...[0xfa, 0xf4],
];

function run(handler: readonly number[]): string {
  const image = new Uint8Array(65_536);
  image.set(PROGRAM);
  image.set(handler, HANDLER);
  image.set([0xea, 0x00, 0x00, 0x00, 0xf0], image.length - 16);
  let text = '';
  const output = (byte: number): void => {
    text += String.fromCharCode(byte);
  };
  const machine = createQ35({
    ramBytes: 16 * 1024 * 1024,
    cpuModel: 'qemu64',
    personality: 'spec',
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => undefined,
    devices: [{ kind: 'isa-debugcon', port: 0x402, output }],
    firmware: { kind: 'bios', image },
  });
  if ('problem' in machine) throw new Error(machine.problem);
  machine.run({ maxInstructions: 300 });
  return text;
}

const END_OF_INTERRUPT = [...outByte(0xa0, 0x20), ...outByte(0x20, 0x20), 0xcf];

it('comes while the processor waits; port 0xf0 lowers it and lets the instruction through', () => {
  expect(run([...say('A'), ...outByte(0xf0, 0), ...END_OF_INTERRUPT])).toBe('AB');
});

it('stays until port 0xf0 is written, even when the exception is gone', () => {
  // fnclex; the 8259 has no further edge.
  expect(run([...say('A'), 0xdb, 0xe2, ...END_OF_INTERRUPT])).toBe('AB');
});

it('without either the processor goes on waiting', () => {
  expect(run([...say('A'), ...END_OF_INTERRUPT])).toBe('A');
});
