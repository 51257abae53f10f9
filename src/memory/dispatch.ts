/**
 * One access to one region's callbacks: judged by `valid`, adapted to `impl`, guarded against re-entry. Everything here
 * follows the order that QEMU keeps, because a device's behaviour depends on it.
 */
import type { BusAddress } from '../base/address.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import { MEMTX_ACCESS_ERROR, MEMTX_DECODE_ERROR, MEMTX_OK, type MemTxAttrs, type MemTxResult } from './memtx.ts';
import type { AccessRules, MmioValue } from './mmio-ops.ts';
import type { MemoryRegion } from './region.ts';
import { matchingHook } from './write-hooks.ts';

/** Why the last {@link Dispatch.read} or {@link Dispatch.write} that did not return MEMTX_OK failed. */
export type DispatchFault = 'accepts' | 'unaligned' | 'size' | 'reentrancy' | 'device-error';

/**
 * Bytes of the next piece of an access to a region: as many as its rules, the alignment of `offset` and what is left
 * allow. `undefined` rules: unassigned memory. Of `offset`, only the low 32 bits count.
 */
export function pieceSize(rules: AccessRules | undefined, offset: number, left: number): number {
  let maximum = rules === undefined ? 4 : rules.pieceMaximum;
  if (rules === undefined || !rules.pieceUnaligned) {
    const alignment = offset & -offset; // JavaScript keeps the low 32 bits, and no piece is longer than 8 bytes.
    if (alignment > 0 && alignment < maximum) maximum = alignment;
  }
  if (left >= maximum) return maximum;
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

/** `value`'s low `size` (1, 2 or 4) bytes in reverse order. */
function swapBytes(value: number, size: number): number {
  return size === 1 ? value : swap32(value) >>> (8 * (4 - size));
}

function maskOf(size: number): number {
  return size >= 4 ? 0xffff_ffff : 2 ** (8 * size) - 1;
}

/** The low half of (high:low) moved up by `bytes` bytes (down when negative). */
function movedLow(low: number, high: number, bytes: number): number {
  if (bytes >= 4 || bytes <= -8) return 0;
  if (bytes >= 0) return (low << (8 * bytes)) >>> 0;
  if (bytes <= -4) return high >>> (8 * (-bytes - 4));
  return ((low >>> (8 * -bytes)) | (high << (8 * (4 + bytes)))) >>> 0;
}

/** The high half of (high:low) moved up by `bytes` bytes (down when negative). */
function movedHigh(low: number, high: number, bytes: number): number {
  if (bytes >= 8 || bytes <= -4) return 0;
  if (bytes <= 0) return high >>> (8 * -bytes);
  if (bytes >= 4) return (low << (8 * (bytes - 4))) >>> 0;
  return ((high << (8 * bytes)) | (low >>> (8 * (4 - bytes)))) >>> 0;
}

export class Dispatch {
  /** The value of the last read, little-endian, as two unsigned halves. */
  low = 0;
  high = 0;
  fault: DispatchFault = 'accepts';
  readonly #invalid: TraceChannel<'memory.invalid-access'>;
  readonly #blocked: TraceChannel<'memory.reentrancy-blocked'>;
  /** Taken while a callback fills it, so that a nested access gets another. */
  #spare: MmioValue | undefined = { low: 0, high: 0 };

  constructor(trace: TraceBus) {
    this.#invalid = trace.channel('memory.invalid-access');
    this.#blocked = trace.channel('memory.reentrancy-blocked');
  }

  /** Leaves the value in {@link low} and {@link high}: 0 when the access is refused. */
  read(region: MemoryRegion, offset: number, size: number, attrs: MemTxAttrs): MemTxResult {
    const rules = region.rules!;
    if (!this.isValid(region, rules, offset, size, false, attrs, true)) {
      this.low = 0;
      this.high = 0;
      return MEMTX_DECODE_ERROR;
    }
    const guarded = this.#enter(region, offset);
    if (guarded === undefined) {
      this.low = 0;
      this.high = 0;
      return this.#blockedBy('reentrancy');
    }
    let result: MemTxResult;
    try {
      result = this.#readPieces(rules, offset, size, attrs);
    } finally {
      if (guarded) region.owner!.engagedInIo = false;
    }
    if (rules.bigEndian) this.#swapValue(size);
    if (result !== MEMTX_OK) this.fault = 'device-error';
    return result;
  }

  write(region: MemoryRegion, offset: number, size: number, low: number, high: number, attrs: MemTxAttrs): MemTxResult {
    const rules = region.rules!;
    if (!this.isValid(region, rules, offset, size, true, attrs, true)) return MEMTX_DECODE_ERROR;
    if (region.writeHooks.length > 0) {
      const hook = matchingHook(region.writeHooks, offset, size, low, high);
      if (hook !== undefined) {
        hook.notify();
        return MEMTX_OK;
      }
    }
    let lowHalf = low;
    let highHalf = high;
    if (rules.bigEndian) {
      this.low = low;
      this.high = high;
      this.#swapValue(size);
      lowHalf = this.low;
      highHalf = this.high;
    }
    const guarded = this.#enter(region, offset);
    if (guarded === undefined) return this.#blockedBy('reentrancy');
    let result: MemTxResult;
    try {
      result = this.#writePieces(rules, offset, size, lowHalf, highHalf, attrs);
    } finally {
      if (guarded) region.owner!.engagedInIo = false;
    }
    if (result !== MEMTX_OK) this.fault = 'device-error';
    return result;
  }

  /** Judges an access by `valid`, in QEMU's order; says why not in {@link fault} and, if `tell`, on the trace bus. */
  isValid(
    region: MemoryRegion,
    rules: AccessRules,
    offset: number,
    size: number,
    write: boolean,
    attrs: MemTxAttrs,
    tell: boolean,
  ): boolean {
    if (rules.accepts !== undefined && !rules.accepts(offset, size, write, attrs)) this.fault = 'accepts';
    else if (!rules.validUnaligned && offset % size !== 0) this.fault = 'unaligned';
    else if (rules.validMaximum === 0) return true;
    else if (size > rules.validMaximum || size < rules.validMinimum) this.fault = 'size';
    else return true;
    if (tell && this.#invalid.active && attrs.debug !== true) this.#tell(region, rules, offset, size, write);
    return false;
  }

  #tell(region: MemoryRegion, rules: AccessRules, offset: number, size: number, write: boolean): void {
    const at = { write, address: offset as BusAddress, size, region: region.name };
    if (this.fault === 'unaligned') this.#invalid.emit({ ...at, reason: 'unaligned' });
    else if (this.fault !== 'size') this.#invalid.emit({ ...at, reason: 'rejected' });
    else {
      const { validMinimum: minimum, validMaximum: maximum } = rules;
      this.#invalid.emit({ ...at, reason: 'invalid-size', minimum, maximum });
    }
  }

  /** True: the guard is taken and must be given back. False: none is needed. `undefined`: the device is busy. */
  #enter(region: MemoryRegion, offset: number): boolean | undefined {
    const { owner } = region;
    if (owner === undefined || region.reentrant || region.backing !== undefined || region.readonly) return false;
    if (owner.engagedInIo) {
      if (this.#blocked.active) this.#blocked.emit({ region: region.name, address: offset });
      return undefined;
    }
    owner.engagedInIo = true;
    return true;
  }

  #blockedBy(fault: DispatchFault): MemTxResult {
    this.fault = fault;
    return MEMTX_ACCESS_ERROR;
  }

  #swapValue(size: number): void {
    const { low, high } = this;
    if (size === 8) {
      this.low = swap32(high);
      this.high = swap32(low);
    } else {
      this.low = swapBytes((low & maskOf(size)) >>> 0, size);
      this.high = 0;
    }
  }

  #readPieces(rules: AccessRules, offset: number, size: number, attrs: MemTxAttrs): MemTxResult {
    const { ops } = rules;
    const step = Math.max(Math.min(size, rules.implMaximum), rules.implMinimum);
    if (step === size && ops.read !== undefined) {
      this.low = (ops.read(offset, size) & maskOf(size)) >>> 0;
      this.high = 0;
      return MEMTX_OK;
    }
    let low = 0;
    let high = 0;
    let result: MemTxResult = MEMTX_OK;
    for (let at = 0; at < size; at += step) {
      result |= this.#readOne(rules, offset + at, step, attrs);
      const moved = rules.bigEndian ? size - step - at : at;
      const pieceLow = (this.low & maskOf(step)) >>> 0;
      const pieceHigh = step === 8 ? this.high : 0;
      low |= movedLow(pieceLow, pieceHigh, moved);
      high |= movedHigh(pieceLow, pieceHigh, moved);
    }
    this.low = (low & maskOf(size)) >>> 0;
    this.high = size === 8 ? high >>> 0 : 0;
    return result;
  }

  #readOne(rules: AccessRules, offset: number, size: number, attrs: MemTxAttrs): MemTxResult {
    const { ops } = rules;
    if (ops.read !== undefined) {
      this.low = ops.read(offset, size) >>> 0;
      this.high = 0;
      return MEMTX_OK;
    }
    const out = this.#spare ?? { low: 0, high: 0 };
    this.#spare = undefined;
    out.low = 0;
    out.high = 0;
    const result = ops.readWithAttrs!(offset, size, attrs, out);
    this.low = out.low >>> 0;
    this.high = out.high >>> 0;
    this.#spare = out;
    return result;
  }

  #writePieces(
    rules: AccessRules,
    offset: number,
    size: number,
    low: number,
    high: number,
    attrs: MemTxAttrs,
  ): MemTxResult {
    const step = Math.max(Math.min(size, rules.implMaximum), rules.implMinimum);
    let result: MemTxResult = MEMTX_OK;
    for (let at = 0; at < size; at += step) {
      const moved = rules.bigEndian ? size - step - at : at;
      const pieceLow = (movedLow(low, high, -moved) & maskOf(step)) >>> 0;
      if (rules.ops.write !== undefined) rules.ops.write(offset + at, step, pieceLow);
      else {
        const pieceHigh = step === 8 ? movedHigh(low, high, -moved) : 0;
        result |= rules.ops.writeWithAttrs!(offset + at, step, pieceLow, pieceHigh, attrs);
      }
    }
    return result;
  }
}
