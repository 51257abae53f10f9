/**
 * The VGA's registers as data: indices, the bits that software may write, and what BIOS mode 3 puts there (IBM, Personal
 * System/2 Hardware Interface Technical Reference: Video Subsystem, 1992; section names are its own).
 */

/** Sequencer, ports 0x3c4 and 0x3c5. */
export const SEQUENCER = { reset: 0, clockingMode: 1, mapMask: 2, characterMapSelect: 3, memoryMode: 4 } as const;
/** Which bits of each sequencer register exist; index 7 is a horizontal counter reset on many chips. */
export const SEQUENCER_MASKS = Uint8Array.of(0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff);
export const CLOCKING_8_DOTS = 0x01;
export const CLOCKING_HALF = 0x08;
export const CLOCKING_SCREEN_OFF = 0x20;
export const MEMORY_CHAIN_4 = 0x08;
export const ALL_MAPS = 0x0f;

/** CRT controller, ports 0x3b4/0x3b5 or 0x3d4/0x3d5. */
export const CRTC = {
  horizontalTotal: 0x00,
  horizontalDisplayEnd: 0x01,
  overflow: 0x07,
  presetRowScan: 0x08,
  maximumScanLine: 0x09,
  cursorStart: 0x0a,
  cursorEnd: 0x0b,
  startAddressHigh: 0x0c,
  startAddressLow: 0x0d,
  cursorLocationHigh: 0x0e,
  cursorLocationLow: 0x0f,
  verticalTotal: 0x06,
  verticalRetraceStart: 0x10,
  verticalRetraceEnd: 0x11,
  verticalDisplayEnd: 0x12,
  offset: 0x13,
  underlineLocation: 0x14,
  mode: 0x17,
  lineCompare: 0x18,
} as const;
/** Vertical Retrace End bit 7 protects registers 0 to 7. */
export const CRTC_PROTECT = 0x80;
export const CRTC_PROTECTED_LAST = 0x07;
/** Bit 8 of the line compare stays writable. */
export const OVERFLOW_LINE_COMPARE = 0x10;
export const CURSOR_OFF = 0x20;

/** Graphics controller, ports 0x3ce and 0x3cf. */
export const GRAPHICS = {
  setReset: 0,
  enableSetReset: 1,
  colorCompare: 2,
  dataRotate: 3,
  readMapSelect: 4,
  mode: 5,
  miscellaneous: 6,
  colorDontCare: 7,
  bitMask: 8,
} as const;
export const GRAPHICS_MASKS = Uint8Array.of(0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0);
export const GRAPHICS_INDEX_MASK = 0x0f;
export const MODE_READ_1 = 0x08;
export const MODE_ODD_EVEN = 0x10;
export const MISCELLANEOUS_GRAPHICS = 0x01;

/** Attribute controller, ports 0x3c0 and 0x3c1. */
export const ATTRIBUTE = {
  modeControl: 0x10,
  overscanColor: 0x11,
  colorPlaneEnable: 0x12,
  horizontalPelPanning: 0x13,
  colorSelect: 0x14,
} as const;
export const ATTRIBUTE_COUNT = 0x15;
export const ATTRIBUTE_MASKS = Uint8Array.of(...new Array<number>(16).fill(0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f);
/** Index bit 5, Palette Address Source: the screen is shown. */
export const ATTRIBUTE_SHOWN = 0x20;
export const MODE_LINE_GRAPHICS = 0x04;
export const MODE_BLINK = 0x08;
export const MODE_INTERNAL_PALETTE = 0x80;

/** Miscellaneous Output, written at 0x3c2 and read at 0x3cc. */
export const MISCELLANEOUS_COLOR = 0x01;
export const MISCELLANEOUS_MASK = 0xef;

/** Input Status 1, 0x3ba or 0x3da: not displaying, and vertical retrace. */
export const STATUS_DISPLAY_DISABLED = 0x01;
export const STATUS_VERTICAL_RETRACE = 0x08;
