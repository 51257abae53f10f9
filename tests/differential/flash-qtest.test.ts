/** The q35's flash in the `qemu` personality against Debian's QEMU: answers to the same commands, and the image after. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Gpa } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { CpuMemoryPort } from '../../src/memory/index.ts';
import { Dice } from '../fuzz/dice.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const KIB = 1024;
const MIB = KIB * KIB;
const CODE_BYTES = 192 * KIB;
const VARS_BYTES = 64 * KIB;
const CODE = 0x1_0000_0000 - CODE_BYTES;
const VARS = CODE - VARS_BYTES;
const SIZES = { b: 1, w: 2, l: 4 } as const;
type Letter = keyof typeof SIZES;

const pattern = (bytes: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => (Math.imul(index + salt, 0x9e37_79b1) >>> 13) & 0xff);

class Script {
  readonly commands: string[] = [];
  readonly ours: string[] = [];
  readonly vars = new MemoryFile('vars', pattern(VARS_BYTES, 7));
  readonly #cpu: CpuMemoryPort;

  constructor() {
    const code = new MemoryFile('code', pattern(CODE_BYTES, 1));
    code.writable = false;
    const board = createQ35({
      ramBytes: 16 * MIB,
      cpuModel: 'qemu64',
      personality: 'qemu',
      devices: [],
      trackWriters: false,
      trace: new TraceBus(),
      serialOutput: () => {},
      flash: { code: new RawImage(code), vars: new RawImage(this.vars) },
    });
    if ('problem' in board) throw new Error(board.problem);
    const machine: Machine = board;
    this.#cpu = new CpuMemoryPort(machine.addressSpace);
  }

  read(address: number, letter: Letter = 'b'): void {
    this.commands.push(`read${letter} 0x${address.toString(16)}`);
    const value = this.#cpu.read(address as Gpa, SIZES[letter]);
    this.ours.push(`OK 0x${value.toString(16).padStart(16, '0')}`);
  }

  write(address: number, value: number, letter: Letter = 'b'): void {
    this.commands.push(`write${letter} 0x${address.toString(16)} 0x${value.toString(16)}`);
    this.#cpu.write(address as Gpa, SIZES[letter], value, 0);
    this.ours.push('OK');
  }

  compare(): void {
    const folder = mkdtempSync(join(tmpdir(), 'dmascope-flash-'));
    try {
      writeFileSync(join(folder, 'code'), pattern(CODE_BYTES, 1));
      writeFileSync(join(folder, 'vars'), pattern(VARS_BYTES, 7));
      const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m 16 -qtest stdio -qtest-log /dev/null
        -device isa-debug-exit,iobase=0x501
        -drive if=pflash,format=raw,readonly=on,file=code -drive if=pflash,format=raw,file=vars`;
      const input = `${this.commands.join('\n')}\noutb 0x501 0\n`;
      const run = spawnSync(QEMU, flags.split(/\s+/), { cwd: folder, input, timeout: 30_000, maxBuffer: 64 * MIB });
      const theirs = run.stdout
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('OK'));
      const different = this.ours.flatMap((line, index) =>
        line === theirs[index] ? [] : [`${index} ${this.commands[index]}: ours ${line}, QEMU's ${theirs[index]}`],
      );
      expect(different.slice(0, 10)).toEqual([]);
      expect(theirs.length).toBe(this.ours.length);
      expect(Buffer.compare(this.vars.bytes, readFileSync(join(folder, 'vars')))).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

it.runIf(process.env.DMASCOPE_REQUIRE_ORACLES === '1')('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () =>
  expect(missing).toBe(false),
);

describe.skipIf(missing)('flash and QEMU', { timeout: 60_000 }, () => {
  it('have the same query table, identifiers and contents, also below 1 MiB', () => {
    const script = new Script();
    for (const unit of [VARS, CODE]) {
      script.write(unit + 0x55, 0x98);
      for (let offset = 0; offset < 0x140; offset += 1) script.read(unit + offset);
      script.write(unit, 0xff);
      script.write(unit, 0x90);
      for (let offset = 0; offset < 4; offset += 1) script.read(unit + offset, 'w');
      script.write(unit, 0xff);
      for (let offset = 0; offset < VARS_BYTES; offset += 509) script.read(unit + offset);
    }
    for (let address = 0xe_0000; address < 0x10_0000; address += 1021) script.read(address);
    script.compare();
  });

  it.each([1, 2, 3])('treat random commands alike (%i)', (seed) => {
    const script = new Script();
    const dice = new Dice(seed);
    const commands = [0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0xff, 0xff, 0x01, 0xf0];
    const letters = ['b', 'b', 'b', 'w', 'l'] as const;
    for (let step = 0; step < 4000; step += 1) {
      const unit = dice.below(4) === 0 ? CODE : VARS;
      const address = unit + 4 * dice.below(VARS_BYTES / 4);
      const letter = letters[dice.below(letters.length)]!;
      const kind = dice.below(9);
      if (kind < 3) script.read(address, letter);
      else if (kind < 5) script.write(address, dice.below(2 ** (8 * SIZES[letter])), letter);
      else script.write(address, commands[dice.below(commands.length)]!, letter);
    }
    for (const unit of [VARS, CODE]) {
      script.read(unit);
      // Out of whatever command was left: 0xff may be data twice.
      for (let time = 0; time < 300; time += 1) script.write(unit, 0xff);
      for (let offset = 0; offset < VARS_BYTES; offset += 4) script.read(unit + offset, 'l');
    }
    script.compare();
  });
});
