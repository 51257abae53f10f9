/** Page tables that a loader puts into memory before it enters a kernel in 64-bit mode. */
import type { Gpa } from '../../base/address.ts';
import type { LoadSegment } from './load-plan.ts';

export const PAGE = 4096;
const LARGE_PAGE = 0x20_0000;
const PRESENT_WRITABLE = 0x3n;
const LARGE = 0x80n;

/** 4-level page tables built in a buffer (Intel SDM Vol. 3A 4.5). */
export class PageTables {
  readonly #base: Gpa;
  readonly #view: DataView<ArrayBuffer>;
  #used = PAGE;

  /** `base`: where they will stand, page-aligned. `limit`: the most bytes that they may take. */
  constructor(base: Gpa, limit: number) {
    this.#base = base;
    this.#view = new DataView(new ArrayBuffer(limit));
  }

  /** Identity: each address below 4 GiB leads to itself, in 2 MiB pages. Takes 6 pages. */
  mapLow4Gib(): void {
    for (let address = 0; address < 2 ** 32; address += LARGE_PAGE) this.mapLarge(BigInt(address), address);
  }

  mapLarge(virtual: bigint, physical: number): boolean {
    return this.#set(virtual, 2, BigInt(physical) | PRESENT_WRITABLE | LARGE);
  }

  /** False when the limit is reached. */
  map(virtual: bigint, physical: number): boolean {
    return this.#set(virtual, 1, BigInt(physical) | PRESENT_WRITABLE);
  }

  segment(): LoadSegment {
    const bytes = new Uint8Array(this.#view.buffer, 0, this.#used);
    return { address: this.#base, bytes, memorySize: bytes.length, what: 'initial page tables' };
  }

  /** Writes `entry` at `level` (1 = page table, 2 = page directory); false when the buffer is full. */
  #set(virtual: bigint, level: 1 | 2, entry: bigint): boolean {
    let table = 0;
    for (let depth = 4; depth > level; depth -= 1) {
      const at = table + this.#index(virtual, depth);
      const current = this.#view.getBigUint64(at, true);
      if (current === 0n) {
        if (this.#used + PAGE > this.#view.byteLength) return false;
        this.#view.setBigUint64(at, BigInt(this.#base + this.#used) | PRESENT_WRITABLE, true);
        table = this.#used;
        this.#used += PAGE;
      } else {
        table = Number(current & ~0xfffn) - this.#base;
      }
    }
    this.#view.setBigUint64(table + this.#index(virtual, level), entry, true);
    return true;
  }

  #index(virtual: bigint, depth: number): number {
    return Number((virtual >> BigInt(12 + 9 * (depth - 1))) & 511n) * 8;
  }
}
