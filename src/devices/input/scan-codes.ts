/**
 * What a PS/2 keyboard sends for a key, in each of its three scan code sets (IBM PS/2 Technical Reference, "101- and
 * 102-Key Keyboards"), by the key names of `keys.ts`.
 */

export type ScanCodeSet = 1 | 2 | 3;

/** Set 2 code; with 0xe0 in front when above 0xff. Set 1 follows by the controller's translation. */
const SET_2: Readonly<Record<string, number>> = {
  ...keyed('a b c d e f g h i j k l m', [0x1c, 0x32, 0x21, 0x23, 0x24, 0x2b, 0x34, 0x33, 0x43, 0x3b, 0x42, 0x4b, 0x3a]),
  ...keyed('n o p q r s t u v w x y z', [0x31, 0x44, 0x4d, 0x15, 0x2d, 0x1b, 0x2c, 0x3c, 0x2a, 0x1d, 0x22, 0x35, 0x1a]),
  ...keyed('1 2 3 4 5 6 7 8 9 0', [0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45]),
  ...keyed('f1 f2 f3 f4 f5 f6', [0x05, 0x06, 0x04, 0x0c, 0x03, 0x0b]),
  ...keyed('f7 f8 f9 f10 f11 f12', [0x83, 0x0a, 0x01, 0x09, 0x78, 0x07]),
  ...keyed('ret esc backspace tab spc minus equal', [0x5a, 0x76, 0x66, 0x0d, 0x29, 0x4e, 0x55]),
  ...keyed('bracket_left bracket_right backslash semicolon apostrophe', [0x54, 0x5b, 0x5d, 0x4c, 0x52]),
  ...keyed('grave_accent comma dot slash less', [0x0e, 0x41, 0x49, 0x4a, 0x61]),
  ...keyed('caps_lock scroll_lock num_lock', [0x58, 0x7e, 0x77]),
  ...keyed('insert home pgup delete end pgdn', [0xe070, 0xe06c, 0xe07d, 0xe071, 0xe069, 0xe07a]),
  ...keyed('right left down up', [0xe074, 0xe06b, 0xe072, 0xe075]),
  ...keyed('kp_divide kp_multiply asterisk kp_subtract kp_add', [0xe04a, 0x7c, 0x7c, 0x7b, 0x79]),
  ...keyed('kp_enter kp_decimal', [0xe05a, 0x71]),
  ...keyed('kp_1 kp_2 kp_3 kp_4 kp_5', [0x69, 0x72, 0x7a, 0x6b, 0x73]),
  ...keyed('kp_6 kp_7 kp_8 kp_9 kp_0', [0x74, 0x6c, 0x75, 0x7d, 0x70]),
  ...keyed('compose menu', [0xe02f, 0xe02f]),
  ...keyed('ctrl shift alt meta_l', [0x14, 0x12, 0x11, 0xe01f]),
  ...keyed('ctrl_r shift_r alt_r meta_r', [0xe014, 0x59, 0xe011, 0xe027]),
};

/** Set 3 codes that are not the set 2 code without its 0xe0. */
const SET_3_OTHERS: Readonly<Record<string, number>> = {
  ...keyed('f1 f2 f3 f4 f5 f6', [0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f]),
  ...keyed('f7 f8 f9 f10 f11 f12', [0x37, 0x3f, 0x47, 0x4f, 0x56, 0x5e]),
  ...keyed('esc backslash less caps_lock scroll_lock num_lock', [0x08, 0x5c, 0x13, 0x14, 0x5f, 0x76]),
  ...keyed('insert home pgup delete end pgdn', [0x67, 0x6e, 0x6f, 0x64, 0x65, 0x6d]),
  ...keyed('right left down up', [0x6a, 0x61, 0x60, 0x63]),
  ...keyed('kp_divide kp_multiply asterisk kp_subtract kp_add kp_enter', [0x77, 0x7e, 0x7e, 0x84, 0x7c, 0x79]),
  ...keyed('compose menu', [0x8d, 0x8d]),
  ...keyed('ctrl alt meta_l ctrl_r alt_r meta_r', [0x11, 0x19, 0x8b, 0x58, 0x39, 0x8c]),
  ...keyed('print sysrq pause', [0x57, 0x57, 0x62]),
};

function keyed(names: string, codes: readonly number[]): Record<string, number> {
  return Object.fromEntries(names.split(' ').map((name, index) => [name, codes[index]!]));
}

const EXTENDED = 0xe0;
const BREAK = 0xf0;
const BREAK_SET_1 = 0x80;

/** The keyboard controller's translation of set 2 into set 1: the codes 0x00-0x7f. */
const TRANSLATION = Uint8Array.of(
  ...[0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59],
  ...[0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b],
  ...[0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d],
  ...[0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f],
  ...[0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61],
  ...[0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76],
  ...[0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f],
  ...[0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54],
);
/** Above 0x7f two codes change; replies such as 0xfa and 0xaa pass. */
const TRANSLATION_ABOVE: Readonly<Record<number, number>> = { 131: 0x41, 132: 0x54 };

/** A byte of set 2 as the keyboard controller passes it on while it translates. The prefix 0xf0 is the caller's. */
export function translate(code: number): number {
  return TRANSLATION[code] ?? TRANSLATION_ABOVE[code] ?? code;
}

/** Keys that were held when another one moved. */
export interface Held {
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly altLeft: boolean;
  readonly altRight: boolean;
}

/** What the keyboard sends when `name` goes down or up; nothing for a key that it has not. */
export function scanCodes(set: ScanCodeSet, name: string, down: boolean, held: Held): readonly number[] {
  if (set !== 3 && name === 'pause') return down ? pause(set, held) : [];
  if (set !== 3 && (name === 'print' || name === 'sysrq')) return printScreen(set, down, held);
  const second = Object.hasOwn(SET_2, name) ? SET_2[name] : undefined;
  if (set !== 3) return second === undefined ? [] : move(set, second, down);
  const code = Object.hasOwn(SET_3_OTHERS, name) ? SET_3_OTHERS[name] : second;
  return code === undefined ? [] : move(set, code, down);
}

/** One key of a set; `code` is that of set 2 for both 1 and 2. */
function move(set: ScanCodeSet, code: number, down: boolean): number[] {
  const prefix = code > 0xff ? [EXTENDED] : [];
  const low = code & 0xff;
  if (set === 1) return [...prefix, translate(low) | (down ? 0 : BREAK_SET_1)];
  return down ? [...prefix, low] : [...prefix, BREAK, low];
}

/** Pause sends its release at once; with Ctrl it is Break, another code. */
function pause(set: ScanCodeSet, { ctrl }: Held): number[] {
  if (ctrl) return [...move(set, 0xe07e, true), ...move(set, 0xe07e, false)];
  const keys = [0x14, 0x77].flatMap((code) => move(set, code, true));
  return [0xe1, ...keys, 0xe1, ...[0x14, 0x77].flatMap((code) => move(set, code, false))];
}

/** Print Screen comes with a Shift of its own, unless a Shift or Ctrl is held; with Alt it is SysRq. */
function printScreen(set: ScanCodeSet, down: boolean, held: Held): number[] {
  if (held.altLeft || held.altRight) {
    const alt = held.altLeft ? 0x11 : 0xe011;
    const lifted = [...move(set, alt, false), ...move(set, alt, true)];
    return down ? [...lifted, ...move(set, 0x84, true)] : [...move(set, 0x84, false), ...lifted];
  }
  if (held.shift || held.ctrl) return move(set, 0xe07c, down);
  return (down ? [0xe012, 0xe07c] : [0xe07c, 0xe012]).flatMap((code) => move(set, code, down));
}
