/** The same boot on Debian's QEMU, for its kernel log. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissingPart } from '../oracles/debian-packages.ts';
import type { BootPlan } from './scenario.ts';

const MIB = 1024 * 1024;
/** TCG needs about 6 seconds on a quiet machine. */
const LIMIT = 300_000;

export interface QemuBoot {
  readonly kernel: NonNullable<BootPlan['kernel']>;
  readonly ramBytes: number;
  readonly cpus: number;
  /** Further flags, and files that they name as `@NAME`. */
  readonly flags?: readonly string[];
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly prompt: string;
  /** Typed at the prompt, one at a time; the last one ends the machine. None: it is ended at the first prompt. */
  readonly commands: readonly string[];
  /** QEMU's time is the host's, as people run it; else the count of instructions, whatever the host does. */
  readonly hostTime?: boolean;
}

/** What it printed on the serial port, and the seconds from the start of the process to the first prompt and to the end. */
export interface QemuLog {
  readonly serial: string;
  readonly promptSeconds: number;
  readonly seconds: number;
}

export async function bootOnQemu(boot: QemuBoot): Promise<QemuLog> {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-qemu-'));
  try {
    return await converse(argumentsOf(boot, folder), boot);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function argumentsOf(boot: QemuBoot, folder: string): string[] {
  const { kernel, ramBytes, cpus, flags = [], files = {}, hostTime = false } = boot;
  const place = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  for (const [name, bytes] of Object.entries(files)) place(name, bytes);
  const initrd = kernel.initrd === undefined ? [] : ['-initrd', place('initrd', kernel.initrd)];
  return [
    // One nanosecond an instruction, from our clock's first second.
    ...(hostTime ? [] : ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2024-01-01T00:00:00,clock=vm']),
    ...['-M', 'q35', '-accel', 'tcg', '-cpu', 'qemu64', '-m', String(ramBytes / MIB), '-smp', String(cpus)],
    ...['-nodefaults', '-vga', 'none', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', place('kernel', kernel.bytes), ...initrd, '-append', kernel.commandLine],
    ...flags.map((flag) => flag.replace('@', `${folder}/`)),
  ];
}

function converse(words: readonly string[], { prompt, commands }: QemuBoot): Promise<QemuLog> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const qemu = spawn('qemu-system-x86_64', words, { stdio: ['pipe', 'pipe', 'ignore'] });
  const timer = setTimeout(() => qemu.kill('SIGKILL'), LIMIT);
  const left = [...commands];
  let serial = '';
  let searched = 0;
  let promptSeconds = Number.NaN;
  qemu.stdout.on('data', (bytes: Buffer) => {
    serial += bytes.toString('latin1');
    for (let at = serial.indexOf(prompt, searched); at >= 0; at = serial.indexOf(prompt, searched)) {
      searched = at + prompt.length;
      if (Number.isNaN(promptSeconds)) promptSeconds = seconds();
      const command = left.shift();
      if (command !== undefined) qemu.stdin.write(`${command}\n`);
      else if (commands.length === 0) qemu.kill('SIGKILL');
    }
  });
  return new Promise((resolve, reject) => {
    qemu.on('error', () => reject(new MissingPart('qemu-system-x86_64 is not here (apt-get install qemu-system-x86)')));
    qemu.on('close', () => {
      clearTimeout(timer);
      resolve({ serial, promptSeconds, seconds: seconds() });
    });
  });
}
