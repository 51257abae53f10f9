/** The options for disks, discs and flash. */
import { UsageError } from '../usage-error.ts';
import { parseBoot } from './boot-option.ts';
import { driveAt, flashDrive, parseDrive } from './drives.ts';
import type { QemuOption } from './options.ts';

function disk(option: string, index: number): QemuOption {
  return {
    argument: true,
    help: index === 0 ? 'a disk image on the first SATA port' : `the same on port ${index}`,
    apply: ({ configuration: { drives } }, path) => {
      drives.push(driveAt(`-${option}`, path, index, 'disk', drives));
    },
  };
}

export const STORAGE_OPTIONS: Readonly<Record<string, QemuOption>> = {
  drive: {
    argument: true,
    help: 'file=PATH,if=ide|virtio|none|pflash,format=raw|qcow2,media=disk|cdrom,snapshot=,readonly=,id=,index=',
    apply: ({ configuration: { drives } }, argument) => {
      drives.push(parseDrive(argument, drives));
    },
  },
  hda: disk('hda', 0),
  hdb: disk('hdb', 1),
  hdc: disk('hdc', 2),
  hdd: disk('hdd', 3),
  cdrom: {
    argument: true,
    help: 'a CD-ROM image on port 2',
    apply: ({ configuration: { drives } }, path) => {
      drives.push(driveAt('-cdrom', path, 2, 'cdrom', drives));
    },
  },
  pflash: {
    argument: true,
    help: 'a flash image below 4 GiB: firmware, then its variables',
    apply: ({ configuration: { drives } }, path) => {
      drives.push(flashDrive(path, drives));
    },
  },
  snapshot: {
    argument: false,
    help: 'what guests write to disks stays in memory',
    apply: ({ configuration }) => {
      configuration.snapshot = true;
    },
  },
  boot: {
    argument: true,
    help: 'order=LETTERS,once=LETTERS,menu=on|off,splash-time=MS,reboot-timeout=MS,strict=on|off',
    apply: ({ configuration }, argument) => {
      configuration.boot = { ...configuration.boot, ...parseBoot(argument) };
    },
  },
  object: {
    argument: true,
    help: 'rng-random or rng-builtin, for virtio-rng-pci: its bytes come from -seed',
    apply: ({ configuration }, argument) => {
      const match = /^rng-(?:random|builtin)(?=.*,id=([^,]+))/.exec(argument);
      if (match === null) throw new UsageError(`-object ${argument}: this is not supported`, 'rng-random,id=NAME is');
      configuration.entropySources.push(match[1]!);
    },
  },
};
