/** One base address register: sizing, decoding and its place in the bus's address space (PCI Local Bus 3.0 §6.2.5). */
import { assert } from '../base/assert.ts';
import { isPowerOfTwo } from '../base/bits.ts';
import type { MemoryRegion } from '../memory/region.ts';
import { BAR0, EXPANSION_ROM } from './config-registers.ts';
import type { ConfigSpace } from './config-space.ts';

/** BAR index of the expansion ROM, after the six base address registers. */
export const ROM_BAR = 6;
const ROM_ENABLE = 1;
/** In front of what the chipset decodes by default, as QEMU places BARs. */
const BAR_PRIORITY = 1;
/** First physical address that does not exist: 2^52. */
const PHYSICAL_LIMIT_HIGH = 0x10_0000;

export type BarKind = 'memory32' | 'memory64' | 'io' | 'rom';

export interface BarOptions {
  readonly index: number;
  readonly kind: BarKind;
  readonly region: MemoryRegion;
  readonly prefetchable: boolean;
}

export class Bar {
  readonly index: number;
  readonly kind: BarKind;
  readonly region: MemoryRegion;
  readonly prefetchable: boolean;
  /** Bytes, a power of two. */
  readonly size: number;
  readonly #config: ConfigSpace;
  readonly #offset: number;
  #mappedAt: number | undefined;

  constructor(config: ConfigSpace, options: BarOptions) {
    const { index, kind, region, prefetchable } = options;
    const { size } = region;
    assert(isPowerOfTwo(size) && size >= (kind === 'io' ? 4 : 16), `${region.name}: a BAR's size is a power of two`);
    assert(kind === 'memory64' || size <= 2 ** 31, `${region.name}: more than 2 GiB needs a 64-bit BAR`);
    this.index = index;
    this.kind = kind;
    this.region = region;
    this.prefetchable = prefetchable;
    this.size = size;
    this.#config = config;
    this.#offset = kind === 'rom' ? EXPANSION_ROM : BAR0 + 4 * index;
    const type = kind === 'io' ? 1 : kind === 'rom' ? 0 : (kind === 'memory64' ? 4 : 0) | (prefetchable ? 8 : 0);
    const low = size >= 2 ** 32 ? 0 : (2 ** 32 - size) >>> 0;
    config.declare(this.#offset, 4, type, kind === 'rom' ? (low | ROM_ENABLE) >>> 0 : low);
    if (kind === 'memory64') {
      const high = size > 2 ** 32 ? (2 ** 32 - size / 2 ** 32) >>> 0 : 0xffff_ffff;
      config.declare(this.#offset + 4, 4, 0, high);
    }
  }

  /** True for a BAR of the I/O space. */
  get isIo(): boolean {
    return this.kind === 'io';
  }

  /** Where the region stands on the bus now, or `undefined` while it does not decode. */
  get mappedAt(): number | undefined {
    return this.#mappedAt;
  }

  /** The address that software wrote, or `undefined` when no physical bus could decode it. */
  get programmed(): number | undefined {
    const low = this.#config.read(this.#offset, 4);
    const high = this.kind === 'memory64' ? this.#config.read(this.#offset + 4, 4) : 0;
    if (high >= PHYSICAL_LIMIT_HIGH) return undefined;
    const flags = this.kind === 'io' ? 3 : this.kind === 'rom' ? 0x7ff : 0xf;
    return high * 2 ** 32 + ((low & ~flags) >>> 0);
  }

  /**
   * Where the region belongs while its space is enabled: nowhere when the BAR holds 0 (the reset value; QEMU's PC does
   * not decode it either), wraps around, or, with 32 bits, ends at the very top as it does while being sized.
   */
  get decodedAddress(): number | undefined {
    const address = this.programmed;
    if (address === undefined || address === 0) return undefined;
    const last = address + this.size - 1;
    if (this.kind === 'io') return last <= 0xffff ? address : undefined;
    if (this.kind === 'memory64') return last < 2 ** 52 ? address : undefined;
    if (this.kind === 'rom' && (this.#config.read(this.#offset, 4) & ROM_ENABLE) === 0) return undefined;
    return last < 0xffff_ffff ? address : undefined;
  }

  /** Moves the region to `address` of `space`, or takes it off the bus. Returns true when anything changed. */
  map(space: MemoryRegion | undefined, address: number | undefined): boolean {
    const target = space === undefined ? undefined : address;
    if (target === this.#mappedAt) return false;
    this.region.container?.removeSubregion(this.region);
    if (space !== undefined && target !== undefined) space.addSubregion(target, this.region, BAR_PRIORITY);
    this.#mappedAt = target;
    return true;
  }

  /** Reset: the type bits stay, the address is 0. */
  reset(): void {
    const config = this.#config;
    const bytes = this.kind === 'memory64' ? 8 : 4;
    for (let at = this.#offset; at < this.#offset + bytes; at += 1) {
      config.set(at, 1, config.read(at, 1) & ~config.writeMask[at]!);
    }
  }
}
