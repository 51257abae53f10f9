/** Guest-physical ranges that the core reads and writes directly: the table it searches, and the same for the host. */
import type { Gpa } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { CoreInstance } from './core-instance.ts';
import { DIRECT_COUNT, DIRECT_RANGE_SIZE, DIRECT_RANGES, DIRECT_RANGES_MAX, PAGE_CODE, PAGE_FLAGS } from './layout.ts';
import { wakeMonitor } from './monitor-line.ts';
import type { DirectRange } from './types.ts';

interface Range {
  readonly start: number;
  readonly end: number;
  readonly pointer: number;
}

export class DirectMemory {
  readonly #core: CoreInstance;
  #ranges: readonly Range[] = [];
  /** Accesses cluster: the range found last is tried first. */
  #last: Range | undefined;

  constructor(core: CoreInstance) {
    this.#core = core;
  }

  /**
   * Replaces the table. Ranges must not overlap. Beyond DIRECT_RANGES_MAX the rest is reached through the memory port:
   * slow, not wrong.
   */
  set(ranges: readonly DirectRange[]): void {
    const sorted = [...ranges].sort((a, b) => a.start - b.start).slice(0, DIRECT_RANGES_MAX);
    for (const [index, range] of sorted.entries()) {
      assert(range.backing.buffer === this.#core.memory.buffer, 'direct ranges live in the core’s memory');
      assert(range.backing.length >= range.size, 'a direct range has a backing byte for each of its own');
      const at = DIRECT_RANGES + index * DIRECT_RANGE_SIZE;
      this.#core.setQuad(at, BigInt(range.start));
      this.#core.setQuad(at + 8, BigInt(range.size));
      this.#core.setWord(at + 16, range.backing.byteOffset);
      this.#core.setWord(at + 20, range.writable ? 1 : 0);
    }
    this.#core.setWord(DIRECT_COUNT, sorted.length);
    this.#ranges = sorted.map((range) => ({
      start: range.start,
      end: range.start + range.size,
      pointer: range.backing.byteOffset,
    }));
    this.#last = undefined;
    this.#core.exports.rangesChanged();
  }

  #find(address: number): Range | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const range = this.#ranges[low - 1];
    if (range === undefined || address >= range.end) return undefined;
    this.#last = range;
    return range;
  }

  /** Backing of `size` bytes within one range. */
  pointerTo(address: Gpa, size: number): number | undefined {
    const range = this.#find(address);
    return range === undefined || address + size > range.end ? undefined : range.pointer + (address - range.start);
  }

  /** Calls `visit` for each directly backed part of `size` bytes from `address` on. */
  forEachPart(address: Gpa, size: number, visit: (pointer: number, bytes: number) => void): void {
    const end = address + size;
    for (let at: number = address; at < end; ) {
      const range = this.#find(at);
      if (range === undefined) {
        const next = this.#ranges.find((candidate) => candidate.start > at);
        if (next === undefined) return;
        at = next.start;
      } else {
        const bytes = Math.min(end, range.end) - at;
        visit(range.pointer + (at - range.start), bytes);
        at += bytes;
      }
    }
  }

  /** Bytes were written from outside: wakes MWAIT, and drops code decoded there. Costs a byte test per page when there is none. */
  invalidateCode(pointer: number, bytes: number): void {
    wakeMonitor(this.#core, pointer, bytes);
    if (bytes === 0) return;
    const flags = this.#core.bytes;
    const lastPage = (pointer + bytes - 1) >>> 12;
    for (let page = pointer >>> 12; page <= lastPage; page++) {
      if ((flags[PAGE_FLAGS + page]! & PAGE_CODE) !== 0) {
        this.#core.exports.invalidate(pointer, bytes);
        return;
      }
    }
  }

  /** A page table entry of 4 or 8 bytes, if it stands in RAM. */
  readEntry(address: Gpa, size: number): bigint | undefined {
    const pointer = this.pointerTo(address, size);
    if (pointer === undefined) return undefined;
    return size === 8 ? this.#core.quad(pointer) : BigInt(this.#core.word(pointer));
  }

  /** The guest-physical address of a backing byte; the first range that has it. */
  addressOf(pointer: number): Gpa | undefined {
    const range = this.#ranges.find(
      (candidate) => pointer >= candidate.pointer && pointer < candidate.pointer + (candidate.end - candidate.start),
    );
    return range === undefined ? undefined : ((range.start + (pointer - range.pointer)) as Gpa);
  }
}
