/**
 * The tree of memory regions, as QEMU's memory API defines it. A region has a place in one container, a signed priority
 * that counts only among its siblings, and flags. Any change to an enabled region re-renders the flat views of all
 * address spaces at the end of the enclosing transaction ({@link MemorySystem.transaction}).
 */
import { assert } from '../base/assert.ts';
import type { MemorySystem } from './memory-system.ts';
import type { AccessRules } from './mmio-ops.ts';
import type { WriteHook, WriteHookMatch } from './write-hooks.ts';

/** Bytes in a 64-bit address space: the size of a container that has no edge of its own (exact in a double). */
export const WHOLE_ADDRESS_SPACE = 2 ** 64;

/** Largest region that answers accesses itself, except an IOMMU: physical addresses have 52 bits. */
const TERMINATING_SIZE_LIMIT = 2 ** 52;

export type RegionKind =
  | 'container'
  | 'ram'
  | 'rom'
  | 'rom-device'
  | 'ram-device'
  | 'mmio'
  | 'reservation'
  | 'iommu'
  | 'alias';

/**
 * The device that regions belong to. While one of its register callbacks runs, a second access to any of its registers
 * is refused: a device cannot be made to enter itself by DMA (QEMU's re-entrancy guard).
 */
export class RegionOwner {
  /** True while a register callback of this device runs. */
  engagedInIo = false;

  constructor(readonly name: string) {}
}

export interface RegionOptions {
  readonly owner?: RegionOwner;
}

export abstract class MemoryRegion {
  abstract readonly kind: RegionKind;
  readonly owner: RegionOwner | undefined;
  /** The region this one is a subregion of. An alias's target keeps its own container. */
  container: MemoryRegion | undefined;
  /** Children, front first: higher priority, then later added. */
  readonly subregions: MemoryRegion[] = [];
  readonly writeHooks: WriteHook[] = [];
  /** Let register callbacks be entered again while the device is already in one (an interrupt controller needs it). */
  reentrant = false;
  #address = 0;
  #size: number;
  #priority = 0;
  #enabled = true;
  #readonly = false;
  #nonvolatile = false;
  #unmergeable = false;

  /** `size` in bytes, up to {@link WHOLE_ADDRESS_SPACE}. */
  constructor(
    readonly system: MemorySystem,
    readonly name: string,
    size: number,
    options: RegionOptions = {},
  ) {
    assert(size >= 0 && size <= WHOLE_ADDRESS_SPACE, `${name}: a size of 0 to 2^64 bytes`);
    this.#size = size;
    this.owner = options.owner;
  }

  /** How accesses reach callbacks; `undefined` where no callback ever runs (container, alias, IOMMU). */
  get rules(): AccessRules | undefined {
    return undefined;
  }

  /** Bytes that answer directly; `undefined` for everything that is not RAM or ROM of some kind. */
  get backing(): Uint8Array | undefined {
    return undefined;
  }

  /** {@link backing} as little-endian 32-bit words, where that is possible. */
  get words(): Uint32Array | undefined {
    return undefined;
  }

  /** A read is a copy out of {@link backing}. */
  get readsDirectly(): boolean {
    return false;
  }

  /** A write is a copy into {@link backing}. */
  get writesDirectly(): boolean {
    return false;
  }

  /** True when a lookup ends here; a container and an alias only lead on. */
  get terminates(): boolean {
    return true;
  }

  /** The kind as `info mtree` prints it. */
  get typeWord(): 'ram' | 'ramd' | 'rom' | 'romd' | 'i/o' {
    return 'i/o';
  }

  /** Which dirty-logging clients want to know of writes ({@link DirtyClient} bits). */
  get dirtyLogMask(): number {
    return 0;
  }

  /** Offset within the container, in bytes. */
  get address(): number {
    return this.#address;
  }

  get size(): number {
    return this.#size;
  }

  /** Local to the container; higher is in front. */
  get priority(): number {
    return this.#priority;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get readonly(): boolean {
    return this.#readonly;
  }

  get nonvolatile(): boolean {
    return this.#nonvolatile;
  }

  get unmergeable(): boolean {
    return this.#unmergeable;
  }

  /** A disabled region and everything in it is absent from every flat view, also where an alias shows it. */
  setEnabled(enabled: boolean): void {
    if (this.#enabled === enabled) return;
    this.system.transaction(() => {
      this.#enabled = enabled;
      this.system.markChanged();
    });
  }

  /** On RAM: makes it ROM. On a container or alias: everything seen through it is read-only. */
  setReadonly(readonly: boolean): void {
    if (this.#readonly === readonly) return;
    this.#change(() => {
      this.#readonly = readonly;
    });
  }

  setNonvolatile(nonvolatile: boolean): void {
    if (this.#nonvolatile === nonvolatile) return;
    this.#change(() => {
      this.#nonvolatile = nonvolatile;
    });
  }

  /** Keeps the flat view from joining this region's ranges with their neighbours. */
  setUnmergeable(unmergeable: boolean): void {
    if (this.#unmergeable === unmergeable) return;
    this.#change(() => {
      this.#unmergeable = unmergeable;
    });
  }

  /** Moves the region within its container. */
  setAddress(address: number): void {
    if (this.#address === address) return;
    this.system.transaction(() => {
      this.#address = address;
      this.#reinsert();
      if (this.container !== undefined && this.#enabled) this.system.markChanged();
    });
  }

  setPriority(priority: number): void {
    if (this.#priority === priority) return;
    this.system.transaction(() => {
      this.#priority = priority;
      this.#reinsert();
      if (this.container !== undefined && this.#enabled) this.system.markChanged();
    });
  }

  setSize(size: number): void {
    assert(size >= 0 && size <= WHOLE_ADDRESS_SPACE, `${this.name}: a size of 0 to 2^64 bytes`);
    if (this.#size === size) return;
    this.#change(() => {
      this.#size = size;
    });
  }

  /** Places `child` at byte `offset` of this region; `priority` (signed) decides only among this region's children. */
  addSubregion(offset: number, child: MemoryRegion, priority = 0): void {
    assert(child.container === undefined, `${child.name} is already in ${child.container?.name}`);
    assert(this.kind !== 'alias', `${this.name}: an alias has no subregions`);
    assert(child !== this && !this.isInside(child), `${child.name} would contain itself`);
    assert(!child.terminates || child.kind === 'iommu' || child.size <= TERMINATING_SIZE_LIMIT, 'at most 2^52 bytes');
    this.system.transaction(() => {
      child.container = this;
      child.#address = offset;
      child.#priority = priority;
      this.#insert(child);
      if (this.#enabled && child.#enabled) this.system.markChanged();
    });
  }

  removeSubregion(child: MemoryRegion): void {
    assert(child.container === this, `${child.name} is not in ${this.name}`);
    this.system.transaction(() => {
      child.container = undefined;
      this.subregions.splice(this.subregions.indexOf(child), 1);
      if (this.#enabled && child.#enabled) this.system.markChanged();
    });
  }

  /** True when `region` is this one or contains it at any depth. */
  isInside(region: MemoryRegion): boolean {
    for (let at: MemoryRegion | undefined = this; at !== undefined; at = at.container) if (at === region) return true;
    return false;
  }

  /** Calls `hook` instead of the write callback for every write that matches; the write counts as done (ioeventfd). */
  addWriteHook(match: WriteHookMatch, notify: () => void): WriteHook {
    const hook = { ...match, notify };
    this.system.transaction(() => {
      this.writeHooks.push(hook);
      this.system.markWriteHooksChanged();
    });
    return hook;
  }

  removeWriteHook(hook: WriteHook): void {
    const index = this.writeHooks.indexOf(hook);
    assert(index >= 0, `${this.name}: the write hook is not there`);
    this.system.transaction(() => {
      this.writeHooks.splice(index, 1);
      this.system.markWriteHooksChanged();
    });
  }

  /** Runs `change` in a transaction that re-renders if this region can be seen. */
  protected changed(change: () => void): void {
    this.#change(change);
  }

  #change(change: () => void): void {
    this.system.transaction(() => {
      change();
      if (this.#enabled) this.system.markChanged();
    });
  }

  #insert(child: MemoryRegion): void {
    let index = 0;
    while (index < this.subregions.length && this.subregions[index]!.priority > child.priority) index += 1;
    this.subregions.splice(index, 0, child);
  }

  /** A region that moved counts as added last. */
  #reinsert(): void {
    const { container } = this;
    if (container === undefined) return;
    container.subregions.splice(container.subregions.indexOf(this), 1);
    container.#insert(this);
  }
}

/** Groups regions; answers nothing itself, so that its holes show what lies behind it. */
export class ContainerRegion extends MemoryRegion {
  readonly kind = 'container';

  override get terminates(): boolean {
    return false;
  }
}
