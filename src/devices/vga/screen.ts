/** What the screen shows, taken from the registers and video memory at one moment. Nothing blinks: text and cursor stand. */
import {
  ATTRIBUTE_SHOWN,
  CLOCKING_8_DOTS,
  CLOCKING_HALF,
  CLOCKING_SCREEN_OFF,
  CRTC,
  CURSOR_OFF,
  GRAPHICS,
  MISCELLANEOUS_GRAPHICS,
  SEQUENCER,
} from './registers.ts';
import type { VgaState } from './state.ts';

/** Colour text: `rows` times `columns` cells, row by row. */
export interface TextScreen {
  readonly kind: 'text';
  readonly columns: number;
  readonly rows: number;
  /** Code page 437, unless the guest loaded another font. */
  readonly characters: Uint8Array;
  /** Foreground in bits 3-0, background in 6-4, blinking or bright background in 7. */
  readonly attributes: Uint8Array;
  /** Where the cursor is, from 0; `undefined` while it is off or outside of the screen. */
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
  /** The guest keeps the screen dark. */
  readonly blanked: boolean;
}

/** Pixels, rows from the top, three bytes each: red, green, blue. */
export interface GraphicsScreen {
  readonly kind: 'graphics';
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** The guest keeps the screen dark; all pixels are black. */
  readonly blanked: boolean;
}

export type Screen = TextScreen | GraphicsScreen;

/** Sizes of a text screen in dots. */
export interface TextGeometry {
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: 8 | 9;
  readonly cellHeight: number;
  /** How often each dot of a line, and each line of a cell, is shown. */
  readonly dotRepeat: 1 | 2;
  readonly repeat: 1 | 2;
}

/** More lines than any mode shows, so that a mode half set up stays a small picture. */
const ROWS_MAX = 256;
/** A CRTC character is four bytes of video memory: character, attribute, font, unused. */
const CELL_BYTES = 4;

export function isGraphics(state: VgaState): boolean {
  return (state.graphics[GRAPHICS.miscellaneous]! & MISCELLANEOUS_GRAPHICS) !== 0;
}

export function isBlanked(state: VgaState): boolean {
  if ((state.attributeIndex & ATTRIBUTE_SHOWN) === 0) return true;
  return (state.sequencerInForce(SEQUENCER.clockingMode) & CLOCKING_SCREEN_OFF) !== 0;
}

/** Scan lines of the picture as the CRTC counts them. */
export function shownLines(state: VgaState): number {
  return state.verticalValue(CRTC.verticalDisplayEnd, 1, 6) + 1;
}

export function textGeometry(state: VgaState): TextGeometry {
  const { crtc } = state;
  const cellHeight = (crtc[CRTC.maximumScanLine]! & 0x1f) + 1;
  const repeat = (crtc[CRTC.maximumScanLine]! & 0x80) !== 0 ? 2 : 1;
  const clocking = state.sequencerInForce(SEQUENCER.clockingMode);
  return {
    columns: crtc[CRTC.horizontalDisplayEnd]! + 1,
    rows: Math.min(Math.max(Math.floor(shownLines(state) / (cellHeight * repeat)), 1), ROWS_MAX),
    cellWidth: (clocking & CLOCKING_8_DOTS) !== 0 ? 8 : 9,
    cellHeight,
    dotRepeat: (clocking & CLOCKING_HALF) !== 0 ? 2 : 1,
    repeat,
  };
}

/** The character address (in cells) at which each row begins: a split screen starts again at 0. */
function rowStarts(state: VgaState, { rows, cellHeight, repeat }: TextGeometry): number[] {
  const { crtc } = state;
  const start = (crtc[CRTC.startAddressHigh]! << 8) | crtc[CRTC.startAddressLow]!;
  const pitch = crtc[CRTC.offset]! * 2;
  const compare = lineCompare(state);
  const height = cellHeight * repeat;
  const starts: number[] = [];
  let address = start;
  for (let row = 0; row < rows; row += 1) {
    // Line Compare: the line behind it shows address 0.
    if (row > 0 && row * height > compare && (row - 1) * height <= compare) address = 0;
    starts.push(address);
    address += pitch;
  }
  return starts;
}

export function lineCompare(state: VgaState): number {
  const { crtc } = state;
  return state.verticalValue(CRTC.lineCompare, 4, 10) | ((crtc[CRTC.maximumScanLine]! & 0x40) << 3);
}

export function captureText(state: VgaState, memory: Uint8Array): TextScreen {
  const geometry = textGeometry(state);
  const { columns, rows } = geometry;
  const characters = new Uint8Array(columns * rows);
  const attributes = new Uint8Array(columns * rows);
  const { crtc } = state;
  const cursorAt = (crtc[CRTC.cursorLocationHigh]! << 8) | crtc[CRTC.cursorLocationLow]!;
  let cursor: TextScreen['cursor'];
  for (const [row, start] of rowStarts(state, geometry).entries()) {
    for (let column = 0; column < columns; column += 1) {
      const address = (start + column) & 0xffff;
      characters[row * columns + column] = memory[address * CELL_BYTES]!;
      attributes[row * columns + column] = memory[address * CELL_BYTES + 1]!;
      if (address === cursorAt && (crtc[CRTC.cursorStart]! & CURSOR_OFF) === 0) cursor ??= { column, row };
    }
  }
  return { kind: 'text', columns, rows, characters, attributes, cursor, blanked: isBlanked(state) };
}
