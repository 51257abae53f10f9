/**
 * A split virtqueue as the device sees it (Virtio 1.1 §2.6): descriptor table, available ring, used ring, indirect
 * tables, event indices. Nothing that a driver puts there makes a walk longer than the queue.
 */
import { type BusAddress, busFromWords, offsetBus } from '../../base/address.ts';
import type { StateValue } from '../../base/state.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import { type FeatureSet, NOTIFY_ON_EMPTY, RING_EVENT_IDX, RING_INDIRECT_DESC } from './features.ts';

export const QUEUE_SIZE_MAX = 1024;
const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;

const DESCRIPTOR: DmaPurpose = { what: 'virtqueue descriptor', register: 'queue_desc' };
const INDIRECT_DESCRIPTOR: DmaPurpose = { what: 'virtqueue indirect descriptor' };
const AVAILABLE: DmaPurpose = { what: 'virtqueue available ring', register: 'queue_driver' };
const USED: DmaPurpose = { what: 'virtqueue used ring', register: 'queue_device' };
const BUFFER: DmaPurpose = { what: 'virtqueue buffer' };

export interface Piece {
  readonly address: BusAddress;
  readonly length: number;
}

/** One request: what the device may read, then what it may write. */
export interface Chain {
  readonly head: number;
  readonly readable: readonly Piece[];
  readonly writable: readonly Piece[];
}

/** What a driver broke; the device needs a reset then (§2.1.2 DEVICE_NEEDS_RESET). */
export type QueueProblem =
  | 'no-answer'
  | 'index-jumped'
  | 'head-outside'
  | 'next-outside'
  | 'chain-loops'
  | 'indirect-size'
  | 'indirect-nested'
  | 'readable-after-writable';

export class VirtQueue {
  /** Entries; a power of two for legacy drivers. */
  size: number;
  ready = false;
  /** MSI-X vector, or NO_VECTOR. */
  vector = 0xffff;
  descriptors: BusAddress = busFromWords(0, 0);
  available: BusAddress = busFromWords(0, 0);
  used: BusAddress = busFromWords(0, 0);
  readonly sizeMax: number;
  readonly #dma: DmaPort;
  readonly #features: FeatureSet;
  #lastAvailable = 0;
  #usedIndex = 0;
  /** Used index when the driver was last interrupted; `undefined`: never. */
  #signalled: number | undefined;

  constructor(dma: DmaPort, features: FeatureSet, sizeMax: number) {
    this.#dma = dma;
    this.#features = features;
    this.sizeMax = sizeMax;
    this.size = sizeMax;
  }

  reset(): void {
    this.size = this.sizeMax;
    this.ready = false;
    this.vector = 0xffff;
    this.descriptors = busFromWords(0, 0);
    this.available = busFromWords(0, 0);
    this.used = busFromWords(0, 0);
    this.#lastAvailable = 0;
    this.#usedIndex = 0;
    this.#signalled = undefined;
  }

  /** The next request, `undefined` when there is none, or what is wrong with it. */
  take(): Chain | QueueProblem | undefined {
    const index = this.#half(offsetBus(this.available, 2), AVAILABLE);
    if (index === undefined) return 'no-answer';
    const waiting = (index - this.#lastAvailable) & 0xffff;
    if (waiting === 0) return undefined;
    if (waiting > this.size) return 'index-jumped';
    const head = this.#half(offsetBus(this.available, 4 + 2 * (this.#lastAvailable % this.size)), AVAILABLE);
    if (head === undefined) return 'no-answer';
    if (head >= this.size) return 'head-outside';
    const chain = this.#walk(head);
    if (typeof chain === 'string') return chain;
    this.#lastAvailable = (this.#lastAvailable + 1) & 0xffff;
    if (this.#features.has(RING_EVENT_IDX) && !this.#askForNotification()) return 'no-answer';
    return chain;
  }

  /** Gives a chain back with the bytes that the device wrote into it. False: the ring did not answer. */
  give(chain: Chain, written: number): boolean {
    const entry = offsetBus(this.used, 4 + 8 * (this.#usedIndex % this.size));
    if (this.#dma.writeWords(entry, Uint32Array.of(chain.head, written), USED) !== MEMTX_OK) return false;
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff;
    return this.#putHalf(offsetBus(this.used, 2), this.#usedIndex);
  }

  /** Whether the driver wants to hear of what was given back since the last time it was told (§2.6.7). */
  wantsInterrupt(): boolean {
    if (this.#features.has(NOTIFY_ON_EMPTY) && this.#isEmpty()) return true;
    if (!this.#features.has(RING_EVENT_IDX)) {
      return ((this.#half(this.available, AVAILABLE) ?? 0) & NO_INTERRUPT) === 0;
    }
    const event = this.#half(offsetBus(this.available, 4 + 2 * this.size), AVAILABLE) ?? 0;
    const before = this.#signalled;
    this.#signalled = this.#usedIndex;
    if (before === undefined) return true;
    return ((this.#usedIndex - event - 1) & 0xffff) < ((this.#usedIndex - before) & 0xffff);
  }

  /** Reads the readable part of a chain from byte `offset`. False: memory did not answer. */
  read(chain: Chain, offset: number, into: Uint8Array): boolean {
    return this.#move(chain.readable, offset, into, (address, piece) => this.#dma.read(address, piece, BUFFER));
  }

  write(chain: Chain, offset: number, from: Uint8Array): boolean {
    return this.#move(chain.writable, offset, from, (address, piece) => this.#dma.write(address, piece, BUFFER));
  }

  save(): { readonly [field: string]: StateValue } {
    const { size, ready, vector, descriptors, available, used } = this;
    const rings: readonly StateValue[] = [descriptors, available, used];
    return { size, ready, vector, rings, indices: [this.#lastAvailable, this.#usedIndex], signalled: this.#signalled };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.size = fields.size as number;
    this.ready = fields.ready as boolean;
    this.vector = fields.vector as number;
    [this.descriptors, this.available, this.used] = fields.rings as unknown as [BusAddress, BusAddress, BusAddress];
    [this.#lastAvailable, this.#usedIndex] = fields.indices as [number, number];
    this.#signalled = fields.signalled as number | undefined;
  }

  #isEmpty(): boolean {
    return this.#half(offsetBus(this.available, 2), AVAILABLE) === this.#lastAvailable;
  }

  /** With event indices the device says which entry it wants to be notified of: the next one. */
  #askForNotification(): boolean {
    return this.#putHalf(offsetBus(this.used, 4 + 8 * this.size), this.#lastAvailable);
  }

  #walk(head: number): Chain | QueueProblem {
    const readable: Piece[] = [];
    const writable: Piece[] = [];
    let table = this.descriptors;
    let entries = this.size;
    let purpose = DESCRIPTOR;
    const words = new Uint32Array(4);
    let index = head;
    // An indirect table may be longer than the queue by the field's width; a chain may not (§2.6.5.3.1).
    for (let steps = 0; steps <= QUEUE_SIZE_MAX; steps += 1) {
      if (this.#dma.readWords(offsetBus(table, index * DESCRIPTOR_BYTES), words, purpose) !== MEMTX_OK) {
        return 'no-answer';
      }
      const flags = words[3]! & 0xffff;
      const piece = { address: busFromWords(words[0]!, words[1]!), length: words[2]! };
      if ((flags & INDIRECT) !== 0 && this.#features.has(RING_INDIRECT_DESC)) {
        if (purpose === INDIRECT_DESCRIPTOR) return 'indirect-nested';
        if (piece.length === 0 || piece.length % DESCRIPTOR_BYTES !== 0) return 'indirect-size';
        table = piece.address;
        entries = piece.length / DESCRIPTOR_BYTES;
        purpose = INDIRECT_DESCRIPTOR;
        index = 0;
        continue;
      }
      if ((flags & WRITE) !== 0) writable.push(piece);
      else if (writable.length > 0) return 'readable-after-writable';
      else readable.push(piece);
      if ((flags & NEXT) === 0) return { head, readable, writable };
      index = words[3]! >>> 16;
      if (index >= entries) return 'next-outside';
    }
    return 'chain-loops';
  }

  #move(
    pieces: readonly Piece[],
    offset: number,
    bytes: Uint8Array,
    access: (address: BusAddress, piece: Uint8Array) => number,
  ): boolean {
    let start = 0;
    let done = 0;
    for (const { address, length } of pieces) {
      if (done === bytes.length) return true;
      const from = offset + done - start;
      if (from < length) {
        const part = bytes.subarray(done, done + length - from);
        if (access(offsetBus(address, from), part) !== MEMTX_OK) return false;
        done += part.length;
      }
      start += length;
    }
    return done === bytes.length;
  }

  #half(address: BusAddress, purpose: DmaPurpose): number | undefined {
    const bytes = new Uint8Array(2);
    if (this.#dma.read(address, bytes, purpose) !== MEMTX_OK) return undefined;
    return bytes[0]! | (bytes[1]! << 8);
  }

  #putHalf(address: BusAddress, value: number): boolean {
    return this.#dma.write(address, Uint8Array.of(value & 0xff, value >>> 8), USED) === MEMTX_OK;
  }
}

/** Bytes of a chain's part. */
export function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Where a legacy driver's one page-aligned area puts the three parts (Virtio 1.1 §2.6.2). */
export function legacyLayout(
  page: number,
  size: number,
): { readonly descriptors: BusAddress; readonly available: BusAddress; readonly used: BusAddress } {
  const base = page * 4096;
  const available = base + size * DESCRIPTOR_BYTES;
  const used = Math.ceil((available + 6 + 2 * size) / 4096) * 4096;
  return { descriptors: base as BusAddress, available: available as BusAddress, used: used as BusAddress };
}
