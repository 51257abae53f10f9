/** Reading guest memory without a trace: as a debugger, and only where memory would answer. */
import type { BusAddress } from '../../base/address.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import { MEMTX_OK, type MemTxAttrs } from '../../memory/memtx.ts';

const DEBUGGER: MemTxAttrs = Object.freeze({ debug: true, memory: true });

export class PeekMemory {
  constructor(readonly dma: DmaPort) {}

  /** `count` 32-bit words, or `undefined` where not all of them would be answered by memory. */
  words(address: BusAddress, count: number): Uint32Array | undefined {
    if (!this.dma.wouldAnswer(address, 4 * count, false)) return undefined;
    const into = new Uint32Array(count);
    return this.dma.readWords(address, into, undefined, DEBUGGER) === MEMTX_OK ? into : undefined;
  }
}
