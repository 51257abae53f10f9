/** Control transfers as QEMU runs them: Setup to Status taken as one, or nothing happens and nothing is said. */
import { setupFromWords, type UsbDevice, type UsbResult, UsbStatus } from '../../usb/bus.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import { EventData, SetupStage, StatusStage } from '../spec/trbs.ts';
import { bounceable, type Pieces, piecesOf, readData, TRANSFER_BYTES_MAX, totalLength, writeData } from './data.ts';
import type { TransferEngine } from './engine.ts';
import type { Transfer } from './transfer.ts';

const IMMEDIATE_DATA = 1 << 6;
const DEVICE_TO_HOST = 0x80;

/** Runs Setup, Data and Status as one. A bundle that QEMU refuses disappears without an event. */
export function runBundledControl(
  engine: TransferEngine,
  endpoint: Endpoint,
  transfer: Transfer,
  device: UsbDevice,
): void {
  const { trbs } = transfer;
  const setupTrb = trbs[0]!;
  let statusTrb = trbs[trbs.length - 1]!;
  if (statusTrb.type === EventData.type && trbs.length > 2) statusTrb = trbs[trbs.length - 2]!;
  if (setupTrb.type !== SetupStage.type || statusTrb.type !== StatusStage.type) return;
  if ((setupTrb.control & IMMEDIATE_DATA) === 0 || (setupTrb.status & 0x1_ffff) !== 8) return;
  const setup = setupFromWords(setupTrb.words[0]!, setupTrb.words[1]!);
  transfer.in = (setup.bmRequestType & DEVICE_TO_HOST) !== 0;
  const { host } = engine;
  let pieces: Pieces | undefined = piecesOf(host, trbs, transfer.in);
  if (pieces === undefined) {
    host.controllerFailed('immediate data or a data stage that runs the wrong way');
    pieces = [];
  }
  const ring = endpoint.ring.purpose.ring ?? '';
  if (totalLength(pieces) > TRANSFER_BYTES_MAX || !bounceable(host, pieces, transfer.in, ring)) return;
  engine.finish(endpoint, transfer, ask(engine, device, setup, pieces, transfer.in, ring));
}

function ask(
  engine: TransferEngine,
  device: UsbDevice,
  setup: ReturnType<typeof setupFromWords>,
  pieces: Pieces,
  toHost: boolean,
  ring: string,
): UsbResult {
  const room = totalLength(pieces);
  const data = new Uint8Array(setup.wLength);
  // DEVIATION: where wLength exceeds the data stage QEMU's own assertion ends the emulator; here it is a babble.
  if (!toHost) {
    if (setup.wLength > room) return { status: UsbStatus.Babble, length: 0 };
    readData(engine.host, pieces, data, ring);
  }
  const answer = device.control(setup, data);
  if (answer.status !== UsbStatus.Success) {
    // The bounce buffers are given back, whatever stands in them.
    if (toHost) writeData(engine.host, pieces, new Uint8Array(0), ring, true);
    return { status: answer.status, length: 0 };
  }
  if (!toHost) return { status: UsbStatus.Success, length: setup.wLength };
  const length = Math.min(answer.length, setup.wLength);
  if (length > room) return { status: UsbStatus.Babble, length: 0 };
  writeData(engine.host, pieces, data.subarray(0, length), ring, true);
  return { status: UsbStatus.Success, length };
}
