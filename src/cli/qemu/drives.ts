/** `-drive`, `-hda` ... `-hdd`, `-cdrom` and a bare file name: which image is wanted where. No file is touched yet. */
import { parseInteger } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { parseOptionList } from './option-list.ts';

export interface DriveRequest {
  readonly id: string;
  /** For messages: `-hda disk.img`. */
  readonly option: string;
  /** `undefined`: a drive without a medium. */
  readonly path: string | undefined;
  /** `none`: a device names it. */
  readonly interface: 'ide' | 'virtio' | 'pflash' | 'none';
  readonly media: 'disk' | 'cdrom';
  /** `undefined`: by what the file looks like. */
  readonly format: 'raw' | 'qcow2' | undefined;
  /** `undefined`: as `-snapshot` says. */
  readonly snapshot: boolean | undefined;
  readonly readOnly: boolean;
  /** Port or flash unit. */
  readonly index: number | undefined;
}

const INTERFACES = ['ide', 'virtio', 'pflash', 'none'] as const;
const FORMATS = ['raw', 'qcow2'] as const;
const IDE_PORTS = 6;
const FLASH_UNITS = 2;

/** What each key of `-drive` may be; those of {@link HARMLESS} change nothing that a guest could see. */
const KEYS = ['file', 'if', 'format', 'media', 'snapshot', 'readonly', 'id', 'index', 'bus', 'unit'] as const;
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  cache: ['writeback', 'none', 'unsafe'],
  aio: ['threads', 'native', 'io_uring'],
  discard: ['ignore', 'off', 'unmap', 'on'],
  'detect-zeroes': ['off', 'on', 'unmap'],
};

/** Reads the argument of one `-drive`; `earlier` are those before it. */
export function parseDrive(argument: string, earlier: readonly DriveRequest[]): DriveRequest {
  const option = `-drive ${argument}`;
  const list = parseOptionList(argument, undefined);
  for (const [key, value] of list.entries) checkKey(option, key, value);
  const given = (key: string) => list.get(key);
  const wanted = given('if') ?? 'ide';
  const bus = INTERFACES.find((each) => each === wanted);
  if (bus === undefined) {
    throw new UsageError(
      `${option}: the interface "${wanted}" is not supported${didYouMean(wanted, INTERFACES)}`,
      wanted === 'scsi' || wanted === 'sd' || wanted === 'floppy' || wanted === 'mtd'
        ? 'the board has no such controller; if=virtio, if=ide or if=none with -device usb-storage'
        : `give one of: ${INTERFACES.join(', ')}`,
    );
  }
  const path = given('file');
  const media = oneOf(option, 'media', given('media') ?? 'disk', ['disk', 'cdrom'] as const);
  if ((path === undefined || path === '') && media === 'disk') {
    throw new UsageError(`${option}: which file?`, 'give file=PATH; only a CD-ROM drive may be empty (media=cdrom)');
  }
  const index = placeOf(option, bus, list.get('index'), list.get('bus'), list.get('unit'));
  return withId(
    {
      id: given('id') ?? '',
      option,
      path: path === '' ? undefined : path,
      interface: bus,
      media,
      format: given('format') === undefined ? undefined : oneOf(option, 'format', given('format')!, FORMATS),
      snapshot: onOff(option, 'snapshot', given('snapshot')),
      readOnly: onOff(option, 'readonly', given('readonly') ?? given('read-only')) ?? media === 'cdrom',
      index,
    },
    earlier,
  );
}

/** `-hda FILE` and the like: the port has the letter's number, `cdrom` is the third; without one, the first free. */
export function driveAt(
  option: string,
  path: string,
  index: number | undefined,
  media: 'disk' | 'cdrom',
  earlier: readonly DriveRequest[],
): DriveRequest {
  const readOnly = media === 'cdrom';
  const rest = { format: undefined, snapshot: undefined, readOnly, index } as const;
  return withId({ id: '', option: `${option} ${path}`.trim(), path, interface: 'ide', media, ...rest }, earlier);
}

/** A USB stick; there may be several. */
export function stickDrive(path: string, index: number): DriveRequest {
  const rest = { media: 'disk', format: undefined, snapshot: undefined, readOnly: false, index: undefined } as const;
  return { id: `stick${index}`, option: `--stick ${path}`, path, interface: 'none', ...rest };
}

/** `-pflash FILE`: the next unit. */
export function flashDrive(path: string, earlier: readonly DriveRequest[]): DriveRequest {
  const rest = { media: 'disk', format: 'raw', snapshot: undefined, readOnly: false, index: undefined } as const;
  return withId({ id: '', option: `-pflash ${path}`, path, interface: 'pflash', ...rest }, earlier);
}

/** Which port or unit it will have: the given one, or the first free one of those before it. */
function withId(drive: DriveRequest, earlier: readonly DriveRequest[]): DriveRequest {
  const same = earlier.filter((each) => each.interface === drive.interface);
  const taken = new Set(same.map(({ index }) => index));
  let { index } = drive;
  if (index !== undefined && taken.has(index)) {
    throw new UsageError(
      `${drive.option}: there is a drive with index=${index} already: ${same.find((each) => each.index === index)!.option}`,
      'give another index=, or leave it out',
    );
  }
  if (index === undefined && drive.interface !== 'none') {
    index = 0;
    while (taken.has(index)) index += 1;
  }
  const kind = drive.media === 'cdrom' ? 'cd' : 'hd';
  // QEMU's names, by which -device and the monitor know a drive that was given none.
  const own = drive.interface === 'ide' ? `ide${index}-${kind}0` : `${drive.interface}${index ?? same.length}`;
  const id = drive.id === '' ? own : drive.id;
  if (earlier.some((each) => each.id === id)) {
    throw new UsageError(`${drive.option}: there is a drive "${id}" already`, 'give each its own id=');
  }
  const limit = { ide: IDE_PORTS, pflash: FLASH_UNITS, virtio: undefined, none: undefined }[drive.interface];
  if (limit !== undefined && index! >= limit) {
    const what = drive.interface === 'ide' ? 'SATA ports' : 'flash units';
    throw new UsageError(
      `${drive.option}: the board has ${limit} ${what}`,
      'if=virtio takes as many as there are slots',
    );
  }
  return { ...drive, id, index };
}

function placeOf(
  option: string,
  bus: DriveRequest['interface'],
  index: string | undefined,
  busNumber: string | undefined,
  unit: string | undefined,
): number | undefined {
  const [place, port, first] = [index, busNumber, unit].map((text) => {
    if (text === undefined) return undefined;
    const number = parseInteger(text);
    if (number === undefined) throw new UsageError(`${option}: "${text}" is not a number`, 'for example index=1');
    return number;
  });
  if (place !== undefined && (port !== undefined || first !== undefined)) {
    throw new UsageError(`${option}: index cannot be used with bus and unit`, 'give index= alone');
  }
  // A flash unit is a unit; a SATA port takes one drive, its unit 0.
  if (bus === 'pflash') return place ?? first;
  if (first !== undefined && first !== 0) {
    throw new UsageError(`${option}: unit ${first} too big: a port takes one drive, unit 0`, 'give index=, the port');
  }
  return place ?? port ?? (first === undefined ? undefined : 0);
}

function checkKey(option: string, key: string, value: string): void {
  if ((KEYS as readonly string[]).includes(key) || key === 'read-only') return;
  const harmless = Object.hasOwn(HARMLESS, key) ? HARMLESS[key] : undefined;
  if (harmless?.includes(value) === true) return;
  if (harmless !== undefined) {
    throw new UsageError(`${option}: ${key}=${value} is not supported`, `give ${harmless.join(', ')}, or leave it out`);
  }
  const known = [...KEYS, ...Object.keys(HARMLESS)];
  throw new UsageError(
    `${option}: "${key}" is not supported${didYouMean(key, known)}`,
    key === 'serial'
      ? 'give it to the device: -device virtio-blk-pci,drive=ID,serial=TEXT'
      : `known: ${known.join(', ')}`,
  );
}

function oneOf<T extends string>(option: string, key: string, value: string, values: readonly T[]): T {
  const found = values.find((each) => each === value);
  if (found !== undefined) return found;
  throw new UsageError(
    `${option}: ${key}=${value} is not supported${didYouMean(value, values)}`,
    `give ${values.join(' or ')}${key === 'format' ? '; qemu-img convert makes one of the other' : ''}`,
  );
}

export function onOff(option: string, key: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === 'on' || value === 'yes' || value === 'true') return true;
  if (value === 'off' || value === 'no' || value === 'false') return false;
  throw new UsageError(`${option}: ${key}=${value}: it is on or off`);
}
