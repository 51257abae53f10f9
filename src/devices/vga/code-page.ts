/** Code page 437, the PC's own character set, as Unicode. */
import type { TextScreen } from './screen.ts';

const CONTROL = ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const HIGH =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ';

const CHARACTERS: readonly string[] = [
  ...CONTROL,
  ...Array.from({ length: 0x5f }, (_, index) => String.fromCharCode(0x20 + index)),
  '⌂',
  ...HIGH,
];

/** The character that code `code` (0-255) shows; 0 and 255 are blanks. */
export function codePage437(code: number): string {
  return CHARACTERS[code & 0xff]!;
}

/** The screen's lines from the top, without the blanks at their ends. */
export function screenLines(screen: TextScreen): string[] {
  const { columns, rows, characters } = screen;
  return Array.from({ length: rows }, (_, row) => {
    const cells = characters.subarray(row * columns, (row + 1) * columns);
    return Array.from(cells, codePage437).join('').trimEnd();
  });
}
