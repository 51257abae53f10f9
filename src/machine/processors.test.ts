import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SavedState } from '../base/state.ts';
import { coresOfOnePackage } from '../cpu/topology.ts';
import type { Machine } from './machine.ts';
import type { Outcome, RunLimits } from './outcome.ts';
import { loadedBoard, type TestBoard, tinyKernel } from './testing/tiny-kernel.ts';

const LIMIT: RunLimits = { maxInstructions: 20_000_000 };
const image = new Uint8Array(readFileSync('guests/built/smp.elf'));

function board(cpus: number, kernel: Uint8Array = image): TestBoard {
  return loadedBoard(kernel, { processors: coresOfOnePackage(cpus), cpuModel: 'max' });
}

/** Everything that a run leaves behind, short enough to compare. */
function endOf({ machine, serial }: TestBoard, outcome: Outcome): object {
  const { processor, clock } = machine;
  let hash = 0x811c_9dc5;
  const ram = machine.readRam(0 as never, 16 * 1024 * 1024)!;
  for (const word of new Uint32Array(ram.slice().buffer)) hash = Math.imul(hash ^ word, 0x0100_0193);
  const registers = Array.from({ length: processor.cpus }, (_, cpu) => processor.registers(cpu));
  return { outcome, serial: serial(), instructions: processor.instructions, time: clock.now(), hash, registers };
}

function runInSlices(machine: Machine, next: (machine: Machine) => RunLimits): Outcome {
  for (;;) {
    const outcome = machine.run(next(machine));
    if (outcome.kind !== 'instruction-limit' && outcome.kind !== 'time-limit') return outcome;
  }
}

describe('several processors', () => {
  const whole = board(4);
  const end = endOf(whole, whole.machine.run(LIMIT));

  it('start, count, interrupt each other and change pages and code under each other', () => {
    expect(end).toMatchObject({ outcome: { kind: 'exited', status: 33 } });
    const serial = whole.serial().replaceAll('\r', '');
    expect(serial).toContain('counted 8000 under the lock, 8000 atomically, of 8000\nclock warps: 0\n');
    expect(serial).toContain('restarted: 2 starts of processor 3\n');
    for (const cpu of [1, 2, 3]) {
      expect(serial).toContain(`cpu ${cpu}: fixed 1, broadcast 1, logical 1, nmi 1, timer 1, shootdown 1\n`);
      expect(serial).toContain(`cpu ${cpu}: page 11 then 22, code 1111 then 2222\n`);
    }
  });

  it('give the same run however it is cut, by instructions or by time', () => {
    let step = 1;
    const byCount = board(4);
    const count = runInSlices(byCount.machine, ({ processor }) => {
      step = (step * 7919 + 13) % 4001;
      return { maxInstructions: processor.instructions + 1 + step };
    });
    expect(endOf(byCount, count)).toEqual(end);
    const byTime = board(4);
    let time = 0;
    const timed = runInSlices(byTime.machine, () => {
      time += 1777;
      return { maxTime: time };
    });
    expect(endOf(byTime, timed)).toEqual(end);
  });

  it('go on from a saved state in the middle of a turn as if nothing had been', () => {
    const first = board(4);
    expect(first.machine.run({ maxInstructions: 500_123 }).kind).toBe('instruction-limit');
    const saved: SavedState = structuredClone(first.machine.state.save());
    const second = board(4);
    expect(second.machine.state.load(saved)).toEqual([]);
    const outcome = second.machine.run(LIMIT);
    // What was printed before belongs to the first machine.
    const sent = first.serial() + second.serial();
    expect({ ...endOf(second, outcome), serial: sent }).toEqual(end);
  });

  it('which sleep cost nothing: with the others never started, time is that of one', () => {
    // mov ecx, 100000; loop $; mov al, 0x10; out 0xf4, al
    const code = tinyKernel([0xb9, 0xa0, 0x86, 1, 0, 0xe2, 0xfe, 0xb0, 0x10, 0xe6, 0xf4]);
    const alone = board(1, code);
    const many = board(64, code);
    expect(many.machine.run(LIMIT)).toEqual(alone.machine.run(LIMIT));
    expect(many.machine.processor.instructions).toBe(alone.machine.processor.instructions);
    expect(many.machine.clock.now()).toBe(alone.machine.clock.now());
  });
});

/**
 * 32-bit code at 1 MiB + 32 that places a real-mode program at 0x8000 and starts all others there with INIT and start-up
 * IPIs; then `then` runs.
 */
function starting(realMode: readonly number[], then: readonly number[]): Uint8Array {
  const code: number[] = [0xb0, 0xff, 0xe6, 0x21]; // mov al, 0xff; out 0x21, al
  const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  for (const [index, byte] of realMode.entries()) code.push(0xc6, 0x05, ...dword(0x8000 + index), byte); // mov byte [..], byte
  for (const command of [0xc4500, 0xc4608]) code.push(0xc7, 0x05, ...dword(0xfee0_0300), ...dword(command));
  return tinyKernel([...code, ...then]);
}

describe('how a run of several ends', () => {
  it('spinning, when each is in a loop that changes nothing', () => {
    const { machine } = board(3, starting([0xf3, 0x90, 0xeb, 0xfc], [0xf3, 0x90, 0xeb, 0xfc])); // again: pause; jmp again
    expect(machine.run({ maxInstructions: 20_000_000 }).kind).toBe('spinning');
  });

  it('not while one of them works', () => {
    // The others: inc word [0x9000]; jmp back
    const { machine } = board(2, starting([0xff, 0x06, 0x00, 0x90, 0xeb, 0xfa], [0xeb, 0xfe]));
    expect(machine.run({ maxInstructions: 8_000_000 }).kind).toBe('instruction-limit');
  });

  it('halted, when all sleep with interrupts off', () => {
    const { machine } = board(3, starting([0xfa, 0xf4], [0xfa, 0xf4]));
    expect(machine.run(LIMIT).kind).toBe('halted');
    expect([0, 1, 2].map((cpu) => machine.processor.sleepOf(cpu))).toEqual(['masked', 'masked', 'masked']);
  });

  it('by a triple fault of any of them', () => {
    // lidt [0x7000] (zeros: no table); ud2
    const { machine } = board(2, starting([0x0f, 0x01, 0x1e, 0x00, 0x70, 0x0f, 0x0b], [0xeb, 0xfe]));
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'triple-fault' });
    expect(machine.processor.activeCpu).toBe(1);
  });
});

describe('INIT and start-up IPI', () => {
  it('begin in real mode at the vector, registers as table 9-1 has them', () => {
    const { machine } = board(2, starting([0xf4], [0xf4]));
    expect(machine.processor.sleepOf(1)).toBe('not-started');
    machine.run(LIMIT);
    const { cr, rip, segments, gpr, rflags } = machine.processor.registers(1);
    expect([segments[1]!.selector, segments[1]!.base, rip]).toEqual([0x800, 0x8000n, 1n]);
    expect([cr.cr0, cr.cr3, cr.cr4, rflags & 0x200n]).toEqual([0x6000_0010n, 0n, 0n, 0n]);
    expect(gpr[0]).toBe(0n);
  });

  it('sent to the bootstrap processor itself: it goes on at the reset vector', () => {
    // mov dword [0xfee00310], 0; mov dword [0xfee00300], 0x4500; the reset vector has no code here
    const self = [0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x00, 0x45, 0, 0, 0x90, 0x90];
    const { machine } = board(1, tinyKernel(self));
    machine.run({ maxInstructions: 2 });
    const { cr, segments } = machine.processor.registers();
    expect(cr.cr0 & 1n).toBe(0n);
    expect(segments[1]!.selector).toBe(0xf000);
  });
});
