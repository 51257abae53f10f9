/** The initramfs of the Linux scenarios: busybox, an init, and kernel modules. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../oracles/debian-packages.ts';
import { cpioArchive, entriesOf } from './cpio.ts';

const APPLETS =
  'sh mount cat echo poweroff uname insmod sleep ls dd sha256sum grep wc nproc sync head printf test dmesg tr od awk basename'.split(
    ' ',
  );

/** With these further files, by their paths. */
export function initramfs(files: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const busybox = readFileSync(packageFile('busybox-static', '/bin', /^busybox$/));
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox mount -t proc proc /proc',
    '/bin/busybox mount -t sysfs sys /sys',
    '/bin/busybox mount -t devtmpfs dev /dev',
    ...APPLETS.map((name) => `/bin/busybox ln -s busybox /bin/${name}`),
    'export PATH=/bin PS1="guest# "',
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
