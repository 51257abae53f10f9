/** Boot sectors that set a video mode through the BIOS and draw, run by SeaBIOS here and on QEMU, up to the picture. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Picture } from '../../src/debug/png.ts';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { testBoard } from '../../src/machine/testing/tiny-kernel.ts';
import { pictureDifferences, pictureOfPpm } from './picture.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;
const QEMU = 'qemu-system-x86_64';
export const BIOS = '/usr/share/seabios/bios-256k.bin';
export const VIDEO_BIOS = '/usr/share/seabios/vgabios-stdvga.bin';
const INSTRUCTIONS_MAX = 2e9;
const READY = 0x52;
const DEADLINE_MILLISECONDS = 60_000;
const POLL_MILLISECONDS = 50;
/** A cursor is there for 229 ms, then away for as long; pauses of several lengths meet both, however slow the dumps are. */
const PAUSES_MILLISECONDS = [90, 130, 170, 210, 250, 290];
const DUMPS_MAX = 24;

const word = (value: number): [number, number] => [value & 0xff, value >> 8];

/** MOV AX, `mode`; INT 10h. */
const setMode = (mode: number): number[] => [0xb8, ...word(mode), 0xcd, 0x10];
/** MOV AX, `segment`; MOV ES, AX; XOR DI, DI. */
const target = (segment: number): number[] => [0xb8, ...word(segment), 0x8e, 0xc0, 0x31, 0xff];
/** OUT to 0xe9; CLI; HLT for ever. */
const READY_AND_HALT = [0xb0, READY, 0xe6, 0xe9, 0xfa, 0xf4, 0xeb, 0xfd];

/** Every character, in every pair of colours: no blinking (AX=1003h, BL=0), a cursor of two lines at row 3, column 18. */
export function textSector(mode: number): Uint8Array {
  return sector([
    ...setMode(mode),
    ...[0xb8, ...word(0x1003), 0x31, 0xdb, 0xcd, 0x10],
    ...[0xb4, 0x02, 0xb7, 0x00, 0xba, ...word(0x0312), 0xcd, 0x10],
    ...[0xb4, 0x01, 0xb9, ...word(0x0607), 0xcd, 0x10],
    ...target(0xb800),
    ...[0x31, 0xdb],
    // MOV AX, 6501h; MUL BX; STOSW; INC BX; CMP BX, 2000; JB: characters count up, attributes by 101.
    ...[0xb8, ...word(0x6501), 0xf7, 0xe3, 0xab, 0x43, 0x81, 0xfb, ...word(2000), 0x72, 0xf3],
    ...READY_AND_HALT,
  ]);
}

/** A byte at each address: the exclusive or of the address's two bytes. */
export function bytesSector(mode: number, segment: number, count: number): Uint8Array {
  return sector([
    ...setMode(mode),
    ...target(segment),
    // MOV AX, DI; XOR AL, AH; STOSB; CMP DI, count; JB.
    ...[0x89, 0xf8, 0x30, 0xe0, 0xaa, 0x81, 0xff, ...word(count), 0x72, 0xf5],
    ...READY_AND_HALT,
  ]);
}

/** Planar modes, in write mode 2: a colour for the dots of the bit mask 5ah, the others as they were. */
export function planarSector(mode: number, count: number): Uint8Array {
  return sector([
    ...setMode(mode),
    ...target(0xa000),
    ...[0xba, ...word(0x3ce), 0xb8, ...word(0x0205), 0xef, 0xb8, ...word(0x5a08), 0xef],
    // MOV AH, ES:[DI], for the latches; then as above.
    ...[0x26, 0x8a, 0x25, 0x89, 0xf8, 0x30, 0xe0, 0xaa, 0x81, 0xff, ...word(count), 0x72, 0xf2],
    ...READY_AND_HALT,
  ]);
}

function sector(code: readonly number[]): Uint8Array {
  // A whole number of cylinders.
  const disk = new Uint8Array(MIB);
  disk.set(code);
  disk.set([0x55, 0xaa], SECTOR - 2);
  return disk;
}

/** Our board, with QEMU's habits, when the boot sector has halted. */
export function drawnHere(disk: Uint8Array): Machine {
  const { machine } = testBoard({
    ramBytes: 32 * MIB,
    personality: 'qemu',
    devices: [],
    firmware: { kind: 'bios', image: new Uint8Array(readFileSync(BIOS)) },
    display: { rom: new Uint8Array(readFileSync(VIDEO_BIOS)) },
    drives: [{ id: 'hd', image: new RawImage(new MemoryFile('disk', disk)), interface: 'ide', media: 'disk' }],
    trackWriters: false,
  });
  const outcome = machine.run({ maxInstructions: INSTRUCTIONS_MAX });
  if (outcome.kind !== 'halted') throw new Error(`the boot sector did not halt: ${outcome.kind}`);
  return machine;
}

/** What QEMU shows when the boot sector has halted: one picture, or with and without its cursor, in the order they came. */
export async function drawnByQemu(disk: Uint8Array, blinks = false): Promise<readonly Picture[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-screen-'));
  const [image, debug, dump] = ['disk.img', 'debug', 'screen.ppm'].map((name) => join(folder, name));
  writeFileSync(image!, disk);
  const flags = `-M q35 -accel tcg -m 32 -vga std -display none -net none -serial none -monitor stdio -bios ${BIOS}
    -drive file=${image},format=raw -debugcon file:${debug} -no-reboot`;
  const qemu = spawn(QEMU, flags.split(/\s+/), { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => qemu.once('exit', resolve));
  let said = '';
  qemu.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const prompts = (): number => said.split('(qemu) ').length - 1;
  const takePicture = async (): Promise<Picture> => {
    const before = prompts();
    qemu.stdin.write(`screendump ${dump}\n`);
    await until(() => prompts() > before, `QEMU's monitor to answer; it said ${said}`);
    return pictureOfPpm(readFileSync(dump!));
  };
  try {
    await until(() => prompts() > 0, "QEMU's monitor");
    await until(() => existsSync(debug!) && readFileSync(debug!).includes(READY), 'the boot sector on QEMU');
    const pictures: Picture[] = [];
    for (let dumps = 0; dumps < (blinks ? DUMPS_MAX : 1) && pictures.length < 2; dumps += 1) {
      const picture = await takePicture();
      if (!pictures.some((other) => pictureDifferences(picture, other).length === 0)) pictures.push(picture);
      if (blinks) await pause(PAUSES_MILLISECONDS[dumps % PAUSES_MILLISECONDS.length]!);
    }
    return pictures;
  } finally {
    qemu.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(reached: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !reached(); waited += POLL_MILLISECONDS) {
    if (waited > DEADLINE_MILLISECONDS) throw new Error(`waited ${DEADLINE_MILLISECONDS} ms for ${what}`);
    await pause(POLL_MILLISECONDS);
  }
}
