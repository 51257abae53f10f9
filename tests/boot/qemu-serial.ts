/** What a machine prints on COM1 under QEMU, for scenarios whose guest says the same on every PC. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
    const { stdout, error } = spawnSync(QEMU, [...words, ...named], {
      encoding: 'latin1',
      timeout: SECONDS_MAX * 1000,
    });
    if (error !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
