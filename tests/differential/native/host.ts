/** The host's side: builds host.c and runs files of cases with it. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
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
  // Far away from what cases address by chance.
  '-pie',
  '-fpie',
  '-fno-stack-protector',
  '-Wl,-z,now',
];

/** Flags of /proc/cpuinfo. */
export function hostFlags(): ReadonlySet<string> {
  const line = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return new Set(line?.[1]?.split(' ') ?? []);
}

/** What host.c ends with where the kernel gives it no segment of its own. */
const NO_LOCAL_SEGMENTS = 3;

/** Why the host cannot be asked, or undefined. */
export function whyNoHost(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'it takes Linux on x86-64';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'gcc is not installed';
  const host = new Host();
  try {
    const { status, stderr } = host.start(new Uint8Array(0));
    return status === NO_LOCAL_SEGMENTS ? `this kernel forbids local segments (${stderr.trim()})` : undefined;
  } finally {
    host.close();
  }
}

export class Host {
  readonly #folder = mkdtempSync(join(tmpdir(), 'native-'));
  readonly #file = join(this.#folder, 'cases');

  constructor() {
    execFileSync('gcc', [...FLAGS, '-o', join(this.#folder, 'host'), SOURCE]);
  }

  start(cases: Uint8Array): SpawnSyncReturns<string> {
    writeFileSync(this.#file, cases);
    return spawnSync(join(this.#folder, 'host'), [this.#file], { encoding: 'utf8', timeout: 90_000 });
  }

  /** Runs the cases; returns them as they ended. */
  run(cases: Uint8Array): Uint8Array {
    const { status, signal, stderr } = this.start(cases);
    if (status !== 0) throw new Error(`the native runner ended with ${signal ?? status}: ${stderr}`);
    return new Uint8Array(readFileSync(this.#file));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
