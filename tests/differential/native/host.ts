/** The host's side: builds host.c and runs files of cases with it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('host.c', import.meta.url));
const FLAGS = [
  '-O1',
  '-Wall',
  '-Wextra',
  '-mgeneral-regs-only',
  '-no-pie',
  '-fno-pie',
  '-fno-stack-protector',
  '-Wl,-z,now',
];

/** Flags of /proc/cpuinfo. */
export function hostFlags(): ReadonlySet<string> {
  const line = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return new Set(line?.[1]?.split(' ') ?? []);
}

/** Why the host cannot be asked, or undefined. */
export function whyNoHost(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'it takes Linux on x86-64';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'gcc is not installed';
  return undefined;
}

export class Host {
  readonly #folder = mkdtempSync(join(tmpdir(), 'native-'));

  constructor() {
    execFileSync('gcc', [...FLAGS, '-o', join(this.#folder, 'host'), SOURCE]);
  }

  /** Runs the cases; returns them as they ended. */
  run(cases: Uint8Array): Uint8Array {
    const file = join(this.#folder, 'cases');
    writeFileSync(file, cases);
    const { status, signal, stderr } = spawnSync(join(this.#folder, 'host'), [file], {
      encoding: 'utf8',
      timeout: 90_000,
    });
    if (status !== 0) throw new Error(`the native runner ended with ${signal ?? status}: ${stderr}`);
    return new Uint8Array(readFileSync(file));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
