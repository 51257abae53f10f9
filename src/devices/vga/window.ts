/**
 * The window at 0xa0000-0xbffff: register callbacks, with video memory itself in front of them while stores need nothing
 * but the bytes.
 */
import { AliasRegion, ContainerRegion, type MemoryRegion, type MemorySystem, MmioRegion } from '../../memory/index.ts';
import type { RegionOwner } from '../../memory/region.ts';
import type { Planes } from './planes.ts';
import { ALL_MAPS, SEQUENCER } from './registers.ts';
import type { VgaState } from './state.ts';

export const WINDOW_BASE = 0xa_0000;
export const WINDOW_SIZE = 0x2_0000;

/** First byte and length within the window, by Memory Map Select. */
const PARTS = [
  [0, 0x2_0000],
  [0, 0x1_0000],
  [0x1_0000, 0x8000],
  [0x1_8000, 0x8000],
] as const;

export interface VgaWindowOptions {
  readonly system: MemorySystem;
  readonly owner: RegionOwner;
  readonly state: VgaState;
  readonly planes: Planes;
  readonly memory: MemoryRegion;
}

export class VgaWindow {
  /** To be placed at {@link WINDOW_BASE}. */
  readonly region: ContainerRegion;
  readonly #options: VgaWindowOptions;
  readonly #linear: AliasRegion;

  constructor(options: VgaWindowOptions) {
    this.#options = options;
    const { system, owner, planes, memory } = options;
    this.region = new ContainerRegion(system, 'vga-window', WINDOW_SIZE);
    const callbacks = {
      read: (offset: number) => planes.read(offset),
      write: (offset: number, _size: number, value: number) => planes.write(offset, value & 0xff),
      impl: { minimum: 1, maximum: 1 },
    };
    this.region.addSubregion(0, new MmioRegion(system, 'vga-lowmem', WINDOW_SIZE, callbacks, { owner }));
    this.#linear = new AliasRegion(system, 'vga.chain4', memory, 0, WINDOW_SIZE);
    this.#linear.setEnabled(false);
    this.region.addSubregion(0, this.#linear, 1);
  }

  /** Applies what the registers say now. */
  update(): void {
    const { system, state, planes } = this.#options;
    const [start, size] = PARTS[state.memoryMap as 0 | 1 | 2 | 3];
    const offset = state.memoryMap === 1 ? state.bankOffset : 0;
    const allMaps = state.sequencerInForce(SEQUENCER.mapMask) === ALL_MAPS;
    system.transaction(() => {
      const linear = planes.chained && allMaps && planes.storesPlain;
      this.#linear.setEnabled(linear);
      if (!linear) return;
      this.#linear.setSize(size);
      this.#linear.setOffset(offset);
      this.#linear.setAddress(start);
    });
  }
}
