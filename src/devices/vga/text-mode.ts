/**
 * Mode 3, 80x25 colour text with 9x16 dots, as a PC's firmware leaves it to a kernel (IBM Video Subsystem, "BIOS Mode 3+").
 * The font is the firmware's to load too: without one the characters have no dots.
 */
import { FONT_LINES, fontBytes } from './font.ts';

/** Registers from index 0 on. */
const SEQUENCER_VALUES = [0x03, 0x00, 0x03, 0x00, 0x02];
const CRTC_VALUES = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
  0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];
const GRAPHICS_VALUES = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff];
const ATTRIBUTE_VALUES = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f,
  0x08, 0x00,
];
const MISCELLANEOUS_VALUE = 0x67;
const ATTRIBUTE_ENABLE = 0x20;
/** The EGA's 64 colours: two thirds by bits 2-0, one third by bits 5-3, of red, green, blue. */
const COLORS = 64;
const TWO_THIRDS = 0x2a;
const ONE_THIRD = 0x15;

/** A font is 256 glyphs in plane 2, 32 lines each, whatever the height of a character. */
export const GLYPH_BYTES = 32;
export const FONT_PLANE = 2;
/** Four planes stand side by side in video memory. */
const PLANES = 4;

/** Loads the font of code page 437 as font 0, which the mode shows. */
export function loadFont(memory: Uint8Array): void {
  for (const [at, dots] of fontBytes().entries()) {
    const line = Math.floor(at / FONT_LINES) * GLYPH_BYTES + (at % FONT_LINES);
    memory[PLANES * line + FONT_PLANE] = dots;
  }
}

/** Sets the mode through the ports, 0x3c0-0x3da. */
export function setTextMode(write: (port: number, value: number) => void, read: (port: number) => number): void {
  write(0x3c2, MISCELLANEOUS_VALUE);
  const all = (port: number, values: readonly number[]): void => {
    for (const [index, value] of values.entries()) {
      write(port, index);
      write(port + 1, value);
    }
  };
  all(0x3c4, SEQUENCER_VALUES);
  // Registers 0 to 7 may be protected.
  write(0x3d4, 0x11);
  write(0x3d5, 0);
  all(0x3d4, CRTC_VALUES);
  all(0x3ce, GRAPHICS_VALUES);
  // Reading Input Status 1 makes the next write to 0x3c0 an index.
  read(0x3da);
  for (const [index, value] of ATTRIBUTE_VALUES.entries()) {
    write(0x3c0, index);
    write(0x3c0, value);
  }
  write(0x3c0, ATTRIBUTE_ENABLE);
  write(0x3c8, 0);
  for (let color = 0; color < COLORS; color += 1) {
    for (const bit of [2, 1, 0]) {
      write(0x3c9, ((color >> bit) & 1) * TWO_THIRDS + ((color >> (bit + 3)) & 1) * ONE_THIRD);
    }
  }
}
