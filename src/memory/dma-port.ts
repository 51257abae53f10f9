import type { BusAddress } from '../base/address.ts';
import type { AccessFailure, DmaPurpose } from './events.ts';
import type { MemTxAttrs, MemTxResult } from './memtx.ts';

/**
 * What a device has instead of the machine's memory: its own view of the bus, which may fail and says why.
 * Bytes already moved stay moved; the pieces' results are OR-ed (QEMU: `dma_memory_rw`). Reads that fail leave zeros
 * in the part that nothing answered. Little-endian typed accesses, because PCI is.
 */
export interface DmaPort {
  /** Reads memory into all of `into`. */
  read(address: BusAddress, into: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult;
  /** Writes all of `from` to memory. */
  write(address: BusAddress, from: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult;
  /** Writes `size` copies of `byte` (QEMU: `dma_memory_set`). */
  set(address: BusAddress, byte: number, size: number, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult;
  /** Reads `into.length` little-endian 32-bit words. */
  readWords(address: BusAddress, into: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult;
  writeWords(address: BusAddress, from: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult;
  /** True when `size` bytes at `address` would all be answered, without touching them and without a trace. */
  wouldAnswer(address: BusAddress, size: number, write: boolean): boolean;
  /** Why the last access that did not return MEMTX_OK failed. */
  readonly lastFailure: AccessFailure | undefined;
}
