/** The VGA's I/O ports, 0x3b0 to 0x3df, one byte each. */
import {
  ATTRIBUTE_COUNT,
  ATTRIBUTE_MASKS,
  CRTC,
  CRTC_PROTECT,
  CRTC_PROTECTED_LAST,
  GRAPHICS_INDEX_MASK,
  GRAPHICS_MASKS,
  MISCELLANEOUS_COLOR,
  MISCELLANEOUS_MASK,
  OVERFLOW_LINE_COMPARE,
  SEQUENCER_MASKS,
} from './registers.ts';
import type { VgaState } from './state.ts';

const NOBODY = 0xff;
const FEATURE_CONTROL_MASK = 0x10;
const DAC_READING = 3;
const DAC_BITS = 0x3f;

export interface VgaPortsOptions {
  readonly state: VgaState;
  /** Input Status 1 now. */
  readonly status1: () => number;
  /** Something that decides how the memory window answers was written. */
  readonly remap: () => void;
  /** A CRTC or graphics register was written: a mode of the Bochs extension puts its own values back. */
  readonly modeWritten: () => void;
  /** The palette keeps bits 7 and 6 of what is written, although the DAC has 6 bits. */
  readonly wholePaletteBytes: boolean;
}

export class VgaPorts {
  readonly #options: VgaPortsOptions;
  readonly #state: VgaState;

  constructor(options: VgaPortsOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** `port` 0x3b0-0x3df. */
  read(port: number): number {
    const state = this.#state;
    if (this.#hidden(port)) return NOBODY;
    switch (port) {
      case 0x3c0:
        return state.attributeData ? 0 : state.attributeIndex;
      case 0x3c1: {
        const index = state.attributeIndex & 0x1f;
        return index < ATTRIBUTE_COUNT ? state.attribute[index]! : 0;
      }
      case 0x3c4:
        return state.sequencerIndex;
      case 0x3c5:
        return state.sequencer[state.sequencerIndex]!;
      case 0x3c7:
        return state.dacState;
      case 0x3c8:
        return state.dacWriteIndex;
      case 0x3c9:
        return this.#readPalette();
      case 0x3ca:
        return state.featureControl;
      case 0x3cc:
        return state.miscellaneous;
      case 0x3ce:
        return state.graphicsIndex;
      case 0x3cf:
        return state.graphics[state.graphicsIndex]!;
      case 0x3b4:
      case 0x3d4:
        return state.crtcIndex;
      case 0x3b5:
      case 0x3d5:
        return state.crtc[state.crtcIndex]!;
      case 0x3ba:
      case 0x3da:
        state.attributeData = false;
        return this.#options.status1();
      default: // Input Status 0 too: no interrupt pending, no switch closed.
        return 0;
    }
  }

  write(port: number, value: number): void {
    const state = this.#state;
    if (this.#hidden(port)) return;
    switch (port) {
      case 0x3c0:
        this.#writeAttribute(value);
        break;
      case 0x3c2:
        state.miscellaneous = value & MISCELLANEOUS_MASK;
        break;
      case 0x3c4:
        state.sequencerIndex = value & 7;
        break;
      case 0x3c5:
        state.sequencer[state.sequencerIndex] = value & SEQUENCER_MASKS[state.sequencerIndex]!;
        this.#options.remap();
        break;
      case 0x3c7:
        state.dacReadIndex = value;
        state.dacSubIndex = 0;
        state.dacState = DAC_READING;
        break;
      case 0x3c8:
        state.dacWriteIndex = value;
        state.dacSubIndex = 0;
        state.dacState = 0;
        break;
      case 0x3c9:
        this.#writePalette(value);
        break;
      case 0x3ce:
        state.graphicsIndex = value & GRAPHICS_INDEX_MASK;
        break;
      case 0x3cf:
        state.graphics[state.graphicsIndex] = value & GRAPHICS_MASKS[state.graphicsIndex]!;
        this.#options.modeWritten();
        this.#options.remap();
        break;
      case 0x3b4:
      case 0x3d4:
        state.crtcIndex = value;
        break;
      case 0x3b5:
      case 0x3d5:
        this.#writeCrtc(value);
        break;
      case 0x3ba:
      case 0x3da:
        state.featureControl = value & FEATURE_CONTROL_MASK;
        break;
      default: // Nothing is written elsewhere.
    }
  }

  /** Miscellaneous Output bit 0 says which of 0x3bx and 0x3dx exist. */
  #hidden(port: number): boolean {
    const color = (this.#state.miscellaneous & MISCELLANEOUS_COLOR) !== 0;
    return port >> 4 === (color ? 0x3b : 0x3d);
  }

  #writeAttribute(value: number): void {
    const state = this.#state;
    if (state.attributeData) {
      const index = state.attributeIndex & 0x1f;
      if (index < ATTRIBUTE_COUNT) state.attribute[index] = value & ATTRIBUTE_MASKS[index]!;
    } else {
      state.attributeIndex = value & 0x3f;
    }
    state.attributeData = !state.attributeData;
  }

  #writeCrtc(value: number): void {
    const { crtc, crtcIndex } = this.#state;
    if ((crtc[CRTC.verticalRetraceEnd]! & CRTC_PROTECT) !== 0 && crtcIndex <= CRTC_PROTECTED_LAST) {
      if (crtcIndex !== CRTC.overflow) return;
      crtc[crtcIndex] = (crtc[crtcIndex]! & ~OVERFLOW_LINE_COMPARE) | (value & OVERFLOW_LINE_COMPARE);
    } else {
      crtc[crtcIndex] = value;
    }
    this.#options.modeWritten();
  }

  #readPalette(): number {
    const state = this.#state;
    const value = state.palette[3 * state.dacReadIndex + state.dacSubIndex]!;
    state.dacSubIndex = (state.dacSubIndex + 1) % 3;
    if (state.dacSubIndex === 0) state.dacReadIndex = (state.dacReadIndex + 1) & 0xff;
    return value;
  }

  /** An entry changes when its third byte arrives. */
  #writePalette(value: number): void {
    const state = this.#state;
    const whole = state.dac8Bit || this.#options.wholePaletteBytes;
    state.dacCache[state.dacSubIndex] = whole ? value : value & DAC_BITS;
    state.dacSubIndex = (state.dacSubIndex + 1) % 3;
    if (state.dacSubIndex !== 0) return;
    state.palette.set(state.dacCache, 3 * state.dacWriteIndex);
    state.dacWriteIndex = (state.dacWriteIndex + 1) & 0xff;
  }
}
