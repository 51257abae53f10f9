/** Moving a transfer's data between guest memory and a device's buffer, and what happens where memory does not answer. */
import type { BusAddress } from '../../base/address.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import type { Host } from '../host.ts';
import { DataStage, Isoch, Normal } from '../spec/trbs.ts';
import { pointerFromWords } from '../wire/pointer.ts';
import type { Trb } from '../wire/trb.ts';

/** Immediate data fits into the TRB's parameter (xHCI 1.2 §6.4.1.1). */
export const IMMEDIATE_BYTES_MAX = 8;
/** Bytes of one TD that we are ready to move: a TD of more is a guest's mistake, not a transfer. */
export const TRANSFER_BYTES_MAX = 16 * 1024 * 1024;
/** QEMU copies through bounce buffers of this size in all where memory does not answer. */
const BOUNCE_BYTES = 4096;
const IMMEDIATE_DATA = 1 << 6;

/** One stretch of memory. */
export interface Piece {
  readonly address: BusAddress;
  readonly length: number;
  readonly trb: BusAddress;
}

/** `undefined` from {@link piecesOf}: immediate data where none is allowed, or data that runs the wrong way. */
export type Pieces = readonly Piece[];

/** Bytes of a TRB that carries data, 0 for any other. */
export function dataLength(trb: Trb): number {
  const type = trb.type;
  return type === Normal.type || type === DataStage.type || type === Isoch.type ? trb.status & 0x1_ffff : 0;
}

/** The memory that a TD's data TRBs name, or `undefined` when one of them contradicts the transfer. */
export function piecesOf(host: Host, trbs: readonly Trb[], toHost: boolean): Pieces | undefined {
  const pieces: Piece[] = [];
  for (const trb of trbs) {
    const type = trb.type;
    if (type !== Normal.type && type !== DataStage.type && type !== Isoch.type) continue;
    const length = trb.status & 0x1_ffff;
    if (type === DataStage.type && ((trb.control >>> 16) & 1) !== (toHost ? 1 : 0)) return undefined;
    if ((trb.control & IMMEDIATE_DATA) !== 0) {
      if (length > IMMEDIATE_BYTES_MAX || toHost) return undefined;
      pieces.push({ address: trb.address, length, trb: trb.address });
    } else {
      const address = pointerFromWords(host.personality, trb.words[0]!, trb.words[1]!);
      pieces.push({ address, length, trb: trb.address });
    }
  }
  return pieces;
}

export function totalLength(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/**
 * QEMU maps what does not answer through bounce buffers, up to 4 KiB in all; beyond that the transfer never starts, and
 * what was mapped so far is given back: the buffer is read (or written) in vain once.
 */
export function bounceable(host: Host, pieces: Pieces, toHost: boolean, ring: string): boolean {
  let bounced = 0;
  for (const piece of pieces) {
    const { address, length } = piece;
    if (length === 0 || host.dma.wouldAnswer(address, length, toHost)) continue;
    bounced += length;
    if (bounced <= BOUNCE_BYTES) continue;
    const buffer = new Uint8Array(Math.min(length, BOUNCE_BYTES));
    if (toHost) host.dma.write(address, buffer, purposeOf(piece, ring));
    else host.dma.read(address, buffer, purposeOf(piece, ring));
    return false;
  }
  return true;
}

function purposeOf(piece: Piece, ring: string): DmaPurpose {
  return { what: 'data buffer', ring, trb: piece.trb };
}

/** Host to device: memory into `into`. Returns the results OR-ed together. */
export function readData(host: Host, pieces: Pieces, into: Uint8Array, ring: string): number {
  let offset = 0;
  let result = MEMTX_OK;
  for (const piece of pieces) {
    const length = Math.min(piece.length, into.length - offset);
    if (length <= 0) break;
    result |= host.dma.read(piece.address, into.subarray(offset, offset + length), purposeOf(piece, ring));
    offset += length;
  }
  return result;
}

/**
 * Device to host: `from` into memory. Returns the results OR-ed together. `bounced`: a bounce buffer is written back
 * whole, with zeros behind a short answer.
 */
export function writeData(host: Host, pieces: Pieces, from: Uint8Array, ring: string, bounced = false): number {
  let offset = 0;
  let result = MEMTX_OK;
  for (const piece of pieces) {
    const length = Math.min(piece.length, from.length - offset);
    const whole = bounced && piece.length > 0 && !host.dma.wouldAnswer(piece.address, piece.length, true);
    if (length <= 0 && !whole) continue;
    let bytes = from.subarray(offset, offset + Math.max(length, 0));
    if (whole) {
      const padded = new Uint8Array(piece.length);
      padded.set(bytes);
      bytes = padded;
    }
    result |= host.dma.write(piece.address, bytes, purposeOf(piece, ring));
    offset += Math.max(length, 0);
  }
  return result;
}
