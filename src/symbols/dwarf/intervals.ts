/** From an address to what covers it, over many ranges that may overlap. */
import { lastNotAbove } from '../search.ts';
import type { AddressRange } from './ranges.ts';

/** Ranges looked at before giving up when many overlap: only damaged files nest deeper than a few. */
const OVERLAPS_MAX = 64;

/** A fixed set of ranges with a value each; the innermost (latest starting) range that covers an address wins. */
export class IntervalIndex<T> {
  readonly #lows: BigUint64Array;
  readonly #highs: BigUint64Array;
  readonly #values: T[];

  constructor(entries: { readonly range: AddressRange; readonly value: T }[]) {
    const sorted = entries
      .filter(({ range }) => range.high > range.low)
      .sort(({ range: a }, { range: b }) =>
        a.low < b.low ? -1 : a.low > b.low ? 1 : a.high > b.high ? -1 : a.high < b.high ? 1 : 0,
      );
    this.#lows = BigUint64Array.from(sorted, ({ range }) => range.low);
    this.#highs = BigUint64Array.from(sorted, ({ range }) => range.high);
    this.#values = sorted.map(({ value }) => value);
  }

  get size(): number {
    return this.#values.length;
  }

  find(address: bigint): { readonly value: T; readonly low: bigint; readonly high: bigint } | undefined {
    const last = lastNotAbove(this.#lows, address);
    for (let index = last; index >= 0 && last - index < OVERLAPS_MAX; index -= 1) {
      const high = this.#highs[index]!;
      if (address < high) return { value: this.#values[index]!, low: this.#lows[index]!, high };
    }
    return undefined;
  }
}
