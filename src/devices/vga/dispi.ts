/**
 * The Bochs display interface: linear modes by a handful of 16-bit registers, at I/O ports 0x1ce to 0x1d0 and in BAR 2
 * (Bochs VBE API; QEMU's documentation docs/specs/standard-vga).
 */
import { CRTC, GRAPHICS } from './registers.ts';
import { DISPI, DISPI_COUNT, DISPI_ENABLED, type VgaState } from './state.ts';

const ID_FIRST = 0xb0c0;
const ID_LAST = 0xb0c5;
const ENABLE_GET_CAPABILITIES = 0x02;
const ENABLE_8_BIT_DAC = 0x20;
const ENABLE_KEEP_MEMORY = 0x80;
const X_MAX = 16_000;
const Y_MAX = 12_000;
const BPP_MAX = 32;
const BANK_BYTES = 0x1_0000;

export interface DispiOptions {
  readonly state: VgaState;
  readonly memory: Uint8Array;
  readonly remap: () => void;
  /** Called before all of a mode's memory is cleared. */
  readonly clear: (bytes: number) => void;
}

export class Dispi {
  readonly #options: DispiOptions;
  readonly #state: VgaState;

  constructor(options: DispiOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** The register that the index port selects. */
  read(): number {
    const { dispi, dispiIndex } = this.#state;
    if (dispiIndex === DISPI.videoMemory64k) return this.#options.memory.length / BANK_BYTES;
    if (dispiIndex >= DISPI_COUNT) return 0;
    if ((dispi[DISPI.enable]! & ENABLE_GET_CAPABILITIES) !== 0) {
      if (dispiIndex === DISPI.xRes) return X_MAX;
      if (dispiIndex === DISPI.yRes) return Y_MAX;
      if (dispiIndex === DISPI.bpp) return BPP_MAX;
    }
    return dispi[dispiIndex]!;
  }

  write(value: number): void {
    const state = this.#state;
    const { dispi, dispiIndex } = state;
    switch (dispiIndex) {
      case DISPI.id:
        if (value >= ID_FIRST && value <= ID_LAST) dispi[DISPI.id] = value;
        break;
      case DISPI.xRes:
      case DISPI.yRes:
      case DISPI.bpp:
      case DISPI.virtualWidth:
      case DISPI.xOffset:
      case DISPI.yOffset:
        dispi[dispiIndex] = value;
        this.#settle();
        this.applyToVga();
        break;
      case DISPI.bank:
        dispi[DISPI.bank] = value & (this.#options.memory.length / BANK_BYTES - 1);
        state.bankOffset = dispi[DISPI.bank]! * BANK_BYTES;
        this.#options.remap();
        break;
      case DISPI.enable:
        this.#enable(value);
        break;
      default: // The virtual height follows from the rest.
    }
  }

  #enable(value: number): void {
    const state = this.#state;
    const { dispi } = state;
    if ((value & DISPI_ENABLED) !== 0 && !state.dispiEnabled) {
      dispi[DISPI.virtualWidth] = 0;
      dispi[DISPI.xOffset] = 0;
      dispi[DISPI.yOffset] = 0;
      dispi[DISPI.enable] = dispi[DISPI.enable]! | DISPI_ENABLED;
      this.#settle();
      this.applyToVga();
      if ((value & ENABLE_KEEP_MEMORY) === 0) this.#options.clear(dispi[DISPI.yRes]! * state.dispiPitch);
    } else {
      state.bankOffset = 0;
    }
    state.dac8Bit = (value & ENABLE_8_BIT_DAC) !== 0;
    dispi[DISPI.enable] = value;
    this.#options.remap();
  }

  /** Makes the registers agree with each other and with the memory that is there. */
  #settle(): void {
    const state = this.#state;
    if (!state.dispiEnabled) return;
    const { dispi } = state;
    const bytes = this.#options.memory.length;
    const bits = this.#depth();
    const width = clamp(dispi[DISPI.xRes]! & ~7, 8, X_MAX);
    const pitchPixels = clamp(dispi[DISPI.virtualWidth]! & ~7, width, X_MAX);
    const pitch = (pitchPixels * bits) / 8;
    const linesMax = Math.floor(bytes / pitch);
    const height = Math.min(clamp(dispi[DISPI.yRes]!, 1, Y_MAX), linesMax);
    let x = Math.min(dispi[DISPI.xOffset]!, X_MAX);
    let y = Math.min(dispi[DISPI.yOffset]!, Y_MAX);
    const start = (): number => (x * bits) / 8 + y * pitch;
    if (start() + height * pitch > bytes) y = 0;
    if (start() + height * pitch > bytes) x = 0;
    dispi.set([width, height], DISPI.xRes);
    dispi.set([pitchPixels, linesMax, x, y], DISPI.virtualWidth);
    state.dispiPitch = Math.trunc(pitch);
    state.dispiStart = Math.floor(start() / 4);
  }

  #depth(): number {
    const { dispi } = this.#state;
    const wanted = dispi[DISPI.bpp]!;
    if (wanted === 15) return 16;
    if (![4, 8, 16, 24, 32].includes(wanted)) dispi[DISPI.bpp] = 8;
    return dispi[DISPI.bpp]!;
  }

  /** While the extension is on, the VGA's own registers tell of its mode. */
  applyToVga(): void {
    const state = this.#state;
    if (!state.dispiEnabled) return;
    const { crtc, graphics, dispi } = state;
    const last = dispi[DISPI.yRes]! - 1;
    graphics[GRAPHICS.miscellaneous] = (graphics[GRAPHICS.miscellaneous]! & ~0x0c) | 0x05;
    crtc[CRTC.mode] = crtc[CRTC.mode]! | 3;
    crtc[CRTC.offset] = state.dispiPitch >> 3;
    crtc[CRTC.horizontalDisplayEnd] = (dispi[DISPI.xRes]! >> 3) - 1;
    crtc[CRTC.verticalDisplayEnd] = last;
    // Bits 8 and 9 of the height; the line compare is out of the way.
    const overflow = (crtc[CRTC.overflow]! & ~0x42) | ((last >> 7) & 0x02) | ((last >> 3) & 0x40);
    crtc[CRTC.overflow] = overflow | 0x10;
    crtc[CRTC.lineCompare] = 0xff;
    crtc[CRTC.maximumScanLine] = (crtc[CRTC.maximumScanLine]! | 0x40) & ~0x9f;
    const shift = dispi[DISPI.bpp] === 4 ? 0 : 2;
    graphics[GRAPHICS.mode] = (graphics[GRAPHICS.mode]! & ~0x60) | (shift << 5);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
