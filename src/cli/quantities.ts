/** Numbers as people write them on a command line. */
import { UsageError } from './usage-error.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const COUNT_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** `128M`, `2G`, `65536` in bytes; without a letter in units of `bare` bytes. `undefined` if it is no size. */
export function parseSize(text: string, bare = 1): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const letter = match[2]!.toLowerCase();
  const bytes = Number(match[1]) * (letter === '' ? bare : SIZE_UNITS[letter]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `5000000`, `5M`, `2.5G`, `1_000_000`: a count of things in decimal thousands. */
export function parseCount(text: string): number {
  const match = /^(\d[\d_]*(?:\.\d+)?)([kmg]?)$/i.exec(text);
  const count =
    match === null ? Number.NaN : Number(match[1]!.replaceAll('_', '')) * COUNT_UNITS[match[2]!.toLowerCase()]!;
  if (!Number.isSafeInteger(count) || count <= 0) {
    throw new UsageError(`"${text}" is not a count above 0`, 'write it as 5000000, 5M or 2.5G');
  }
  return count;
}

/** `2`, `0.5`, `2s`, `100ms`, `5us`: seconds of guest time, as nanoseconds. */
export function parseDuration(text: string): number {
  const units: Readonly<Record<string, number>> = { '': 1e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };
  const match = /^(\d+(?:\.\d+)?)(s|ms|us|ns)?$/.exec(text);
  const nanoseconds = match === null ? Number.NaN : Math.round(Number(match[1]) * units[match[2] ?? '']!);
  if (!Number.isSafeInteger(nanoseconds) || nanoseconds <= 0) {
    throw new UsageError(`"${text}" is not a time above 0`, 'write seconds of guest time: 2, 0.5, 100ms');
  }
  return nanoseconds;
}

/** `10`, `0xf4`: a whole number, or `undefined`. */
export function parseInteger(text: string): number | undefined {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes of guest RAM: whole MiB, at least 2. */
export function checkedRam(bytes: number | undefined, text: string): number {
  const MIB = 2 ** 20;
  if (bytes === undefined) throw new UsageError(`"${text}" is not a size of memory`, 'write it as 128M or 2G');
  if (bytes < 2 * MIB || bytes % MIB !== 0) {
    throw new UsageError(`"${text}" is not a size that the board can have`, 'give whole MiB, at least 2M');
  }
  return bytes;
}

/** Bytes of guest RAM below 4 GiB at most: whole MiB from 2, and at most 4 GiB. */
export function checkedRamBelow4g(bytes: number | undefined, text: string): number {
  const checked = checkedRam(bytes, text);
  if (checked > 2 ** 32) throw new UsageError(`"${text}" is more than 4 GiB`, 'give at most 4G, for example 2G');
  return checked;
}

/** `41.2 M`, `3.1 G`: three digits and a decimal unit. */
export function formatCount(count: number): string {
  for (const [letter, unit] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= unit) return `${(count / unit).toPrecision(3)} ${letter}`;
  }
  return String(count);
}

/** Nanoseconds as `0.0448 s` or `12.5 s`. */
export function formatTime(nanoseconds: number): string {
  const seconds = nanoseconds / 1e9;
  return `${seconds < 1 ? seconds.toFixed(4) : seconds.toFixed(1)} s`;
}
