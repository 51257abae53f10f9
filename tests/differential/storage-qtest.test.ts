/** AHCI and virtio in the `qemu` personality against Debian's QEMU: answers to the same script. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { AhciDriver } from '../../src/devices/testing/storage-guest.ts';
import { AHCI_BAR, BLOCK_BAR, ENTROPY_BAR, QEMU_BINARY, StorageQtest } from './storage-qtest.ts';

/** Pauses of a second attempt. */
const SLOW_WAIT_SECONDS = 0.7;

const missing = spawnSync(QEMU_BINARY, ['--version']).status !== 0;

function compare(drive: (machine: StorageQtest) => void): void {
  const machine = new StorageQtest();
  drive(machine);
  const ours = machine.answers;
  const differ = (theirs: readonly string[]): string[] =>
    ours.flatMap((line, index) =>
      line === theirs[index] ? [] : [`${index}: ours ${line}; QEMU's ${theirs[index]}; before it ${ours[index - 1]}`],
    );
  let theirs = machine.runQemu();
  // On a busy host QEMU's block layer may need longer than usual.
  if (differ(theirs).length > 0) theirs = machine.runQemu(SLOW_WAIT_SECONDS);
  const differences = differ(theirs);
  expect(differences.slice(0, 20)).toEqual([]);
  expect(theirs.length).toBe(ours.length);
}

function dump(machine: StorageQtest, address: number, bytes: number): void {
  for (let at = 0; at < bytes; at += 4) machine.read(address + at);
}

describe.skipIf(missing)('storage and QEMU', { timeout: 60_000 }, () => {
  it('have the same configuration spaces and BAR sizes', () => {
    compare((machine) => {
      for (const entry of Object.values(machine.functions)) {
        for (let offset = 0; offset < 0x100; offset += 4) machine.configRead(entry, offset);
        for (let bar = 0; bar < 6; bar += 1) {
          machine.config(entry, 0x10 + 4 * bar, 0xffff_ffff);
          machine.configRead(entry, 0x10 + 4 * bar);
          machine.config(entry, 0x10 + 4 * bar, 0);
        }
      }
    });
  });

  it('have the same AHCI registers after reset, and treat writes alike', () => {
    compare((machine) => {
      machine.enable();
      dump(machine, AHCI_BAR, 0x200);
      for (const value of [0x3, 0, 2]) {
        machine.write(AHCI_BAR + 4, value & ~1);
        machine.read(AHCI_BAR + 4);
      }
      for (const value of [0xffff_ffff, 0x1234_5678, 0]) {
        for (const register of [0x00, 0x04, 0x08, 0x0c, 0x14, 0x30, 0x34]) {
          machine.write(AHCI_BAR + 0x180 + register, value);
          machine.read(AHCI_BAR + 0x180 + register);
        }
      }
      machine.out(0xc010, 0x100);
      machine.in(0xc010);
      machine.in(0xc014);
    });
  });

  it('identify the disk alike', () => {
    compare((machine) => {
      machine.enable();
      const driver = new AhciDriver(machine, AHCI_BAR);
      driver.start();
      driver.outcome();
      driver.received(0x40);
      driver.run({ command: 0xec, device: 0, regions: [[0x8000, 512]] });
      driver.outcome();
      driver.received(0x20);
      driver.received(0x40);
      dump(machine, 0x8000, 512);
      driver.read(0x24);
    });
  });

  it('identify the CD-ROM drive alike, and refuse IDENTIFY DEVICE with its signature', () => {
    compare((machine) => {
      machine.enable();
      const driver = new AhciDriver(machine, AHCI_BAR, 2);
      driver.start();
      driver.outcome();
      driver.received(0x40);
      driver.run({ command: 0xa1, device: 0, regions: [[0x8000, 512]] });
      driver.outcome();
      dump(machine, 0x8000, 512);
      driver.run({ command: 0xec, device: 0, regions: [[0x8000, 512]] });
      driver.outcome();
      driver.received(0x40);
    });
  });

  it('read and write alike: DMA, PIO, queued, out of range', () => {
    compare((machine) => {
      machine.enable();
      const driver = new AhciDriver(machine, AHCI_BAR);
      driver.start();
      const regions = [
        [0x8000, 512],
        [0x9000, 0x600],
      ] as const;
      for (const request of [
        { command: 0xec, device: 0, regions },
        { command: 0x25, lba: 1000, count: 4, regions },
        { command: 0xc8, lba: 7, count: 2, regions },
        { command: 0x20, lba: 3, count: 3, regions },
        { command: 0x24, lba: 3, count: 2, regions },
        { command: 0x29, lba: 5, count: 4, regions },
        { command: 0x60, lba: 77, features: 4, count: 0, regions },
        { command: 0x35, lba: 2000, count: 4, regions, write: true },
        { command: 0x30, lba: 2004, count: 2, regions, write: true },
        { command: 0x61, lba: 3000, features: 4, count: 0, regions, write: true },
        { command: 0xea },
        { command: 0xe5 },
        { command: 0xf8, count: 1 },
        { command: 0xef, features: 0x82 },
        { command: 0xef, features: 0x03, count: 0x44 },
        { command: 0x25, lba: 2000, count: 4, regions },
        { command: 0xec, device: 0, regions },
      ]) {
        driver.write(0x10, 0xffff_ffff);
        driver.run(request);
        driver.outcome();
        driver.received(0x40);
        dump(machine, 0x8000, 512);
        dump(machine, 0x9000, 64);
      }
    });
  });

  it('answer packets alike', () => {
    compare((machine) => {
      machine.enable();
      const driver = new AhciDriver(machine, AHCI_BAR, 2);
      driver.start();
      const regions = [[0x8000, 4096]] as const;
      const limit = 0xfffe00;
      for (const packet of [
        [0x00],
        [0x12, 0, 0, 0, 36],
        [0x25],
        [0x28, 0, 0, 0, 0, 5, 0, 0, 1],
        [0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 2],
        [0x43, 0, 0, 0, 0, 0, 0, 0, 64],
        [0x43, 2, 0, 0, 0, 0, 0, 0, 64],
        [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 64],
        [0x51, 0, 0, 0, 0, 0, 0, 0, 64],
        [0x5a, 0, 0x01, 0, 0, 0, 0, 0, 64],
        [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64],
        [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8],
        [0x03, 0, 0, 0, 18],
      ]) {
        for (const features of [0, 1]) {
          driver.write(0x10, 0xffff_ffff);
          driver.run({ command: 0xa0, device: 0, lba: limit, features, packet, regions });
          driver.outcome();
          driver.received(0x40);
          dump(machine, 0x8000, 128);
        }
      }
    });
  });

  it('have the same virtio registers', () => {
    compare((machine) => {
      machine.enable();
      for (const [base, port] of [
        [BLOCK_BAR, 0xc100],
        [ENTROPY_BAR, 0xc200],
      ] as const) {
        for (const offset of [0x00, 0x04, 0x08, 0x14, 0x18]) machine.in(port + offset);
        for (const offset of [0x0c, 0x0e]) machine.in(port + offset, 2);
        for (const offset of [0x12, 0x13]) machine.in(port + offset, 1);
        for (const select of [0, 1, 2]) {
          machine.write(base, select);
          machine.read(base + 4);
        }
        dump(machine, base, 0x3c);
        for (const offset of [0x10, 0x12, 0x16, 0x18, 0x1a, 0x1c, 0x1e]) machine.read(base + offset, 2);
        for (const offset of [0x14, 0x15]) machine.read(base + offset, 1);
        for (let at = 0; at < 0x40; at += 1) machine.read(base + 0x2000 + at, 1);
        dump(machine, base + 0x2000, 0x40);
        machine.read(base + 0x1000);
      }
    });
  });
});
