/** Reads text back from a picture of an 80x25 screen: its dots are looked up in a font, nothing in video memory. */
import { codePage437 } from '../code-page.ts';
import type { GraphicsScreen, TextScreen } from '../screen.ts';

const COLUMNS = 80;
const ROWS = 25;
const CELL_WIDTH = 9;
/** Dots that are the glyph's own; the ninth is background or repeats the eighth. */
const GLYPH_WIDTH = 8;
const LINES = 16;
/** IBM's sixteen colours, of six bits each in the DAC, as eight bits: two thirds are 168, one third is 87. */
const COLORS = [
  0x00_0000, 0x00_00a8, 0x00_a800, 0x00_a8a8, 0xa8_0000, 0xa8_00a8, 0xa8_5700, 0xa8_a8a8, 0x57_5757, 0x57_57ff,
  0x57_ff57, 0x57_ffff, 0xff_5757, 0xff_57ff, 0xff_ff57, 0xff_ffff,
];

/** What is read where the pixels are no glyph of the font in the two colours of the cell. */
export const UNREADABLE = '\ufffd';

/**
 * The lines from the top, without the blanks at their ends. `font`: 16 bytes for each of 256 codes. `attributes` say which
 * two colours a cell has; the background is one of eight, as while blinking is enabled.
 */
export function readText(
  picture: GraphicsScreen,
  attributes: TextScreen['attributes'],
  font: Uint8Array,
): readonly string[] {
  const { width, height, rgb } = picture;
  if (width !== COLUMNS * CELL_WIDTH || height !== ROWS * LINES) throw new Error(`${width}x${height} is no 80x25 text`);
  const characters = charactersByGlyph(font);
  const pixel = (x: number, y: number): number => {
    const at = 3 * (y * width + x);
    return (rgb[at]! << 16) | (rgb[at + 1]! << 8) | rgb[at + 2]!;
  };
  const characterAt = (column: number, row: number): string => {
    const attribute = attributes[row * COLUMNS + column]!;
    const foreground = COLORS[attribute & 15];
    const background = COLORS[(attribute >> 4) & 7];
    const dots: boolean[] = [];
    for (let dot = 0; dot < GLYPH_WIDTH * LINES; dot += 1) {
      const x = column * CELL_WIDTH + (dot % GLYPH_WIDTH);
      const color = pixel(x, row * LINES + Math.floor(dot / GLYPH_WIDTH));
      if (color !== foreground && color !== background) return UNREADABLE;
      dots.push(color !== background);
    }
    return characters.get(key(dots)) ?? UNREADABLE;
  };
  return Array.from({ length: ROWS }, (_, row) => {
    const line = Array.from({ length: COLUMNS }, (_, column) => characterAt(column, row));
    return line.join('').trimEnd();
  });
}

function key(dots: readonly boolean[]): string {
  return dots.map(Number).join('');
}

function charactersByGlyph(font: Uint8Array): ReadonlyMap<string, string> {
  const characters = new Map<string, string>();
  for (let code = 0; code < 256; code += 1) {
    const lines = Array.from(font.subarray(code * LINES, (code + 1) * LINES));
    const dots = lines.flatMap((line) => Array.from({ length: GLYPH_WIDTH }, (_, dot) => ((line << dot) & 0x80) !== 0));
    if (!characters.has(key(dots))) characters.set(key(dots), codePage437(code));
  }
  return characters;
}
