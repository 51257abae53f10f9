/** The processor's way to everything that is not its own direct RAM: registers, ROM writes, holes, I/O ports. */
import type { BusAddress, Gpa } from '../base/address.ts';
import type { AddressSpace } from './address-space.ts';
import type { Initiator } from './events.ts';
import type { FlatView } from './flat-view.ts';
import { MEMTX_DECODE_ERROR, MEMTXATTRS_UNSPECIFIED, type MemTxAttrs } from './memtx.ts';
import { loadScalar, storeScalar } from './scalar.ts';

/** Guest-physical addresses whose bytes the processor may touch without asking. */
export interface DirectRange {
  readonly start: Gpa;
  /** Bytes. */
  readonly size: number;
  readonly backing: Uint8Array;
  /** False for ROM: a write must go through the port. */
  readonly writable: boolean;
  readonly region: string;
  /** {@link FlatRange.dirtyLogMask}: with DIRTY_VGA set, the owner of direct writes must report them by `setDirty`. */
  readonly dirtyLogMask: number;
}

/** All RAM and ROM of a flat view, by address. */
export function directRanges(view: FlatView): DirectRange[] {
  const found: DirectRange[] = [];
  for (const range of view.ranges) {
    const { readBacking, start, end, offsetInRegion, dirtyLogMask } = range;
    if (readBacking === undefined) continue;
    const size = end - start;
    found.push({
      start: start as Gpa,
      size,
      backing: readBacking.subarray(offsetInRegion, offsetInRegion + size),
      writable: range.writeBacking !== undefined && !range.readonly,
      region: range.region.name,
      dirtyLogMask,
    });
  }
  return found;
}

/**
 * Memory as one processor sees it. A hole reads as zero and swallows writes, as on QEMU's x86; a store to ROM is dropped
 * without a log line, as QEMU's processors drop it, but is still stated as a failed access.
 */
export class CpuMemoryPort {
  /** High half of the last 8-byte read. */
  high = 0;
  readonly #initiator: Initiator;

  constructor(
    readonly space: AddressSpace,
    cpu = 0,
    readonly attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
  ) {
    this.#initiator = { kind: 'cpu', cpu };
  }

  /** `size` is 1, 2, 4 or 8 bytes, anywhere; unaligned accesses go out as naturally aligned ones. */
  read(address: Gpa, size: number): number {
    const piece = alignedSize(address, size);
    const { dispatch } = this.space.system;
    if (piece === size) {
      loadScalar(this.space, address as number as BusAddress, size, this.#initiator, this.attrs);
      this.high = dispatch.high;
      return dispatch.low;
    }
    let low = 0;
    let high = 0;
    for (let done = 0; done < size; ) {
      const length = alignedSize(address + done, size - done);
      loadScalar(this.space, (address + done) as BusAddress, length, this.#initiator, this.attrs);
      for (let i = 0; i < length; i += 1) {
        const byte = (dispatch.low >>> (8 * i)) & 0xff;
        if (done + i < 4) low = (low | (byte << (8 * (done + i)))) >>> 0;
        else high = (high | (byte << (8 * (done + i - 4)))) >>> 0;
      }
      done += length;
    }
    this.high = high;
    return low;
  }

  write(address: Gpa, size: number, low: number, high: number): void {
    if (alignedSize(address, size) === size) {
      this.#store(address, size, low, high);
      return;
    }
    for (let done = 0; done < size; ) {
      const length = alignedSize(address + done, size - done);
      this.#store(address + done, length, bytesOf(low, high, done, length), 0);
      done += length;
    }
  }

  #store(address: number, size: number, low: number, high: number): void {
    const range = this.space.view.find(address);
    if (range?.isProtected) {
      const reason = { kind: 'rom-write', region: range.region.name } as const;
      const at = { initiator: this.#initiator, address: address as BusAddress, size, write: true, offset: 0 };
      this.space.fail({ ...at, result: MEMTX_DECODE_ERROR, reason, purpose: undefined }, this.attrs);
      return;
    }
    storeScalar(this.space, address as BusAddress, size, low, high, this.#initiator, this.attrs);
  }
}

/** The longest naturally aligned access at `address` that is not longer than `left` (up to 8) bytes. */
function alignedSize(address: number, left: number): number {
  let size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
  while (address % size !== 0) size >>>= 1;
  return size;
}

function bytesOf(low: number, high: number, from: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i -= 1) {
    const at = from + i;
    value = value * 256 + (((at < 4 ? low : high) >>> (8 * (at & 3))) & 0xff);
  }
  return value;
}

/** The I/O ports as one processor sees them. Accesses go out whole; the device's rules split or refuse them. */
export class CpuPortIo {
  readonly #initiator: Initiator;

  constructor(
    readonly space: AddressSpace,
    cpu = 0,
  ) {
    this.#initiator = { kind: 'cpu', cpu };
  }

  /** `port` 0 to 0xffff, `size` 1, 2 or 4. */
  read(port: number, size: number): number {
    loadScalar(this.space, port as BusAddress, size, this.#initiator, MEMTXATTRS_UNSPECIFIED);
    return this.space.system.dispatch.low;
  }

  write(port: number, size: number, value: number): void {
    storeScalar(this.space, port as BusAddress, size, value, 0, this.#initiator, MEMTXATTRS_UNSPECIFIED);
  }
}
