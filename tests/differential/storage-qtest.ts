/**
 * The q35's storage functions driven as over qtest: every access is made on our machine and noted as a qtest command,
 * so that the same script runs on QEMU and the answers can be compared one by one.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AhciFunction } from '../../src/devices/ahci/pci-function.ts';
import { AHCI_QEMU } from '../../src/devices/ahci/personality.ts';
import { CdRom } from '../../src/devices/ata/cdrom.ts';
import { AtaDisk } from '../../src/devices/ata/disk.ts';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import { type GuestBus, StorageGuest } from '../../src/devices/testing/storage-guest.ts';
import { VirtioBlock } from '../../src/devices/virtio/block.ts';
import { VirtioEntropy } from '../../src/devices/virtio/entropy.ts';
import { VirtioFunction } from '../../src/devices/virtio/pci-function.ts';
import type { PciFunction } from '../../src/pci/function.ts';

export const QEMU_BINARY = 'qemu-system-x86_64';
export const AHCI_BAR = 0xe000_0000;
export const BLOCK_BAR = 0xe100_0000;
export const ENTROPY_BAR = 0xe110_0000;
export const DISK_SECTORS = 40_960;
export const DISC_SECTORS = 1024;
/** QEMU works while its input rests. */
const WAIT = '#wait';
const WAIT_SECONDS = 0.15;

/** Bytes that tell where they stand. */
export function pattern(bytes: number): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index += 1) words[index] = Math.imul(index + 1, 0x9e37_79b1);
  return new Uint8Array(words.buffer);
}

export class StorageQtest implements GuestBus {
  readonly answers: string[] = [];
  readonly functions: Readonly<Record<'ahci' | 'block' | 'entropy', PciFunction>>;
  readonly #guest = new StorageGuest();
  readonly #script: string[] = [];

  constructor() {
    const { bus, clock } = this.#guest;
    const { system, trace } = bus;
    const disk = (name: string): RawImage => new RawImage(new MemoryFile(name, pattern(DISK_SECTORS * 512)));
    const identity = (serial: string, model: string) => ({ serial, model, firmware: '2.5+' });
    const ahci = new AhciFunction({ system, clock, personality: AHCI_QEMU });
    ahci.controller.ports[0]!.device = new AtaDisk({
      medium: disk('a'),
      identity: identity('QM00001', 'QEMU HARDDISK'),
    });
    const disc = new RawImage(new MemoryFile('c', pattern(DISC_SECTORS * 2048)));
    ahci.controller.ports[2]!.device = new CdRom({ medium: disc, identity: identity('QM00005', 'QEMU DVD-ROM') });
    const block = new VirtioBlock({ medium: disk('b'), serial: 'first' });
    const virtio = (device: VirtioBlock | VirtioEntropy) => new VirtioFunction({ system, clock, trace, device });
    this.functions = { ahci: ahci.pci, block: virtio(block), entropy: virtio(new VirtioEntropy()) };
    for (const [name, device, number] of [
      ['ahci', 31, 2],
      ['block', 4, 0],
      ['entropy', 5, 0],
    ] as const) {
      this.functions[name].plug(bus.bus, device, number);
      this.functions[name].reset();
    }
  }

  /** Gives the functions their addresses. */
  enable(): void {
    const { ahci, block, entropy } = this.functions;
    this.config(ahci, 0x20, 0xc000);
    this.config(ahci, 0x24, AHCI_BAR);
    for (const [entry, port, base] of [
      [block, 0xc100, BLOCK_BAR],
      [entropy, 0xc200, ENTROPY_BAR],
    ] as const) {
      this.config(entry, 0x10, port);
      this.config(entry, 0x14, base + 0x8_0000);
      this.config(entry, 0x20, base);
      this.config(entry, 0x24, 0);
    }
    for (const entry of Object.values(this.functions)) this.config(entry, 0x04, 7);
  }

  config(entry: PciFunction, offset: number, value: number): void {
    this.#select(entry, offset);
    this.out(0xcfc, value);
  }

  configRead(entry: PciFunction, offset: number): number {
    this.#select(entry, offset);
    return this.in(0xcfc);
  }

  read(address: number, size = 4): number {
    return this.#answer(`read${letter(size)} 0x${address.toString(16)}`, this.#guest.read(address, size));
  }

  write(address: number, value: number, size = 4): void {
    this.#guest.write(address, value, size);
    this.#ok(`write${letter(size)} 0x${address.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }

  in(port: number, size = 4): number {
    return this.#answer(`in${letter(size)} 0x${port.toString(16)}`, this.#guest.in(port, size));
  }

  out(port: number, value: number, size = 4): void {
    this.#guest.out(port, value, size);
    this.#ok(`out${letter(size)} 0x${port.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }

  wait(): void {
    this.#guest.wait();
    this.#script.push(WAIT);
  }

  /** QEMU's answers to the same script, in our form. */
  runQemu(waitSeconds: number = WAIT_SECONDS): string[] {
    const folder = mkdtempSync(join(tmpdir(), 'dmascope-storage-'));
    const image = (name: string, bytes: number): string => {
      writeFileSync(join(folder, name), pattern(bytes));
      return `file=${join(folder, name)},format=raw,if=none,id=${name}`;
    };
    const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m 16
      -drive ${image('a', DISK_SECTORS * 512)} -device ide-hd,drive=a,bus=ide.0
      -drive ${image('c', DISC_SECTORS * 2048)},media=cdrom,readonly=on -device ide-cd,drive=c,bus=ide.2
      -drive ${image('b', DISK_SECTORS * 512)} -device virtio-blk-pci,drive=b,addr=4,serial=first
      -device virtio-rng-pci,addr=5 -device isa-debug-exit,iobase=0x501 -qtest stdio -qtest-log /dev/null`;
    const words = flags.split(/\s+/).map((word) => `'${word}'`);
    const log = join(folder, 'transcript');
    // The script as a shell program: its pauses let QEMU's block layer finish.
    const steps: string[] = [];
    let block: string[] = [];
    const flush = (): void => {
      if (block.length > 0) steps.push(`cat <<'EOF'\n${block.join('\n')}\nEOF`);
      block = [];
    };
    for (const line of this.#script) {
      if (line !== WAIT) block.push(line);
      else {
        flush();
        steps.push(`sleep ${waitSeconds}`);
      }
    }
    block.push('outb 0x501 0');
    flush();
    const program = join(folder, 'script.sh');
    writeFileSync(program, steps.join('\n'));
    const descriptor = openSync(log, 'w');
    spawnSync('sh', ['-c', `sh ${program} | timeout 60 ${QEMU_BINARY} ${words.join(' ')}`], {
      stdio: ['ignore', descriptor, descriptor],
    });
    closeSync(descriptor);
    const lines = readFileSync(log, 'utf8').split('\n');
    rmSync(folder, { recursive: true });
    const commands = this.#script.filter((line) => line !== WAIT);
    return lines
      .filter((line) => line.startsWith('OK'))
      .slice(0, commands.length)
      .map((line, index) => {
        const value = line.split(' ')[1];
        return value === undefined ? commands[index]! : `${commands[index]} = ${BigInt(value).toString(16)}`;
      });
  }

  #select(entry: PciFunction, offset: number): void {
    const { device, function: number } = entry.address;
    this.out(0xcf8, (0x8000_0000 + device * 0x800 + number * 0x100 + offset) >>> 0);
  }

  #answer(command: string, value: number): number {
    this.#script.push(command);
    this.answers.push(`${command} = ${value.toString(16)}`);
    return value;
  }

  #ok(command: string): void {
    this.#script.push(command);
    this.answers.push(command);
  }
}

function letter(size: number): string {
  return { 1: 'b', 2: 'w' }[size] ?? 'l';
}
