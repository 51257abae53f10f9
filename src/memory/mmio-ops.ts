/** How a device's registers answer: callbacks and the two sets of access rules of QEMU's memory API. */
import { assert } from '../base/assert.ts';
import { MEMTX_OK, type MemTxAttrs, type MemTxResult } from './memtx.ts';

/** A value on its way through a callback: 64 bits as two unsigned 32-bit halves. */
export interface MmioValue {
  low: number;
  high: number;
}

/** Which accesses a guest may make; everything else is rejected before the device sees it. */
export interface ValidAccess {
  /** Bytes; default 0. */
  readonly minimum?: number;
  /** Bytes; default 0, which means "any size" when judging and 4 when a long access is cut into pieces. */
  readonly maximum?: number;
  /** Accept an address that is not a multiple of the size. Default false. */
  readonly unaligned?: boolean;
  /** Asked before everything else. */
  readonly accepts?: (offset: number, size: number, write: boolean, attrs: MemTxAttrs) => boolean;
}

/** Which accesses the callbacks implement; a valid one of another size is widened or split. */
export interface ImplementedAccess {
  /** Bytes; default 1. */
  readonly minimum?: number;
  /** Bytes; default 4. 8 needs the `...WithAttrs` callbacks. */
  readonly maximum?: number;
  /** Do not cut a long access at natural alignment. Default false. */
  readonly unaligned?: boolean;
}

/**
 * A device's register callbacks. `offset` is relative to the region, `size` one of 1, 2, 4 (and 8 with attributes).
 * Values are unsigned and in the device's own endianness: a big-endian device is handed, and returns, plain numbers.
 * Each direction needs one of its two forms; the plain one wins when both stand.
 */
export interface MmioOps {
  read?(offset: number, size: number): number;
  write?(offset: number, size: number, value: number): void;
  /** Leaves its value in `out` (both halves are 0 before the call). */
  readWithAttrs?(offset: number, size: number, attrs: MemTxAttrs, out: MmioValue): MemTxResult;
  writeWithAttrs?(offset: number, size: number, low: number, high: number, attrs: MemTxAttrs): MemTxResult;
  /** Default `native`, which on a PC is little. */
  readonly endianness?: 'little' | 'big' | 'native';
  readonly valid?: ValidAccess;
  readonly impl?: ImplementedAccess;
}

/** {@link MmioOps} with every default filled in and checked: what the access path works with. */
export class AccessRules {
  readonly bigEndian: boolean;
  readonly validMinimum: number;
  readonly validMaximum: number;
  readonly validUnaligned: boolean;
  readonly accepts: ValidAccess['accepts'];
  readonly implMinimum: number;
  readonly implMaximum: number;
  /** Longest piece that a long access is cut into, in bytes. */
  readonly pieceMaximum: number;
  readonly pieceUnaligned: boolean;

  constructor(readonly ops: MmioOps) {
    this.bigEndian = ops.endianness === 'big';
    this.validMinimum = ops.valid?.minimum ?? 0;
    this.validMaximum = ops.valid?.maximum ?? 0;
    this.validUnaligned = ops.valid?.unaligned ?? false;
    this.accepts = ops.valid?.accepts;
    this.implMinimum = ops.impl?.minimum || 1;
    this.implMaximum = ops.impl?.maximum || 4;
    this.pieceMaximum = this.validMaximum || 4;
    this.pieceUnaligned = ops.impl?.unaligned ?? false;
    for (const size of [this.implMinimum, this.implMaximum, this.pieceMaximum]) {
      assert(size === 1 || size === 2 || size === 4 || size === 8, 'access sizes are 1, 2, 4 or 8 bytes');
    }
    assert(this.implMinimum <= this.implMaximum || ops.impl?.maximum === undefined, 'impl.minimum <= impl.maximum');
    assert(ops.read !== undefined || ops.readWithAttrs !== undefined, 'a region needs a read callback');
    assert(ops.write !== undefined || ops.writeWithAttrs !== undefined, 'a region needs a write callback');
    if (Math.max(this.implMinimum, this.implMaximum) === 8) {
      assert(ops.read === undefined && ops.write === undefined, '8-byte callbacks take attributes');
    }
  }
}

/** What stands behind a hole, a ROM's write side and a reservation: nothing accepts, and the access is a decode error. */
export const UNASSIGNED_MEMORY_OPS: MmioOps = Object.freeze({
  read: () => 0,
  write: () => {},
  valid: { accepts: () => false },
});

/** What stands behind an I/O port that no device claims: reads give all ones, writes go nowhere, and both succeed. */
export const UNASSIGNED_IO_OPS: MmioOps = Object.freeze({
  readWithAttrs: (_offset: number, _size: number, _attrs: MemTxAttrs, out: MmioValue) => {
    out.low = 0xffff_ffff;
    out.high = 0xffff_ffff;
    return MEMTX_OK;
  },
  write: () => {},
});
