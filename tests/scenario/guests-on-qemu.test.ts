/** The guests on the machine they were written for: the exit statuses that `guests/manifest.json` records. */
import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FAULTS, type Guest, guestImage, guests, named, WORKLOAD_SUMS, WORKLOADS } from './guests.ts';

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
  const machine = guest.ramBelow4g === undefined ? 'q35' : `q35,max-ram-below-4g=${guest.ramBelow4g}`;
  const flags =
    `-M ${machine} -m ${guest.ram} -net none -display none -monitor none -serial stdio -no-reboot -d guest_errors
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

  it.each(FAULTS)('a fault is caught and printed: $word', async ({ word, vector, says }) => {
    const { status, serial } = await run(named('fault'), ['-append', word]);
    expect(serial).toContain(`exception ${vector} `);
    expect(serial).toMatch(says);
    expect(status).toBe(37);
  });

  it('the workloads compute what they should', async () => {
    const { status, serial } = await run(named('bench'), ['-append', WORKLOADS]);
    expect(serial).toContain(WORKLOAD_SUMS);
    expect(status).toBe(33);
  });
});
