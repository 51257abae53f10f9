/**
 * The CPU's way to the four planes: addressing by chain 4, odd/even or plane, latches, and the write pipeline of rotate,
 * set/reset, function and bit mask (IBM Video Subsystem, "Graphics Controller").
 *
 * Video memory holds the planes interleaved: plane p of address n is byte 4n + p, so that a linear mode's bytes lie in
 * order. DEVIATION: odd/even addressing packs even and odd bytes without the gaps that a real VGA leaves in each plane,
 * as QEMU does; only software that mixes odd/even and planar access to the same characters could tell.
 */
import { ALL_MAPS, GRAPHICS, MEMORY_CHAIN_4, MODE_ODD_EVEN, MODE_READ_1, SEQUENCER } from './registers.ts';
import type { VgaState } from './state.ts';

const NOBODY = 0xff;
const SMALL_WINDOW = 0x8000;
const BANK = 0x1_0000;
/** Where the small windows begin, from 0xa0000 on. */
const MONOCHROME_WINDOW = 0x1_0000;
const COLOR_WINDOW = 0x1_8000;

/** Four bits to four bytes of all ones or all zeros. */
function spread(bits: number): number {
  return (
    ((bits & 1) * 0xff) | (((bits >> 1) & 1) * 0xff00) | (((bits >> 2) & 1) * 0xff_0000) | (((bits >> 3) << 31) >> 7)
  );
}

function replicate(byte: number): number {
  return Math.imul(byte, 0x0101_0101);
}

export interface PlanesOptions {
  readonly state: VgaState;
  readonly memory: Uint8Array;
  /** Chain 4 and odd/even stores pass the write pipeline too, as on a real VGA; QEMU's do not. */
  readonly pipelineAlways: boolean;
}

export class Planes {
  readonly #state: VgaState;
  readonly #memory: Uint8Array;
  readonly #pipelineAlways: boolean;

  constructor(options: PlanesOptions) {
    this.#state = options.state;
    this.#memory = options.memory;
    this.#pipelineAlways = options.pipelineAlways;
  }

  /** Reads the byte at `offset` (0-0x1ffff) of the window at 0xa0000. */
  read(offset: number): number {
    const address = this.#address(offset);
    if (address === undefined) return NOBODY;
    const { graphics } = this.#state;
    const mode = graphics[GRAPHICS.mode]!;
    if (this.chained) {
      this.#latch(address & ~3);
      return this.#memory[address] ?? NOBODY;
    }
    if ((mode & MODE_ODD_EVEN) !== 0) {
      const at = this.#oddEven(address);
      this.#latch(at & ~3);
      return this.#memory[at] ?? NOBODY;
    }
    if (4 * address >= this.#memory.length) return NOBODY;
    this.#latch(4 * address);
    const { latch } = this.#state;
    if ((mode & MODE_READ_1) === 0) return (latch >>> (8 * graphics[GRAPHICS.readMapSelect]!)) & 0xff;
    const care = spread(graphics[GRAPHICS.colorDontCare]!);
    const difference = (latch ^ spread(graphics[GRAPHICS.colorCompare]!)) & care;
    return ~(difference | (difference >>> 8) | (difference >>> 16) | (difference >>> 24)) & 0xff;
  }

  write(offset: number, value: number): void {
    const address = this.#address(offset);
    if (address === undefined) return;
    const mapMask = this.#state.sequencerInForce(SEQUENCER.mapMask);
    const packed = this.chained || this.oddEven;
    if (!packed) {
      if (4 * address < this.#memory.length) this.#store(4 * address, mapMask, value);
      return;
    }
    const at = this.chained ? address : this.#oddEven(address);
    const plane = at & 3;
    if ((mapMask & (1 << plane)) === 0 || at >= this.#memory.length) return;
    if (this.#pipelineAlways) this.#store(at & ~3, 1 << plane, value);
    else this.#memory[at] = value;
  }

  get chained(): boolean {
    return (this.#state.sequencerInForce(SEQUENCER.memoryMode) & MEMORY_CHAIN_4) !== 0;
  }

  get oddEven(): boolean {
    return (this.#state.graphics[GRAPHICS.mode]! & MODE_ODD_EVEN) !== 0;
  }

  /** A stored byte arrives in memory as it is: nothing of the write pipeline is in use. */
  get storesPlain(): boolean {
    if (!this.#pipelineAlways) return true;
    const { graphics } = this.#state;
    return (
      (graphics[GRAPHICS.mode]! & 3) === 0 &&
      graphics[GRAPHICS.enableSetReset] === 0 &&
      graphics[GRAPHICS.dataRotate] === 0 &&
      graphics[GRAPHICS.bitMask] === 0xff
    );
  }

  /** The CPU's address within the part of video memory that the window shows; `undefined`: nobody answers there. */
  #address(offset: number): number | undefined {
    switch (this.#state.memoryMap) {
      case 0:
        return offset;
      case 1:
        return offset < BANK ? offset + this.#state.bankOffset : undefined;
      case 2:
        return offset >= MONOCHROME_WINDOW && offset < MONOCHROME_WINDOW + SMALL_WINDOW
          ? offset - MONOCHROME_WINDOW
          : undefined;
      default:
        return offset >= COLOR_WINDOW ? offset - COLOR_WINDOW : undefined;
    }
  }

  /** Address bit 0 is the plane's bit 0; Read Map Select gives bit 1. */
  #oddEven(address: number): number {
    const plane = (this.#state.graphics[GRAPHICS.readMapSelect]! & 2) | (address & 1);
    return ((address & ~1) << 1) | plane;
  }

  #latch(at: number): void {
    const memory = this.#memory;
    if (at + 3 >= memory.length) return;
    this.#state.latch = memory[at]! | (memory[at + 1]! << 8) | (memory[at + 2]! << 16) | (memory[at + 3]! << 24);
  }

  /** Puts a byte of the CPU through the write pipeline into the planes of `mapMask`. */
  #store(at: number, mapMask: number, value: number): void {
    const result = this.#pipeline(value);
    for (let plane = 0; plane < 4; plane += 1) {
      if ((mapMask & (1 << plane)) !== 0) this.#memory[at + plane] = result >>> (8 * plane);
    }
  }

  #pipeline(value: number): number {
    const { graphics, latch } = this.#state;
    const writeMode = graphics[GRAPHICS.mode]! & 3;
    if (writeMode === 1) return latch;
    const rotate = graphics[GRAPHICS.dataRotate]! & 7;
    const rotated = ((value >> rotate) | (value << (8 - rotate))) & 0xff;
    const setReset = spread(graphics[GRAPHICS.setReset]!);
    let mask = graphics[GRAPHICS.bitMask]!;
    let data: number;
    if (writeMode === 0) {
      const fromSetReset = spread(graphics[GRAPHICS.enableSetReset]!);
      data = (replicate(rotated) & ~fromSetReset) | (setReset & fromSetReset);
    } else if (writeMode === 2) {
      data = spread(value & ALL_MAPS);
    } else {
      mask &= rotated;
      data = setReset;
    }
    switch (graphics[GRAPHICS.dataRotate]! >> 3) {
      case 1:
        data &= latch;
        break;
      case 2:
        data |= latch;
        break;
      case 3:
        data ^= latch;
        break;
      default: // The data replace what was there.
    }
    const through = replicate(mask);
    return (data & through) | (latch & ~through);
  }
}
