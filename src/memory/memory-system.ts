/**
 * One machine's memory: its address spaces, the transactions that change them, and who listens.
 *
 * Not modelled: coalesced MMIO batches (they exist to save exits from a hypervisor; every write is delivered at once
 * here), and concurrent access from several host threads.
 */
import { assert } from '../base/assert.ts';
import type { TraceBus } from '../base/trace.ts';
import type { AddressSpace } from './address-space.ts';
import { Dispatch } from './dispatch.ts';
import type { Initiator } from './events.ts';
import { FlatView, flatViewRoot } from './flat-view.ts';
import { announceChanges, insertListener, type MemoryListener, type MemorySection, sectionOf } from './listener.ts';
import { BackedRegion } from './ram-region.ts';
import type { MemoryRegion } from './region.ts';
import type { WriteHook } from './write-hooks.ts';

export interface MemoryOptions {
  /**
   * What a read-only alias of RAM does to a device's write. `protect`: refuses it, as a chipset does. `qemu`: lets it
   * through, as QEMU does (only its CPUs honour the flag).
   */
  readonly readonlyAliases: 'protect' | 'qemu';
}

/**
 * Somebody other than the processor's own stores changed `size` bytes of `region`'s backing at `offset`. `address` is
 * where in the address space (`undefined`: not through one), `writer` who (`undefined`: the device behind the region).
 */
export type RamWriteListener = (
  region: BackedRegion,
  offset: number,
  size: number,
  address: number | undefined,
  writer: Initiator | undefined,
) => void;

interface ReachableHook {
  readonly section: MemorySection;
  readonly hook: WriteHook;
  readonly address: number;
}

/** Far more than any chain of listeners needs. */
const UPDATE_ROUNDS_MAX = 16;

export class MemorySystem {
  readonly spaces: AddressSpace[] = [];
  readonly options: MemoryOptions;
  /** Runs after every write to RAM through an address space, so that the processor drops code it decoded there. */
  onRamWritten: RamWriteListener | undefined;
  /** Runs after a saved state replaced a region's bytes. */
  onRamLoaded: ((region: BackedRegion) => void) | undefined;
  /** @internal Carries out register callbacks. */
  readonly dispatch: Dispatch;
  #depth = 0;
  #changed = false;
  #updating = false;
  #hooksChanged = false;
  #globalDirtyLog = false;
  readonly #listeners: MemoryListener[] = [];
  readonly #listenersOf = new Map<AddressSpace, MemoryListener[]>();
  readonly #hooksOf = new Map<AddressSpace, ReachableHook[]>();
  readonly #empty = new FlatView(undefined);

  constructor(
    readonly trace: TraceBus,
    options: Partial<MemoryOptions> = {},
  ) {
    this.options = { readonlyAliases: options.readonlyAliases ?? 'protect' };
    this.dispatch = new Dispatch(trace);
  }

  /** Groups changes: flat views are rendered, and listeners hear of them, when the outermost transaction ends. */
  transaction<T>(change: () => T): T {
    this.begin();
    try {
      return change();
    } finally {
      this.commit();
    }
  }

  begin(): void {
    this.#depth += 1;
  }

  commit(): void {
    assert(this.#depth > 0, 'a transaction is committed as often as it is begun');
    this.#depth -= 1;
    if (this.#depth > 0 || this.#updating) return;
    this.#updating = true;
    try {
      this.#settle();
    } finally {
      this.#updating = false;
    }
  }

  /** Updates until nothing is pending: a listener may change the tree again when it hears of a change. */
  #settle(): void {
    for (let round = 0; this.#changed || this.#hooksChanged; round += 1) {
      assert(round < UPDATE_ROUNDS_MAX, 'listeners that answer every change with another never settle');
      const changed = this.#changed;
      this.#changed = false;
      this.#hooksChanged = false;
      if (changed) this.#update();
      else for (const space of this.spaces) this.#updateHooks(space);
    }
  }

  /** @internal A visible region changed in the transaction that is open. */
  markChanged(): void {
    this.#changed = true;
  }

  /** @internal */
  markWriteHooksChanged(): void {
    this.#hooksChanged = true;
  }

  /** @internal Called by the constructor of {@link AddressSpace}. */
  addSpace(space: AddressSpace): void {
    this.spaces.push(space);
    this.#setView(space, this.#viewFor(space.root), false);
  }

  /** Takes an address space away; its listeners must be gone. */
  removeSpace(space: AddressSpace): void {
    assert((this.#listenersOf.get(space)?.length ?? 0) === 0, `${space.name} still has listeners`);
    this.spaces.splice(this.spaces.indexOf(space), 1);
    this.#hooksOf.delete(space);
  }

  /** Subscribes and at once tells what is there (begin, region_add for each section, commit). Returns the way out. */
  listen(space: AddressSpace, listener: MemoryListener): () => void {
    insertListener(this.#listeners, listener);
    const own = this.#listenersOf.get(space) ?? [];
    insertListener(own, listener);
    this.#listenersOf.set(space, own);
    listener.begin?.();
    if (this.#globalDirtyLog) listener.logGlobalStart?.();
    for (const range of space.view.ranges) {
      const section = sectionOf(space, range);
      listener.regionAdd?.(section);
      if (range.dirtyLogMask !== 0) listener.logStart?.(section, 0, range.dirtyLogMask);
    }
    for (const at of this.#hooksOf.get(space) ?? []) listener.writeHookAdd?.(at.section, at.hook, at.address);
    listener.commit?.();
    return () => this.#unlisten(space, own, listener);
  }

  /** True while every write to RAM is kept for migration or for a snapshot of what changed. */
  get globalDirtyLog(): boolean {
    return this.#globalDirtyLog;
  }

  startGlobalDirtyLog(): void {
    if (this.#globalDirtyLog) return;
    this.transaction(() => {
      this.#globalDirtyLog = true;
      for (const listener of this.#listeners) listener.logGlobalStart?.();
      for (const region of this.#backedRegions()) region.startLog();
      this.#changed = true;
    });
  }

  stopGlobalDirtyLog(): void {
    if (!this.#globalDirtyLog) return;
    this.transaction(() => {
      this.#globalDirtyLog = false;
      for (const listener of [...this.#listeners].reverse()) listener.logGlobalStop?.();
      this.#changed = true;
    });
  }

  /** @internal Before a client takes a region's dirty pages: collect what listeners know. */
  syncDirty(region: MemoryRegion): void {
    for (const space of this.spaces) {
      for (const listener of this.#listenersOf.get(space) ?? []) {
        if (listener.logSync === undefined) continue;
        for (const range of space.view.ranges) {
          if (range.region === region) listener.logSync(sectionOf(space, range));
        }
      }
    }
  }

  #unlisten(space: AddressSpace, own: MemoryListener[], listener: MemoryListener): void {
    listener.begin?.();
    for (const range of space.view.ranges) {
      const section = sectionOf(space, range);
      if (range.dirtyLogMask !== 0) listener.logStop?.(section, range.dirtyLogMask, 0);
      listener.regionDel?.(section);
    }
    listener.commit?.();
    own.splice(own.indexOf(listener), 1);
    this.#listeners.splice(this.#listeners.indexOf(listener), 1);
  }

  #update(): void {
    const listeners = [...this.#listeners];
    for (const listener of listeners) listener.begin?.();
    const views = new Map<MemoryRegion, FlatView>();
    for (const space of this.spaces) {
      const root = flatViewRoot(space.root);
      let view = root === undefined ? this.#empty : views.get(root);
      if (view === undefined) {
        view = new FlatView(root);
        views.set(root!, view);
      }
      this.#setView(space, view, true);
    }
    for (const listener of listeners) listener.commit?.();
  }

  #setView(space: AddressSpace, view: FlatView, announce: boolean): void {
    const before = space.view;
    if (announce && before !== view) {
      const listeners = this.#listenersOf.get(space);
      if (listeners !== undefined && listeners.length > 0) announceChanges(space, listeners, before, view);
      const channel = this.trace.channel('memory.topology-changed');
      if (channel.active && !sameRanges(before, view)) channel.emit({ addressSpace: space.name });
    }
    // Listeners see the old view through the address space until all of them have heard of the new one.
    space.setView(view);
    this.#updateHooks(space);
  }

  /** The view of `root`: an address space's that looks the same, if there is one. */
  #viewFor(root: MemoryRegion): FlatView {
    const physical = flatViewRoot(root);
    if (physical === undefined) return this.#empty;
    return this.spaces.find((space) => space.view.root === physical)?.view ?? new FlatView(physical);
  }

  #updateHooks(space: AddressSpace): void {
    const before = this.#hooksOf.get(space) ?? [];
    const after = reachableHooks(space);
    this.#hooksOf.set(space, after);
    const listeners = this.#listenersOf.get(space) ?? [];
    if (listeners.length === 0) return;
    const same = (a: ReachableHook) => (b: ReachableHook) => a.hook === b.hook && a.address === b.address;
    for (const gone of before) {
      if (after.some(same(gone))) continue;
      for (const listener of [...listeners].reverse()) listener.writeHookDel?.(gone.section, gone.hook, gone.address);
    }
    for (const added of after) {
      if (before.some(same(added))) continue;
      for (const listener of listeners) listener.writeHookAdd?.(added.section, added.hook, added.address);
    }
  }

  #backedRegions(): Set<BackedRegion> {
    const found = new Set<BackedRegion>();
    for (const space of this.spaces) {
      for (const { region } of space.view.ranges) if (region instanceof BackedRegion) found.add(region);
    }
    return found;
  }
}

function sameRanges(a: FlatView, b: FlatView): boolean {
  return a.ranges.length === b.ranges.length && a.ranges.every((range, index) => range.equals(b.ranges[index]!));
}

function reachableHooks(space: AddressSpace): ReachableHook[] {
  const found: ReachableHook[] = [];
  for (const range of space.view.ranges) {
    for (const hook of range.region.writeHooks) {
      const address = hook.offset - range.offsetDelta;
      if (address < range.start || address + hook.size > range.end) continue;
      found.push({ section: sectionOf(space, range), hook, address });
    }
  }
  return found;
}
