/** The guest `screens` under SeaBIOS, on QEMU and here: its screens' names and their pixels. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import type { GraphicsScreen, Screen } from '../../src/devices/vga/screen.ts';
import type { Q35Options } from '../../src/machine/boards/q35-options.ts';
import { ourBoard } from './board-qtest.ts';
import { linesOf, Qmp } from './qmp.ts';

const QEMU = 'qemu-system-x86_64';
const BIOS = '/usr/share/seabios/bios-256k.bin';
const VIDEO_BIOS = '/usr/share/seabios/vgabios-stdvga.bin';
const GUEST = 'guests/built/screens.bin';
const MIB = 1024 * 1024;
const RAM_MIB = 32;
/** From reset to the first screen, and from screen to screen. */
const INSTRUCTIONS_MAX = 1e9;
/** How long a screen of QEMU's is looked at: its cursor is there for one half of 250 ms. */
const LOOKS = 30;
const LOOK_MILLISECONDS = 40;

export const TOOLS_MISSING =
  spawnSync(QEMU, ['--version']).status !== 0 || ![BIOS, VIDEO_BIOS].every((file) => existsSync(file));

type Pixels = Pick<GraphicsScreen, 'width' | 'height' | 'rgb'>;

export interface GuestScreen {
  readonly name: string;
  readonly picture: GraphicsScreen;
  readonly screen: Screen;
}

/** Every screen as we show it. */
export function ourScreens(personality: Q35Options['personality']): readonly GuestScreen[] {
  let printed = '';
  const machine = ourBoard({
    personality,
    ramBytes: RAM_MIB * MIB,
    firmware: { kind: 'bios', image: new Uint8Array(readFileSync(BIOS)) },
    display: { rom: new Uint8Array(readFileSync(VIDEO_BIOS)) },
    devices: [{ kind: 'ide-hd', drive: 'hd', bus: 'ide.0' }],
    drives: [{ id: 'hd', image: new RawImage(new MemoryFile('hd', disk())), interface: 'none', media: 'disk' }],
    serialOutput: (byte) => {
      printed += String.fromCharCode(byte);
      if (printed.endsWith('\n')) machine.stop();
    },
  });
  const screens: GuestScreen[] = [];
  for (;;) {
    printed = '';
    const outcome = machine.run({ maxInstructions: machine.processor.instructions + INSTRUCTIONS_MAX });
    if (outcome.kind !== 'stopped') throw new Error(`${outcome.kind} behind "${screens.at(-1)?.name}": "${printed}"`);
    const name = printed.trimEnd();
    if (name === 'end') return screens;
    screens.push({ name, picture: machine.picture()!, screen: machine.screen()! });
    machine.receiveSerial(Uint8Array.of(0x0a));
  }
}

/** A disk as small as SeaBIOS takes one for. */
function disk(): Uint8Array {
  const image = new Uint8Array(MIB);
  image.set(readFileSync(GUEST));
  return image;
}

/** QEMU with the guest, from screen to screen. */
export class QemuScreens {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dmascope-screens-'));
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #qmp: Qmp | undefined;

  constructor() {
    const image = join(this.#folder, 'disk');
    writeFileSync(image, disk());
    const words = `-M q35 -accel tcg -m ${RAM_MIB} -nodefaults -display none -vga std -serial stdio -no-reboot
      -bios ${BIOS} -drive file=${image},format=raw,if=none,id=hd -device ide-hd,drive=hd,bus=ide.0
      -qmp unix:${join(this.#folder, 'qmp')},server=on,wait=off`;
    this.#process = spawn(QEMU, words.trim().split(/\s+/), { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#lines = linesOf(createInterface({ input: this.#process.stdout! }));
  }

  async open(): Promise<void> {
    this.#qmp = await Qmp.connect(join(this.#folder, 'qmp'));
  }

  /** The name of the screen that stands now. */
  async name(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('QEMU ended');
    return value;
  }

  /** Looks until the screen is as wanted, and shows the last look if it never is. */
  async picture(wanted: (picture: Pixels) => boolean): Promise<Pixels> {
    const file = join(this.#folder, 'screen.ppm');
    for (let look = 1; ; look += 1) {
      await this.#qmp!.command('screendump', { filename: file });
      const picture = readPpm(readFileSync(file));
      if (look === LOOKS || wanted(picture)) return picture;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    }
  }

  goOn(): void {
    this.#process.stdin!.write('\n');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#qmp?.close();
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}

/** The binary form of PPM with a byte a sample (netpbm's `ppm(5)`), as QEMU writes it: no comments. */
function readPpm(bytes: Buffer): Pixels {
  const head = /^P6\s(\d+)\s(\d+)\s255\s/.exec(bytes.toString('latin1', 0, 64));
  if (head === null) throw new Error('not a PPM file');
  const [width, height] = [Number(head[1]), Number(head[2])];
  const rgb = new Uint8Array(bytes.subarray(head[0].length));
  if (rgb.length !== 3 * width * height) throw new Error(`${rgb.length} bytes are no ${width}x${height} pixels`);
  return { width, height, rgb };
}
