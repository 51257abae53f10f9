/** The device slots (xHCI 1.2 §4.5) and the endpoints in them. */
import { type BusAddress, bus } from '../../base/address.ts';
import { assert } from '../../base/assert.ts';
import type { Host } from '../host.ts';
import type { UsbSocket } from '../ports/socket.ts';
import { DCI_LAST, EndpointState, SlotState } from '../spec/contexts.ts';
import { isNull } from '../wire/pointer.ts';
import { Endpoint } from './endpoint.ts';

export class Slot {
  enabled = false;
  addressed = false;
  /** Slot State as the controller knows it (Table 6-7); the copy in memory may differ. */
  state: number = SlotState.DisabledEnabled;
  /** Where the device is plugged in, once addressed. */
  socket: UsbSocket | undefined;
  /** Interrupter Target of the Slot Context. */
  interrupter = 0;
  /** The output Device Context, as DCBAA[slotId] said when the device was addressed. */
  context: BusAddress = bus(0);
  /** By DCI, 1-31. */
  readonly endpoints: (Endpoint | undefined)[] = new Array(DCI_LAST + 1).fill(undefined);

  constructor(
    /** 1-based. */
    readonly slotId: number,
  ) {}
}

/** What ends a transfer whose endpoint goes away, if it is to be reported at all. */
export type Abandon = (endpoint: Endpoint, report: number | undefined) => void;

export class SlotTable {
  readonly #slots: readonly Slot[];

  constructor(
    readonly host: Host,
    readonly kick: (endpoint: Endpoint) => void,
    readonly abandon: Abandon,
  ) {
    this.#slots = Array.from({ length: host.model.slots }, (_, index) => new Slot(index + 1));
  }

  get count(): number {
    return this.#slots.length;
  }

  all(): readonly Slot[] {
    return this.#slots;
  }

  /** The slot of a slot id, or `undefined` when there is no such slot; it may be disabled. */
  get(slotId: number): Slot | undefined {
    return this.#slots[slotId - 1];
  }

  /** Takes the first free slot, or `undefined` when all are in use (§4.6.3). */
  allocate(): Slot | undefined {
    const { personality, slotsEnabled } = this.host;
    const limit = personality.maxSlotsEnforced ? Math.min(slotsEnabled, this.count) : this.count;
    const slot = this.#slots.find((candidate) => !candidate.enabled);
    if (slot === undefined || slot.slotId > limit) return undefined;
    slot.enabled = true;
    slot.state = SlotState.DisabledEnabled;
    slot.socket = undefined;
    slot.context = bus(0);
    slot.endpoints.fill(undefined);
    this.#announce(slot, 'enable');
    return slot;
  }

  disable(slot: Slot): void {
    this.#announce(slot, 'disable');
    for (let dci = 1; dci <= DCI_LAST; dci += 1) if (slot.endpoints[dci] !== undefined) this.disableEndpoint(slot, dci);
    slot.enabled = false;
    slot.addressed = false;
    slot.state = SlotState.DisabledEnabled;
    slot.socket = undefined;
    slot.interrupter = 0;
  }

  /** Sets up an endpoint from its input context and puts it into the Running state; the caller writes the output context. */
  enableEndpoint(slot: Slot, dci: number, contextAddress: BusAddress, context: Uint32Array): Endpoint {
    assert(dci >= 1 && dci <= DCI_LAST, 'a DCI is 1 to 31');
    this.#announceEndpoint(slot, dci, 'enable');
    if (slot.endpoints[dci] !== undefined) this.disableEndpoint(slot, dci);
    const endpoint = new Endpoint(this.host, slot.slotId, dci, contextAddress, this.kick);
    endpoint.configure(context);
    slot.endpoints[dci] = endpoint;
    return endpoint;
  }

  disableEndpoint(slot: Slot, dci: number): void {
    this.#announceEndpoint(slot, dci, 'disable');
    const endpoint = slot.endpoints[dci];
    if (endpoint === undefined) return;
    this.abandon(endpoint, undefined);
    // While the controller resets, DCBAAP is already 0 and memory is no longer its own.
    if (!isNull(this.host.deviceContextArray)) endpoint.setState(EndpointState.Disabled, false);
    endpoint.timer.cancel();
    slot.endpoints[dci] = undefined;
  }

  /** The slot that a socket's device is addressed in, other than `except`. */
  ownerOf(socket: UsbSocket, except: Slot): Slot | undefined {
    return this.#slots.find((slot) => slot !== except && slot.socket === socket);
  }

  #announce(slot: Slot, what: 'enable' | 'disable'): void {
    const changed = this.host.facts['xhci.slot-changed'];
    if (changed.active) changed.emit({ controller: this.host.name, slotId: slot.slotId, what });
  }

  #announceEndpoint(slot: Slot, dci: number, what: 'enable' | 'disable'): void {
    const changed = this.host.facts['xhci.endpoint-changed'];
    if (!changed.active) return;
    changed.emit({ controller: this.host.name, slotId: slot.slotId, endpointId: dci, what, streamId: 0 });
  }
}
