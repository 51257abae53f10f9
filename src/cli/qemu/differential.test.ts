/** Our log of a guest against Debian's QEMU, line by line. Needs `qemu-system-x86_64`; skipped visibly without it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const HAS_QEMU = spawnSync('qemu-system-x86_64', ['--version']).status === 0;

const FLAGS =
  '-M q35 -m 128M -accel tcg -display none -nodefaults -no-reboot -serial stdio -d guest_errors -trace usb_xhci_* ' +
  '-device isa-debug-exit,iobase=0xf4,iosize=0x04 -device qemu-xhci,addr=3 -device usb-kbd';

interface Run {
  readonly status: number | null;
  readonly serial: string;
  readonly log: string;
}

function run(command: string, first: readonly string[], guest: string): Run {
  const directory = mkdtempSync(`${tmpdir()}/dmascope-`);
  try {
    const log = `${directory}/log`;
    const args = [...first, ...FLAGS.split(' '), '-D', log, '-kernel', `guests/built/${guest}.elf`];
    const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', timeout: 50_000 });
    return { status, serial: stdout, log: readFileSync(log, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * From the kernel's own reset of the controller on: before it, QEMU's log has SeaBIOS, which dmascope does not run. What
 * SeaBIOS left behind shows once more, when that reset switches its endpoints off; and transfers are host pointers.
 */
function comparable(log: string): string[] {
  const lines = log.trimEnd().split('\n');
  const kernel = lines.slice(lines.lastIndexOf('usb_xhci_reset === RESET ==='));
  const firstPort = kernel.findIndex((line) => line.startsWith('usb_xhci_port_link'));
  return kernel
    .filter((line, index) => !(index < firstPort && line.startsWith('usb_xhci_ep_disable')))
    .map((line) => line.replace(/^(usb_xhci_xfer_\w+) 0x[0-9a-f]+/, '$1 TRANSFER'));
}

/** BARs are not where SeaBIOS puts them. */
function withoutAddresses(serial: string): string {
  return serial.replace(/registers at [0-9a-f]+/, 'registers');
}

describe.skipIf(!HAS_QEMU)("against Debian's QEMU", () => {
  it.each(['story', 'story-mended'])('the log, the serial port and the exit status of %s are the same', (guest) => {
    const theirs = run('qemu-system-x86_64', [], guest);
    const ours = run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'qemu-system-x86_64'], guest);
    expect(comparable(ours.log)).toEqual(comparable(theirs.log));
    expect(withoutAddresses(ours.serial)).toBe(withoutAddresses(theirs.serial));
    expect(ours.status).toBe(theirs.status);
    if (guest === 'story') {
      expect(
        ours.log.match(/^Invalid read at addr 0xFFFFFF80002E308[048C], size 4, region '\(null\)', reason: rejected$/gm),
      ).toHaveLength(4);
      expect(ours.log).toContain('\nxhci_er_reset: DMA memory access failed!\n');
    }
  });
});
