/** The guests that are followed: how QEMU is started for each, and where the comparison begins. */
import { readFileSync } from 'node:fs';
import { cloudKernel } from '../oracles/debian-packages.ts';

export interface LockstepGuest {
  readonly name: string;
  readonly about: string;
  /** QEMU's arguments. Throws a `MissingPart` when a file that they name is not there. */
  readonly qemu: () => readonly string[];
  readonly ramMegabytes: number;
  /** Where the comparison begins: a linear address that QEMU runs to on its own; `undefined`: the reset vector. */
  readonly entry: (() => bigint) | undefined;
  /** Its devices store to RAM, which is then taken over from QEMU. */
  readonly devicesStore: boolean;
  /** Instructions that `npm run test:lockstep` compares. */
  readonly steps: number;
}

export const FIRMWARE = '/usr/share/seabios/bios-256k.bin';
/** The 32-bit entry of a bzImage, and where Debian's kernel runs once it has unpacked itself without KASLR. */
const BZIMAGE_ENTRY = 0x10_0000n;
const KERNEL_ENTRY = 0x100_0000n;
const ELF_ENTRY = 24;

function linux(): string[] {
  return ['-kernel', cloudKernel(), '-append', 'nokaslr console=ttyS0 earlyprintk=serial', '-serial', 'null'];
}

function builtGuest(name: string, steps: number, words: string): LockstepGuest {
  const file = `guests/built/${name}.elf`;
  return {
    name,
    about: `guests/built/${name}.elf from its entry`,
    qemu: () => ['-kernel', file, '-append', words, '-serial', 'null', '-device', 'isa-debug-exit,iobase=0xf4'],
    ramMegabytes: 128,
    devicesStore: false,
    entry: () => readFileSync(file).readBigUInt64LE(ELF_ENTRY),
    steps,
  };
}

export const GUESTS: readonly LockstepGuest[] = [
  {
    name: 'seabios',
    about: 'SeaBIOS from the reset vector',
    qemu: () => ['-bios', FIRMWARE],
    ramMegabytes: 64,
    devicesStore: true,
    entry: undefined,
    steps: 1_000_000,
  },
  {
    name: 'linux',
    about: "Debian's kernel from the entry of the unpacked kernel",
    qemu: linux,
    ramMegabytes: 256,
    devicesStore: false,
    entry: () => KERNEL_ENTRY,
    steps: 1_000_000,
  },
  {
    name: 'linux-loader',
    about: "Debian's kernel from the 32-bit entry of the bzImage, which moves and unpacks itself",
    qemu: linux,
    ramMegabytes: 256,
    devicesStore: false,
    entry: () => BZIMAGE_ENTRY,
    steps: 100_000,
  },
  builtGuest('bench', 100_000, 'sieve 1 sort 1 crc 1'),
  builtGuest('fault', 50_000, 'page'),
];
