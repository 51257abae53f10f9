/** The host's side: builds host.c and runs files of cases with it. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOCAL_SEGMENTS, LOCAL_SEGMENTS_32, userDescriptors } from './local-segments.ts';

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
  // The signal handler pushes flags.
  '-mno-red-zone',
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
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'gcc is not installed';
}

/** What a kernel without some of the local segments takes from a batch; undefined if it has them all. */
export function missingSegments(locals: number): string | undefined {
  if (locals === LOCAL_SEGMENTS.length) return undefined;
  return locals > 0
    ? 'no 16-bit code and stacks: this kernel has no 16-bit segments (CONFIG_X86_16BIT)'
    : 'no 16-bit code, no segments with a base or a limit: this kernel has no modify_ldt(2)';
}

export class Host {
  readonly #folder = mkdtempSync(join(tmpdir(), 'native-'));
  readonly #file = join(this.#folder, 'cases');
  readonly #segments = join(this.#folder, 'segments');
  /** How many of {@link LOCAL_SEGMENTS} cases may use: all, those of 32 bits, or none. */
  readonly locals: number;

  /** `most`: local segments to ask the kernel for; all of them unless a test wants what a poorer kernel has. */
  constructor(most: number = LOCAL_SEGMENTS.length) {
    execFileSync('gcc', [...FLAGS, '-o', join(this.#folder, 'host'), SOURCE]);
    writeFileSync(this.#segments, userDescriptors(LOCAL_SEGMENTS.slice(0, most)));
    const allowed = Number(this.start(new Uint8Array(0)).stdout);
    this.locals = [LOCAL_SEGMENTS.length, LOCAL_SEGMENTS_32].find((count) => allowed >= count) ?? 0;
    writeFileSync(this.#segments, userDescriptors(LOCAL_SEGMENTS.slice(0, this.locals)));
  }

  start(cases: Uint8Array): SpawnSyncReturns<string> {
    writeFileSync(this.#file, cases);
    return spawnSync(join(this.#folder, 'host'), [this.#file, this.#segments], { encoding: 'utf8', timeout: 90_000 });
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
