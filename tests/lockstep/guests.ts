/** The guests that are followed: how QEMU is started for each, and where the comparison begins. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LockstepGuest {
  readonly name: string;
  readonly about: string;
  /** QEMU's arguments. Throws a {@link MissingPart} when a file that they name is not there. */
  readonly qemu: () => readonly string[];
  readonly ramMegabytes: number;
  /** Where the comparison begins: a linear address that QEMU runs to on its own; `undefined`: the reset vector. */
  readonly entry: (() => bigint) | undefined;
  /** Its devices store to RAM, which is then taken over from QEMU. */
  readonly devicesStore: boolean;
  /** Instructions that `npm run test:lockstep` compares. */
  readonly steps: number;
}

/** A test tool that is not installed. */
export class MissingPart extends Error {}

export const FIRMWARE = '/usr/share/seabios/bios-256k.bin';
const KERNEL_PACKAGE = 'linux-image-cloud-amd64';
/** Where the kernel's package is unpacked when it is not installed. */
const KERNEL_CACHE = join(tmpdir(), 'dmascope-kernel');
/** The 32-bit entry of a bzImage, and where Debian's kernel runs once it has unpacked itself without KASLR. */
const BZIMAGE_ENTRY = 0x10_0000n;
const KERNEL_ENTRY = 0x100_0000n;
const ELF_ENTRY = 24;

/** Debian's kernel: DMASCOPE_KERNEL, or an installed one, or the package's, which is fetched once. */
export function kernelFile(): string {
  const named = process.env.DMASCOPE_KERNEL;
  if (named !== undefined) {
    if (!existsSync(named)) throw new MissingPart(`DMASCOPE_KERNEL names ${named}, which does not exist`);
    return named;
  }
  return kernelIn('/boot') ?? kernelIn(join(KERNEL_CACHE, 'boot')) ?? fetchKernel();
}

function kernelIn(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const name = readdirSync(folder).find((candidate) => /^vmlinuz-.*-cloud-amd64$/.test(candidate));
  return name === undefined ? undefined : join(folder, name);
}

function fetchKernel(): string {
  mkdirSync(KERNEL_CACHE, { recursive: true });
  const run = (command: string, ...words: string[]) =>
    execFileSync(command, words, { cwd: KERNEL_CACHE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const real = /Depends: (linux-image-\S+)/.exec(run('apt-cache', 'depends', KERNEL_PACKAGE))?.[1];
    run('apt-get', 'download', real!);
    const file = readdirSync(KERNEL_CACHE).find((name) => name.startsWith(`${real}_`))!;
    run('dpkg', '-x', file, '.');
  } catch (problem) {
    throw new MissingPart(`no Linux kernel: install ${KERNEL_PACKAGE}, or name one by DMASCOPE_KERNEL (${problem})`);
  }
  const kernel = kernelIn(join(KERNEL_CACHE, 'boot'));
  if (kernel === undefined) throw new MissingPart(`${KERNEL_PACKAGE} holds no vmlinuz`);
  return kernel;
}

function linux(): string[] {
  return ['-kernel', kernelFile(), '-append', 'nokaslr console=ttyS0 earlyprintk=serial', '-serial', 'null'];
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
