/** Options that say something about the board itself: `-rtc`, `-uuid`, `-fw_cfg`, `-seed`. */
import { readInput } from '../execution.ts';
import type { Host } from '../host.ts';
import { parseInteger } from '../quantities.ts';
import { UsageError } from '../usage-error.ts';
import { parseOptionList } from './option-list.ts';

/** Where the real-time clock begins: a time, or the host's own. */
export type ClockBase = { readonly seconds: number } | { readonly host: 'utc' | 'localtime' };

export function parseClock(argument: string): ClockBase | undefined {
  const option = `-rtc ${argument}`;
  let base: ClockBase | undefined;
  for (const [key, value] of parseOptionList(argument, undefined).entries) {
    if (key === 'base') base = baseOf(option, value);
    else if (key === 'driftfix' && (value === 'none' || value === 'slew')) continue;
    else if (key === 'clock' && value === 'vm') continue;
    else {
      throw new UsageError(
        `${option}: ${key}=${value} is not supported`,
        key === 'clock' ? "time is the guest's own here: clock=vm" : 'for example -rtc base=2026-01-31T12:00:00',
      );
    }
  }
  return base;
}

function baseOf(option: string, value: string): ClockBase {
  if (value === 'utc' || value === 'localtime') return { host: value };
  const match = /^(\d{4})-(\d\d?)-(\d\d?)(?:T(\d\d?):(\d\d?):(\d\d?))?$/.exec(value);
  if (match !== null) {
    const [year, month, day, hour, minute, second] = match.slice(1).map((digits) => Number(digits ?? 0)) as number[];
    const time = new Date(Date.UTC(year!, month! - 1, day!, hour!, minute!, second!));
    // A day or a minute too many would have moved the next larger unit.
    const same = time.getUTCMonth() === month! - 1 && time.getUTCDate() === day! && time.getUTCMinutes() === minute!;
    if (same && time.getUTCHours() === hour! && time.getUTCSeconds() === second!) {
      return { seconds: time.getTime() / 1000 };
    }
  }
  throw new UsageError(`${option}: "${value}" is no time`, 'write utc, localtime, 2026-01-31 or 2026-01-31T12:00:00');
}

export function parseUuid(argument: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(argument)) {
    throw new UsageError(`-uuid ${argument}: this is no UUID`, 'for example 550e8400-e29b-41d4-a716-446655440000');
  }
  const digits = argument.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16));
}

/** 32 bits are used; QEMU takes any number. */
export function parseSeed(argument: string): number {
  const seed = parseInteger(argument);
  if (seed === undefined) throw new UsageError(`-seed ${argument}: this is no number`, 'for example -seed 1');
  return seed % 2 ** 32;
}

export interface FirmwareFile {
  readonly option: string;
  readonly name: string;
  readonly from: { readonly path: string } | { readonly text: string };
}

const FORM = 'for example -fw_cfg name=opt/org.example/setting,string=on, or file=PATH';

export function parseFirmwareFile(argument: string): FirmwareFile {
  const option = `-fw_cfg ${argument}`;
  const list = parseOptionList(argument, 'name');
  for (const [key] of list.entries) {
    if (!['name', 'file', 'string'].includes(key)) throw new UsageError(`${option}: "${key}" is not supported`, FORM);
  }
  const [name, path, text] = ['name', 'file', 'string'].map((key) => list.get(key));
  if (name === undefined || name === '') throw new UsageError(`${option}: it has no name`, FORM);
  if ((path === undefined) === (text === undefined)) throw new UsageError(`${option}: either file= or string=`, FORM);
  return { option, name, from: path === undefined ? { text: text! } : { path } };
}

/** What firmware will read. */
export function readFirmwareFiles(host: Host, files: readonly FirmwareFile[]): { name: string; bytes: Uint8Array }[] {
  return files.map(({ option, name, from }) => ({
    name,
    // As QEMU: a string without a zero behind it.
    bytes: 'text' in from ? new TextEncoder().encode(from.text) : readInput(host, `${option}:`, from.path).bytes,
  }));
}
