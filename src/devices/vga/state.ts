/** What a VGA remembers: its indexed registers, the palette, the latches and the Bochs extension's registers. */
import type { StateValue } from '../../base/state.ts';
import { ALL_MAPS, ATTRIBUTE_COUNT, CLOCKING_HALF, CRTC, GRAPHICS, MEMORY_CHAIN_4, SEQUENCER } from './registers.ts';

/** Registers of the Bochs display interface by index (Bochs VBE API, "DISPI"). */
export const DISPI = {
  id: 0,
  xRes: 1,
  yRes: 2,
  bpp: 3,
  enable: 4,
  bank: 5,
  virtualWidth: 6,
  virtualHeight: 7,
  xOffset: 8,
  yOffset: 9,
  videoMemory64k: 10,
} as const;
export const DISPI_COUNT = 10;
export const DISPI_ENABLED = 0x01;
/** The newest interface: memory size, 8-bit DAC, offsets. */
export const DISPI_ID5 = 0xb0c5;

const PALETTE_BYTES = 768;
const BYTE_ARRAYS = ['sequencer', 'crtc', 'graphics', 'attribute', 'palette', 'dacCache'] as const;
const NUMBERS = [
  'sequencerIndex',
  'crtcIndex',
  'graphicsIndex',
  'attributeIndex',
  'miscellaneous',
  'featureControl',
  'dacState',
  'dacSubIndex',
  'dacReadIndex',
  'dacWriteIndex',
  'latch',
  'dispiIndex',
  'bankOffset',
  'dispiStart',
  'dispiPitch',
  'status1',
] as const;
const FLAGS = ['attributeData', 'dac8Bit', 'bigEndian'] as const;

export class VgaState {
  readonly sequencer = new Uint8Array(8);
  readonly crtc = new Uint8Array(256);
  readonly graphics = new Uint8Array(16);
  readonly attribute = new Uint8Array(ATTRIBUTE_COUNT);
  /** 256 entries of red, green, blue as software wrote them. */
  readonly palette = new Uint8Array(PALETTE_BYTES);
  readonly dacCache = new Uint8Array(3);
  readonly dispi = new Uint16Array(DISPI_COUNT);
  sequencerIndex = 0;
  crtcIndex = 0;
  graphicsIndex = 0;
  attributeIndex = 0;
  /** The next write to 0x3c0 is data, not an index. */
  attributeData = false;
  miscellaneous = 0;
  featureControl = 0;
  /** 3 after a read index was written, 0 after a write index. */
  dacState = 0;
  dacSubIndex = 0;
  dacReadIndex = 0;
  dacWriteIndex = 0;
  dac8Bit = false;
  /** The four planes' bytes of the last read in a planar mode, plane 0 lowest. */
  latch = 0;
  dispiIndex = 0;
  /** Bytes that the window's 64 KiB bank is away from the start of video memory. */
  bankOffset = 0;
  /** Start of the picture in units of four bytes, and bytes of a line, while the Bochs extension is on. */
  dispiStart = 0;
  dispiPitch = 0;
  bigEndian = false;
  /** Input Status 1 where each read toggles it. */
  status1 = 0;

  reset(): void {
    for (const name of BYTE_ARRAYS) this[name].fill(0);
    for (const name of NUMBERS) this[name] = 0;
    for (const name of FLAGS) this[name] = false;
    this.dispi.fill(0);
    this.dispi[DISPI.id] = DISPI_ID5;
  }

  get dispiEnabled(): boolean {
    return (this.dispi[DISPI.enable]! & DISPI_ENABLED) !== 0;
  }

  /** A sequencer register as the chip uses it: the Bochs extension's modes imply chain 4 and all planes. */
  sequencerInForce(index: number): number {
    const value = this.sequencer[index]!;
    if (!this.dispiEnabled) return value;
    if (this.dispi[DISPI.bpp] === 4) return index === SEQUENCER.clockingMode ? value & ~CLOCKING_HALF : value;
    if (index === SEQUENCER.memoryMode) return value | MEMORY_CHAIN_4;
    return index === SEQUENCER.mapMask ? value | ALL_MAPS : value;
  }

  /** Memory Map Select: 0: 128 KiB at 0xa0000, 1: 64 KiB at 0xa0000, 2: 32 KiB at 0xb0000, 3: 32 KiB at 0xb8000. */
  get memoryMap(): number {
    return (this.graphics[GRAPHICS.miscellaneous]! >> 2) & 3;
  }

  /** The CRTC's value of `low`, with bits 8 and 9 from the Overflow register's bits `bit8` and `bit9`. */
  verticalValue(low: number, bit8: number, bit9: number): number {
    const overflow = this.crtc[CRTC.overflow]!;
    return this.crtc[low]! | (((overflow >> bit8) & 1) << 8) | (((overflow >> bit9) & 1) << 9);
  }

  save(): { readonly [field: string]: StateValue } {
    const fields: Record<string, StateValue> = { dispi: [...this.dispi] };
    for (const name of BYTE_ARRAYS) fields[name] = this[name].slice();
    for (const name of NUMBERS) fields[name] = this[name];
    for (const name of FLAGS) fields[name] = this[name];
    return fields;
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.dispi.set(fields.dispi as number[]);
    for (const name of BYTE_ARRAYS) this[name].set(fields[name] as Uint8Array);
    for (const name of NUMBERS) this[name] = fields[name] as number;
    for (const name of FLAGS) this[name] = fields[name] as boolean;
  }
}
