/** The guests on the machine they were written for: the exit statuses that `guests/manifest.json` records. */
import { spawn, spawnSync } from 'node:child_process';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Guest, guestImage, guests } from './guests.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
/** QEMU ends within a second; one that hangs has failed. */
const SECONDS_MAX = 60;

interface Ended {
  readonly status: number | null;
  readonly serial: string;
  readonly log: string;
}

function run(guest: Guest, extra: readonly string[] = []): Promise<Ended> {
  const flags = `-M q35 -m ${guest.ram} -net none -display none -monitor none -serial stdio -no-reboot -d guest_errors
    -device qemu-xhci -device usb-kbd -device isa-debug-exit,iobase=0xf4,iosize=0x04`.split(/\s+/);
  return new Promise((resolve) => {
    const qemu = spawn(QEMU, [...flags, '-kernel', guestImage(guest), ...extra], { timeout: SECONDS_MAX * 1000 });
    let serial = '';
    let log = '';
    qemu.stdout.on('data', (data) => (serial += data));
    qemu.stderr.on('data', (data) => (log += data));
    qemu.on('close', (status) => resolve({ status, serial: serial.replaceAll('\r', ''), log }));
  });
}

function named(name: string): Guest {
  const guest = guests.find((each) => each.name === name);
  if (guest === undefined) throw new Error(`no guest ${name}`);
  return guest;
}

describe.skipIf(missing)(`guests on QEMU${missing ? ` (skipped: ${QEMU} is not installed)` : ''}`, () => {
  it.each(guests.filter((guest) => guest.expectQemuExit !== undefined))('$name ends as recorded', async (guest) => {
    const { status, serial } = await run(guest);
    expect(serial).toContain(`dmascope guest: ${guest.name}\n`);
    expect(status).toBe(guest.expectQemuExit);
  });

  it('the story is the report of 2024-10-28, to the letter', async () => {
    const { log } = await run(named('story'));
    const lines = log.split('\n').filter((line) => !line.startsWith('ahci:'));
    expect(lines.slice(0, 5)).toEqual([
      "Invalid read at addr 0xFFFFFF80002E3080, size 4, region '(null)', reason: rejected",
      "Invalid read at addr 0xFFFFFF80002E3084, size 4, region '(null)', reason: rejected",
      "Invalid read at addr 0xFFFFFF80002E3088, size 4, region '(null)', reason: rejected",
      "Invalid read at addr 0xFFFFFF80002E308C, size 4, region '(null)', reason: rejected",
      'xhci_er_reset: DMA memory access failed!',
    ]);
  });

  it('the mended story enumerates the keyboard', async () => {
    const { serial } = await run(named('story-mended'));
    expect(serial).toContain('device 0627:0001');
    expect(serial).toContain('product "QEMU USB Keyboard"');
  });

  it.each(['divide 0', 'invalid-opcode 6', 'general-protection 13', 'page-fault 14', 'no-execute 14'])(
    'a fault is caught and printed: %s',
    async (wordAndVector) => {
      const [word, vector] = wordAndVector.split(' ') as [string, string];
      const { status, serial } = await run(named('fault'), ['-append', word]);
      expect(serial).toContain(`exception ${vector} `);
      expect(status).toBe(37);
    },
  );

  it('the workloads compute what they should', async () => {
    const { status, serial } = await run(named('bench'), ['-append', 'sieve 2 crc 1']);
    // 6542 primes lie below 65536.
    expect(serial).toContain(`sieve 2: ${(2 * 6542).toString(16).padStart(16, '0')}\n`);
    const bytes = Uint8Array.from({ length: 65536 }, (_, i) => i * 7);
    expect(serial).toContain(`crc 1: ${crc32(bytes).toString(16).padStart(16, '0')}\n`);
    expect(status).toBe(33);
  });
});
