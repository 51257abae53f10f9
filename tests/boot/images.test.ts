/** The images that boot tests give to guests, read by tools that are not ours. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpioArchive, entriesOf } from './cpio.ts';
import { fatDisk } from './fat-disk.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dmascope-images-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;

describe.skipIf(!has('cpio'))('the initramfs', () => {
  it('is what cpio lists and unpacks', () => {
    const files = { 'bin/tool': Buffer.from('abcde'), init: Buffer.from('#!/bin/sh\n') };
    const archive = cpioArchive(entriesOf(files, { 'dev/console': [5, 1] }, ['proc']));
    const listed = execFileSync('cpio', ['-itv', '--quiet'], { input: archive, encoding: 'utf8' });
    expect(
      listed
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).at(-1)),
    ).toEqual(['bin', 'dev', 'proc', 'dev/console', 'bin/tool', 'init']);
    expect(listed).toMatch(/^crw-------.* 5, +1 .*dev\/console$/m);
    const tool = execFileSync('cpio', ['-i', '--quiet', '--to-stdout', 'bin/tool'], {
      input: archive,
      encoding: 'utf8',
    });
    expect(tool).toBe('abcde');
  });
});

describe('the FAT disk', () => {
  const long = Buffer.from(Array.from({ length: 5000 }, (_, index) => index & 0xff));
  const disk = fatDisk({
    megabytes: 16,
    files: { 'STARTUP.NSH': Buffer.from('echo hello\r\n'), 'EFI/BOOT/LONG.BIN': long },
  });
  const sector = (at: number): DataView => new DataView(disk.buffer, at * 512, 512);

  it('has one active FAT16 partition at sector 2048', () => {
    const table = sector(0);
    expect(table.getUint16(510, true)).toBe(0xaa55);
    expect([table.getUint8(0x1be), table.getUint8(0x1c2)]).toEqual([0x80, 0x0e]);
    expect([table.getUint32(0x1c6, true), table.getUint32(0x1ca, true)]).toEqual([2048, 32768 - 2048]);
  });

  it('holds a file in a folder in a folder, cluster by cluster (FAT specification 1.03)', () => {
    const boot = sector(2048);
    const [perCluster, reserved, fats, entries, fatSize] = [
      boot.getUint8(13),
      boot.getUint16(14, true),
      boot.getUint8(16),
      boot.getUint16(17, true),
      boot.getUint16(22, true),
    ];
    const root = 2048 + reserved + fats * fatSize;
    const data = root + (entries * 32) / 512;
    const clusterAt = (cluster: number): number => (data + (cluster - 2) * perCluster) * 512;
    const find = (at: number, name: string): { cluster: number; size: number } => {
      for (let entry = at; disk[entry] !== 0; entry += 32) {
        const view = new DataView(disk.buffer, entry, 32);
        if (Buffer.from(disk.subarray(entry, entry + 11)).toString('latin1') === name) {
          return { cluster: view.getUint16(26, true), size: view.getUint32(28, true) };
        }
      }
      throw new Error(`no ${name}`);
    };
    expect(find(root * 512, 'STARTUP NSH').size).toBe(12);
    const efi = clusterAt(find(root * 512, 'EFI        ').cluster);
    const inner = clusterAt(find(efi, 'BOOT       ').cluster);
    const file = find(inner, 'LONG    BIN');
    const pieces: Uint8Array[] = [];
    for (let cluster = file.cluster; cluster < 0xfff8; ) {
      pieces.push(disk.subarray(clusterAt(cluster), clusterAt(cluster) + perCluster * 512));
      cluster = sector(2048 + reserved + Math.floor(cluster / 256)).getUint16((cluster % 256) * 2, true);
    }
    expect(Buffer.concat(pieces).subarray(0, file.size).equals(long)).toBe(true);
  });

  it.skipIf(!has('mdir'))('is what mtools reads', () => {
    const path = join(folder, 'disk.img');
    writeFileSync(path, disk);
    const listed = execFileSync('mdir', ['-/', '-b', '-i', `${path}@@1M`, '::'], { encoding: 'utf8' });
    expect(listed.trim().split('\n').sort()).toEqual([
      '::/EFI/',
      '::/EFI/BOOT/',
      '::/EFI/BOOT/LONG.BIN',
      '::/STARTUP.NSH',
    ]);
  });
});
