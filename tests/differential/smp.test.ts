/**
 * The guest `smp` on Debian's QEMU 7.2 and here, with two and with four processors: what it prints and its exit status.
 * Skipped, visibly, without QEMU; with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { coresOfOnePackage, type ProcessorTopology } from '../../src/cpu/topology.ts';
import { loadedBoard } from '../../src/machine/testing/tiny-kernel.ts';

const IMAGE = 'guests/built/smp.elf';
const TIMEOUT = 120_000;
/** Milliseconds; less than a test may take, so that it is QEMU that is said to hang. */
const QEMU_TIMEOUT = 90_000;
const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';

interface Run {
  readonly lines: readonly string[];
  readonly status: number | undefined;
}

/** Which processor takes a lowest-priority interrupt is left to the hardware. */
function linesOf(serial: string): string[] {
  return serial.split(/\r?\n/).filter((line) => !line.startsWith('lowest priority'));
}

function here(processors: ProcessorTopology): Run {
  const { machine, serial } = loadedBoard(new Uint8Array(readFileSync(IMAGE)), {
    ramBytes: 128 * 2 ** 20,
    personality: 'qemu',
    processors,
  });
  const outcome = machine.run({ maxInstructions: 50_000_000 });
  return { lines: linesOf(serial()), status: outcome.kind === 'exited' ? outcome.status : undefined };
}

function onQemu(smp: string): Run {
  const board = '-M q35 -accel tcg -m 128M -display none -monitor none -serial stdio -no-reboot'.split(' ');
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const run = spawnSync(QEMU, [...board, ...exit, '-smp', smp, '-kernel', IMAGE], {
    timeout: QEMU_TIMEOUT,
    encoding: 'utf8',
  });
  if (run.status === null) throw new Error(`QEMU did not end within ${QEMU_TIMEOUT} ms; it printed:\n${run.stdout}`);
  return { lines: linesOf(run.stdout), status: run.status };
}

it.runIf(required)('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () => expect(missing).toBe(false));

describe.skipIf(missing)(
  `several processors on QEMU and here${missing ? ' (skipped: QEMU is not installed)' : ''}`,
  () => {
    it.each([
      ['2', coresOfOnePackage(2)],
      ['4', coresOfOnePackage(4)],
      ['4,sockets=1,cores=2,threads=2', { cpus: 4, sockets: 1, cores: 2, threads: 2 }],
    ])('-smp %s: the same output and exit status', { timeout: TIMEOUT }, (smp, processors) => {
      const ours = here(processors);
      expect(ours).toEqual(onQemu(smp));
      expect(ours.status).toBe(33);
      expect(ours.lines).toContain('clock warps: 0');
    });
  },
);
