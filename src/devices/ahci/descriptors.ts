/** Command list and PRD table in guest memory (AHCI 1.3.1 §4.2.2, §4.2.3). */
import { type BusAddress, busFromWords, offsetBus } from '../../base/address.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';

export const COMMAND_HEADER_BYTES = 32;
const PRD_TABLE_OFFSET = 0x80;
const PRD_BYTES = 16;
/** Entries that are fetched together. */
const PRD_FETCH = 16;
const BYTE_COUNT_MASK = 0x3f_ffff;

export const HEADER_PURPOSE: DmaPurpose = { what: 'Command Header', register: 'PxCLB' };
export const TABLE_PURPOSE: DmaPurpose = { what: 'Command Table' };
const PRD_PURPOSE: DmaPurpose = { what: 'Physical Region Descriptor' };
const DATA_PURPOSE: DmaPurpose = { what: 'data' };

export interface CommandHeader {
  readonly at: BusAddress;
  /** CFL, in double words. */
  readonly fisWords: number;
  /** Entries of the PRD table, 0-65535. */
  readonly prdEntries: number;
  readonly table: BusAddress;
}

/** Reads the header of `slot`; `undefined`: nothing answered there. */
export function readHeader(dma: DmaPort, list: BusAddress, slot: number): CommandHeader | undefined {
  const at = offsetBus(list, slot * COMMAND_HEADER_BYTES);
  const words = new Uint32Array(4);
  if (dma.readWords(at, words, HEADER_PURPOSE) !== MEMTX_OK) return undefined;
  return {
    at,
    fisWords: words[0]! & 0x1f,
    prdEntries: words[0]! >>> 16,
    table: busFromWords((words[2]! & ~0x7f) >>> 0, words[3]!),
  };
}

/** Writes PRDBC, the bytes that moved. */
export function writeByteCount(dma: DmaPort, header: CommandHeader, bytes: number): boolean {
  return dma.writeWords(offsetBus(header.at, 4), Uint32Array.of(bytes), HEADER_PURPOSE) === MEMTX_OK;
}

/** How far a piece of data got: all of it, the table ended before, or memory did not answer. */
export type Moved = 'all' | 'table-ended' | 'no-answer';

/** Walks a PRD table from entry to entry; at most 65535 of them. */
export class PrdCursor {
  /** Bytes that moved through the table so far. */
  moved = 0;
  readonly #dma: DmaPort;
  readonly #header: CommandHeader;
  readonly #fetched = new Uint32Array((PRD_FETCH * PRD_BYTES) / 4);
  /** The next entry, and the rest of the current one. */
  #next = 0;
  #address: BusAddress = busFromWords(0, 0);
  #left = 0;

  constructor(dma: DmaPort, header: CommandHeader) {
    this.#dma = dma;
    this.#header = header;
  }

  /** Moves all of `bytes` to or from where the table points. */
  move(bytes: Uint8Array, toMemory: boolean): Moved {
    for (let done = 0; done < bytes.length; ) {
      if (this.#left === 0) {
        const entry = this.#advance();
        if (entry !== 'all') return entry;
      }
      const piece = bytes.subarray(done, done + this.#left);
      const result = toMemory
        ? this.#dma.write(this.#address, piece, DATA_PURPOSE)
        : this.#dma.read(this.#address, piece, DATA_PURPOSE);
      if (result !== MEMTX_OK) return 'no-answer';
      this.#address = offsetBus(this.#address, piece.length);
      this.#left -= piece.length;
      this.moved += piece.length;
      done += piece.length;
    }
    return 'all';
  }

  #advance(): Moved {
    const { prdEntries, table } = this.#header;
    if (this.#next >= prdEntries) return 'table-ended';
    const index = this.#next % PRD_FETCH;
    if (index === 0) {
      const count = Math.min(PRD_FETCH, prdEntries - this.#next);
      const at = offsetBus(table, PRD_TABLE_OFFSET + this.#next * PRD_BYTES);
      const words = this.#fetched.subarray(0, count * 4);
      if (this.#dma.readWords(at, words, PRD_PURPOSE) !== MEMTX_OK) return 'no-answer';
    }
    this.#next += 1;
    const word = index * 4;
    this.#address = busFromWords(this.#fetched[word]!, this.#fetched[word + 1]!);
    this.#left = (this.#fetched[word + 3]! & BYTE_COUNT_MASK) + 1;
    return 'all';
  }
}
