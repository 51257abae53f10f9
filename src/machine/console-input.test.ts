/** Input for the serial port, and when a guest without it is stuck (docs/adr/0007). */
import { describe, expect, it } from 'vitest';
import { loadedBoard, tinyKernel } from './testing/tiny-kernel.ts';

const LIMIT = { maxInstructions: 40_000_000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Waits in a loop for a byte at COM1, then ends the run with it: status is value << 1 | 1. */
const POLLING = [
  ...[0xba, 0xfd, 0x03, 0, 0], // mov edx, 0x3fd
  ...[0xec, 0xa8, 1, 0x74, 0xfb], // again: in al, dx; test al, 1; jz again
  ...[0xba, 0xf8, 0x03, 0, 0, 0xec], // mov edx, 0x3f8; in al, dx
  ...[0xe6, 0xf4, 0xeb, 0xfe], // out 0xf4, al; jmp $
];

/** Enables the received-data interrupt of COM1 (IER bit 0), then halts with interrupts on. */
const listening = (interruptEnable: number): number[] => [
  ...[0xba, 0xf9, 0x03, 0, 0, 0xb0, interruptEnable, 0xee], // mov edx, 0x3f9; mov al, ...; out dx, al
  ...[0xfb, 0xf4, 0xeb, 0xfd], // sti; again: hlt; jmp again
];

describe('a guest that polls the serial port', () => {
  it('spins for ever when nothing can come', () => {
    expect(loadedBoard(tinyKernel(POLLING)).machine.run(LIMIT)).toMatchObject({ kind: 'spinning' });
  });

  it('waits while something may come, and goes on with it', () => {
    const { machine } = loadedBoard(tinyKernel(POLLING));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'waiting-for-input' });
    machine.receiveSerial(bytes('A'));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'exited', status: (0x41 << 1) | 1 });
  });

  it('is stuck after all when the input ends', () => {
    const { machine } = loadedBoard(tinyKernel(POLLING));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'waiting-for-input' });
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'spinning' });
  });

  it('takes a byte that a script gives at an exact time, whatever the slices', () => {
    const ends = [LIMIT.maxInstructions, 1, 777].map((slice) => {
      const { machine } = loadedBoard(tinyKernel(POLLING));
      machine.at('script', 5000, () => machine.receiveSerial(bytes('B')));
      for (let last = slice; ; last += slice) {
        const outcome = machine.run({ maxInstructions: last });
        if (outcome.kind !== 'instruction-limit') return [outcome, machine.processor.instructions];
      }
    });
    expect(ends[0]).toMatchObject([{ kind: 'exited', status: (0x42 << 1) | 1 }, expect.any(Number)]);
    expect(ends[0]![1]).toBeGreaterThanOrEqual(5000);
    expect(ends[0]![1]).toBeLessThan(5020);
    expect(ends[1]).toEqual(ends[0]);
    expect(ends[2]).toEqual(ends[0]);
  });
});

describe('a guest that never looks at the serial port', () => {
  it('is stuck although somebody could type: jmp $', () => {
    const { machine } = loadedBoard(tinyKernel([0xeb, 0xfe]));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'spinning' });
  });

  it('is stuck in HLT with the interrupt for received bytes off', () => {
    const { machine } = loadedBoard(tinyKernel(listening(0)));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'halted' });
  });

  it('waits in HLT with that interrupt on', () => {
    const { machine } = loadedBoard(tinyKernel(listening(1)));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'waiting-for-input' });
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'halted' });
  });

  it('is stuck in HLT with interrupts off, whatever the port says', () => {
    // As `listening`, with CLI.
    const code = listening(1).map((byte) => (byte === 0xfb ? 0xfa : byte));
    const { machine } = loadedBoard(tinyKernel(code));
    expect(machine.run({ ...LIMIT, inputOpen: true })).toMatchObject({ kind: 'halted' });
  });
});

describe('stop', () => {
  it('ends a run from a timer, and the next run goes on', () => {
    const { machine } = loadedBoard(tinyKernel([0x40, 0xeb, 0xfd]));
    machine.at('stop', 1000, () => machine.stop());
    expect(machine.run(LIMIT)).toEqual({ kind: 'stopped' });
    expect(machine.processor.instructions).toBeLessThan(1010);
    expect(machine.run({ maxInstructions: 2000 })).toEqual({ kind: 'instruction-limit' });
  });
});
