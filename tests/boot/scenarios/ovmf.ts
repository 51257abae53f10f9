/** OVMF in flash: the UEFI shell on the serial console, a stick and a keyboard behind the USB controller. */
import { readFileSync } from 'node:fs';
import { RawImage } from '../../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../../src/devices/block/testing/memory-file.ts';
import { packageFile } from '../../oracles/debian-packages.ts';
import { fatDisk } from '../fat-disk.ts';
import type { BootPlan, BootScenario, BootStep } from '../scenario.ts';

const MIB = 1024 * 1024;
const PROMPT = 'Shell> ';

/** The echo of what is typed never holds an answer: the shell puts `%answer%` in. */
const SCRIPT = [
  '@echo -off',
  'set -v answer forty-two',
  'echo startup=%answer%',
  'type fs0:\\BIG.TXT',
  'echo written by the shell > fs0:\\out.txt',
  'type fs0:\\out.txt',
].join('\r\n');

const WRITTEN = 'written by the shell';
/** More than one transfer of the stick. */
const BIG_LINES = 1200;
const BIG = `${Array.from({ length: BIG_LINES }, (_, line) => `line ${line} of the file`).join('\r\n')}\r\n`;

function typed(how: 'serial' | 'keyboard', text: string, answer: string): BootStep[] {
  const name = `a prompt, then ${how}: ${text}`;
  return [
    {
      name,
      printed: PROMPT,
      act: (guest) => (how === 'serial' ? guest.send(`${text}\r`) : guest.type(`${text}\n`, 100)),
    },
    { printed: answer },
  ];
}

const STEPS: readonly BootStep[] = [
  { printed: 'UEFI Interactive Shell' },
  { printed: 'FS0:' },
  { printed: 'startup=forty-two' },
  { printed: `line ${BIG_LINES - 1} of the file` },
  { printed: WRITTEN },
  ...typed('serial', 'echo serial=%answer%', 'serial=forty-two'),
  ...typed('keyboard', 'echo keyboard=%answer%', 'keyboard=forty-two'),
  { printed: PROMPT, act: (guest) => guest.send('reset -s\r') },
];

function plan(): BootPlan {
  const file = (name: string): MemoryFile =>
    new MemoryFile(name, new Uint8Array(readFileSync(packageFile('ovmf', '/usr/share/OVMF', new RegExp(`^${name}$`)))));
  const code = Object.assign(file('OVMF_CODE.fd'), { writable: false });
  const vars = file('OVMF_VARS.fd');
  const empty = vars.bytes.slice();
  const files = { 'STARTUP.NSH': Buffer.from(SCRIPT), 'BIG.TXT': Buffer.from(BIG) };
  const stick = new MemoryFile('stick.img', fatDisk({ megabytes: 8, files }));
  return {
    options: {
      ramBytes: 128 * MIB,
      noGraphics: true,
      flash: { code: new RawImage(code), vars: new RawImage(vars) },
      devices: [
        { kind: 'qemu-xhci' },
        { kind: 'usb-kbd' },
        { kind: 'usb-storage', disk: new RawImage(stick), removable: true },
      ],
    },
    steps: STEPS,
    ends: 'power-off',
    check: () => [
      ...(Buffer.from(stick.bytes).includes(Buffer.from(WRITTEN, 'utf16le'))
        ? []
        : ['what the shell wrote is not on the stick']),
      ...(Buffer.compare(vars.bytes, empty) !== 0 ? [] : ['no variable was written to the flash']),
    ],
  };
}

export const OVMF: readonly BootScenario[] = [
  {
    name: 'ovmf-shell',
    about: 'OVMF to the UEFI shell, which runs a script from a stick and takes keys from the USB keyboard',
    budgetSeconds: 300,
    maxInstructions: 6e9,
    build: plan,
  },
];
