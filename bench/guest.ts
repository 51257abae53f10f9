/** Runs a guest kernel here and on QEMU's TCG, for benchmarks that compare the two in one run. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { TraceBus } from '../src/base/trace.ts';
import { createQ35 } from '../src/machine/boards/q35.ts';
import { Machine } from '../src/machine/machine.ts';

const MIB = 1024 * 1024;
const EXIT = { port: 0xf4, size: 4 } as const;
/** What the guests exit with when they did what they were built for. */
const GUEST_SUCCESS = 33;

export interface GuestRun {
  readonly seconds: number;
  readonly instructions: number;
  readonly serial: string;
}

export interface GuestOptions {
  readonly commandLine: string;
  readonly xhci?: boolean;
  readonly trackWriters?: boolean;
  readonly personality?: string;
}

/** Loads and runs `file` to its end in this process; only the run itself is timed. */
export function runHere(file: string, options: GuestOptions): GuestRun {
  let serial = '';
  const machine = createQ35({
    ramBytes: 128 * MIB,
    cpuModel: 'qemu64',
    personality: options.personality ?? 'qemu',
    devices: [{ kind: 'isa-debug-exit', ...EXIT }, ...(options.xhci ? [{ kind: 'qemu-xhci' } as const] : [])],
    trackWriters: options.trackWriters ?? true,
    trace: new TraceBus(),
    serialOutput: (byte) => {
      serial += String.fromCharCode(byte);
    },
  });
  if (!(machine instanceof Machine)) throw new Error(machine.problem);
  const loaded = machine.load(new Uint8Array(readFileSync(file)), {
    commandLine: options.commandLine,
    imageName: file,
    modules: [],
  });
  if ('problem' in loaded) throw new Error(loaded.problem);
  const start = performance.now();
  const outcome = machine.run();
  const seconds = (performance.now() - start) / 1000;
  if (outcome.kind !== 'exited' || outcome.status !== GUEST_SUCCESS) {
    throw new Error(
      `${file} ${options.commandLine}: ${JSON.stringify(outcome, (_, value) => (typeof value === 'bigint' ? value.toString(16) : value))}\n${serial}`,
    );
  }
  return { seconds, instructions: machine.processor.instructions, serial };
}

export function hasQemu(): boolean {
  return spawnSync('qemu-system-x86_64', ['--version']).status === 0;
}

/** Seconds that QEMU's TCG takes from process start to the guest's exit, firmware included: subtract a short run's. */
export function runOnQemu(file: string, options: GuestOptions): { readonly seconds: number; readonly serial: string } {
  const flags = ['-M', 'q35', '-accel', 'tcg', '-m', '128M', '-display', 'none', '-nodefaults', '-no-reboot'];
  flags.push('-kernel', file, '-append', options.commandLine, '-serial', 'stdio');
  flags.push('-device', `isa-debug-exit,iobase=${EXIT.port},iosize=${EXIT.size}`);
  if (options.xhci) flags.push('-device', 'qemu-xhci');
  const start = performance.now();
  const run = spawnSync('qemu-system-x86_64', flags, { encoding: 'latin1', timeout: 300_000 });
  const seconds = (performance.now() - start) / 1000;
  if (run.status !== GUEST_SUCCESS) throw new Error(`QEMU ended with ${run.status}: ${run.stderr}`);
  return { seconds, serial: run.stdout };
}
