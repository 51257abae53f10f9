/** Regions with bytes behind them: RAM, ROM, resizeable RAM, RAM devices and ROM devices. */
import { assert } from '../base/assert.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import {
  DIRTY_CODE,
  DIRTY_MIGRATION,
  DIRTY_VGA,
  type DirtyClient,
  DirtyLog,
  type DirtySnapshot,
  dirtyBit,
} from './dirty-log.ts';
import type { MemorySystem } from './memory-system.ts';
import { MEMTX_OK, type MemTxAttrs } from './memtx.ts';
import { AccessRules, type MmioOps, type MmioValue, UNASSIGNED_MEMORY_OPS } from './mmio-ops.ts';
import { MemoryRegion, type RegionOptions } from './region.ts';

/** True on every host this is likely to run on; elsewhere words are put together from bytes. */
const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Bytes: what a 32-bit WebAssembly memory can hold, and an index of 32 bits can reach. */
const BACKING_MAX = 2 ** 32;

/** Shared by everything whose bytes can be logged as dirty. */
export abstract class BackedRegion extends MemoryRegion {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array | undefined;
  #log: DirtyLog | undefined;
  #vgaLogging = 0;

  constructor(
    system: MemorySystem,
    name: string,
    size: number,
    /** Never replaced and never detached: it may lie in the processor's own memory. */
    bytes: Uint8Array,
    options?: RegionOptions,
  ) {
    super(system, name, size, options);
    assert(size <= bytes.length, `${name}: the backing holds the whole region`);
    assert(bytes.length <= BACKING_MAX, `${name}: at most 4 GiB in one backing`);
    this.#bytes = bytes;
    const aligned = HOST_IS_LITTLE_ENDIAN && bytes.byteOffset % 4 === 0;
    this.#words = aligned ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2) : undefined;
  }

  override get backing(): Uint8Array {
    return this.#bytes;
  }

  override get words(): Uint32Array | undefined {
    return this.#words;
  }

  override get dirtyLogMask(): number {
    const tracked = this.#vgaLogging > 0 ? DIRTY_VGA : 0;
    return tracked | (this.system.globalDirtyLog ? DIRTY_MIGRATION : 0) | DIRTY_CODE;
  }

  /** Starts or stops keeping what the display must redraw; calls nest. */
  setLog(enabled: boolean): void {
    assert(enabled || this.#vgaLogging > 0, `${this.name}: logging is stopped as often as it is started`);
    this.changed(() => {
      this.#vgaLogging += enabled ? 1 : -1;
      this.#ensureLog();
    });
  }

  isLogging(client: DirtyClient): boolean {
    return (this.dirtyLogMask & dirtyBit(client)) !== 0;
  }

  /** Somebody wrote these bytes of the backing other than through an address space (the processor's own stores). */
  setDirty(offset: number, size: number): void {
    this.#ensureLog().mark(offset, size, this.dirtyLogMask & ~DIRTY_CODE);
  }

  resetDirty(offset: number, size: number, client: DirtyClient): void {
    this.#ensureLog().clear(offset, size, dirtyBit(client));
  }

  /** Asks every listener to report what it wrote directly, then takes and clears the client's pages in one step. */
  snapshotAndClearDirty(offset: number, size: number, client: DirtyClient): DirtySnapshot {
    this.system.syncDirty(this);
    const log = this.#ensureLog();
    const snapshot = log.snapshot(offset, size, dirtyBit(client));
    log.clear(offset, size, dirtyBit(client));
    return snapshot;
  }

  /** @internal After a write through an address space. */
  noteWritten(offset: number, size: number): void {
    if (this.#log !== undefined) this.#log.mark(offset, size, this.dirtyLogMask & ~DIRTY_CODE);
  }

  #ensureLog(): DirtyLog {
    this.#log ??= new DirtyLog(this.#bytes.length);
    return this.#log;
  }

  /** @internal Global logging begins: from now on every write is kept. */
  startLog(): void {
    this.#ensureLog().mark(0, this.size, DIRTY_MIGRATION);
  }

  /** The bytes as a part of the machine's saved state. */
  stateSource(): StateSource {
    return {
      name: `memory/${this.name}`,
      version: 1,
      save: () => ({ size: this.size, bytes: this.#bytes.slice(0, this.size) }),
      load: (fields: { readonly [field: string]: StateValue }) => {
        const bytes = fields.bytes as Uint8Array;
        assert(bytes.length <= this.#bytes.length, `${this.name}: the saved bytes fit`);
        this.setSize(fields.size as number);
        this.#bytes.set(bytes);
        this.noteWritten(0, bytes.length);
        this.system.onRamLoaded?.(this);
      },
    };
  }
}

const ROM_RULES = new AccessRules(UNASSIGNED_MEMORY_OPS);

/** RAM; ROM while {@link MemoryRegion.readonly} is set: reads are direct, writes are rejected. */
export class RamRegion extends BackedRegion {
  get kind(): 'ram' | 'rom' {
    return this.readonly ? 'rom' : 'ram';
  }

  constructor(
    system: MemorySystem,
    name: string,
    bytes: Uint8Array,
    options?: RegionOptions & { readonly size?: number },
  ) {
    super(system, name, options?.size ?? bytes.length, bytes, options);
  }

  override get readsDirectly(): boolean {
    return true;
  }

  override get writesDirectly(): boolean {
    return !this.readonly;
  }

  override get rules(): AccessRules {
    return ROM_RULES;
  }

  override get typeWord(): 'ram' | 'rom' {
    return this.kind;
  }
}

/** RAM that software never changes. */
export function createRom(system: MemorySystem, name: string, bytes: Uint8Array, options?: RegionOptions): RamRegion {
  const rom = new RamRegion(system, name, bytes, options);
  rom.setReadonly(true);
  return rom;
}

/** RAM whose used length changes at run time, up to the length of its backing. */
export class ResizeableRamRegion extends RamRegion {
  readonly #resized: ((size: number) => void) | undefined;

  constructor(
    system: MemorySystem,
    name: string,
    bytes: Uint8Array,
    size: number,
    resized?: (size: number) => void,
    options?: RegionOptions,
  ) {
    super(system, name, bytes, { ...options, size });
    this.#resized = resized;
  }

  get maximumSize(): number {
    return this.backing.length;
  }

  /** Everything counts as dirty afterwards. */
  resize(size: number): void {
    assert(size <= this.maximumSize, `${this.name}: at most ${this.maximumSize} bytes`);
    if (size === this.size) return;
    this.setSize(size);
    this.setDirty(0, size);
    this.#resized?.(size);
  }
}

/** A real device's registers that the host mapped: bytes, but reached one access at a time and never copied in bulk. */
export class RamDeviceRegion extends BackedRegion {
  readonly kind = 'ram-device';
  readonly #rules: AccessRules;

  constructor(system: MemorySystem, name: string, bytes: Uint8Array, options?: RegionOptions) {
    super(system, name, bytes.length, bytes, options);
    this.#rules = new AccessRules(ramDeviceOps(bytes, this));
  }

  override get rules(): AccessRules {
    return this.#rules;
  }

  override get typeWord(): 'ramd' {
    return 'ramd';
  }
}

function ramDeviceOps(bytes: Uint8Array, region: BackedRegion): MmioOps {
  const sizes = { minimum: 1, maximum: 8, unaligned: true } as const;
  return {
    valid: sizes,
    impl: sizes,
    readWithAttrs(offset: number, size: number, _attrs: MemTxAttrs, out: MmioValue) {
      for (let i = 0; i < size; i += 1) {
        const byte = bytes[offset + i] ?? 0;
        if (i < 4) out.low = (out.low | (byte << (8 * i))) >>> 0;
        else out.high = (out.high | (byte << (8 * i))) >>> 0;
      }
      return MEMTX_OK;
    },
    writeWithAttrs(offset: number, size: number, low: number, high: number) {
      for (let i = 0; i < size; i += 1) bytes[offset + i] = (i < 4 ? low : high) >>> (8 * (i & 3));
      region.noteWritten(offset, size);
      return MEMTX_OK;
    },
  };
}

/** Flash: reads are direct in ROM mode and callbacks otherwise; writes are always callbacks. */
export class RomDeviceRegion extends BackedRegion {
  readonly kind = 'rom-device';
  readonly #rules: AccessRules;
  #romMode = true;

  constructor(system: MemorySystem, name: string, bytes: Uint8Array, ops: MmioOps, options?: RegionOptions) {
    super(system, name, bytes.length, bytes, options);
    this.#rules = new AccessRules(ops);
  }

  override get rules(): AccessRules {
    return this.#rules;
  }

  get romMode(): boolean {
    return this.#romMode;
  }

  setRomMode(romMode: boolean): void {
    if (this.#romMode === romMode) return;
    this.changed(() => {
      this.#romMode = romMode;
    });
  }

  override get readsDirectly(): boolean {
    return this.#romMode;
  }

  override get typeWord(): 'romd' | 'i/o' {
    return this.#romMode ? 'romd' : 'i/o';
  }

  /** The device changed its backing, which stands at `address`: whoever cached these bytes must look again. */
  flush(offset: number, size: number, address?: number): void {
    this.noteWritten(offset, size);
    this.system.onRamWritten?.(this, offset, size, address, { kind: 'device', name: this.name });
  }
}
