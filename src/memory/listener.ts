/** Listeners hear how an address space's flat view changes (QEMU: MemoryListener). */
import type { AddressSpace } from './address-space.ts';
import type { FlatRange, FlatView } from './flat-view.ts';
import type { MemoryRegion } from './region.ts';
import type { WriteHook } from './write-hooks.ts';

/** A flat range as listeners see it. */
export interface MemorySection {
  readonly space: AddressSpace;
  readonly region: MemoryRegion;
  readonly offsetInRegion: number;
  /** First address, and one past the last. */
  readonly start: number;
  readonly end: number;
  readonly readonly: boolean;
  readonly nonvolatile: boolean;
  readonly unmergeable: boolean;
  readonly range: FlatRange;
}

/** Every callback is optional. Additions run from low {@link priority} to high, removals from high to low. */
export interface MemoryListener {
  readonly name?: string;
  /** Default 0. */
  readonly priority?: number;
  begin?(): void;
  commit?(): void;
  regionAdd?(section: MemorySection): void;
  regionDel?(section: MemorySection): void;
  /** The section stays as it is. */
  regionNop?(section: MemorySection): void;
  logStart?(section: MemorySection, previous: number, next: number): void;
  logStop?(section: MemorySection, previous: number, next: number): void;
  /** Report by `setDirty` what was written to this section behind the memory system's back. */
  logSync?(section: MemorySection): void;
  logGlobalStart?(): void;
  logGlobalStop?(): void;
  /** A write hook (ioeventfd) became reachable at `address`. */
  writeHookAdd?(section: MemorySection, hook: WriteHook, address: number): void;
  writeHookDel?(section: MemorySection, hook: WriteHook, address: number): void;
}

/** Inserts by priority, after those of the same priority. */
export function insertListener(listeners: MemoryListener[], listener: MemoryListener): void {
  const priority = listener.priority ?? 0;
  let index = listeners.length;
  while (index > 0 && (listeners[index - 1]!.priority ?? 0) > priority) index -= 1;
  listeners.splice(index, 0, listener);
}

export function sectionOf(space: AddressSpace, range: FlatRange): MemorySection {
  const { region, offsetInRegion, start, end, readonly, nonvolatile, unmergeable } = range;
  return { space, region, offsetInRegion, start, end, readonly, nonvolatile, unmergeable, range };
}

/** Tells `listeners` (sorted by priority) how `before` became `after`: all removals first, then the rest, by address. */
export function announceChanges(
  space: AddressSpace,
  listeners: readonly MemoryListener[],
  before: FlatView,
  after: FlatView,
): void {
  const reversed = [...listeners].reverse();
  walk(before, after, (old, next) => {
    if (next !== undefined) return;
    for (const listener of reversed) listener.regionDel?.(sectionOf(space, old!));
  });
  walk(before, after, (old, next) => {
    if (next === undefined) return;
    const section = sectionOf(space, next);
    if (old === undefined) {
      for (const listener of listeners) listener.regionAdd?.(section);
      return;
    }
    for (const listener of listeners) listener.regionNop?.(section);
    announceLogging(listeners, reversed, section, old.dirtyLogMask, next.dirtyLogMask);
  });
}

function announceLogging(
  listeners: readonly MemoryListener[],
  reversed: readonly MemoryListener[],
  section: MemorySection,
  previous: number,
  next: number,
): void {
  if ((next & ~previous) !== 0) for (const listener of listeners) listener.logStart?.(section, previous, next);
  if ((previous & ~next) !== 0) for (const listener of reversed) listener.logStop?.(section, previous, next);
}

/** Visits (old, undefined) for what went, (undefined, new) for what came, (old, new) for what stayed. */
function walk(
  before: FlatView,
  after: FlatView,
  visit: (old: FlatRange | undefined, next: FlatRange | undefined) => void,
): void {
  let oldIndex = 0;
  let newIndex = 0;
  while (oldIndex < before.ranges.length || newIndex < after.ranges.length) {
    const old = before.ranges[oldIndex];
    const next = after.ranges[newIndex];
    const same = old !== undefined && next !== undefined && old.equals(next);
    if (same) {
      visit(old, next);
      oldIndex += 1;
      newIndex += 1;
    } else if (old !== undefined && (next === undefined || old.start <= next.start)) {
      visit(old, undefined);
      oldIndex += 1;
    } else {
      visit(undefined, next);
      newIndex += 1;
    }
  }
}
