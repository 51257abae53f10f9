/** ACPI Machine Language, as far as the board's tables need it (ACPI 6.4, chapter 20). Every function returns bytes. */
import { assert } from '../../base/assert.ts';

export type Aml = readonly number[];

const ROOT = 0x5c;
const DUAL_NAME = 0x2e;
const MULTI_NAME = 0x2f;
const EXTENDED = 0x5b;
/** Bits 5:0 of a one-byte length; longer ones have 4 bits here and bytes behind. */
const LENGTH_ONE_BYTE = 0x3f;

/** `\_SB.PCI0`, `LNKA`, `_CRS`: segments of up to four characters, padded with `_` (20.2.2). */
export function nameString(path: string): Aml {
  const absolute = path.startsWith('\\');
  const text = absolute ? path.slice(1) : path;
  const segments = text === '' ? [] : text.split('.');
  const bytes = segments.flatMap((segment) => {
    assert(/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment), `"${segment}" is a name segment`);
    return ascii(segment.padEnd(4, '_'));
  });
  const prefix = absolute ? [ROOT] : [];
  if (segments.length === 0) return [...prefix, 0];
  if (segments.length === 1) return [...prefix, ...bytes];
  if (segments.length === 2) return [...prefix, DUAL_NAME, ...bytes];
  return [...prefix, MULTI_NAME, segments.length, ...bytes];
}

/** A package's length counts its own bytes too (20.2.4). */
export function withLength(content: Aml): Aml {
  if (content.length + 1 <= LENGTH_ONE_BYTE) return [content.length + 1, ...content];
  for (let extra = 1; extra <= 3; extra += 1) {
    const total = content.length + 1 + extra;
    if (total >= 2 ** (4 + 8 * extra)) continue;
    const rest = Array.from({ length: extra }, (_, index) => (total >>> (4 + 8 * index)) & 0xff);
    return [(extra << 6) | (total & 0xf), ...rest, ...content];
  }
  assert(false, 'a package has less than 2^28 bytes');
}

/** The shortest constant that holds `value`, 0 to 2^53 (20.2.3). */
export function integer(value: number): Aml {
  if (value === 0 || value === 1) return [value];
  if (value <= 0xff) return [0x0a, value];
  if (value <= 0xffff) return [0x0b, ...little(value, 2)];
  if (value <= 0xffff_ffff) return [0x0c, ...little(value, 4)];
  return [0x0e, ...little(value, 8)];
}

export function string(text: string): Aml {
  return [0x0d, ...ascii(text), 0];
}

export function buffer(bytes: Aml): Aml {
  return [0x11, ...withLength([...integer(bytes.length), ...bytes])];
}

export function packageOf(items: readonly Aml[]): Aml {
  return [0x12, ...withLength([items.length, ...items.flat()])];
}

export function name(path: string, value: Aml): Aml {
  return [0x08, ...nameString(path), ...value];
}

export function scope(path: string, ...content: readonly Aml[]): Aml {
  return [0x10, ...withLength([...nameString(path), ...content.flat()])];
}

export function device(path: string, ...content: readonly Aml[]): Aml {
  return [EXTENDED, 0x82, ...withLength([...nameString(path), ...content.flat()])];
}

export function method(path: string, parameters: number, ...content: readonly Aml[]): Aml {
  return [0x14, ...withLength([...nameString(path), parameters, ...content.flat()])];
}

/** A method that one thread at a time may run: it creates names. */
export function serializedMethod(path: string, parameters: number, ...content: readonly Aml[]): Aml {
  return [0x14, ...withLength([...nameString(path), parameters | 0x08, ...content.flat()])];
}

export const REGION_SPACE = { memory: 0, io: 1, pciConfig: 2 } as const;

export function operationRegion(path: string, space: number, offset: number, length: number): Aml {
  return [EXTENDED, 0x80, ...nameString(path), space, ...integer(offset), ...integer(length)];
}

/** Accesses of a field: byte or double word; bits that are not named are preserved. */
export const FIELD_ACCESS = { byte: 0x01, dword: 0x03 } as const;

/** A field of a region: its names with their widths in bits; a number alone skips so many bits (20.2.5.2). */
export function field(region: string, access: number, entries: readonly (readonly [string, number] | number)[]): Aml {
  const list = entries.flatMap((entry) =>
    typeof entry === 'number'
      ? [0x00, ...fieldLength(entry)]
      : [...ascii(entry[0].padEnd(4, '_')), ...fieldLength(entry[1])],
  );
  return [EXTENDED, 0x81, ...withLength([...nameString(region), access, ...list])];
}

function fieldLength(bits: number): Aml {
  return bits <= LENGTH_ONE_BYTE ? [bits] : [0x40 | (bits & 0xf), bits >>> 4];
}

export const local = (index: number): Aml => [0x60 + index];
export const argument = (index: number): Aml => [0x68 + index];

export function call(path: string, ...values: readonly Aml[]): Aml {
  return [...nameString(path), ...values.flat()];
}

export function store(value: Aml, target: Aml): Aml {
  return [0x70, ...value, ...target];
}

/** Arithmetic with the target as last operand. */
export const and = (a: Aml, b: Aml, target: Aml = [0]): Aml => [0x7b, ...a, ...b, ...target];
export const or = (a: Aml, b: Aml, target: Aml = [0]): Aml => [0x7d, ...a, ...b, ...target];
export const shiftRight = (a: Aml, b: Aml, target: Aml = [0]): Aml => [0x7a, ...a, ...b, ...target];
export const equal = (a: Aml, b: Aml): Aml => [0x93, ...a, ...b];
export const greater = (a: Aml, b: Aml): Aml => [0x94, ...a, ...b];
export const not = (a: Aml): Aml => [0x92, ...a];
export const either = (a: Aml, b: Aml): Aml => [0x91, ...a, ...b];

export function when(condition: Aml, ...content: readonly Aml[]): Aml {
  return [0xa0, ...withLength([...condition, ...content.flat()])];
}

export function otherwise(...content: readonly Aml[]): Aml {
  return [0xa1, ...withLength(content.flat())];
}

export function giveBack(value: Aml): Aml {
  return [0xa4, ...value];
}

export function dwordField(source: Aml, offset: number, path: string): Aml {
  return [0x8a, ...source, ...integer(offset), ...nameString(path)];
}

/** `PNP0A08` as the compressed number that `EisaId` makes (19.3.4). */
export function eisaId(id: string): Aml {
  const letters = [0, 1, 2].map((index) => id.charCodeAt(index) - 0x40);
  const number = Number.parseInt(id.slice(3), 16);
  const word = (letters[0]! << 10) | (letters[1]! << 5) | letters[2]!;
  return [0x0c, word >>> 8, word & 0xff, number >>> 8, number & 0xff];
}

/** A UUID in the mixed byte order of `ToUUID` (19.6.142). */
export function uuid(text: string): Aml {
  const hex = text.replaceAll('-', '');
  const bytes = Array.from({ length: 16 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
  return buffer([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((index) => bytes[index]!));
}

export function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** `value` in `size` bytes, little-endian; exact up to 2^53. */
export function little(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 0x100);
}
