/** The initramfs of the Linux scenarios: busybox, an init, and kernel modules. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../oracles/debian-packages.ts';
import { cpioArchive, entriesOf } from './cpio.ts';

const APPLETS = [
  'sh',
  'mount',
  'cat',
  'echo',
  'poweroff',
  'uname',
  'insmod',
  'sleep',
  'ls',
  'dd',
  'sha256sum',
  'hexdump',
];
APPLETS.push('grep', 'wc', 'nproc', 'sync', 'head', 'printf', 'test', 'mdev', 'dmesg', 'stty', 'timeout');

export interface Initramfs {
  /** Shell lines that `/init` does after it has mounted proc, sys and dev, before the shell. */
  readonly lines?: readonly string[];
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

export function initramfs({ lines = [], files = {} }: Initramfs = {}): Uint8Array {
  const busybox = readFileSync(packageFile('busybox-static', '/bin', /^busybox$/));
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox mount -t proc proc /proc',
    '/bin/busybox mount -t sysfs sys /sys',
    '/bin/busybox mount -t devtmpfs dev /dev',
    ...APPLETS.map((name) => `/bin/busybox ln -s busybox /bin/${name}`),
    'export PATH=/bin PS1="guest# "',
    ...lines,
    // The console's own line discipline is the shell's terminal.
    'exec sh -i',
  ];
  return cpioArchive(
    entriesOf(
      { 'bin/busybox': busybox, init: Buffer.from(`${init.join('\n')}\n`), ...files },
      { 'dev/console': [5, 1], 'dev/null': [1, 3] },
      ['proc', 'sys'],
    ),
  );
}
