/** A device's {@link DmaPort}: one address space, asked in the device's name. */
import type { BusAddress } from '../base/address.ts';
import { offsetBus } from '../base/address.ts';
import type { TraceChannel } from '../base/trace.ts';
import type { AddressSpace } from './address-space.ts';
import { loadLow, storeValue } from './bytes.ts';
import type { DmaPort } from './dma-port.ts';
import type { AccessFailure, DmaPurpose, Initiator } from './events.ts';
import { MEMTX_OK, MEMTXATTRS_UNSPECIFIED, type MemTxAttrs, type MemTxResult } from './memtx.ts';
import type { BackedRegion } from './ram-region.ts';

/** Bytes that {@link DmaView.set} writes at a time. */
const FILL_CHUNK = 512;

/** Bytes of the word buffer that is kept for the next transfer of the same size: a TRB has 16, an xHCI context 64. */
const SCRATCH_MAX = 64;

export class DmaView implements DmaPort {
  lastFailure: AccessFailure | undefined;
  readonly #initiator: Initiator;
  readonly #accesses: TraceChannel<'memory.dma'>;
  /** `undefined` while a transfer uses it: a device entered by its own DMA gets another. */
  #scratch: Uint8Array | undefined;

  /** @param device the name that reports give the initiator: `00:03.0`, `isa-dma`. */
  constructor(
    readonly space: AddressSpace,
    readonly device: string,
  ) {
    this.#initiator = { kind: 'device', name: device };
    this.#accesses = space.system.trace.channel('memory.dma');
  }

  read(address: BusAddress, into: Uint8Array, purpose?: DmaPurpose, attrs = MEMTXATTRS_UNSPECIFIED): MemTxResult {
    const result = this.space.read(address, into, this.#initiator, attrs, purpose);
    if (result !== MEMTX_OK || this.#accesses.active) this.#note(address, into.length, false, result, purpose);
    return result;
  }

  write(address: BusAddress, from: Uint8Array, purpose?: DmaPurpose, attrs = MEMTXATTRS_UNSPECIFIED): MemTxResult {
    const result = this.space.write(address, from, this.#initiator, attrs, purpose);
    if (result !== MEMTX_OK || this.#accesses.active) this.#note(address, from.length, true, result, purpose);
    return result;
  }

  /** {@link read} into or {@link write} from `bytes` (QEMU: `dma_memory_rw`); `write` as seen by memory. */
  rw(address: BusAddress, bytes: Uint8Array, write: boolean, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return write ? this.write(address, bytes, purpose, attrs) : this.read(address, bytes, purpose, attrs);
  }

  set(
    address: BusAddress,
    byte: number,
    size: number,
    purpose?: DmaPurpose,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
  ): MemTxResult {
    const chunk = new Uint8Array(Math.min(size, FILL_CHUNK)).fill(byte);
    let result: MemTxResult = MEMTX_OK;
    for (let done = 0; done < size; done += FILL_CHUNK) {
      const piece = size - done < FILL_CHUNK ? chunk.subarray(0, size - done) : chunk;
      result |= this.write(offsetBus(address, done), piece, purpose, attrs);
    }
    return result;
  }

  readWords(address: BusAddress, into: Uint32Array, purpose?: DmaPurpose, attrs = MEMTXATTRS_UNSPECIFIED): MemTxResult {
    const size = 4 * into.length;
    if (typeof address === 'number' && (attrs === MEMTXATTRS_UNSPECIFIED || attrs.memory !== true)) {
      const range = this.space.view.find(address);
      const backing = range?.readBacking;
      if (backing !== undefined && address + size <= range!.end) {
        const offset = (address + range!.offsetDelta) >>> 0;
        const words = range!.readWords;
        if (words !== undefined && (offset & 3) === 0) {
          for (let i = 0, from = offset >>> 2; i < into.length; i += 1) into[i] = words[from + i]!;
        } else for (let i = 0; i < into.length; i += 1) into[i] = word(backing, offset + 4 * i);
        if (this.#accesses.active) this.#note(address, size, false, MEMTX_OK, purpose);
        return MEMTX_OK;
      }
    }
    const bytes = this.#takeScratch(size);
    const result = this.read(address, bytes, purpose, attrs);
    for (let i = 0; i < into.length; i += 1) into[i] = loadLow(bytes, 4 * i, 4);
    this.#giveScratch(bytes);
    return result;
  }

  writeWords(
    address: BusAddress,
    from: Uint32Array,
    purpose?: DmaPurpose,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
  ): MemTxResult {
    const size = 4 * from.length;
    if (typeof address === 'number' && (attrs === MEMTXATTRS_UNSPECIFIED || attrs.memory !== true)) {
      const range = this.space.view.find(address);
      const words = range?.writeWords;
      const offset = range === undefined ? 0 : (address + range.offsetDelta) >>> 0;
      if (words !== undefined && address + size <= range!.end && (offset & 3) === 0) {
        for (let i = 0, to = offset >>> 2; i < from.length; i += 1) words[to + i] = from[i]!;
        this.space.noteWritten(range!.region as BackedRegion, offset, size, address, this.#initiator);
        if (this.#accesses.active) this.#note(address, size, true, MEMTX_OK, purpose);
        return MEMTX_OK;
      }
    }
    const bytes = this.#takeScratch(size);
    for (let i = 0; i < from.length; i += 1) storeValue(bytes, 4 * i, 4, from[i]!, 0);
    const result = this.write(address, bytes, purpose, attrs);
    this.#giveScratch(bytes);
    return result;
  }

  wouldAnswer(address: BusAddress, size: number, write: boolean): boolean {
    return this.space.isAccessible(address, size, write);
  }

  #note(address: BusAddress, size: number, write: boolean, result: MemTxResult, purpose: DmaPurpose | undefined): void {
    if (result !== MEMTX_OK) this.lastFailure = this.space.lastFailure;
    if (this.#accesses.active) this.#accesses.emit({ device: this.device, address, size, write, result, purpose });
  }

  #takeScratch(size: number): Uint8Array {
    const scratch = this.#scratch;
    if (scratch === undefined || scratch.length !== size) return new Uint8Array(size);
    this.#scratch = undefined;
    return scratch;
  }

  #giveScratch(bytes: Uint8Array): void {
    if (bytes.length <= SCRATCH_MAX) this.#scratch = bytes;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
