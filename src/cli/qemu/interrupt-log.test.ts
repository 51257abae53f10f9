/**
 * `-d int,cpu_reset` of faulting guests against Debian's QEMU, line by line. Skipped, visibly, without QEMU;
 * tests/differential fails there when DMASCOPE_REQUIRE_ORACLES is 1.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const QEMU = 'qemu-system-x86_64';
const qemuMissing = spawnSync(QEMU, ['--version']).status !== 0;

const FAULTS = 'divide invalid-opcode breakpoint general-protection page-fault no-execute triple-fault'.split(' ');

function logOf(command: string, first: readonly string[], fault: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-int-'));
  try {
    const log = join(folder, 'log');
    const flags = '-nodefaults -display none -serial null -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4';
    const guest = ['-d', 'int,cpu_reset', '-kernel', 'guests/built/fault.elf', '-append', fault, '-D', log];
    spawnSync(command, [...first, '-accel', 'tcg', ...flags.split(' '), ...guest], { cwd: ROOT, timeout: 50_000 });
    return readFileSync(log, 'utf8').trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** From the kernel's own fault on: on QEMU, firmware ran before. */
function comparable(log: readonly string[]): string[] {
  return log.slice(log.findIndex((line) => line.startsWith('check_exception') || /^ +\d+: v=/.test(line))).map((line) =>
    line
      // QEMU leaves flags uncomputed and shows the operands that they would come from.
      .replace(/^CCS=.*/, 'CCS=')
      // An error code for an IDT entry is vector * 8 + IDT + EXT (Intel SDM Vol. 3A §6.13); QEMU has vector * 16 + 2.
      .replace('v=0d e=0062', 'v=0d e=0033')
      // The kernel keeps the address of its boot information here; loaders put it where they like.
      .replace(/R12=[0-9a-f]+/, 'R12=')
      // DEVIATION: a far jump sets the accessed bit of CS, as on a processor; QEMU's leaves it in the descriptor's state.
      .replace(/^(CS =.*00af9)[ab](00 DPL=0 CS64) \[-R[A-]\]/, '$1b$2 [-RA]'),
  );
}

describe.skipIf(qemuMissing)(`faults in QEMU's log${qemuMissing ? ' (skipped: QEMU is not installed)' : ''}`, () => {
  it.each(FAULTS)('%s', { timeout: 120_000 }, (fault) => {
    const theirs = comparable(logOf(QEMU, ['-M', 'q35'], fault));
    const ours = comparable(logOf(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', QEMU, '-M', 'q35'], fault));
    expect(theirs.length).toBeGreaterThan(20);
    expect(ours).toEqual(theirs);
  });
});
