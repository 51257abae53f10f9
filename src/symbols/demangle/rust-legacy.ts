/** Rust's first mangling: an Itanium nested name whose last part is `h` and 16 hexadecimal digits. */
import { MangledReader } from './text.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

/** True when the name has the shape of the legacy mangling; C++ has no such last part. */
export function isRustLegacy(mangled: string): boolean {
  return /^_{1,2}ZN.*17h[0-9a-f]{16}E/.test(mangled);
}

/** Demangles without the hash; throws `NotMangled` when the name does not follow the scheme. */
export function demangleRustLegacy(mangled: string): string {
  const reader = new MangledReader(mangled);
  if (!reader.eat('__ZN')) reader.expect('_ZN');
  const parts: string[] = [];
  while (!reader.eat('E')) parts.push(reader.take(reader.decimal()));
  const hash = parts.pop();
  if (hash === undefined || parts.length === 0 || !/^h[0-9a-f]{16}$/.test(hash)) reader.fail();
  const suffix = mangled.slice(reader.position).replace(/^\.llvm\.[0-9A-Fa-f@]+/, '');
  if (suffix !== '' && !suffix.startsWith('.')) reader.fail();
  return parts.map(unescapePart).join('::') + suffix;
}

function unescapePart(part: string): string {
  // A leading underscore only keeps the dollar sign from being first.
  let rest = part.startsWith('_$') ? part.slice(1) : part;
  let text = '';
  while (rest !== '') {
    const escaped = /^\$([A-Za-z0-9]+)\$/.exec(rest);
    const character = escaped === null ? undefined : unescapeCharacter(escaped[1]!);
    if (escaped !== null && character !== undefined) {
      text += character;
      rest = rest.slice(escaped[0].length);
    } else if (rest.startsWith('..')) {
      text += '::';
      rest = rest.slice(2);
    } else if (rest.startsWith('$')) {
      return text + rest;
    } else {
      text += rest.charAt(0);
      rest = rest.slice(1);
    }
  }
  return text;
}

function unescapeCharacter(name: string): string | undefined {
  const known = ESCAPES[name];
  if (known !== undefined) return known;
  if (!/^u[0-9a-f]{1,6}$/.test(name)) return undefined;
  const code = Number.parseInt(name.slice(1), 16);
  const printable = code >= 0x20 && code !== 0x7f && code <= 0x10_ffff && !(code >= 0xd800 && code < 0xe000);
  return printable ? String.fromCodePoint(code) : undefined;
}
