/**
 * An address space: a root region, seen flat, that can be read and written. Results of the pieces of one access are
 * OR-ed, the loop goes on after a piece that failed, bytes already moved stay moved, and what nothing answered reads
 * as zero. The first failing piece gives the access its reason.
 */
import { type BusAddress, offsetBus } from '../base/address.ts';
import type { TraceChannel } from '../base/trace.ts';
import { copyBytes, loadHigh, loadLow, storeValue } from './bytes.ts';
import { pieceSize } from './dispatch.ts';
import type { AccessFailure, AccessFailureReason, DmaPurpose, Initiator } from './events.ts';
import { FlatView } from './flat-view.ts';
import type { MemorySystem } from './memory-system.ts';
import {
  MEMTX_ACCESS_ERROR,
  MEMTX_DECODE_ERROR,
  MEMTX_OK,
  MEMTXATTRS_UNSPECIFIED,
  type MemTxAttrs,
  type MemTxResult,
} from './memtx.ts';
import type { BackedRegion } from './ram-region.ts';
import type { MemoryRegion } from './region.ts';
import { alignmentBits, Resolver } from './resolver.ts';

/** Gives a better reason than "nothing is there" for an address that nothing answers (bus mastering off). */
export type ExplainUnassigned = (address: BusAddress, write: boolean) => AccessFailureReason | undefined;

export class AddressSpace {
  /** What answers now. Replaced, never changed, at the end of a transaction. */
  view: FlatView = new FlatView(undefined);
  /** The last access that did not return MEMTX_OK. */
  lastFailure: AccessFailure | undefined;
  explainUnassigned: ExplainUnassigned | undefined;
  /** @internal */
  readonly resolver = new Resolver();
  readonly #failed: TraceChannel<'memory.access-failed'>;
  readonly #invalid: TraceChannel<'memory.invalid-access'>;

  constructor(
    readonly system: MemorySystem,
    readonly name: string,
    readonly root: MemoryRegion,
  ) {
    this.#failed = system.trace.channel('memory.access-failed');
    this.#invalid = system.trace.channel('memory.invalid-access');
    system.addSpace(this);
  }

  /** @internal */
  setView(view: FlatView): void {
    this.view = view;
  }

  /** Reads `into.length` bytes. */
  read(
    address: BusAddress,
    into: Uint8Array,
    initiator: Initiator,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
    purpose?: DmaPurpose,
  ): MemTxResult {
    if (typeof address === 'number' && (attrs === MEMTXATTRS_UNSPECIFIED || attrs.memory !== true)) {
      const range = this.view.find(address);
      const backing = range?.readBacking;
      if (backing !== undefined && address + into.length <= range!.end) {
        copyBytes(backing, address + range!.offsetDelta, into, 0, into.length);
        return MEMTX_OK;
      }
    }
    return this.#readPieces(address, into, initiator, attrs, purpose);
  }

  /** Writes all of `from`. */
  write(
    address: BusAddress,
    from: Uint8Array,
    initiator: Initiator,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
    purpose?: DmaPurpose,
  ): MemTxResult {
    if (typeof address === 'number' && (attrs === MEMTXATTRS_UNSPECIFIED || attrs.memory !== true)) {
      const range = this.view.find(address);
      const backing = range?.writeBacking;
      if (backing !== undefined && address + from.length <= range!.end) {
        const offset = address + range!.offsetDelta;
        copyBytes(from, 0, backing, offset, from.length);
        this.noteWritten(range!.region as BackedRegion, offset, from.length, address, initiator);
        return MEMTX_OK;
      }
    }
    return this.#writePieces(address, from, initiator, attrs, purpose);
  }

  /**
   * True when `size` bytes at `address` would all be answered. Touches nothing; with `tell`, states refused pieces on
   * the trace bus as QEMU's `dma_memory_valid` logs them.
   */
  isAccessible(
    address: BusAddress,
    size: number,
    write: boolean,
    attrs: MemTxAttrs = MEMTXATTRS_UNSPECIFIED,
    tell = false,
  ): boolean {
    const probe = tell ? attrs : { ...attrs, debug: true };
    for (let done = 0; done < size; ) {
      this.resolver.resolve(this, offsetBus(address, done), write, probe);
      const { range, at, limit } = this.resolver;
      const left = Math.min(size - done, limit);
      if (range === undefined) {
        if (tell) this.tellUnassigned(at, pieceSize(undefined, alignmentBits(at), left), write, attrs);
        return false;
      }
      const { region } = range;
      const toEnd = range.end - (at as number);
      if ((write ? range.writeBacking : range.readBacking) !== undefined) done += Math.min(left, toEnd);
      else {
        const offset = (at as number) + range.offsetDelta;
        const piece = pieceSize(region.rules, offset, isRam(region) ? Math.min(left, toEnd) : left);
        if (!this.system.dispatch.isValid(region, region.rules!, offset, piece, write, attrs, tell)) return false;
        done += piece;
      }
    }
    return true;
  }

  /** @internal States one refused piece of unassigned memory, as QEMU's log does. */
  tellUnassigned(at: BusAddress, size: number, write: boolean, attrs: MemTxAttrs): void {
    if (!this.#invalid.active || attrs.debug === true) return;
    this.#invalid.emit({ write, address: at, size, region: undefined, reason: 'rejected' });
  }

  #tellNotMemory(region: string | undefined, at: BusAddress, size: number, write: boolean, attrs: MemTxAttrs): void {
    if (!this.#invalid.active || attrs.debug === true) return;
    this.#invalid.emit({ write, address: at, size, region, reason: 'non-ram' });
  }

  /** @internal Keeps, and states, that an access failed. */
  fail(failure: AccessFailure, attrs: MemTxAttrs): MemTxResult {
    if (attrs.debug !== true && this.#failed.active) this.#failed.emit(failure);
    this.lastFailure = failure;
    return failure.result;
  }

  /** @internal */
  noteWritten(region: BackedRegion, offset: number, size: number, address: number, initiator: Initiator): void {
    region.noteWritten(offset, size);
    this.system.onRamWritten?.(region, offset, size, address, initiator);
  }

  #readPieces(
    address: BusAddress,
    into: Uint8Array,
    initiator: Initiator,
    attrs: MemTxAttrs,
    purpose: DmaPurpose | undefined,
  ): MemTxResult {
    const { dispatch } = this.system;
    const size = into.length;
    let result: MemTxResult = MEMTX_OK;
    let reason: AccessFailureReason | undefined;
    let failedAt = 0;
    for (let done = 0; done < size; ) {
      this.resolver.resolve(this, done === 0 ? address : offsetBus(address, done), false, attrs);
      const { range, at, limit } = this.resolver;
      let length = Math.min(size - done, limit);
      let piece: MemTxResult = MEMTX_OK;
      let why: AccessFailureReason | undefined;
      if (range === undefined || (attrs.memory === true && !isRam(range.region))) {
        if (attrs.memory !== true) length = pieceSize(undefined, alignmentBits(at), length);
        if (reason === undefined) why = this.#explainRefused(range?.region, attrs, false);
        into.fill(0, done, done + length);
        piece = this.#refuse(range?.region, range?.offsetDelta ?? 0, at, length, false, attrs);
      } else if (range.readBacking !== undefined) {
        length = Math.min(length, range.end - (at as number));
        copyBytes(range.readBacking, (at as number) + range.offsetDelta, into, done, length);
      } else {
        const { region } = range;
        const offset = (at as number) + range.offsetDelta;
        length = pieceSize(region.rules, offset, isRam(region) ? Math.min(length, range.end - (at as number)) : length);
        piece = dispatch.read(region, offset, length, attrs);
        storeValue(into, done, length, dispatch.low, dispatch.high);
        if (piece !== MEMTX_OK && reason === undefined) why = this.explainDispatch(region);
      }
      if (piece !== MEMTX_OK && reason === undefined) {
        reason = why;
        failedAt = done;
      }
      result |= piece;
      done += length;
    }
    if (result === MEMTX_OK) return result;
    const failure = { initiator, address, size, write: false, result, offset: failedAt, reason: reason!, purpose };
    return this.fail(failure, attrs);
  }

  #writePieces(
    address: BusAddress,
    from: Uint8Array,
    initiator: Initiator,
    attrs: MemTxAttrs,
    purpose: DmaPurpose | undefined,
  ): MemTxResult {
    const { dispatch } = this.system;
    const size = from.length;
    let result: MemTxResult = MEMTX_OK;
    let reason: AccessFailureReason | undefined;
    let failedAt = 0;
    for (let done = 0; done < size; ) {
      this.resolver.resolve(this, done === 0 ? address : offsetBus(address, done), true, attrs);
      const { range, at, limit } = this.resolver;
      let length = Math.min(size - done, limit);
      let piece: MemTxResult = MEMTX_OK;
      let why: AccessFailureReason | undefined;
      // A debugger may write what reads directly: ROM too.
      const backing = attrs.debug === true ? range?.readBacking : range?.writeBacking;
      if (range === undefined || (attrs.memory === true && !isRam(range.region))) {
        if (attrs.memory !== true) length = pieceSize(undefined, alignmentBits(at), length);
        if (reason === undefined) why = this.#explainRefused(range?.region, attrs, true);
        piece = this.#refuse(range?.region, range?.offsetDelta ?? 0, at, length, true, attrs);
      } else if (backing !== undefined) {
        length = Math.min(length, range.end - (at as number));
        const offset = (at as number) + range.offsetDelta;
        copyBytes(from, done, backing, offset, length);
        this.noteWritten(range.region as BackedRegion, offset, length, at as number, initiator);
      } else {
        const { region } = range;
        const offset = (at as number) + range.offsetDelta;
        length = pieceSize(region.rules, offset, isRam(region) ? Math.min(length, range.end - (at as number)) : length);
        piece = dispatch.write(
          region,
          offset,
          length,
          loadLow(from, done, length),
          loadHigh(from, done, length),
          attrs,
        );
        if (piece !== MEMTX_OK && reason === undefined) why = this.explainDispatch(region);
      }
      if (piece !== MEMTX_OK && reason === undefined) {
        reason = why;
        failedAt = done;
      }
      result |= piece;
      done += length;
    }
    if (result === MEMTX_OK) return result;
    const failure = { initiator, address, size, write: true, result, offset: failedAt, reason: reason!, purpose };
    return this.fail(failure, attrs);
  }

  /** Nothing answers, or something that is not memory although only memory may. */
  #refuse(
    region: MemoryRegion | undefined,
    delta: number,
    at: BusAddress,
    size: number,
    write: boolean,
    attrs: MemTxAttrs,
  ): MemTxResult {
    if (attrs.memory !== true) {
      this.tellUnassigned(at, size, write, attrs);
      return MEMTX_DECODE_ERROR;
    }
    this.#tellNotMemory(region?.name, region === undefined ? at : offsetBus(at, delta), size, write, attrs);
    return MEMTX_ACCESS_ERROR;
  }

  #explainRefused(region: MemoryRegion | undefined, attrs: MemTxAttrs, write: boolean): AccessFailureReason {
    if (region === undefined || attrs.memory !== true) return this.resolver.explain(this, write);
    return { kind: 'not-memory', region: region.name };
  }

  /** @internal Right after the dispatcher refused or failed. */
  explainDispatch(region: MemoryRegion): AccessFailureReason {
    const { fault } = this.system.dispatch;
    const { name, kind, rules } = region;
    if (fault === 'reentrancy') return { kind: 'reentrancy', region: name };
    if (fault === 'device-error') return { kind: 'device-error', region: name };
    if (kind === 'rom' || kind === 'ram') return { kind: 'rom-write', region: name };
    if (fault !== 'size') return { kind: 'refused', region: name, because: fault };
    const { validMinimum: minimum, validMaximum: maximum } = rules!;
    return { kind: 'refused', region: name, because: 'size', minimum, maximum };
  }
}

/** QEMU's "is RAM": RAM, ROM and RAM devices, but not ROM devices. */
function isRam(region: MemoryRegion): boolean {
  return region.kind === 'ram' || region.kind === 'rom' || region.kind === 'ram-device';
}
