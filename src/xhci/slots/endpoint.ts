/** One endpoint of a device slot: its context in memory, its transfer ring and the state machine of xHCI 1.2 §4.8.3. */
import type { BusAddress } from '../../base/address.ts';
import { busHigh, busLow } from '../../base/address.ts';
import type { Timer } from '../../base/clock.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import type { SetupPacket } from '../../usb/bus.ts';
import type { Host } from '../host.ts';
import { ConsumerRing, ringRef } from '../rings/consumer-ring.ts';
import {
  ENDPOINT_CONTEXT_WORDS,
  ENDPOINT_STATE_NAMES,
  EndpointContext,
  EndpointState,
  type EndpointStateCode,
  EndpointType,
} from '../spec/contexts.ts';
import { fieldOf, setField } from '../spec/layout.ts';
import type { Transfer } from '../transfers/transfer.ts';
import { pointerFromWords } from '../wire/pointer.ts';

const CONTEXT_PURPOSE: DmaPurpose = { what: 'Endpoint Context', register: 'DCBAAP' };

/** A control transfer that runs stage by stage stands between two of them (xHCI 1.2 §4.11.2.2). */
export interface ControlProgress {
  readonly setup: SetupPacket;
  /** What the host sent, or the device answered. */
  readonly data: Uint8Array;
  readonly stage: 'data' | 'status';
  /** The device has carried the request out. */
  readonly done: boolean;
}

export class Endpoint {
  state: EndpointStateCode = EndpointState.Running;
  type = 0;
  contextAddress: BusAddress;
  maxPacketSize = 0;
  /** 125 us. */
  interval = 1;
  /** Microframe of the last service of an interrupt endpoint. */
  lastService = 0;
  /** The transfer that the device answered with NAK, to be tried again. */
  retry: Transfer | undefined;
  /** Transfers that were started and did not complete. */
  outstanding: Transfer[] = [];
  /** Being worked on: a doorbell rung meanwhile changes nothing. */
  kicking = false;
  control: ControlProgress | undefined;
  readonly ring: ConsumerRing;
  readonly timer: Timer;

  constructor(
    readonly host: Host,
    readonly slotId: number,
    readonly dci: number,
    contextAddress: BusAddress,
    kick: (endpoint: Endpoint) => void,
  ) {
    this.contextAddress = contextAddress;
    const ring = `slot ${slotId} endpoint ${dci}`;
    this.ring = new ConsumerRing(host, ringRef(host, 'transfer', slotId, dci), { what: 'Transfer TRB', ring });
    this.timer = host.clock.timer(`xhci ${host.name} ${ring}`, () => kick(this));
  }

  get isIn(): boolean {
    return this.type >= EndpointType.IsochIn;
  }

  get isInterrupt(): boolean {
    return this.type === EndpointType.InterruptIn || this.type === EndpointType.InterruptOut;
  }

  get isIsoch(): boolean {
    return this.type === EndpointType.IsochIn || this.type === EndpointType.IsochOut;
  }

  /** bEndpointAddress (USB 2.0 Table 9-13): DCI 3 is endpoint 1 IN, 81h. */
  get address(): number {
    return (this.dci >> 1) | ((this.dci & 1) === 1 && this.dci > 1 ? 0x80 : 0);
  }

  /** Takes what the Endpoint Context says (xHCI 1.2 §6.2.3). */
  configure(context: Uint32Array): void {
    this.type = fieldOf(context, EndpointContext.fields.endpointType);
    const burst = fieldOf(context, EndpointContext.fields.maxBurstSize);
    this.maxPacketSize = fieldOf(context, EndpointContext.fields.maxPacketSize) * (1 + burst);
    // §6.2.3.6: 2^Interval * 125 us, at most 15 by the specification; a guest may write 255.
    this.interval = 2 ** Math.min(fieldOf(context, EndpointContext.fields.interval), 31);
    const cycle = fieldOf(context, EndpointContext.fields.dequeueCycleState) as 0 | 1;
    this.ring.start(pointerFromWords(this.host.personality, context[2]! & ~0xf, context[3]!), cycle);
    this.lastService = 0;
  }

  /** Writes state and dequeue pointer back to the Endpoint Context and tells of a change (§4.8.3). */
  setState(state: EndpointStateCode, withRing = true): void {
    const { host } = this;
    const context = new Uint32Array(ENDPOINT_CONTEXT_WORDS);
    host.readWords(this.contextAddress, context, CONTEXT_PURPOSE);
    setField(context, EndpointContext.fields.endpointState, state);
    if (withRing) {
      context[2] = (busLow(this.ring.dequeue) | this.ring.cycle) >>> 0;
      context[3] = busHigh(this.ring.dequeue);
    }
    host.writeWords(this.contextAddress, context, CONTEXT_PURPOSE);
    this.changeState(state);
  }

  /** The state changes without a word to memory. */
  changeState(state: EndpointStateCode): void {
    const { host } = this;
    const changed = host.facts['xhci.endpoint-state'];
    if (this.state !== state && changed.active) {
      changed.emit({
        controller: host.name,
        slotId: this.slotId,
        endpointId: this.dci,
        from: ENDPOINT_STATE_NAMES[this.state],
        to: ENDPOINT_STATE_NAMES[state],
      });
    }
    this.state = state;
  }

  forget(transfer: Transfer): void {
    const index = this.outstanding.indexOf(transfer);
    if (index >= 0) this.outstanding.splice(index, 1);
    if (this.retry === transfer) this.retry = undefined;
  }
}
