/** SeaBIOS boots disks, sticks and discs to a program that asks it for everything it has (guests/boot-disk). */
import { existsSync, readFileSync } from 'node:fs';
import type { BlockDevice } from '../../../src/devices/block/block-device.ts';
import { openImage } from '../../../src/devices/block/open-image.ts';
import { MemoryFile } from '../../../src/devices/block/testing/memory-file.ts';
import type { DeviceOption, FirmwareBoot, FirmwareOption } from '../../../src/machine/boards/q35-options.ts';
import { MissingPart } from '../../oracles/debian-packages.ts';
import { type BootDiskContents, bootDisc, bootDisk, dataSum, writtenSum } from '../boot-disk.ts';
import { qcow2Disk } from '../qcow2-disk.ts';
import { qemuSerial } from '../qemu-serial.ts';
import type { BootGuest, BootPlan, BootScenario, BootStep } from '../scenario.ts';

const MIB = 1024 * 1024;
const FILE = '/usr/share/seabios/bios-256k.bin';
/** A MiB of data, read 32 KiB at a time. */
export const CONTENTS: BootDiskContents = { sectors: 2048, seed: 1, writes: true };
/** A second disk, which must not be taken for the first. */
export const OTHER: BootDiskContents = { sectors: 64, seed: 2 };
const POWER_OFF: BootStep = { printed: 'boot: power off\n' };

export function seabios(): FirmwareOption {
  if (!existsSync(FILE)) throw new MissingPart(`no SeaBIOS: apt-get install seabios (${FILE})`);
  return { kind: 'bios', image: new Uint8Array(readFileSync(FILE)) };
}

const VIDEO_FILE = '/usr/share/seabios/vgabios-stdvga.bin';

export function vgaBios(): Uint8Array {
  if (!existsSync(VIDEO_FILE)) throw new MissingPart(`no video BIOS: apt-get install seabios (${VIDEO_FILE})`);
  return new Uint8Array(readFileSync(VIDEO_FILE));
}

interface Disks {
  /** The devices, given the images by their name below. */
  readonly devices: (images: Readonly<Record<string, BlockDevice>>) => readonly DeviceOption[];
  /** Files by the name of the drive. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** The boot disk that must have been booted. */
  readonly boots: BootDiskContents;
  readonly boot?: FirmwareBoot;
  readonly steps?: readonly BootStep[];
  /** QEMU's flags for the same machine; files as `@NAME`. */
  readonly qemu?: readonly string[];
  /** What else must be right. */
  readonly check?: (guest: BootGuest) => readonly string[];
}

/** SeaBIOS with these disks, of which it boots the right one, as on QEMU. */
export function diskPlan({ devices, files, boots, boot = {}, steps = [], qemu, check }: Disks): BootPlan {
  // QEMU first: the guest writes to its disk.
  const theirs = qemu === undefined ? undefined : qemuSerial([...qemu, '-bios', FILE], files);
  if (qemu !== undefined && theirs === undefined) throw new MissingPart('no QEMU: apt-get install qemu-system-x86');
  const images: Record<string, BlockDevice> = {};
  for (const [name, bytes] of Object.entries(files)) {
    const image = openImage(new MemoryFile(name, bytes), { id: name, snapshot: false });
    if ('problem' in image) throw new Error(image.problem);
    images[name] = image;
  }
  const options = devices(images);
  const drives = Object.entries(images)
    .filter(([name]) => options.some((device) => 'drive' in device && device.drive === name))
    .map(([id, image]) => ({ id, image, interface: 'none' as const, media: 'disk' as const }));
  return {
    options: { ramBytes: 128 * MIB, firmware: seabios(), devices: options, drives, boot },
    steps: [...steps, POWER_OFF],
    ends: 'power-off',
    check: (guest) => [
      ...missing(guest.serial(), [
        `data sectors ${boots.sectors.toString(16).padStart(8, '0')} sum ${dataSum(boots)}\n`,
        ...(boots.writes ? [`written, sum ${writtenSum(boots)}\n`] : []),
      ]),
      ...(theirs === undefined || guest.serial() === theirs ? [] : [`QEMU's guest printed:\n${theirs}`]),
      ...(check?.(guest) ?? []),
    ],
  };
}

function missing(printed: string, wanted: readonly string[]): string[] {
  return wanted.filter((text) => !printed.includes(text)).map((text) => `it never printed: ${text.trim()}`);
}

/** The last sector of the boot disk's data was turned over in the image. */
function written(bytes: Uint8Array, before: Uint8Array): readonly string[] {
  const last = bytes.length - 512;
  if (bytes.every((byte, at) => byte === (at < last ? before[at]! : ~before[at]! & 0xff))) return [];
  return ['the image does not hold what was written'];
}

function onAhci(): BootPlan {
  const hd = bootDisk(CONTENTS);
  const before = hd.slice();
  return diskPlan({
    files: { hd },
    boots: CONTENTS,
    devices: () => [{ kind: 'ide-hd', drive: 'hd', bus: 'ide.0' }],
    qemu: ['-drive', 'file=@hd,format=raw,if=none,id=hd', '-device', 'ide-hd,drive=hd,bus=ide.0'],
    check: () => written(hd, before),
  });
}

function onStick(): BootPlan {
  const stick = bootDisk(CONTENTS);
  const before = stick.slice();
  return diskPlan({
    files: { stick },
    boots: CONTENTS,
    devices: ({ stick: disk }) => [
      { kind: 'qemu-xhci', id: 'xhci', slot: 3 },
      { kind: 'usb-storage', disk: disk!, bus: 'xhci.0', port: 1 },
    ],
    qemu: [
      ...['-device', 'qemu-xhci,id=xhci,addr=3', '-drive', 'file=@stick,format=raw,if=none,id=stick'],
      ...['-device', 'usb-storage,drive=stick,bus=xhci.0,port=1'],
    ],
    check: (guest) => [...written(stick, before), ...missing(guest.debug(), ["USB MSC vendor='QEMU'"])],
  });
}

function stickAndKeyboard(): BootPlan {
  const boots = { ...CONTENTS, waitsForKey: true };
  return diskPlan({
    files: { stick: bootDisk(boots) },
    boots,
    devices: ({ stick }) => [
      { kind: 'qemu-xhci', id: 'xhci' },
      { kind: 'usb-storage', disk: stick!, bus: 'xhci.0', port: 1 },
      { kind: 'usb-kbd', bus: 'xhci.0', port: 2 },
    ],
    steps: [{ printed: 'boot: press a key\n', act: (guest) => guest.type('a') }, { printed: 'boot: key 1e61\n' }],
    check: (guest) => missing(guest.debug(), ['USB keyboard initialized']),
  });
}

function fromDisc(): BootPlan {
  const boots = { ...CONTENTS, writes: false };
  return diskPlan({
    files: { cd: bootDisc(boots) },
    boots,
    devices: () => [{ kind: 'ide-cd', drive: 'cd', bus: 'ide.2' }],
    qemu: ['-drive', 'file=@cd,format=raw,if=none,id=cd,media=cdrom', '-device', 'ide-cd,drive=cd,bus=ide.2'],
    check: (guest) => missing(guest.debug(), ['Booting from DVD/CD']),
  });
}

/** A disk on AHCI would come first; the index says otherwise. */
function virtioByIndex(): BootPlan {
  return diskPlan({
    files: { hd: bootDisk(OTHER), disk: bootDisk(CONTENTS) },
    boots: CONTENTS,
    devices: () => [
      { kind: 'ide-hd', drive: 'hd', bus: 'ide.0', bootIndex: 2 },
      { kind: 'virtio-blk-pci', drive: 'disk', slot: 4, bootIndex: 1 },
    ],
    qemu: [
      ...['-drive', 'file=@hd,format=raw,if=none,id=hd', '-device', 'ide-hd,drive=hd,bus=ide.0,bootindex=2'],
      ...['-drive', 'file=@disk,format=raw,if=none,id=disk'],
      ...['-device', 'virtio-blk-pci,drive=disk,addr=4,bootindex=1'],
    ],
  });
}

function fromQcow2(): BootPlan {
  const boots = { ...CONTENTS, writes: false };
  return diskPlan({
    files: { hd: qcow2Disk(bootDisk(boots)) },
    boots,
    devices: () => [{ kind: 'ide-hd', drive: 'hd', bus: 'ide.1' }],
    qemu: ['-drive', 'file=@hd,format=qcow2,if=none,id=hd', '-device', 'ide-hd,drive=hd,bus=ide.1'],
  });
}

/** ESC and a number, on the USB keyboard, choose the second disk. */
function byMenu(): BootPlan {
  const boots = { ...CONTENTS, writes: false };
  return diskPlan({
    files: { first: bootDisk(OTHER), second: bootDisk(boots) },
    boots,
    boot: { menu: true },
    devices: () => [
      { kind: 'qemu-xhci', id: 'xhci' },
      { kind: 'usb-kbd', bus: 'xhci.0' },
      { kind: 'ide-hd', drive: 'first', bus: 'ide.0', bootIndex: 0 },
      { kind: 'ide-hd', drive: 'second', bus: 'ide.3', bootIndex: 1 },
    ],
    steps: [
      { printed: 'for boot menu', on: 'debug', act: (guest) => guest.type([['esc']]) },
      { printed: 'Select boot device:', on: 'debug', act: (guest) => guest.type('2', 200) },
    ],
    check: (guest) => missing(guest.debug(), ['1. AHCI/0', '2. AHCI/3']),
  });
}

function scenario(name: string, about: string, build: () => BootPlan): BootScenario {
  return { name: `seabios-${name}`, about, budgetSeconds: 60, maxInstructions: 3e9, build };
}

export const SEABIOS: readonly BootScenario[] = [
  scenario('ahci', 'SeaBIOS boots a disk on AHCI, which is read and written by INT 13h; as on QEMU', onAhci),
  scenario('usb', 'SeaBIOS boots a USB stick behind xHCI by its own driver; as on QEMU', onStick),
  scenario('keyboard', 'SeaBIOS finds the stick and a USB keyboard, and a key reaches INT 16h', stickAndKeyboard),
  scenario('cdrom', 'SeaBIOS boots an El Torito disc on AHCI; as on QEMU', fromDisc),
  scenario('virtio', 'SeaBIOS boots the virtio disk that bootindex puts first; as on QEMU', virtioByIndex),
  scenario('qcow2', 'SeaBIOS boots a qcow2 image; as on QEMU', fromQcow2),
  scenario('menu', "SeaBIOS's boot menu, opened and answered on a USB keyboard", byMenu),
];
