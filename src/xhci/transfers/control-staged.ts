/**
 * Control transfers as the specification runs them: Setup, Data and Status are TDs of their own, carried out as
 * software hands them over (xHCI 1.2 §4.11.2.2, §3.2.9).
 */
import { DONE, setupFromWords, type UsbDevice, UsbStatus } from '../../usb/bus.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import { DataStage, EventData, NoOp, Normal, SetupStage, StatusStage } from '../spec/trbs.ts';
import type { Trb } from '../wire/trb.ts';
import { piecesOf, readData, TRANSFER_BYTES_MAX, totalLength, writeData } from './data.ts';
import type { TransferEngine } from './engine.ts';
import type { Transfer } from './transfer.ts';

const IMMEDIATE_DATA = 1 << 6;
const DEVICE_TO_HOST = 0x80;
const DIRECTION = 1 << 16;
const SETUP_BYTES = 8;

/** Carries out one stage. A TRB that may not come now is a TRB Error, which puts the endpoint into Error (§4.10.2.2). */
export function runControlStage(
  engine: TransferEngine,
  endpoint: Endpoint,
  transfer: Transfer,
  device: UsbDevice,
): void {
  const first = transfer.trbs[0]!;
  switch (first.type) {
    case SetupStage.type:
      setupStage(engine, endpoint, transfer, first);
      return;
    case DataStage.type:
      dataStage(engine, endpoint, transfer, device, first);
      return;
    case StatusStage.type:
      statusStage(engine, endpoint, transfer, device, first);
      return;
    case NoOp.type:
    case EventData.type:
      engine.finish(endpoint, transfer, { status: UsbStatus.Success, length: 0 });
      return;
    default:
      engine.reject(endpoint, transfer, first);
  }
}

function setupStage(engine: TransferEngine, endpoint: Endpoint, transfer: Transfer, trb: Trb): void {
  const immediate = (trb.control & IMMEDIATE_DATA) !== 0;
  // §6.4.1.2.1: the eight bytes stand in the TRB itself, and the Setup Stage is a TD of one TRB.
  if (!immediate || (trb.status & 0x1_ffff) !== SETUP_BYTES || transfer.trbs.length !== 1) {
    engine.reject(endpoint, transfer, trb);
    return;
  }
  const setup = setupFromWords(trb.words[0]!, trb.words[1]!);
  const stage = setup.wLength === 0 ? 'status' : 'data';
  endpoint.control = { setup, data: new Uint8Array(setup.wLength), stage, done: false };
  engine.finish(endpoint, transfer, { status: UsbStatus.Success, length: 0 });
}

function dataStage(engine: TransferEngine, endpoint: Endpoint, transfer: Transfer, device: UsbDevice, trb: Trb): void {
  const progress = endpoint.control;
  const toHost = progress !== undefined && (progress.setup.bmRequestType & DEVICE_TO_HOST) !== 0;
  const stray = transfer.trbs.some(({ type }, index) => index > 0 && type !== Normal.type && type !== EventData.type);
  if (progress?.stage !== 'data' || stray || ((trb.control & DIRECTION) !== 0) !== toHost) {
    engine.reject(endpoint, transfer, trb);
    return;
  }
  const pieces = piecesOf(engine.host, transfer.trbs, toHost);
  if (pieces === undefined || totalLength(pieces) > TRANSFER_BYTES_MAX) {
    engine.reject(endpoint, transfer, trb);
    return;
  }
  transfer.in = toHost;
  const ring = endpoint.ring.purpose.ring ?? '';
  const room = totalLength(pieces);
  if (!toHost) {
    const result = readData(engine.host, pieces, progress.data, ring);
    if (result !== 0) {
      engine.host.memoryFailed(result, ring, '');
      return;
    }
  }
  const answer = device.control(progress.setup, progress.data);
  if (answer.status !== UsbStatus.Success) {
    engine.finish(endpoint, transfer, { status: answer.status, length: 0 });
    return;
  }
  const length = toHost ? Math.min(answer.length, progress.setup.wLength) : Math.min(room, progress.setup.wLength);
  const moved = Math.min(length, room);
  if (toHost) {
    const result = writeData(engine.host, pieces, progress.data.subarray(0, moved), ring);
    if (result !== 0) {
      engine.host.memoryFailed(result, ring, '');
      return;
    }
  }
  endpoint.control = { ...progress, stage: 'status', done: true };
  // The device sends whole packets: an answer longer than the buffer is a babble (§4.10.2.4).
  const status = toHost && length > room ? UsbStatus.Babble : UsbStatus.Success;
  engine.finish(endpoint, transfer, { status, length: moved });
}

function statusStage(
  engine: TransferEngine,
  endpoint: Endpoint,
  transfer: Transfer,
  device: UsbDevice,
  trb: Trb,
): void {
  const progress = endpoint.control;
  if (progress === undefined) {
    engine.reject(endpoint, transfer, trb);
    return;
  }
  // §4.11.2.2: the Status Stage runs against the data, and IN where there is none.
  const expectIn = progress.setup.wLength === 0 || (progress.setup.bmRequestType & DEVICE_TO_HOST) === 0;
  if (((trb.control & DIRECTION) !== 0) !== expectIn) {
    // On the wire the device sees the wrong token and stalls.
    engine.finish(endpoint, transfer, { status: UsbStatus.Stall, length: 0 });
    return;
  }
  const answer = progress.done ? DONE : device.control(progress.setup, progress.data);
  endpoint.control = undefined;
  engine.finish(endpoint, transfer, { status: answer.status, length: 0 });
}
