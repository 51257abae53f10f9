/** MSI-X (PCI Local Bus 3.0 §6.8.2): a table of messages and a pending bit array, both in a memory BAR. */
import { busFromWords } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { alignUp } from '../base/bits.ts';
import { bit, bits, pci, register32 } from '../base/registers.ts';
import { CAPABILITY, type CapabilityList } from './capabilities.ts';
import type { ConfigSpace } from './config-space.ts';
import type { Message } from './msi.ts';

/** Capability id and next pointer in the low half, Message Control in the high half. */
export const MSIX_CONTROL = register32({
  name: 'MSI-X Message Control',
  spec: pci('6.8.2.3'),
  reset: 0,
  fields: {
    id: bits(7, 0, 'RO', 'Capability ID'),
    next: bits(15, 8, 'RO', 'Next Pointer'),
    tableSize: bits(26, 16, 'RO', 'Table Size'),
    functionMask: bit(30, 'RW', 'Function Mask'),
    enable: bit(31, 'RW', 'MSI-X Enable'),
  },
});

/** Bytes of a table entry: address low, address high, data, vector control (§6.8.2.6-9). */
export const MSIX_ENTRY_BYTES = 16;
const VECTOR_MASK = 1;

export interface MsixOptions {
  /** Entries of the table, 1-2048. */
  readonly vectors: number;
  /** BAR index and offset of the table and of the pending bit array; offsets are multiples of 8. */
  readonly table: { readonly bar: number; readonly offset: number };
  readonly pendingBits: { readonly bar: number; readonly offset: number };
  readonly offset?: number;
}

/** Why a vector's message would not leave the function now. */
export type MsixMask = 'disabled' | 'function-mask' | 'vector-mask' | 'none';

export class MsixCapability {
  readonly offset: number;
  readonly length = 12;
  readonly vectors: number;
  readonly options: MsixOptions;
  readonly #config: ConfigSpace;
  readonly #send: (message: Message) => void;
  readonly #held: (vector: number, by: 'function-mask' | 'vector-mask') => void;
  readonly #table: Uint32Array;
  readonly #pending: Uint32Array;

  constructor(
    list: CapabilityList,
    config: ConfigSpace,
    options: MsixOptions,
    send: (message: Message) => void,
    held: (vector: number, by: 'function-mask' | 'vector-mask') => void,
  ) {
    const { vectors, table, pendingBits } = options;
    assert(vectors >= 1 && vectors <= 2048, 'an MSI-X table has 1 to 2048 entries');
    assert(table.offset % 8 === 0 && pendingBits.offset % 8 === 0, 'MSI-X structures are aligned to 8 bytes');
    this.options = options;
    this.vectors = vectors;
    this.#config = config;
    this.#send = send;
    this.#held = held;
    this.#table = new Uint32Array(vectors * 4);
    this.#pending = new Uint32Array(alignUp(vectors, 64) / 32);
    const at = list.add(CAPABILITY.msix, this.length, options.offset);
    this.offset = at;
    config.declareRegister(at, MSIX_CONTROL, MSIX_CONTROL.with(config.read(at, 4), 'tableSize', vectors - 1));
    config.declare(at + 4, 4, table.offset | table.bar);
    config.declare(at + 8, 4, pendingBits.offset | pendingBits.bar);
    this.reset();
  }

  get #control(): number {
    return this.#config.read(this.offset, 4);
  }

  get enabled(): boolean {
    return MSIX_CONTROL.has(this.#control, 'enable');
  }

  get functionMasked(): boolean {
    return MSIX_CONTROL.has(this.#control, 'functionMask');
  }

  /** Bytes of the table, and of the pending bit array (whole 64-bit words). */
  get tableBytes(): number {
    return this.vectors * MSIX_ENTRY_BYTES;
  }

  get pendingBytes(): number {
    return this.#pending.length * 4;
  }

  isPending(vector: number): boolean {
    return (this.#pending[vector >> 5]! & (1 << (vector & 31))) !== 0;
  }

  /** The first gate that would hold back `vector`'s message. */
  maskOf(vector: number): MsixMask {
    if (!this.enabled) return 'disabled';
    if (this.functionMasked) return 'function-mask';
    return (this.#table[vector * 4 + 3]! & VECTOR_MASK) !== 0 ? 'vector-mask' : 'none';
  }

  /** What stands in the table for `vector` now. */
  message(vector: number): Message {
    const at = vector * 4;
    return { address: busFromWords(this.#table[at]!, this.#table[at + 1]!), data: this.#table[at + 2]! };
  }

  /** Sends message `vector`, or leaves it pending while it is masked. Nothing happens while MSI-X is disabled. */
  send(vector: number): void {
    if (vector >= this.vectors || !this.enabled) return;
    const mask = this.maskOf(vector);
    if (mask === 'none') this.#send(this.message(vector));
    else {
      this.#pending[vector >> 5]! |= 1 << (vector & 31);
      if (mask !== 'disabled') this.#held(vector, mask);
    }
  }

  /** The device withdraws a message that is still pending. */
  clearPending(vector: number): void {
    if (vector < this.vectors) this.#pending[vector >> 5]! &= ~(1 << (vector & 31));
  }

  /** After a guest's write to Message Control: what became deliverable is sent, in order of vector. */
  configWritten(): void {
    for (let vector = 0; vector < this.vectors; vector += 1) this.#sendIfReady(vector);
  }

  /** A read of the table; `offset` from the start of the table, `size` 1, 2 or 4 bytes inside a double word. */
  readTable(offset: number, size: number): number {
    return narrow(this.#table[offset >> 2] ?? 0, offset, size);
  }

  writeTable(offset: number, size: number, value: number): void {
    const index = offset >> 2;
    if (index >= this.#table.length) return;
    const merged = merge(this.#table[index]!, offset, size, value);
    // Message Address bits 1-0 read as zero for a double word message (§6.8.2.6); Vector Control has one bit.
    const kept = index % 4 === 0 ? merged & ~3 : index % 4 === 3 ? merged & VECTOR_MASK : merged;
    this.#table[index] = kept;
    if (index % 4 === 3) this.#sendIfReady(index >> 2);
  }

  /** A read of the pending bit array, which software cannot write. */
  readPending(offset: number, size: number): number {
    return narrow(this.#pending[offset >> 2] ?? 0, offset, size);
  }

  reset(): void {
    const config = this.#config;
    config.set(this.offset + 2, 2, config.read(this.offset + 2, 2) & ~0xc000);
    this.#table.fill(0);
    this.#pending.fill(0);
    // Every vector is masked after reset (§6.8.2.9).
    for (let vector = 0; vector < this.vectors; vector += 1) this.#table[vector * 4 + 3] = VECTOR_MASK;
  }

  save(): { readonly table: readonly number[]; readonly pending: readonly number[] } {
    return { table: [...this.#table], pending: [...this.#pending] };
  }

  load(state: { readonly table: readonly number[]; readonly pending: readonly number[] }): void {
    this.#table.set(state.table);
    this.#pending.set(state.pending);
  }

  #sendIfReady(vector: number): void {
    if (!this.isPending(vector) || this.maskOf(vector) !== 'none') return;
    this.clearPending(vector);
    this.#send(this.message(vector));
  }
}

function narrow(word: number, offset: number, size: number): number {
  const shifted = word >>> (8 * (offset & 3));
  return size === 4 ? shifted >>> 0 : shifted & (2 ** (8 * size) - 1);
}

function merge(word: number, offset: number, size: number, value: number): number {
  if (size === 4) return value >>> 0;
  const shift = 8 * (offset & 3);
  const mask = (2 ** (8 * size) - 1) << shift;
  return ((word & ~mask) | ((value << shift) & mask)) >>> 0;
}
