/** The flat view: which region answers each address, after priorities, holes and aliases are resolved. */

import type { AliasRegion } from './alias-region.ts';
import type { Neighbour } from './events.ts';
import { type MemoryRegion, WHOLE_ADDRESS_SPACE } from './region.ts';

/** Consecutive addresses that one region answers. Never changes once its view is built. */
export class FlatRange {
  /** Direct access: RAM's bytes, or `undefined` when a callback must run. */
  readonly readBacking: Uint8Array | undefined;
  readonly writeBacking: Uint8Array | undefined;
  /** The same as words, when the backing is aligned. */
  readonly readWords: Uint32Array | undefined;
  readonly writeWords: Uint32Array | undefined;
  /** Registers: every access is one or more calls. */
  readonly isMmio: boolean;
  /** ROM, or RAM seen as such: a processor's store is dropped. */
  readonly isProtected: boolean;
  /** What to add to an address to get the index into the backing. */
  readonly offsetDelta: number;
  readonly dirtyLogMask: number;
  /** {@link MemoryRegion.readsDirectly} when the view was rendered: a change makes it another range. */
  readonly directReads: boolean;

  constructor(
    readonly region: MemoryRegion,
    readonly start: number,
    /** One past the last byte; up to 2^64. */
    readonly end: number,
    readonly offsetInRegion: number,
    readonly readonly: boolean,
    readonly nonvolatile: boolean,
    readonly unmergeable: boolean,
  ) {
    this.directReads = region.readsDirectly;
    this.dirtyLogMask = region.dirtyLogMask;
    this.offsetDelta = offsetInRegion - start;
    this.readBacking = this.directReads ? region.backing : undefined;
    const protects = readonly && !region.readonly && region.system.options.readonlyAliases === 'protect';
    this.writeBacking = region.writesDirectly && !protects ? region.backing : undefined;
    this.readWords = this.readBacking === undefined ? undefined : region.words;
    this.writeWords = this.writeBacking === undefined ? undefined : region.words;
    this.isMmio = region.kind === 'mmio';
    this.isProtected = region.kind === 'rom' || (region.kind === 'ram' && readonly);
  }

  /** The word that reports use for what stands here. */
  get kindWord(): string {
    const { kind } = this.region;
    if (kind === 'ram' && this.readonly) return 'rom';
    if (kind === 'ram-device') return 'ramd';
    if (kind === 'rom-device') return this.directReads ? 'romd' : 'mmio';
    return kind;
  }

  neighbour(): Neighbour {
    return { region: this.region.name, kind: this.kindWord, start: this.start, last: this.end - 1 };
  }

  /** The same range as `other`, except perhaps for dirty logging. */
  equals(other: FlatRange): boolean {
    return this.start === other.start && this.end === other.end && this.#continues(other, 0);
  }

  canMerge(next: FlatRange): boolean {
    return (
      this.end === next.start &&
      this.dirtyLogMask === next.dirtyLogMask &&
      !this.unmergeable &&
      this.#continues(next, this.end - this.start)
    );
  }

  #continues(other: FlatRange, distance: number): boolean {
    return (
      this.region === other.region &&
      this.offsetInRegion + distance === other.offsetInRegion &&
      this.directReads === other.directReads &&
      this.readonly === other.readonly &&
      this.nonvolatile === other.nonvolatile &&
      this.unmergeable === other.unmergeable &&
      this.writeBacking === other.writeBacking
    );
  }
}

export class FlatView {
  readonly ranges: readonly FlatRange[];
  #last = 0;

  constructor(
    /** The region that was rendered, or `undefined` for the empty view that all empty address spaces share. */
    readonly root: MemoryRegion | undefined,
  ) {
    this.ranges = root === undefined ? [] : simplify(render(root));
  }

  /** The range that holds `address` (0 to 2^64 - 1), or `undefined` in a hole. Remembers the last hit. */
  find(address: number): FlatRange | undefined {
    const { ranges } = this;
    const cached = ranges[this.#last];
    if (cached !== undefined && address >= cached.start && address < cached.end) return cached;
    const index = this.#indexBefore(address);
    const range = ranges[index];
    if (range === undefined || address >= range.end) return undefined;
    this.#last = index;
    return range;
  }

  /** The ranges next below and next above an address that lies in a hole. */
  neighbours(address: number): { readonly below: FlatRange | undefined; readonly above: FlatRange | undefined } {
    const index = this.#indexBefore(address);
    return { below: this.ranges[index], above: this.ranges[index + 1] };
  }

  /** Index of the last range that starts at or below `address`; -1 when there is none. */
  #indexBefore(address: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/**
 * The region that decides what an address space rooted at `region` looks like: whole-size aliases and only children are
 * skipped, so that address spaces that look alike share one view. `undefined`: nothing is there at all.
 *
 * DEVIATION: QEMU also skips a region whose flags (read-only, nonvolatile, unmergeable) would colour what lies behind
 * it, and so loses the flag; such a region is rendered here. A driver sees a read-only window stay read-only.
 */
export function flatViewRoot(region: MemoryRegion): MemoryRegion | undefined {
  let at = region;
  while (at.enabled) {
    if (at.readonly || at.nonvolatile || at.unmergeable) return at;
    let next: MemoryRegion | undefined;
    if (at.kind === 'alias') {
      const alias = at as AliasRegion;
      if (alias.offset === 0 && alias.size >= alias.target.size) next = alias.target;
    } else if (!at.terminates) {
      const enabled = at.subregions.filter((child) => child.enabled);
      if (enabled.length === 0) return undefined;
      const only = enabled.length === 1 ? enabled[0]! : undefined;
      if (only !== undefined && only.address === 0 && at.size >= only.size) next = only;
    }
    if (next === undefined) return at;
    at = next;
  }
  return undefined;
}

/** What a region inherits from everything it is seen through. */
interface Inherited {
  readonly clipStart: number;
  readonly clipEnd: number;
  readonly readonly: boolean;
  readonly nonvolatile: boolean;
  readonly unmergeable: boolean;
}

/** Aliases and containers nest this deep at most; a deeper tree is our own mistake (an alias cycle). */
const NESTING_LIMIT = 64;

function render(root: MemoryRegion): FlatRange[] {
  const ranges: FlatRange[] = [];
  const clip = { clipStart: 0, clipEnd: WHOLE_ADDRESS_SPACE, readonly: false, nonvolatile: false, unmergeable: false };
  // The root is rendered at 0 wherever it may stand in a container of its own.
  renderRegion(ranges, root, -root.address, clip, 0);
  return ranges;
}

/** Renders `region`, whose container begins at `base`, into the gaps that what stands in front has left. */
function renderRegion(ranges: FlatRange[], region: MemoryRegion, base: number, outer: Inherited, depth: number): void {
  if (!region.enabled) return;
  if (depth > NESTING_LIMIT) throw new RangeError(`${region.name}: aliases form a cycle`);
  const start = base + region.address;
  const inherited = {
    clipStart: Math.max(outer.clipStart, start),
    clipEnd: Math.min(outer.clipEnd, start + region.size),
    readonly: outer.readonly || region.readonly,
    nonvolatile: outer.nonvolatile || region.nonvolatile,
    unmergeable: outer.unmergeable || region.unmergeable,
  };
  if (inherited.clipStart >= inherited.clipEnd) return;
  if (region.kind === 'alias') {
    const { target, offset } = region as AliasRegion;
    renderRegion(ranges, target, start - offset - target.address, inherited, depth + 1);
    return;
  }
  for (const child of region.subregions) renderRegion(ranges, child, start, inherited, depth + 1);
  if (region.terminates) fillGaps(ranges, region, start, inherited);
}

function fillGaps(ranges: FlatRange[], region: MemoryRegion, start: number, inherited: Inherited): void {
  let at = inherited.clipStart;
  const add = (index: number, end: number): void => {
    const { readonly, nonvolatile, unmergeable } = inherited;
    ranges.splice(index, 0, new FlatRange(region, at, end, at - start, readonly, nonvolatile, unmergeable));
  };
  for (let index = 0; index < ranges.length && at < inherited.clipEnd; index += 1) {
    const front = ranges[index]!;
    if (at >= front.end) continue;
    if (at < front.start) {
      add(index, Math.min(inherited.clipEnd, front.start));
      index += 1;
    }
    at = Math.max(at, Math.min(inherited.clipEnd, front.end));
  }
  if (at < inherited.clipEnd) add(ranges.length, inherited.clipEnd);
}

function simplify(ranges: readonly FlatRange[]): FlatRange[] {
  const merged: FlatRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last?.canMerge(range)) {
      const { region, start, offsetInRegion, readonly, nonvolatile, unmergeable } = last;
      merged[merged.length - 1] = new FlatRange(
        region,
        start,
        range.end,
        offsetInRegion,
        readonly,
        nonvolatile,
        unmergeable,
      );
    } else merged.push(range);
  }
  return merged;
}
