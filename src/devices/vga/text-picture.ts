/** A text screen as pixels, with the font that the guest loaded into plane 2. */
import { attributeColors } from './palette.ts';
import { ATTRIBUTE, CRTC, MODE_BLINK, MODE_LINE_GRAPHICS, SEQUENCER } from './registers.ts';
import { captureText, type GraphicsScreen, type TextGeometry, type TextScreen, textGeometry } from './screen.ts';
import type { VgaState } from './state.ts';
import { FONT_PLANE, GLYPH_BYTES } from './text-mode.ts';

/** One font every 8 KiB of plane 2. */
const FONT_BYTES = 8192;
/** Codes whose eighth dot reaches into the ninth column, while line graphics are enabled. */
const LINE_GRAPHICS_FIRST = 0xc0;
const QEMU_LINE_GRAPHICS_FIRST = 0xb0;
const LINE_GRAPHICS_LAST = 0xdf;

/** Offsets in plane 2 of fonts B (attribute bit 3 clear) and A (set): Character Map Select. */
function fontOffsets(state: VgaState): readonly [number, number] {
  const select = state.sequencer[SEQUENCER.characterMapSelect]!;
  const block = (low: number, high: number): number =>
    (((select >> low) & 3) * 2 + ((select >> high) & 1)) * FONT_BYTES;
  return [block(0, 4), block(2, 5)];
}

/**
 * `asQemu`: bit 7 of an attribute is a bright background even while it is to blink, codes from 0xb0 on reach into the ninth
 * column, and a character with dots of double width has eight.
 */
export function drawText(state: VgaState, memory: Uint8Array, asQemu: boolean): GraphicsScreen {
  const screen = captureText(state, memory);
  const geometry = geometryOf(state, asQemu);
  const width = screen.columns * geometry.cellWidth * geometry.dotRepeat;
  const height = screen.rows * geometry.cellHeight * geometry.repeat;
  const rgb = new Uint8Array(3 * width * height);
  if (!screen.blanked) {
    const painter = new CellPainter(state, memory, screen, geometry, rgb, asQemu);
    for (let row = 0; row < screen.rows; row += 1) {
      for (let column = 0; column < screen.columns; column += 1) painter.paint(column, row);
    }
  }
  return { kind: 'graphics', width, height, rgb, blanked: screen.blanked };
}

function geometryOf(state: VgaState, asQemu: boolean): TextGeometry {
  const geometry = textGeometry(state);
  return asQemu && geometry.dotRepeat === 2 ? { ...geometry, cellWidth: 8 } : geometry;
}

class CellPainter {
  readonly #colors: Uint32Array;
  readonly #fonts: readonly [number, number];
  readonly #backgrounds: number;
  readonly #lineGraphicsFirst: number;
  readonly #cursorLines: readonly [number, number];

  constructor(
    state: VgaState,
    private readonly memory: Uint8Array,
    private readonly screen: TextScreen,
    private readonly geometry: TextGeometry,
    private readonly rgb: Uint8Array,
    asQemu: boolean,
  ) {
    this.#colors = attributeColors(state);
    this.#fonts = fontOffsets(state);
    const mode = state.attribute[ATTRIBUTE.modeControl]!;
    this.#backgrounds = (mode & MODE_BLINK) !== 0 && !asQemu ? 7 : 15;
    const first = asQemu ? QEMU_LINE_GRAPHICS_FIRST : LINE_GRAPHICS_FIRST;
    this.#lineGraphicsFirst = (mode & MODE_LINE_GRAPHICS) !== 0 ? first : LINE_GRAPHICS_LAST + 1;
    this.#cursorLines = [state.crtc[CRTC.cursorStart]! & 0x1f, state.crtc[CRTC.cursorEnd]! & 0x1f];
  }

  paint(column: number, row: number): void {
    const { screen, memory } = this;
    const { cellWidth, dotRepeat, cellHeight, repeat } = this.geometry;
    const cell = row * screen.columns + column;
    const character = screen.characters[cell]!;
    const attribute = screen.attributes[cell]!;
    const glyph = this.#fonts[((attribute >> 3) & 1) as 0 | 1] + character * GLYPH_BYTES;
    const foreground = this.#colors[attribute & 15]!;
    const background = this.#colors[(attribute >> 4) & this.#backgrounds]!;
    const nine = character >= this.#lineGraphicsFirst && character <= LINE_GRAPHICS_LAST;
    const cursor = screen.cursor?.column === column && screen.cursor.row === row;
    const cellPixels = cellWidth * dotRepeat;
    for (let y = 0; y < cellHeight * repeat; y += 1) {
      const line = y >> (repeat - 1);
      let dots = memory[4 * (glyph + line) + FONT_PLANE]! << 1;
      if (nine) dots |= (dots >> 1) & 1;
      if (cursor && line >= this.#cursorLines[0] && line <= this.#cursorLines[1]) dots = 0x1ff;
      let at = 3 * ((row * cellHeight * repeat + y) * screen.columns + column) * cellPixels;
      for (let pixel = 0; pixel < cellPixels; pixel += 1) {
        const color = (dots & (0x100 >> (pixel >> (dotRepeat - 1)))) !== 0 ? foreground : background;
        this.rgb[at] = color >> 16;
        this.rgb[at + 1] = color >> 8;
        this.rgb[at + 2] = color;
        at += 3;
      }
    }
  }
}
