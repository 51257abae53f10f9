/** Transfer Events (xHCI 1.2 §4.10.1, §6.4.2.1) from the TRBs of a finished TD. */
import type { EventWords, Host } from '../host.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import { DataStage, EventData, Isoch, Normal, SetupStage, StatusStage, TransferEvent } from '../spec/trbs.ts';
import type { Trb } from '../wire/trb.ts';
import { dataLength } from './data.ts';

const INTERRUPT_ON_SHORT_PACKET = 1 << 2;
const INTERRUPT_ON_COMPLETION = 1 << 5;
const BLOCK_EVENT_INTERRUPT = 1 << 9;
const EVENT_DATA_FLAG = 1 << 2;
const LENGTH_MASK = 0xff_ffff;

/** What became of a TD. */
export interface TransferOutcome {
  readonly trbs: readonly Trb[];
  /** Completion code. */
  readonly status: number;
  /** Bytes moved. */
  readonly length: number;
}

function wordsOf(endpoint: Endpoint, trb: Trb, code: number, length: number, eventData: boolean): EventWords {
  const target = ((endpoint.slotId << 24) | (endpoint.dci << 16)) >>> 0;
  const flags = eventData ? EVENT_DATA_FLAG : 0;
  const low = typeof trb.address === 'number' ? trb.address >>> 0 : Number(BigInt.asUintN(32, trb.address));
  const high = typeof trb.address === 'number' ? Math.floor(trb.address / 2 ** 32) : Number(trb.address >> 32n);
  return [
    eventData ? trb.words[0]! : low,
    eventData ? trb.words[1]! : high,
    (((code << 24) >>> 0) | (length & LENGTH_MASK)) >>> 0,
    (target | (TransferEvent.type << 10) | flags) >>> 0,
  ];
}

function post(host: Host, endpoint: Endpoint, trb: Trb, code: number, length: number, eventData: boolean): void {
  const type = trb.type;
  const mayBlock = type === Normal.type || type === Isoch.type || type === EventData.type;
  const block = mayBlock && (trb.control & BLOCK_EVENT_INTERRUPT) !== 0;
  // §6.4.1.1: the Interrupter Target is bits 31:22 of word 2.
  host.post(trb.status >>> 22, wordsOf(endpoint, trb, code, length, eventData), block);
}

/** Posts one event about a TRB, outside a TD's ordinary course: a TRB Error, a stop. */
export function postTrbEvent(host: Host, endpoint: Endpoint, trb: Trb, code: number, length = 0): void {
  post(host, endpoint, trb, code, length, false);
}

/**
 * Events as the specification has them: IOC on any TRB; ISP on the TRB where the packet was short, and then a second
 * event for the last TRB with IOC (§4.10.1.1); an error on the TRB where it struck, after which the TD is over.
 */
export function reportTransfer(host: Host, endpoint: Endpoint, outcome: TransferOutcome): void {
  let left = outcome.length;
  let transferred = 0;
  let short = false;
  for (const trb of outcome.trbs) {
    if (trb.type === EventData.type) {
      const code = outcome.status === CompletionCode.Success && short ? CompletionCode.ShortPacket : outcome.status;
      if ((trb.control & INTERRUPT_ON_COMPLETION) !== 0) post(host, endpoint, trb, code, transferred, true);
      transferred = 0;
      continue;
    }
    const size = dataLength(trb);
    const moved = Math.min(size, left);
    left -= moved;
    transferred += moved;
    const failedHere = outcome.status !== CompletionCode.Success && left === 0 && (moved < size || size === 0);
    if (failedHere) {
      post(host, endpoint, trb, outcome.status, size - moved, false);
      return;
    }
    const shortHere = !short && moved < size;
    if (shortHere) short = true;
    const code = short ? CompletionCode.ShortPacket : CompletionCode.Success;
    const asked = (trb.control & INTERRUPT_ON_COMPLETION) !== 0;
    if (asked || (shortHere && (trb.control & INTERRUPT_ON_SHORT_PACKET) !== 0)) {
      post(host, endpoint, trb, code, size - moved, false);
    }
  }
  const last = outcome.trbs[outcome.trbs.length - 1];
  if (outcome.status !== CompletionCode.Success && last !== undefined) {
    post(host, endpoint, last, outcome.status, 0, false);
  }
}

/** Events as QEMU has them: one per stage, on the first TRB that asks for one; errors on the first TRB with nothing left. */
export function reportAsQemu(host: Host, endpoint: Endpoint, outcome: TransferOutcome): void {
  const good = outcome.status === CompletionCode.Success;
  let left = outcome.length;
  let transferred = 0;
  let reported = false;
  let short = false;
  for (const trb of outcome.trbs) {
    const type = trb.type;
    let moved = 0;
    if (type === SetupStage.type) {
      moved = Math.min(trb.status & 0x1_ffff, 8);
    } else if (type === DataStage.type || type === Normal.type || type === Isoch.type) {
      const size = trb.status & 0x1_ffff;
      moved = Math.min(size, left);
      if (moved < size && good) short = true;
      left -= moved;
      transferred += moved;
    } else if (type === StatusStage.type) {
      reported = false;
      short = false;
    }
    const shortWanted = short && (trb.control & INTERRUPT_ON_SHORT_PACKET) !== 0;
    const wanted = (trb.control & INTERRUPT_ON_COMPLETION) !== 0 || shortWanted || (!good && left === 0);
    if (!reported && wanted) {
      const eventData = type === EventData.type;
      let code = outcome.status;
      if (good) code = short ? CompletionCode.ShortPacket : CompletionCode.Success;
      post(host, endpoint, trb, code, eventData ? transferred : (trb.status & 0x1_ffff) - moved, eventData);
      if (eventData) transferred = 0;
      reported = true;
      if (!good) return;
    }
    if (type === SetupStage.type) {
      reported = false;
      short = false;
    }
  }
}
