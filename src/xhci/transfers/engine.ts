/**
 * Runs transfer rings: takes whole TDs, hands them to the device, reports what became of them (xHCI 1.2 §4.11, §4.10).
 *
 * Implemented: control, bulk and interrupt endpoints. Not implemented: isochronous endpoints and streams, which are
 * stated as such and leave the TD where it is.
 */
import { type UsbDevice, type UsbResult, UsbStatus } from '../../usb/bus.ts';
import type { Host } from '../host.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import type { SlotTable } from '../slots/slot-table.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import { DCI_CONTROL, EndpointState } from '../spec/contexts.ts';
import { Trb } from '../wire/trb.ts';
import { runBundledControl } from './control-bundled.ts';
import { runControlStage } from './control-staged.ts';
import { bounceable, piecesOf, readData, TRANSFER_BYTES_MAX, totalLength, writeData } from './data.ts';
import { postTrbEvent, reportAsQemu, reportTransfer } from './events.ts';
import { Transfer } from './transfer.ts';

/** TDs started at one doorbell; the rest follows at the next one, or later where the controller is strict: a microsecond each. */
export const TRANSFERS_PER_KICK_MAX = 256;
/** Started and not completed transfers of one endpoint. */
const OUTSTANDING_MAX = 16;
const MICROFRAME = 125_000;
const RESUME_DELAY = TRANSFERS_PER_KICK_MAX * 1_000;

/** What the engine asks the controller for. */
export interface EngineParts {
  readonly slots: SlotTable;
  /** Microframes since the controller started; not wrapped. */
  microframe(): number;
}

export class TransferEngine {
  #lastId = 0;

  constructor(
    readonly host: Host,
    readonly parts: EngineParts,
  ) {}

  get lastId(): number {
    return this.#lastId;
  }

  set lastId(value: number) {
    this.#lastId = value;
  }

  /** A doorbell, a device that has data, or a timer. */
  kick(endpoint: Endpoint): void {
    if (endpoint.kicking) return;
    if (!this.host.running && this.host.personality.controlTransfers !== 'bundled') return;
    this.#announceKick(endpoint);
    const device = this.deviceOf(endpoint);
    if (device === undefined) return;
    if (endpoint.retry !== undefined && !this.#again(endpoint, endpoint.retry, device)) return;
    if (endpoint.state === EndpointState.Halted || endpoint.state === EndpointState.Error) return;
    if (this.host.personality.controlTransfers === 'bundled') endpoint.setState(EndpointState.Running);
    else if (endpoint.state !== EndpointState.Running) endpoint.setState(EndpointState.Running);
    if (endpoint.ring.dequeue === 0) return;
    endpoint.kicking = true;
    this.#drain(endpoint, device);
    endpoint.kicking = false;
  }

  deviceOf(endpoint: Endpoint): UsbDevice | undefined {
    return this.parts.slots.get(endpoint.slotId)?.socket?.device;
  }

  /** Ends the transfers of an endpoint; `report` is the completion code of the first, if it is to be told. */
  abandon(endpoint: Endpoint, report: number | undefined): void {
    let code = report;
    for (const transfer of [...endpoint.outstanding]) {
      if (transfer.waiting && code !== undefined) {
        transfer.status = code;
        this.report(endpoint, transfer);
        code = undefined;
      }
      endpoint.forget(transfer);
    }
    endpoint.retry = undefined;
    endpoint.control = undefined;
    endpoint.timer.cancel();
  }

  // ---- the ring --------------------------------------------------------------------------------------------------

  #drain(endpoint: Endpoint, device: UsbDevice): void {
    const { host } = this;
    const bundled = host.personality.controlTransfers === 'bundled';
    for (let started = 0; ; started += 1) {
      if (started > TRANSFERS_PER_KICK_MAX) {
        this.#limitReached(endpoint, bundled);
        return;
      }
      if (!bundled && (!host.running || this.#mustWait(endpoint))) return;
      const length = endpoint.ring.nextTd(bundled);
      if (length.kind !== 'complete' || endpoint.outstanding.length >= OUTSTANDING_MAX) return;
      const transfer = this.#take(endpoint, length.trbs);
      if (transfer === undefined) return;
      this.#start(endpoint, transfer, device);
      if (transfer.complete) {
        if (bundled) endpoint.setState(endpoint.state);
        endpoint.forget(transfer);
      }
      if (endpoint.state === EndpointState.Halted || endpoint.state === EndpointState.Error) return;
      if (transfer.waiting) {
        endpoint.retry = transfer;
        return;
      }
    }
  }

  #limitReached(endpoint: Endpoint, qemu: boolean): void {
    const limit = this.host.facts['xhci.limit-enforced'];
    if (limit.active) limit.emit({ controller: this.host.name, what: 'transfers' });
    if (!qemu) endpoint.timer.after(RESUME_DELAY);
  }

  #mustWait(endpoint: Endpoint): boolean {
    const slot = this.parts.slots.get(endpoint.slotId);
    return slot !== undefined && this.host.blocked(slot.interrupter);
  }

  #take(endpoint: Endpoint, length: number): Transfer | undefined {
    const trbs: Trb[] = [];
    for (let index = 0; index < length; index += 1) {
      const trb = new Trb();
      const fetched = endpoint.ring.next(trb);
      // A TRB of type 0 looks to QEMU like no TRB at all.
      const missing = fetched !== 'trb' || (trb.type === 0 && this.host.personality.contextChecks === 'qemu');
      if (missing) {
        if (this.host.running) this.host.controllerFailed('a transfer ring changed while it was read');
        return undefined;
      }
      trbs.push(trb);
    }
    this.#lastId += 1;
    const transfer = new Transfer(this.#lastId, trbs);
    endpoint.outstanding.push(transfer);
    return transfer;
  }

  #start(endpoint: Endpoint, transfer: Transfer, device: UsbDevice): void {
    this.announce(endpoint, transfer, 'start', 0, 0);
    if (endpoint.dci === DCI_CONTROL) {
      if (this.host.personality.controlTransfers === 'bundled') runBundledControl(this, endpoint, transfer, device);
      else runControlStage(this, endpoint, transfer, device);
      return;
    }
    if (endpoint.isIsoch || endpoint.type === 0 || endpoint.type === 4) {
      this.#unsupported(endpoint);
      return;
    }
    transfer.in = endpoint.isIn;
    if (endpoint.isInterrupt && !this.#serviceTimeReached(endpoint, transfer, true)) return;
    this.#data(endpoint, transfer, device);
  }

  #unsupported(endpoint: Endpoint): void {
    const unimplemented = this.host.facts['xhci.unimplemented'];
    if (!unimplemented.active) return;
    unimplemented.emit({ controller: this.host.name, what: 'endpoint type', offset: endpoint.type });
  }

  /** An interrupt endpoint is served once per interval (§4.14.2); too early, a timer is set and the transfer waits. */
  #serviceTimeReached(endpoint: Endpoint, transfer: Transfer, fresh: boolean): boolean {
    const now = this.parts.microframe();
    if (fresh) {
      const next = Math.ceil(now / endpoint.interval) * endpoint.interval;
      transfer.startsAt = Math.max(next, endpoint.lastService + endpoint.interval);
    }
    if (transfer.startsAt !== undefined && transfer.startsAt > now) {
      endpoint.timer.after((transfer.startsAt - now) * MICROFRAME);
      transfer.waiting = true;
      return false;
    }
    endpoint.lastService = transfer.startsAt ?? now;
    endpoint.timer.cancel();
    transfer.waiting = false;
    return true;
  }

  /** A transfer that waited for its time or for the device. Returns false while it still waits. */
  #again(endpoint: Endpoint, transfer: Transfer, device: UsbDevice): boolean {
    this.announce(endpoint, transfer, 'retry', 0, 0);
    if (transfer.startsAt !== undefined) {
      if (!this.#serviceTimeReached(endpoint, transfer, false)) return false;
      transfer.startsAt = undefined;
    }
    this.#data(endpoint, transfer, device, true);
    if (transfer.waiting) return false;
    if (transfer.complete) {
      if (this.host.personality.controlTransfers === 'bundled') endpoint.setState(endpoint.state);
      endpoint.forget(transfer);
    }
    endpoint.retry = undefined;
    return true;
  }

  // ---- data on bulk and interrupt endpoints ----------------------------------------------------------------------

  #data(endpoint: Endpoint, transfer: Transfer, device: UsbDevice, again = false): void {
    const { host } = this;
    const ring = endpoint.ring.purpose.ring ?? '';
    const pieces = piecesOf(host, transfer.trbs, transfer.in);
    if (pieces === undefined || totalLength(pieces) > TRANSFER_BYTES_MAX) {
      this.#badData(endpoint, transfer);
      return;
    }
    const bounce = host.personality.dataFailure === 'bounce-buffer';
    if (bounce && !bounceable(host, pieces, transfer.in, ring)) {
      transfer.waiting = again;
      return;
    }
    const data = new Uint8Array(totalLength(pieces));
    if (!transfer.in) {
      const result = readData(host, pieces, data, ring);
      if (result !== 0 && !bounce) {
        host.memoryFailed(result, ring, '');
        return;
      }
    }
    const answer = device.transfer(endpoint.address, data);
    if (again && answer.status === UsbStatus.Nak) {
      transfer.waiting = true;
      return;
    }
    if (answer.status === UsbStatus.Success && transfer.in) {
      const result = writeData(host, pieces, data.subarray(0, answer.length), ring, bounce);
      if (result !== 0 && !bounce) {
        host.memoryFailed(result, ring, '');
        return;
      }
    }
    this.finish(endpoint, transfer, answer);
  }

  /** Immediate data of more than 8 bytes or towards the host (§6.4.1.1). QEMU gives up the whole controller over it. */
  #badData(endpoint: Endpoint, transfer: Transfer): void {
    if (this.host.personality.controlTransfers === 'bundled') {
      this.host.controllerFailed('immediate data that cannot be');
      return;
    }
    this.reject(endpoint, transfer, transfer.trbs[0]!);
  }

  // ---- the end of a transfer -------------------------------------------------------------------------------------

  /** Takes the device's answer: completes, or keeps the transfer for another try. */
  finish(endpoint: Endpoint, transfer: Transfer, answer: UsbResult): void {
    if (answer.status === UsbStatus.Nak) {
      this.announce(endpoint, transfer, 'nak', 0, answer.status);
      transfer.waiting = true;
      return;
    }
    transfer.waiting = false;
    transfer.complete = true;
    transfer.length = answer.length;
    if (answer.status === UsbStatus.Success) {
      this.announce(endpoint, transfer, 'success', answer.length, 0);
      transfer.status = CompletionCode.Success;
      this.report(endpoint, transfer);
      return;
    }
    this.announce(endpoint, transfer, 'error', 0, answer.status);
    transfer.status = codeOf(answer);
    this.report(endpoint, transfer);
    this.halt(endpoint, transfer);
  }

  report(endpoint: Endpoint, transfer: Transfer): void {
    if (this.host.personality.controlTransfers === 'bundled') reportAsQemu(this.host, endpoint, transfer);
    else reportTransfer(this.host, endpoint, transfer);
  }

  /** The endpoint halts with its dequeue pointer on the failed TD (§4.10.2.1). */
  halt(endpoint: Endpoint, transfer: Transfer, state: 2 | 4 = EndpointState.Halted): void {
    const first = transfer.trbs[0];
    if (first !== undefined) {
      endpoint.ring.dequeue = first.address;
      endpoint.ring.cycle = first.cycleState;
    }
    endpoint.control = undefined;
    endpoint.setState(state);
  }

  /** A TRB that may not stand where it stands: TRB Error, and the endpoint goes to Error (§4.10.2.2, §4.8.3). */
  reject(endpoint: Endpoint, transfer: Transfer, trb: Trb): void {
    const failed = this.host.facts['xhci.ring-failed'];
    if (failed.active) {
      const [parameterLow = 0, parameterHigh = 0, status = 0, control = 0] = trb.words;
      const words = { parameterLow, parameterHigh, status, control };
      failed.emit({ ...endpoint.ring.ref, address: trb.address, because: 'bad-type', trb: words });
    }
    transfer.complete = true;
    transfer.waiting = false;
    transfer.status = CompletionCode.TrbError;
    postTrbEvent(this.host, endpoint, trb, CompletionCode.TrbError);
    this.halt(endpoint, transfer, EndpointState.Error);
  }

  announce(
    endpoint: Endpoint,
    transfer: Transfer,
    what: 'start' | 'nak' | 'retry' | 'success' | 'error',
    length: number,
    status: number,
  ): void {
    const channel = this.host.facts['xhci.transfer'];
    if (!channel.active) return;
    channel.emit({
      controller: this.host.name,
      slotId: endpoint.slotId,
      endpointId: endpoint.dci,
      streamId: 0,
      what,
      length,
      status,
      transferId: transfer.id,
    });
  }

  #announceKick(endpoint: Endpoint): void {
    const channel = this.host.facts['xhci.endpoint-changed'];
    if (!channel.active) return;
    const { slotId, dci } = endpoint;
    channel.emit({ controller: this.host.name, slotId, endpointId: dci, what: 'kick', streamId: 0 });
  }
}

function codeOf(answer: UsbResult): number {
  switch (answer.status) {
    case UsbStatus.Stall:
      return CompletionCode.StallError;
    case UsbStatus.Babble:
      return CompletionCode.BabbleDetectedError;
    default:
      return CompletionCode.UsbTransactionError;
  }
}
