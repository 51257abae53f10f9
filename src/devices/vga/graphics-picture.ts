/** A graphics mode as pixels: planar, CGA-like, 256 colours, and the Bochs interface's linear modes. */
import { attributeColors, dacColors } from './palette.ts';
import { ATTRIBUTE, CLOCKING_HALF, CRTC, GRAPHICS, SEQUENCER } from './registers.ts';
import { type GraphicsScreen, isBlanked, lineCompare, shownLines } from './screen.ts';
import { DISPI, type VgaState } from './state.ts';

const NEVER = 0xffff;

/** One line of the picture: `rgb` from `to` on, `width` pixels, from `memory` at `address`. */
type LineWriter = (address: number, to: number) => void;

interface ScanOut {
  readonly width: number;
  readonly height: number;
  /** Bytes of interleaved video memory from one line to the next. */
  readonly pitch: number;
  readonly start: number;
  readonly lineCompare: number;
  /** Scan lines of a row of memory, which is shown in each of them. */
  readonly rowScans: number;
  /** How often each scan line is shown. */
  readonly repeat: 1 | 2;
  /** CRT Mode Control bits 0 and 1 cleared, as on a CGA: the scan lines of a row are in banks of their own. */
  readonly cgaBanks: number;
  /** Bit number of the first bank's address line. */
  readonly bankShift: number;
}

/** `asQemu`: 15 bits of colour stay 15 bits, their lowest three are 0 in each byte. */
export function drawGraphics(state: VgaState, memory: Uint8Array, asQemu: boolean): GraphicsScreen {
  const scan = state.dispiEnabled ? linearScan(state) : vgaScan(state);
  const { width, height } = scan;
  const rgb = new Uint8Array(3 * width * height);
  const blanked = isBlanked(state);
  if (!blanked) scanOut(scan, lineWriter(state, memory, scan, rgb, asQemu));
  return { kind: 'graphics', width, height, rgb, blanked };
}

function linearScan(state: VgaState): ScanOut {
  const { dispi } = state;
  return {
    width: dispi[DISPI.xRes]!,
    height: dispi[DISPI.yRes]!,
    pitch: state.dispiPitch,
    start: 4 * state.dispiStart,
    lineCompare: NEVER,
    rowScans: 1,
    repeat: 1,
    cgaBanks: 0,
    bankShift: 0,
  };
}

function vgaScan(state: VgaState): ScanOut {
  const { crtc } = state;
  const scanLine = crtc[CRTC.maximumScanLine]!;
  const shift = shiftMode(state);
  const halved = shift < 2 && (state.sequencerInForce(SEQUENCER.clockingMode) & CLOCKING_HALF) !== 0;
  const mode = crtc[CRTC.mode]!;
  return {
    width: (crtc[CRTC.horizontalDisplayEnd]! + 1) * (halved ? 16 : 8),
    height: shownLines(state),
    pitch: crtc[CRTC.offset]! << 3,
    start: 4 * ((crtc[CRTC.startAddressHigh]! << 8) | crtc[CRTC.startAddressLow]!),
    lineCompare: lineCompare(state),
    rowScans: (scanLine & 0x1f) + 1,
    repeat: (scanLine & 0x80) !== 0 ? 2 : 1,
    cgaBanks: ~mode & 3,
    bankShift: 14 + ((mode >> 6) & 1),
  };
}

/** 0: a bit from each plane, 1: CGA's pairs of bits, 2 and 3: a byte for a pixel. */
function shiftMode(state: VgaState): number {
  return (state.graphics[GRAPHICS.mode]! >> 5) & 3;
}

function scanOut(scan: ScanOut, write: LineWriter): void {
  let rowAddress = scan.start;
  let rowScan = 0;
  let copies: number = scan.repeat;
  for (let y = 0; y < scan.height; y += 1) {
    let address = rowAddress;
    if ((scan.cgaBanks & 1) !== 0) {
      address = (address & ~(1 << scan.bankShift)) | ((rowScan & 1) << scan.bankShift);
    }
    if ((scan.cgaBanks & 2) !== 0) address = (address & ~0x8000) | ((rowScan & 2) << 14);
    write(address, 3 * y * scan.width);
    copies -= 1;
    if (copies === 0) {
      copies = scan.repeat;
      rowScan = (rowScan + 1) % scan.rowScans;
      if (rowScan === 0) rowAddress += scan.pitch;
    }
    if (y === scan.lineCompare) rowAddress = 0;
  }
}

function lineWriter(state: VgaState, memory: Uint8Array, scan: ScanOut, rgb: Uint8Array, asQemu: boolean): LineWriter {
  const put = (to: number, color: number): void => {
    rgb[to] = color >> 16;
    rgb[to + 1] = color >> 8;
    rgb[to + 2] = color;
  };
  const { width } = scan;
  const shift = shiftMode(state);
  if (state.dispiEnabled && state.dispi[DISPI.bpp] !== 4) {
    const [pixelBytes, colorAt] = linearColors(state, memory, asQemu);
    return (address, to) => {
      for (let x = 0; x < width; x += 1) put(to + 3 * x, colorAt(address + x * pixelBytes));
    };
  }
  if (shift >= 2) {
    const colors = dacColors(state);
    return (address, to) => {
      for (let x = 0; x < width; x += 1) put(to + 3 * x, colors[memory[address + (x >> 1)] ?? 0]!);
    };
  }
  const colors = attributeColors(state);
  const planes = state.attribute[ATTRIBUTE.colorPlaneEnable]! & 15;
  const halved = (state.sequencerInForce(SEQUENCER.clockingMode) & CLOCKING_HALF) !== 0 ? 1 : 0;
  const pixel = shift === 1 ? pairedPixel : planarPixel;
  return (address, to) => {
    for (let x = 0; x < width; x += 1) put(to + 3 * x, colors[pixel(memory, address, x >> halved) & planes]!);
  };
}

/** Pixel `x` of a line: a bit from each plane. */
function planarPixel(memory: Uint8Array, address: number, x: number): number {
  const at = address + 4 * (x >> 3);
  const bit = 7 - (x & 7);
  let color = 0;
  for (let plane = 0; plane < 4; plane += 1) color |= (((memory[at + plane] ?? 0) >> bit) & 1) << plane;
  return color;
}

/** Shift mode 1: two bits of planes 0 and 2 for four pixels, then of planes 1 and 3 for four more. */
function pairedPixel(memory: Uint8Array, address: number, x: number): number {
  const at = address + 4 * (x >> 3) + ((x >> 2) & 1);
  const bit = 6 - 2 * (x & 3);
  return (((memory[at] ?? 0) >> bit) & 3) | ((((memory[at + 2] ?? 0) >> bit) & 3) << 2);
}

/** Bytes a pixel, and its colour as 0xrrggbb. */
function linearColors(state: VgaState, memory: Uint8Array, asQemu: boolean): readonly [number, (at: number) => number] {
  const bpp = state.dispi[DISPI.bpp]!;
  const big = state.bigEndian;
  const byte = (at: number): number => memory[at] ?? 0;
  const word = (at: number): number => (big ? (byte(at) << 8) | byte(at + 1) : byte(at) | (byte(at + 1) << 8));
  const five = (value: number): number => ((value & 31) << 3) | ((value & 31) >> 2);
  const six = (value: number): number => ((value & 63) << 2) | ((value & 63) >> 4);
  switch (bpp) {
    case 15: {
      const kept = asQemu ? 0xf8_f8f8 : 0xff_ffff;
      return [2, (at) => ((five(word(at) >> 10) << 16) | (five(word(at) >> 5) << 8) | five(word(at))) & kept];
    }
    case 16:
      return [2, (at) => (five(word(at) >> 11) << 16) | (six(word(at) >> 5) << 8) | five(word(at))];
    case 24:
      return big
        ? [3, (at) => (byte(at) << 16) | (byte(at + 1) << 8) | byte(at + 2)]
        : [3, (at) => (byte(at + 2) << 16) | (byte(at + 1) << 8) | byte(at)];
    case 32:
      return big
        ? [4, (at) => (byte(at + 1) << 16) | (byte(at + 2) << 8) | byte(at + 3)]
        : [4, (at) => (byte(at + 2) << 16) | (byte(at + 1) << 8) | byte(at)];
    default: {
      const colors = dacColors(state);
      return [1, (at) => colors[byte(at)]!];
    }
  }
}
