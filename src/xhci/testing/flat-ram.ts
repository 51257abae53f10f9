/** A flat RAM as a DMA port, for tests: answers from `base`, and nothing else answers. */
import { type BusAddress, offsetBus } from '../../base/address.ts';
import type { TraceBus, TraceChannel } from '../../base/trace.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { AccessFailure, DmaPurpose } from '../../memory/events.ts';
import { MEMTX_DECODE_ERROR, MEMTX_OK, type MemTxAttrs, type MemTxResult } from '../../memory/memtx.ts';

export class FlatRam implements DmaPort {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  lastFailure: AccessFailure | undefined;
  readonly #invalid: TraceChannel<'memory.invalid-access'> | undefined;

  constructor(
    size: number,
    readonly base = 0,
    trace?: TraceBus,
  ) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
    this.#invalid = trace?.channel('memory.invalid-access');
  }

  wouldAnswer(address: BusAddress, size: number, _write: boolean): boolean {
    if (typeof address !== 'number') return false;
    return address >= this.base && address + size <= this.base + this.bytes.length;
  }

  read(address: BusAddress, into: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    if (this.wouldAnswer(address, into.length, false)) {
      const start = (address as number) - this.base;
      into.set(this.bytes.subarray(start, start + into.length));
      return MEMTX_OK;
    }
    return this.#byByte(address, into.length, false, purpose, attrs, (offset, inside) => {
      into[offset] = inside === undefined ? 0 : this.bytes[inside]!;
    });
  }

  write(address: BusAddress, from: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    if (this.wouldAnswer(address, from.length, true)) {
      this.bytes.set(from, (address as number) - this.base);
      return MEMTX_OK;
    }
    return this.#byByte(address, from.length, true, purpose, attrs, (offset, inside) => {
      if (inside !== undefined) this.bytes[inside] = from[offset]!;
    });
  }

  set(address: BusAddress, byte: number, size: number, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.write(address, new Uint8Array(size).fill(byte), purpose, attrs);
  }

  readWords(address: BusAddress, into: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    if (this.wouldAnswer(address, 4 * into.length, false)) {
      const start = (address as number) - this.base;
      for (let index = 0; index < into.length; index += 1) into[index] = this.#view.getUint32(start + 4 * index, true);
      return MEMTX_OK;
    }
    const bytes = new Uint8Array(4 * into.length);
    const result = this.read(address, bytes, purpose, attrs);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < into.length; index += 1) into[index] = view.getUint32(4 * index, true);
    return result;
  }

  writeWords(address: BusAddress, from: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    if (this.wouldAnswer(address, 4 * from.length, true)) {
      const start = (address as number) - this.base;
      for (let index = 0; index < from.length; index += 1) this.#view.setUint32(start + 4 * index, from[index]!, true);
      return MEMTX_OK;
    }
    const bytes = new Uint8Array(4 * from.length);
    const view = new DataView(bytes.buffer);
    for (const [index, word] of from.entries()) view.setUint32(4 * index, word, true);
    return this.write(address, bytes, purpose, attrs);
  }

  // ---- the test's own view ---------------------------------------------------------------------------------------

  word(address: number): number {
    return this.#view.getUint32(address - this.base, true);
  }

  setWord(address: number, value: number): void {
    this.#view.setUint32(address - this.base, value, true);
  }

  #byByte(
    address: BusAddress,
    size: number,
    write: boolean,
    purpose: DmaPurpose | undefined,
    attrs: MemTxAttrs | undefined,
    move: (offset: number, inside: number | undefined) => void,
  ): MemTxResult {
    let first = -1;
    for (let offset = 0; offset < size; offset += 1) {
      const at = offsetBus(address, offset);
      const inside = this.wouldAnswer(at, 1, write) ? (at as number) - this.base : undefined;
      if (inside === undefined && first < 0) first = offset;
      move(offset, inside);
    }
    this.#announce(address, size, write, attrs);
    this.lastFailure = {
      initiator: { kind: 'device', name: 'test' },
      address,
      size,
      write,
      result: MEMTX_DECODE_ERROR,
      offset: Math.max(first, 0),
      reason: { kind: 'unassigned', below: undefined, above: undefined },
      purpose,
    };
    return MEMTX_DECODE_ERROR;
  }

  /** QEMU looks at unassigned memory in pieces of at most 4 bytes. */
  #announce(address: BusAddress, size: number, write: boolean, attrs: MemTxAttrs | undefined): void {
    if (this.#invalid?.active !== true || attrs?.debug === true) return;
    for (let offset = 0; offset < size; ) {
      const at = offsetBus(address, offset);
      let piece = Math.min(4, size - offset);
      while (piece === 3 || (typeof at === 'number' && at % piece !== 0)) piece -= 1;
      if (!this.wouldAnswer(at, piece, write)) {
        this.#invalid.emit({ write, address: at, size: piece, region: undefined, reason: 'rejected' });
      }
      offset += piece;
    }
  }
}
