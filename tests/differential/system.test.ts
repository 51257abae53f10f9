/**
 * The guest `cpu` on Debian's QEMU 7.2 and here: paging, privilege, exceptions, debug, system calls, segments, code that
 * changes itself, MSRs, line by line. What differs on purpose is listed in system-differences.ts.
 * Skipped, visibly, without QEMU; with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadedBoard } from '../../src/machine/testing/tiny-kernel.ts';
import { DIFFERENCES } from './system-differences.ts';

const IMAGE = 'guests/built/cpu.elf';
const TIMEOUT = 60_000;
const LIMIT = 50_000_000;
const QEMU = 'qemu-system-x86_64';
const GROUPS = ['paging', 'privilege', 'exceptions', 'debug', 'system-calls', 'segments', 'self-modifying', 'msr'];
const MODELS = ['qemu64', 'max'];
const RF = 0x1_0000;
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';

function linesOf(serial: string): string[] {
  return serial.split('\r\n').filter((line) => line !== '');
}

function here(model: string, group: string, slice = LIMIT): string[] {
  const { machine, serial } = loadedBoard(
    new Uint8Array(readFileSync(IMAGE)),
    { ramBytes: 128 * 2 ** 20, personality: 'qemu', cpuModel: model },
    group,
  );
  // The limit counts from the start of the machine.
  let outcome = machine.run({ maxInstructions: slice });
  for (let end = 2 * slice; outcome.kind === 'instruction-limit' && end <= LIMIT; end += slice) {
    outcome = machine.run({ maxInstructions: end });
  }
  expect(outcome).toMatchObject({ kind: 'exited', status: 33 });
  return linesOf(serial());
}

function onQemu(model: string, group: string): string[] {
  const board = '-M q35 -accel tcg -m 128M -display none -monitor none -serial stdio -no-reboot'.split(' ');
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const run = spawnSync(QEMU, [...board, ...exit, '-cpu', model, '-kernel', IMAGE, '-append', group], {
    timeout: TIMEOUT,
    encoding: 'latin1',
  });
  expect(run.status).toBe(33);
  return linesOf(run.stdout);
}

/** QEMU 7.2 does not set RF in the flags that a fault pushes (SDM Vol. 3B 17.3.1.1). */
function withoutRf(line: string): string {
  return line.replace(/flags ([0-9a-f]+)/, (_, flags) => `flags ${(Number.parseInt(flags, 16) & ~RF).toString(16)}`);
}

/** Lines that only one side has, by their longest common subsequence. */
function differing(a: readonly string[], b: readonly string[]): string[] {
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [i, j] = [i + 1, j + 1];
    else if (j === b.length || (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!))
      lines.push(a[i++]!);
    else lines.push(b[j++]!);
  }
  return lines;
}

it.runIf(required)('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () => expect(missing).toBe(false));

describe.skipIf(missing)(`the guest cpu on QEMU and here${missing ? ' (skipped: QEMU is not installed)' : ''}`, () => {
  const used = new Set<unknown>();
  describe.each(MODELS)('-cpu %s', (model) => {
    // QEMU resets itself when qemu64 sets bits of CR4 that it does not have.
    it.each(model === 'max' ? GROUPS : GROUPS.filter((group) => group !== 'msr'))(
      '%s',
      { timeout: TIMEOUT },
      (group) => {
        const [ours, theirs] = [here(model, group), onQemu(model, group)].map((lines) => lines.map(withoutRf));
        expect(ours!.length).toBeGreaterThan(40);
        const unexplained = differing(theirs!, ours!).filter((line) => {
          const known = DIFFERENCES.filter((entry) => entry.group === group && entry.line.test(line));
          for (const entry of known) used.add(entry);
          return known.length === 0;
        });
        expect(unexplained).toEqual([]);
      },
    );
  });

  it('every known difference is still there', () => {
    expect(DIFFERENCES.filter((entry) => GROUPS.includes(entry.group) && !used.has(entry))).toEqual([]);
  });
});

describe('the guest cpu in slices', () => {
  it.each([
    ['debug', 13],
    ['self-modifying', 13],
    ['exceptions', 97],
  ])('%s, %i instructions at a time, prints the same', { timeout: TIMEOUT }, (group, slice) => {
    expect(here('max', group, slice)).toEqual(here('max', group));
  });
});
