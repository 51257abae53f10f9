/** memtest86+: finds RAM, takes keys by its own xHCI driver, and a pass over 64 MiB finds no error. */
import { readFileSync } from 'node:fs';
import { coresOfOnePackage } from '../../../src/cpu/topology.ts';
import { encodePng } from '../../../src/debug/png.ts';
import { RawImage } from '../../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../../src/devices/block/testing/memory-file.ts';
import { fontBytes } from '../../../src/devices/vga/font.ts';
import { readText } from '../../../src/devices/vga/testing/glyph-reader.ts';
import { packageFile } from '../../oracles/debian-packages.ts';
import type { BootGuest, BootPlan, BootScenario, BootStep } from '../scenario.ts';
import { seabios, vgaBios } from './seabios.ts';

const MIB = 1024 * 1024;
const PACKAGE = 'memtest86+';
/** Everything that the screen shows above the errors stands on COM1 too, each line as it changes. */
const CONSOLE = 'console=ttyS0,115200';
const RUNNING = 'Status: Testing';

function program(bits: 'x64' | 'ia32'): Uint8Array {
  return new Uint8Array(readFileSync(packageFile(PACKAGE, '/boot', new RegExp(`^memtest86\\+${bits}\\.bin$`))));
}

/** Its own xHCI driver gets ESC, which leaves the program by a reset. The PS/2 keyboard is not looked at. */
function keyboard(bits: 'x64' | 'ia32', cpus: number): BootPlan {
  return {
    options: {
      ramBytes: 16 * MIB,
      processors: coresOfOnePackage(cpus),
      devices: [{ kind: 'qemu-xhci', id: 'xhci' }, { kind: 'usb-kbd' }],
    },
    kernel: { name: `memtest86+${bits}.bin`, bytes: program(bits), commandLine: `keyboard=usb ${CONSOLE}` },
    steps: [
      { printed: 'Memory  :   16MB' },
      { printed: RUNNING },
      { printed: RUNNING, act: (guest) => guest.type([['esc']], 500) },
    ],
    ends: 'reset',
  };
}

/** The package's disc, by SeaBIOS and the disc's boot loader, on a display. */
function disc(steps: readonly BootStep[], ends: BootPlan['ends']): BootPlan {
  const file = packageFile(PACKAGE, '/usr/lib/memtest86+', /^memtest86\+x64\.iso$/);
  const image = new RawImage(new MemoryFile('memtest86+x64.iso', new Uint8Array(readFileSync(file))));
  return {
    options: {
      ramBytes: 64 * MIB,
      firmware: seabios(),
      display: { rom: vgaBios() },
      drives: [{ id: 'cd', image, interface: 'ide', media: 'cdrom' }],
      noReboot: true,
      trackWriters: false,
    },
    steps: [{ printed: 'Booting from 0000:7c00', on: 'debug' }, ...steps],
    ends,
  };
}

/** Entered directly, without a video BIOS: what its screen's pixels say is what stands in video memory. */
function pixels(): BootPlan {
  return {
    options: { ramBytes: 32 * MIB, display: {}, trackWriters: false },
    kernel: { name: 'memtest86+x64.bin', bytes: program('x64'), commandLine: '' },
    steps: [shown(/<Enter> to start testing/, (guest) => guest.stop())],
    ends: 'stopped',
    check: ({ machine }) => {
      const screen = machine.screen();
      if (screen?.kind !== 'text') return ['the screen shows graphics'];
      const read = readText(machine.picture()!, screen.attributes, fontBytes());
      return machine
        .screenText()!
        .flatMap((line, row) => (line === read[row] ? [] : [`line ${row}: "${line}"; its pixels: "${read[row]}"`]));
    },
  };
}

/** Waits until a line of the screen fits, and leaves a picture of it. */
function shown(line: RegExp, act: (guest: BootGuest) => void): BootStep {
  return {
    name: `the screen shows ${line.source}`,
    everyMilliseconds: 1000,
    until: ({ machine }) => machine.screenText()?.some((text) => line.test(text)) === true,
    act: (guest) => {
      guest.leave('screen.png', encodePng(guest.machine.picture()!));
      guest.leave('screen.txt', new TextEncoder().encode(`${guest.machine.screenText()!.join('\n')}\n`));
      act(guest);
    },
  };
}

/** ESC on the PS/2 keyboard, in the middle of a test, leaves by a reset. */
function left(): BootPlan {
  const line = /Testing: .* of 63.4MB\]/;
  return disc([shown(line, (guest) => guest.type([['esc']]))], 'reset');
}

/** One whole pass: eleven tests, with the bit fade test's two waits of 80 seconds. */
function pass(): BootPlan {
  return disc([shown(/Pass: {2}1 +Errors: 0$/, (guest) => guest.stop())], 'stopped');
}

function scenario(name: string, about: string, budgetSeconds: number, build: () => BootPlan): BootScenario {
  return { name: `memtest-${name}`, about, budgetSeconds, maxInstructions: 150e9, build };
}

export const MEMTEST: readonly BootScenario[] = [
  scenario('keyboard', 'memtest86+ leaves by a key that its own xHCI driver read', 60, () => keyboard('x64', 1)),
  scenario('ia32-smp2', 'the 32-bit memtest86+ on two processors, left by a USB key', 60, () => keyboard('ia32', 2)),
  scenario('disc', "memtest86+'s disc, by SeaBIOS and the disc's boot loader", 120, left),
  scenario('pixels', 'memtest86+ by -kernel: its screen is read back from its pixels', 60, pixels),
  scenario('pass', 'a whole pass of memtest86+ over 64 MiB without an error, with a picture of the screen', 900, pass),
];
