/**
 * Mapping memory for a long transfer (QEMU: `dma_memory_map`). Direct RAM is lent; anything else gets a bounce buffer,
 * of which one address space hands out 4096 bytes at a time.
 *
 * - `qemu`: as QEMU does it. A hole maps too: the buffer reads as zeros, what is written to it is lost, and neither the
 *   read nor the write-back reports that it failed.
 * - `strict`: the results of both are handed to the device, which can then report a data buffer error.
 */

import type { BusAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { AddressSpace } from './address-space.ts';
import type { DmaPurpose, Initiator } from './events.ts';
import { MEMTX_OK, MEMTXATTRS_UNSPECIFIED, type MemTxAttrs, type MemTxResult } from './memtx.ts';
import type { BackedRegion } from './ram-region.ts';

/** Bytes of bounce buffer that one address space hands out at a time (QEMU: `max_bounce_buffer_size`). */
export const BOUNCE_BUFFER_BYTES = 4096;

/** From the device's side: `to-device` reads memory, `from-device` writes it. */
export type DmaDirection = 'to-device' | 'from-device';
export type MapMode = 'qemu' | 'strict';

export interface DmaMapping {
  readonly bytes: Uint8Array;
  readonly address: BusAddress;
  readonly direction: DmaDirection;
  /** True when {@link bytes} is a copy that reaches memory only at unmap. */
  readonly bounced: boolean;
  /** How filling the buffer went; always MEMTX_OK in `qemu` mode. */
  readonly result: MemTxResult;
}

interface Direct {
  readonly region: BackedRegion;
  readonly offset: number;
  readonly address: number;
}

export class DmaMapper {
  #bounceLeft: number;
  readonly #waiting: (() => void)[] = [];
  readonly #live = new Map<DmaMapping, Direct | undefined>();

  constructor(
    readonly space: AddressSpace,
    readonly initiator: Initiator,
    readonly mode: MapMode = 'qemu',
    readonly bounceBytes: number = BOUNCE_BUFFER_BYTES,
  ) {
    this.#bounceLeft = bounceBytes;
  }

  /**
   * Maps up to `length` bytes; the mapping may be shorter, so that a long transfer takes several. `undefined`: the
   * bounce buffer is used up ({@link whenMappable}), or `length` is 0.
   */
  map(
    address: BusAddress,
    length: number,
    direction: DmaDirection,
    purpose?: DmaPurpose,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
  ): DmaMapping | undefined {
    if (length <= 0) return undefined;
    const write = direction === 'from-device';
    this.space.resolver.resolve(this.space, address, write, attrs);
    const { range, at, limit } = this.space.resolver;
    const backing = write ? range?.writeBacking : range?.readBacking;
    if (range === undefined || backing === undefined) return this.#bounce(address, length, direction, purpose, attrs);
    const offset = (at as number) + range.offsetDelta;
    const size = this.#extent(address, length, write, attrs, range.region as BackedRegion, offset, limit);
    const bytes = backing.subarray(offset, offset + size);
    const mapping = { bytes, address, direction, bounced: false, result: MEMTX_OK };
    this.#live.set(mapping, { region: range.region as BackedRegion, offset, address: at as number });
    return mapping;
  }

  /** Ends a mapping. `written`: how many bytes the device put there; only those count as changed. */
  unmap(mapping: DmaMapping, written = mapping.bytes.length): MemTxResult {
    assert(this.#live.has(mapping), 'a mapping is unmapped once, where it was mapped');
    assert(written <= mapping.bytes.length, 'not more is written than was mapped');
    const direct = this.#live.get(mapping);
    this.#live.delete(mapping);
    const write = mapping.direction === 'from-device';
    if (direct !== undefined) {
      if (write && written > 0) {
        this.space.noteWritten(direct.region, direct.offset, written, direct.address, this.initiator);
      }
      return MEMTX_OK;
    }
    const result = write
      ? this.space.write(mapping.address, mapping.bytes.subarray(0, written), this.initiator)
      : MEMTX_OK;
    this.#bounceLeft += mapping.bytes.length;
    for (const wake of this.#waiting.splice(0)) wake();
    return this.mode === 'strict' ? result : MEMTX_OK;
  }

  /** Calls `wake` once, as soon as bounce buffer is free: now, if it is. Returns the way to stop waiting. */
  whenMappable(wake: () => void): () => void {
    if (this.#bounceLeft > 0) {
      wake();
      return () => {};
    }
    this.#waiting.push(wake);
    return () => {
      const index = this.#waiting.indexOf(wake);
      if (index >= 0) this.#waiting.splice(index, 1);
    };
  }

  #bounce(
    address: BusAddress,
    length: number,
    direction: DmaDirection,
    purpose: DmaPurpose | undefined,
    attrs: MemTxAttrs,
  ): DmaMapping | undefined {
    const size = Math.min(length, this.#bounceLeft);
    if (size === 0) return undefined;
    this.#bounceLeft -= size;
    const bytes = new Uint8Array(size);
    const read = direction === 'to-device';
    const filled = read ? this.space.read(address, bytes, this.initiator, attrs, purpose) : MEMTX_OK;
    const result = this.mode === 'strict' ? filled : MEMTX_OK;
    const mapping = { bytes, address, direction, bounced: true, result };
    this.#live.set(mapping, undefined);
    return mapping;
  }

  /** Bytes from `address` on that lie one after another in `region`. */
  #extent(
    address: BusAddress,
    length: number,
    write: boolean,
    attrs: MemTxAttrs,
    region: BackedRegion,
    offset: number,
    firstLimit: number,
  ): number {
    const { resolver } = this.space;
    let done = 0;
    let limit = firstLimit;
    let left = resolver.range!.end - (resolver.at as number);
    for (;;) {
      done += Math.min(length - done, limit, left);
      if (done === length || typeof address !== 'number') return done;
      resolver.resolve(this.space, (address + done) as BusAddress, write, attrs);
      const { range, at } = resolver;
      const direct = write ? range?.writeBacking : range?.readBacking;
      if (direct === undefined || range!.region !== region) return done;
      if ((at as number) + range!.offsetDelta !== offset + done) return done;
      limit = resolver.limit;
      left = range!.end - (at as number);
    }
  }
}
