/** Flash on the board: where it stands, what is refused, what a reset and a saved state leave of it. */
import { describe, expect, it } from 'vitest';
import type { Gpa } from '../../base/address.ts';
import { TraceBus } from '../../base/trace.ts';
import { CpuMemoryPort } from '../../memory/index.ts';
import type { Machine } from '../machine.ts';
import { createQ35 } from './q35.ts';
import type { BoardError, FlashOption, Q35Options } from './q35-options.ts';

const KIB = 1024;
const TOP = 0x1_0000_0000;

function create(flash: FlashOption, options: Partial<Q35Options> = {}): Machine | BoardError {
  return createQ35({
    ramBytes: 16 * KIB * KIB,
    cpuModel: 'qemu64',
    personality: 'spec',
    devices: [],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
    flash,
    ...options,
  });
}

function board(flash: FlashOption): { machine: Machine; cpu: CpuMemoryPort } {
  const machine = create(flash);
  if ('problem' in machine) throw new Error(machine.problem);
  return { machine, cpu: new CpuMemoryPort(machine.addressSpace) };
}

const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);
const VARS = TOP - 192 * KIB;

describe('flash', () => {
  it('stands below 4 GiB, unit 0 on top, and its end below 1 MiB too', () => {
    const code = filled(128 * KIB, 0xc0);
    code[127 * KIB] = 0x99;
    const { cpu } = board({ code, vars: filled(64 * KIB, 0x1a) });
    const read = (address: number) => cpu.read(address as Gpa, 1);
    expect([read(TOP - 1), read(TOP - 128 * KIB), read(TOP - 128 * KIB - 1), read(VARS)]).toEqual([
      0xc0, 0xc0, 0x1a, 0x1a,
    ]);
    expect(read(0xf_fc00)).toBe(0x99);
    expect(read(VARS - 1)).toBe(0);
  });

  it('starts the processors at its end, and code runs in it', () => {
    const code = filled(64 * KIB, 0x90);
    code.set([0xb0, 0x10, 0xe6, 0xf4], 64 * KIB - 16); // mov al, 0x10; out 0xf4, al
    const machine = create({ code }, { devices: [{ kind: 'isa-debug-exit', port: 0xf4, size: 1 }] }) as Machine;
    expect(machine.run({ maxInstructions: 100 })).toMatchObject({ kind: 'exited', by: 'isa-debug-exit', status: 33 });
  });

  it('keeps what is programmed in saved state, in the middle of a command', () => {
    const flash = (): FlashOption => ({ code: filled(64 * KIB, 0xff), vars: filled(64 * KIB, 0xff) });
    const at = (TOP - 128 * KIB) as Gpa;
    const first = board(flash());
    for (const value of [0x40, 0x5a, 0x40]) first.cpu.write(at, 1, value, 0);
    const saved = first.machine.state.save();
    const second = board(flash());
    expect(second.machine.state.load(saved)).toEqual([]);
    second.cpu.write(at, 1, 0x42, 0);
    second.cpu.write(at, 1, 0xff, 0);
    expect(second.cpu.read(at, 1)).toBe(0x5a & 0x42);
  });

  it.each([
    [{ code: filled(100, 0) }, {}, 'flash unit 0 of 100 bytes'],
    [{ code: filled(4096, 0), vars: filled(0, 0) }, {}, 'flash unit 1 of 0 bytes'],
    [{ code: filled(8192 * KIB, 0), vars: filled(4096, 0) }, {}, 'takes 8 MiB together'],
    [{ code: filled(4096, 0) }, { firmware: { kind: 'bios', image: filled(65536, 0) } }, 'in a ROM and in flash'],
  ] as const)('is refused: %#', (flash, options, problem) => {
    expect(create(flash, options as Partial<Q35Options>)).toMatchObject({ problem: expect.stringContaining(problem) });
  });
});
