/** The same boot on Debian's QEMU, for its kernel log. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissingPart } from '../oracles/debian-packages.ts';
import type { BootPlan } from './scenario.ts';

const MIB = 1024 * 1024;
/** TCG needs about 6 seconds on a quiet machine. */
const LIMIT = 300_000;
/** How often QEMU's serial port is read, in milliseconds. */
const GLANCE = 20;

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
    return await converse(argumentsOf(boot, folder), boot, join(folder, 'serial'));
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

/**
 * The serial port goes to a file: a pipe that is not read in time is full after some 280 single bytes, QEMU's port then
 * seems busy, and Linux's console writes on after 10 ms, over what is still there.
 */
async function converse(words: readonly string[], boot: QemuBoot, file: string): Promise<QemuLog> {
  const { prompt, commands } = boot;
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const output = openSync(file, 'w');
  const qemu = spawn('qemu-system-x86_64', words, { stdio: ['pipe', output, 'ignore'] });
  closeSync(output);
  const left = [...commands];
  let searched = 0;
  let promptSeconds = Number.NaN;
  const read = (): string => readFileSync(file, 'latin1');
  const answer = (): void => {
    const serial = read();
    for (let at = serial.indexOf(prompt, searched); at >= 0; at = serial.indexOf(prompt, searched)) {
      searched = at + prompt.length;
      if (Number.isNaN(promptSeconds)) promptSeconds = seconds();
      const command = left.shift();
      if (command !== undefined) qemu.stdin?.write(`${command}\n`);
      else if (commands.length === 0) qemu.kill('SIGKILL');
    }
  };
  const glance = setInterval(answer, GLANCE);
  const limit = setTimeout(() => qemu.kill('SIGKILL'), LIMIT);
  try {
    await new Promise<void>((resolve, reject) => {
      qemu.on('error', () =>
        reject(new MissingPart('qemu-system-x86_64 is not here (apt-get install qemu-system-x86)')),
      );
      qemu.on('close', () => resolve());
    });
  } finally {
    clearInterval(glance);
    clearTimeout(limit);
  }
  return { serial: read(), promptSeconds, seconds: seconds() };
}
