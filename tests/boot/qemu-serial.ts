/** What a machine prints on COM1 under QEMU, for scenarios whose guest says the same on every PC. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const QEMU = 'qemu-system-x86_64';
const SECONDS_MAX = 60;

/** `flags` name a file by `@NAME`. `undefined`: QEMU is not installed. */
export function qemuSerial(flags: readonly string[], files: Readonly<Record<string, Uint8Array>>): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-boot-qemu-'));
  try {
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    const words = '-M q35 -m 128M -accel tcg -nodefaults -display none -no-reboot -serial stdio'.split(' ');
    const named = flags.map((flag) => flag.replace(/@(\w+)/g, (_, name: string) => join(folder, name)));
    // A file, never a pipe: a full pipe makes the port look busy, and a guest that waits only so long loses characters.
    const file = join(folder, 'serial');
    const output = openSync(file, 'w');
    const { error } = spawnSync(QEMU, [...words, ...named], {
      stdio: ['ignore', output, 'ignore'],
      timeout: SECONDS_MAX * 1000,
    });
    closeSync(output);
    if (error !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return readFileSync(file, 'latin1');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
