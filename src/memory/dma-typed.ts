/** Typed DMA: one number in either byte order, over any {@link DmaPort} (QEMU: `ldl_le_dma`, `stl_be_dma`, ...). */
import type { BusAddress } from '../base/address.ts';
import type { DmaPort } from './dma-port.ts';
import type { DmaPurpose } from './events.ts';
import type { MemTxAttrs, MemTxResult } from './memtx.ts';

export type ByteOrder = 'little' | 'big';

/** Loads and stores single values. {@link value} and {@link wide} hold the last one loaded; 0 where nothing answered. */
export class TypedDma {
  /** The last value that {@link load} read: unsigned, up to 32 bits. */
  value = 0;
  /** The last value that {@link load64} read. */
  wide = 0n;

  constructor(readonly port: DmaPort) {}

  load(
    address: BusAddress,
    size: 1 | 2 | 4,
    order: ByteOrder = 'little',
    purpose?: DmaPurpose,
    attrs?: MemTxAttrs,
  ): MemTxResult {
    const bytes = new Uint8Array(size);
    const result = this.port.read(address, bytes, purpose, attrs);
    if (order === 'little') bytes.reverse();
    this.value = bytes.reduce((value, byte) => value * 256 + byte, 0);
    return result;
  }

  load64(address: BusAddress, order: ByteOrder = 'little', purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    const bytes = new Uint8Array(8);
    const result = this.port.read(address, bytes, purpose, attrs);
    this.wide = new DataView(bytes.buffer).getBigUint64(0, order === 'little');
    return result;
  }

  store(
    address: BusAddress,
    size: 1 | 2 | 4,
    value: number,
    order: ByteOrder = 'little',
    purpose?: DmaPurpose,
    attrs?: MemTxAttrs,
  ): MemTxResult {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i += 1) bytes[i] = value >>> (8 * i);
    if (order === 'big') bytes.reverse();
    return this.port.write(address, bytes, purpose, attrs);
  }

  store64(
    address: BusAddress,
    value: bigint,
    order: ByteOrder = 'little',
    purpose?: DmaPurpose,
    attrs?: MemTxAttrs,
  ): MemTxResult {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, order === 'little');
    return this.port.write(address, bytes, purpose, attrs);
  }
}
