/** Keys by the names of QEMU's `sendkey`, their codes on a USB keyboard, and what to press for a text (US layout). */

/** HID usages, keyboard page (HID Usage Tables 1.12 §10), by QEMU's names. */
const USAGES: Readonly<Record<string, number>> = {
  ...Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((letter, index) => [letter, 0x04 + index])),
  ...Object.fromEntries([...'1234567890'].map((digit, index) => [digit, 0x1e + index])),
  ...Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`f${index + 1}`, 0x3a + index])),
  ret: 0x28,
  esc: 0x29,
  backspace: 0x2a,
  tab: 0x2b,
  spc: 0x2c,
  minus: 0x2d,
  equal: 0x2e,
  bracket_left: 0x2f,
  bracket_right: 0x30,
  backslash: 0x31,
  semicolon: 0x33,
  apostrophe: 0x34,
  grave_accent: 0x35,
  comma: 0x36,
  dot: 0x37,
  slash: 0x38,
  caps_lock: 0x39,
  print: 0x46,
  sysrq: 0x46,
  scroll_lock: 0x47,
  pause: 0x48,
  insert: 0x49,
  home: 0x4a,
  pgup: 0x4b,
  delete: 0x4c,
  end: 0x4d,
  pgdn: 0x4e,
  right: 0x4f,
  left: 0x50,
  down: 0x51,
  up: 0x52,
  num_lock: 0x53,
  kp_divide: 0x54,
  kp_multiply: 0x55,
  asterisk: 0x55,
  kp_subtract: 0x56,
  kp_add: 0x57,
  kp_enter: 0x58,
  ...Object.fromEntries([...'1234567890'].map((digit, index) => [`kp_${digit}`, 0x59 + index])),
  kp_decimal: 0x63,
  less: 0x64,
  compose: 0x65,
  menu: 0x65,
  ctrl: 0xe0,
  shift: 0xe1,
  alt: 0xe2,
  meta_l: 0xe3,
  ctrl_r: 0xe4,
  shift_r: 0xe5,
  alt_r: 0xe6,
  meta_r: 0xe7,
};

/** Every name that {@link parseChord} knows. */
export const KEY_NAMES: readonly string[] = Object.keys(USAGES);

/** The HID usage of a key, or `undefined` when no key has that name. */
export function usageOf(name: string): number | undefined {
  return Object.hasOwn(USAGES, name) ? USAGES[name] : undefined;
}

/** Keys that are held together, in the order in which they go down. */
export type Chord = readonly string[];

/** `ctrl-alt-delete` as {@link Chord}; the unknown name when one is. */
export function parseChord(text: string): { readonly chord: Chord } | { readonly unknown: string } {
  const chord = text.split('-');
  const unknown = chord.find((name) => usageOf(name) === undefined);
  return unknown === undefined ? { chord } : { unknown };
}

const PLAIN: Readonly<Record<string, string>> = {
  '\n': 'ret',
  '\r': 'ret',
  '\t': 'tab',
  '\b': 'backspace',
  '\x1b': 'esc',
  ' ': 'spc',
  '-': 'minus',
  '=': 'equal',
  '[': 'bracket_left',
  ']': 'bracket_right',
  '\\': 'backslash',
  ';': 'semicolon',
  "'": 'apostrophe',
  '`': 'grave_accent',
  ',': 'comma',
  '.': 'dot',
  '/': 'slash',
};

const SHIFTED: Readonly<Record<string, string>> = {
  '!': '1',
  '@': '2',
  '#': '3',
  $: '4',
  '%': '5',
  '^': '6',
  '&': '7',
  '*': '8',
  '(': '9',
  ')': '0',
  _: 'minus',
  '+': 'equal',
  '{': 'bracket_left',
  '}': 'bracket_right',
  '|': 'backslash',
  ':': 'semicolon',
  '"': 'apostrophe',
  '~': 'grave_accent',
  '<': 'comma',
  '>': 'dot',
  '?': 'slash',
};

/** What to press for each character of a text; the first character that no US keyboard has, when there is one. */
export function chordsOf(text: string): { readonly chords: readonly Chord[] } | { readonly unknown: string } {
  const chords: Chord[] = [];
  for (const character of text) {
    const chord = chordOf(character);
    if (chord === undefined) return { unknown: character };
    chords.push(chord);
  }
  return { chords };
}

function chordOf(character: string): Chord | undefined {
  if (/^[a-z0-9]$/.test(character)) return [character];
  if (/^[A-Z]$/.test(character)) return ['shift', character.toLowerCase()];
  if (Object.hasOwn(PLAIN, character)) return [PLAIN[character]!];
  return Object.hasOwn(SHIFTED, character) ? ['shift', SHIFTED[character]!] : undefined;
}
