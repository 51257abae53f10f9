/** Which pages of a RAM region were written since a client last asked (QEMU: DIRTY_MEMORY_*). */
import { assert } from '../base/assert.ts';

/** Bits of a dirty log mask. */
export const DIRTY_VGA = 1 << 0;
/** The processor's decoded code. It listens always, through `MemorySystem.onRamWritten`. */
export const DIRTY_CODE = 1 << 1;
export const DIRTY_MIGRATION = 1 << 2;
export const DIRTY_ALL = DIRTY_VGA | DIRTY_CODE | DIRTY_MIGRATION;

export type DirtyClient = 'vga' | 'code' | 'migration';

const CLIENT_BITS = { vga: DIRTY_VGA, code: DIRTY_CODE, migration: DIRTY_MIGRATION } as const;

/** Granularity of the log in bytes: the target's page. */
export const DIRTY_PAGE_SIZE = 4096;

export function dirtyBit(client: DirtyClient): number {
  return CLIENT_BITS[client];
}

/** The pages that were dirty at one moment; later writes do not change it. */
export class DirtySnapshot {
  constructor(
    /** One byte a page, not zero when dirty. */
    readonly pages: Uint8Array,
    readonly firstPage: number,
  ) {}

  /** True when any byte of `offset`..`offset + size` (in the region) was written. */
  isDirty(offset: number, size: number): boolean {
    const first = Math.floor(offset / DIRTY_PAGE_SIZE) - this.firstPage;
    const last = Math.floor((offset + size - 1) / DIRTY_PAGE_SIZE) - this.firstPage;
    assert(first >= 0 && last < this.pages.length, 'a snapshot is asked about what it covers');
    for (let page = first; page <= last; page += 1) if (this.pages[page] !== 0) return true;
    return false;
  }
}

/** One byte a page, one bit a client. A new log is dirty everywhere: nobody has seen any page yet. */
export class DirtyLog {
  readonly #pages: Uint8Array;

  constructor(sizeBytes: number) {
    this.#pages = new Uint8Array(Math.ceil(sizeBytes / DIRTY_PAGE_SIZE)).fill(DIRTY_ALL);
  }

  mark(offset: number, size: number, mask: number): void {
    if (size === 0) return;
    const last = Math.floor((offset + size - 1) / DIRTY_PAGE_SIZE);
    for (let page = Math.floor(offset / DIRTY_PAGE_SIZE); page <= last; page += 1) {
      this.#pages[page] = this.#pages[page]! | mask;
    }
  }

  clear(offset: number, size: number, mask: number): void {
    if (size === 0) return;
    const last = Math.floor((offset + size - 1) / DIRTY_PAGE_SIZE);
    for (let page = Math.floor(offset / DIRTY_PAGE_SIZE); page <= last; page += 1) {
      this.#pages[page] = this.#pages[page]! & ~mask;
    }
  }

  snapshot(offset: number, size: number, mask: number): DirtySnapshot {
    const first = Math.floor(offset / DIRTY_PAGE_SIZE);
    const end = size === 0 ? first : Math.floor((offset + size - 1) / DIRTY_PAGE_SIZE) + 1;
    const pages = this.#pages.slice(first, end);
    for (let page = 0; page < pages.length; page += 1) pages[page] = pages[page]! & mask;
    return new DirtySnapshot(pages, first);
  }
}
