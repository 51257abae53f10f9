/**
 * The block device, `virtio-blk` (Virtio 1.1 §5.2): read, write, flush, identity, discard, write zeroes.
 *
 * Does not implement: SCSI pass-through, lifetime, secure erase, zones.
 */
import type { StateValue } from '../../base/state.ts';
import { type BlockDevice, SECTOR_SIZE } from '../block/block-device.ts';
import type { VirtioDevice, VirtioHost } from './device.ts';
import { type Chain, lengthOf, type VirtQueue } from './virtqueue.ts';

const SEG_MAX = 2;
const GEOMETRY = 4;
const READ_ONLY = 5;
const BLOCK_SIZE = 6;
const FLUSH = 9;
const TOPOLOGY = 10;
const CONFIG_WCE = 11;
const MULTI_QUEUE = 12;
const DISCARD = 13;
const WRITE_ZEROES = 14;

const QUEUE_SIZE = 256;
const CONFIG_BYTES = 57;
const HEADER_BYTES = 16;
const ID_BYTES = 20;
const RANGE_BYTES = 16;
const CONFIG_WRITEBACK = 0x20;
/** Most sectors that one discard or write zeroes takes. */
const RANGE_SECTORS_MAX = 0x3f_ffff;
const CHUNK_BYTES = 64 * 1024;
/** Longest read or write, so that a guest's lengths bound nothing but themselves: as much as the queue can point at. */
const REQUEST_BYTES_MAX = 2 ** 31;

const STATUS = { good: 0, ioError: 1, unsupported: 2 } as const;
const TYPE = { read: 0, write: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;
const UNMAP = 1;

export interface VirtioBlockOptions {
  readonly medium: BlockDevice;
  /** Serial number, at most 20 letters. */
  readonly serial: string;
  /** Request queues, 1 or more. Default 1. */
  readonly queues?: number;
}

/** A request's answer: status, and bytes written in front of it. */
interface Outcome {
  readonly status: number;
  readonly written: number;
}

const GOOD: Outcome = { status: STATUS.good, written: 0 };
const IO_ERROR: Outcome = { status: STATUS.ioError, written: 0 };
const UNSUPPORTED: Outcome = { status: STATUS.unsupported, written: 0 };

export class VirtioBlock implements VirtioDevice {
  readonly name = 'virtio-blk-pci';
  readonly type = 2;
  readonly pciDevice = 0x1001;
  readonly classCode = 0x01_0000;
  readonly configBytes = CONFIG_BYTES;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  readonly #medium: BlockDevice;
  readonly #serial: string;
  /** Writes may stay in the host's cache until a flush. */
  #writeBack = true;

  constructor({ medium, serial, queues = 1 }: VirtioBlockOptions) {
    this.#medium = medium;
    this.#serial = serial;
    this.queueSizes = new Array<number>(queues).fill(QUEUE_SIZE);
    this.features = [
      ...[SEG_MAX, GEOMETRY, BLOCK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, DISCARD, WRITE_ZEROES],
      ...(medium.readOnly ? [READ_ONLY] : []),
      ...(queues > 1 ? [MULTI_QUEUE] : []),
    ];
  }

  get #sectors(): number {
    return this.#medium.size / SECTOR_SIZE;
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(CONFIG_BYTES);
    const view = new DataView(bytes.buffer);
    const sectors = this.#sectors;
    view.setUint32(0, sectors >>> 0, true);
    view.setUint32(4, Math.floor(sectors / 2 ** 32), true);
    view.setUint32(0x0c, QUEUE_SIZE - 2, true);
    view.setUint16(0x10, Math.min(16383, Math.max(2, Math.floor(sectors / (16 * 63)))), true);
    bytes[0x12] = 16;
    bytes[0x13] = 63;
    view.setUint32(0x14, SECTOR_SIZE, true);
    bytes[CONFIG_WRITEBACK] = this.#writeBack ? 1 : 0;
    view.setUint16(0x22, this.queueSizes.length, true);
    // Discard: sectors, segments, alignment; write zeroes: sectors, segments, may unmap.
    view.setUint32(0x24, RANGE_SECTORS_MAX, true);
    view.setUint32(0x28, 1, true);
    view.setUint32(0x2c, 1, true);
    view.setUint32(0x30, RANGE_SECTORS_MAX, true);
    view.setUint32(0x34, 1, true);
    bytes[0x38] = 1;
    return bytes;
  }

  writeConfig(offset: number, value: number): void {
    if (offset !== CONFIG_WRITEBACK) return;
    this.#writeBack = (value & 1) !== 0;
    if (!this.#writeBack) this.#medium.flush();
  }

  reset(): void {
    this.#writeBack = true;
  }

  serve(queue: VirtQueue, host: VirtioHost): void {
    // A driver that adds while the device works waits for its next notification: a pass takes one queue's worth.
    for (let served = 0; served < queue.size; served += 1) {
      const chain = queue.take();
      if (chain === undefined) break;
      if (typeof chain === 'string') {
        host.broken(chain);
        break;
      }
      const room = lengthOf(chain.writable);
      const header = new Uint8Array(HEADER_BYTES);
      if (room < 1 || lengthOf(chain.readable) < HEADER_BYTES || !queue.read(chain, 0, header)) {
        host.broken('virtio-blk missing headers');
        break;
      }
      const { status, written } = this.#request(queue, chain, header, room - 1);
      // The status byte is the last one that the device may write.
      if (!queue.write(chain, room - 1, Uint8Array.of(status)) || !queue.give(chain, written + 1)) {
        host.broken('no-answer');
        break;
      }
    }
    host.completed(queue);
  }

  save(): { readonly [field: string]: StateValue } {
    return { writeBack: this.#writeBack };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#writeBack = fields.writeBack as boolean;
  }

  #request(queue: VirtQueue, chain: Chain, header: Uint8Array, room: number): Outcome {
    const view = new DataView(header.buffer);
    const sector = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
    const sent = lengthOf(chain.readable) - HEADER_BYTES;
    switch (view.getUint32(0, true)) {
      case TYPE.read:
        return this.#move(queue, chain, sector, room, true);
      case TYPE.write:
        return this.#medium.readOnly ? IO_ERROR : this.#move(queue, chain, sector, sent, false);
      case TYPE.flush:
        return this.#medium.flush() === undefined ? GOOD : IO_ERROR;
      case TYPE.getId:
        return this.#identity(queue, chain, room);
      case TYPE.discard:
      case TYPE.writeZeroes:
        return this.#ranges(queue, chain, view.getUint32(0, true) === TYPE.writeZeroes, sent);
      default:
        return UNSUPPORTED;
    }
  }

  #move(queue: VirtQueue, chain: Chain, sector: number, bytes: number, toDriver: boolean): Outcome {
    if (bytes % SECTOR_SIZE !== 0 || bytes > REQUEST_BYTES_MAX) return IO_ERROR;
    if (sector + bytes / SECTOR_SIZE > this.#sectors) return IO_ERROR;
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
    const start = sector * SECTOR_SIZE;
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      const piece = buffer.subarray(0, Math.min(CHUNK_BYTES, bytes - offset));
      if (toDriver) {
        if (this.#medium.read(start + offset, piece) !== undefined) return { ...IO_ERROR, written: offset };
        if (!queue.write(chain, offset, piece)) return IO_ERROR;
      } else {
        if (!queue.read(chain, HEADER_BYTES + offset, piece)) return IO_ERROR;
        if (this.#medium.write(start + offset, piece) !== undefined) return IO_ERROR;
      }
    }
    if (!toDriver && !this.#writeBack && this.#medium.flush() !== undefined) return IO_ERROR;
    return { status: STATUS.good, written: toDriver ? bytes : 0 };
  }

  #identity(queue: VirtQueue, chain: Chain, room: number): Outcome {
    const bytes = new Uint8Array(Math.min(ID_BYTES, room));
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = this.#serial.charCodeAt(index) & 0xff;
    return queue.write(chain, 0, bytes) ? { status: STATUS.good, written: bytes.length } : IO_ERROR;
  }

  /** One range, as `max_discard_seg` says. What is discarded may keep its content; what is zeroed may not. */
  #ranges(queue: VirtQueue, chain: Chain, zero: boolean, sent: number): Outcome {
    if (this.#medium.readOnly) return IO_ERROR;
    if (sent !== RANGE_BYTES) return sent > RANGE_BYTES ? UNSUPPORTED : IO_ERROR;
    const range = new Uint8Array(RANGE_BYTES);
    if (!queue.read(chain, HEADER_BYTES, range)) return IO_ERROR;
    const view = new DataView(range.buffer);
    const first = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
    const count = view.getUint32(8, true);
    const flags = view.getUint32(12, true);
    if ((flags & ~UNMAP) !== 0 || (!zero && (flags & UNMAP) !== 0)) return UNSUPPORTED;
    if (count > RANGE_SECTORS_MAX || first + count > this.#sectors) return IO_ERROR;
    return zero ? this.#zero(first * SECTOR_SIZE, count * SECTOR_SIZE) : GOOD;
  }

  #zero(start: number, bytes: number): Outcome {
    const zeros = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      const piece = zeros.subarray(0, Math.min(CHUNK_BYTES, bytes - offset));
      if (this.#medium.write(start + offset, piece) !== undefined) return IO_ERROR;
    }
    return GOOD;
  }
}
