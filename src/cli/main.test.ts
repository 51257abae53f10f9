import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The program as a process of its own, through a shell where pipes matter. */
function shell(script: string) {
  const node = `'${process.execPath}' --import tsx '${MAIN}'`;
  const result = spawnSync('bash', ['-c', script.replaceAll('dmascope', node)], { cwd: ROOT, encoding: 'utf8' });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

describe('the program', () => {
  it('keeps stdout for data and stderr for talk, and passes the exit status on', () => {
    const help = shell('dmascope help');
    expect(help.status).toBe(0);
    expect(help.out).toContain('a PC that explains itself');
    expect(help.err).toBe('');
    const wrong = shell('dmascope run /no/such/kernel.elf');
    expect(wrong.status).toBe(2);
    expect(wrong.out).toBe('');
    expect(wrong.err).toBe('dmascope: error: cannot read the image /no/such/kernel.elf: no such file or directory\n');
  });

  it('says nothing when the reader of a pipe goes away', () => {
    const { out, err } = shell(
      'set -o pipefail; { sleep 0.2; dmascope qemu-system-x86_64 -trace help; } | true; echo $?',
    );
    expect(err).toBe('');
    expect(out).toBe('0\n');
  });

  it('names a full disk instead of asking for a bug report', () => {
    const { status, err } = shell('dmascope help > /dev/full');
    expect(err).toBe('dmascope: error: cannot write stdout: no space left on device\n');
    expect(status).toBe(2);
  });

  it('knows its own version', () => {
    const { out } = shell('dmascope --version');
    expect(out).toMatch(/^dmascope \d+\.\d+\.\d+\nnode \d+\.\d+\.\d+ \(\w+ \w+\)\nreport dmascope\.report\/1\n$/);
  });
});
