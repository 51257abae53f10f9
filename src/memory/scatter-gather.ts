/** Scatter/gather lists: one transfer over several pieces of memory (QEMU: `QEMUSGList`, `dma_buf_read`). */
import type { BusAddress } from '../base/address.ts';
import type { DmaPort } from './dma-port.ts';
import type { DmaPurpose } from './events.ts';
import { MEMTX_OK, type MemTxAttrs, type MemTxResult } from './memtx.ts';

export interface ScatterGatherEntry {
  readonly base: BusAddress;
  /** Bytes. */
  readonly length: number;
}

export interface ScatterGatherOutcome {
  /** The pieces' results, OR-ed. */
  readonly result: MemTxResult;
  /** Bytes of the list that the transfer did not reach. */
  readonly residual: number;
}

export class ScatterGatherList {
  readonly entries: ScatterGatherEntry[] = [];
  #size = 0;

  constructor(readonly port: DmaPort) {}

  /** Bytes in the whole list. */
  get size(): number {
    return this.#size;
  }

  add(base: BusAddress, length: number): void {
    this.entries.push({ base, length });
    this.#size += length;
  }

  clear(): void {
    this.entries.length = 0;
    this.#size = 0;
  }

  /** From the device to memory: puts `data` into the list's memory, in order. */
  scatter(data: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): ScatterGatherOutcome {
    return this.#transfer(data, (base, piece) => this.port.write(base, piece, purpose, attrs));
  }

  /** From memory to the device: fills `into` from the list's memory, in order. */
  gather(into: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): ScatterGatherOutcome {
    return this.#transfer(into, (base, piece) => this.port.read(base, piece, purpose, attrs));
  }

  #transfer(data: Uint8Array, move: (base: BusAddress, piece: Uint8Array) => MemTxResult): ScatterGatherOutcome {
    let result: MemTxResult = MEMTX_OK;
    let done = 0;
    for (const { base, length } of this.entries) {
      if (done === data.length) break;
      const piece = data.subarray(done, done + length);
      result |= move(base, piece);
      done += piece.length;
    }
    return { result, residual: this.#size - done };
  }
}
