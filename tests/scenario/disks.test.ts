/** Disks from the command line to the guest and back into their files, with the whole machine and real files. Skipped, visibly, without SeaBIOS. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runApplication } from '../../src/cli/application.ts';
import type { Host, OutputStream } from '../../src/cli/host.ts';
import { NodeHost } from '../../src/cli/node-host.ts';
import { createServices } from '../../src/cli/services.ts';
import { repository } from './guests.ts';

const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const TIMEOUT = 120_000;
const SECTOR = 512;
/** Where the guest's data begins, and how many sectors it has (guests/boot-disk/boot.S). */
const DATA_AT = 4096;
const DATA_SECTORS = 64;
const WRITE_LAST_SECTOR = 2;

const folder = mkdtempSync(join(tmpdir(), 'dmascope-disks-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The process itself, with its streams kept in memory. */
class QuietHost extends NodeHost {
  override readonly out = stream();
  override readonly err = stream();
}

function stream(): OutputStream & { text: string } {
  const decoder = new TextDecoder();
  return {
    isTerminal: false,
    columns: undefined,
    text: '',
    write(data) {
      this.text += typeof data === 'string' ? data : decoder.decode(data, { stream: true });
    },
  };
}

/** A disk that boots, says what it reads, and writes its last sector of data. */
function bootDisk(name: string): { readonly path: string; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(1 << 20);
  bytes.set(readFileSync(join(repository, 'guests/built/boot-disk.bin')).subarray(0, DATA_AT));
  const data = Buffer.alloc(DATA_SECTORS * SECTOR, 0x5a);
  data.write('DMASDATA', 0, 'latin1');
  data.writeUInt32LE(DATA_SECTORS, 8);
  data.writeUInt16LE(WRITE_LAST_SECTOR, 12);
  bytes.set(data, DATA_AT);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

async function dmascope(args: readonly string[]) {
  const host = new QuietHost();
  const status = await runApplication(host as Host, createServices(), args);
  return { status, serial: host.out.text, talk: host.err.text };
}

const QEMU = ['qemu-system-x86_64', '-M', 'q35', '-m', '64', '-nographic', '-dmascope', 'max-time=30'];
const lastSector = (bytes: Uint8Array) => bytes.subarray(DATA_AT + (DATA_SECTORS - 1) * SECTOR).subarray(0, SECTOR);

const missing = !existsSync(SEABIOS);
it.runIf(process.env.DMASCOPE_REQUIRE_ORACLES === '1')('SeaBIOS is there, because DMASCOPE_REQUIRE_ORACLES=1', () =>
  expect(missing).toBe(false),
);

describe.skipIf(missing)('a disk that SeaBIOS starts (apt-get install seabios)', () => {
  it('is written in its file', { timeout: TIMEOUT }, async () => {
    const { path, bytes } = bootDisk('written.img');
    const { status, serial, talk } = await dmascope([...QEMU, '-drive', `file=${path},format=raw`]);
    expect([status, talk]).toEqual([0, expect.stringContaining('no findings')]);
    expect(serial).toContain('boot: drive 80');
    const after = new Uint8Array(readFileSync(path));
    expect(after.length).toBe(bytes.length);
    // The guest turns the bits of the last sector over; the rest is as it was.
    expect(lastSector(after)).toEqual(new Uint8Array(SECTOR).fill(0xa5));
    lastSector(after).fill(0x5a);
    expect(Buffer.compare(after, bytes)).toBe(0);
  });

  it('is not written with -snapshot, and the guest sees no difference', { timeout: TIMEOUT }, async () => {
    const { path, bytes } = bootDisk('kept.img');
    const kept = await dmascope([...QEMU, '-snapshot', path]);
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
    const written = await dmascope([...QEMU, path]);
    expect(kept.serial).toBe(written.serial);
    expect(kept.serial).toContain('boot: written');
  });

  it('boots by `dmascope boot`, from a stick that comes first too', { timeout: TIMEOUT }, async () => {
    const { path } = bootDisk('own.img');
    expect((await dmascope(['boot', path, '--max-time', '30'])).serial).toContain('boot: power off');
    const stick = [
      '-drive',
      `if=none,id=s,file=${path}`,
      '-device',
      'qemu-xhci',
      '-device',
      'usb-storage,drive=s,bootindex=0',
    ];
    const other = join(folder, 'blank.img');
    writeFileSync(other, new Uint8Array(1 << 20));
    const { serial } = await dmascope([...QEMU, '-hda', other, ...stick]);
    expect(serial).toContain('boot: power off');
  });
});
