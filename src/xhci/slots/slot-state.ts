/** Saving and loading the device slots. */
import { busFromWords, busHigh, busLow } from '../../base/address.ts';
import type { StateValue } from '../../base/state.ts';
import { setupFromWords } from '../../usb/bus.ts';
import type { RootHub } from '../ports/root-hub.ts';
import { DCI_LAST, type EndpointStateCode } from '../spec/contexts.ts';
import { Transfer } from '../transfers/transfer.ts';
import { Trb } from '../wire/trb.ts';
import { type ControlProgress, Endpoint } from './endpoint.ts';
import type { Slot, SlotTable } from './slot-table.ts';

type Fields = { readonly [field: string]: StateValue };

export function saveSlots(slots: SlotTable): StateValue {
  return slots.all().map((slot) => ({
    flags: [slot.enabled, slot.addressed],
    numbers: [slot.state, slot.socket?.index ?? -1, slot.interrupter, busLow(slot.context), busHigh(slot.context)],
    endpoints: slot.endpoints.map((endpoint) => (endpoint === undefined ? undefined : saveEndpoint(endpoint))),
  }));
}

export function loadSlots(slots: SlotTable, hub: RootHub, saved: StateValue): void {
  for (const [index, fields] of (saved as Fields[]).entries()) {
    const slot = slots.all()[index];
    if (slot !== undefined) loadSlot(slots, slot, hub, fields);
  }
}

function loadSlot(slots: SlotTable, slot: Slot, hub: RootHub, fields: Fields): void {
  const [enabled, addressed] = fields.flags as boolean[];
  const [state, socket, interrupter, low, high] = fields.numbers as number[];
  slot.enabled = enabled!;
  slot.addressed = addressed!;
  slot.state = state!;
  slot.socket = hub.sockets[socket!];
  slot.interrupter = interrupter!;
  slot.context = busFromWords(low!, high!);
  const endpoints = fields.endpoints as (Fields | undefined)[];
  for (let dci = 0; dci <= DCI_LAST; dci += 1) {
    slot.endpoints[dci]?.timer.cancel();
    const endpoint = endpoints[dci];
    slot.endpoints[dci] = endpoint === undefined ? undefined : loadEndpoint(slots, slot.slotId, dci, endpoint);
  }
}

function saveEndpoint(endpoint: Endpoint): StateValue {
  const { ring, control, retry } = endpoint;
  return {
    numbers: [endpoint.state, endpoint.type, endpoint.maxPacketSize, endpoint.interval, endpoint.lastService],
    context: [busLow(endpoint.contextAddress), busHigh(endpoint.contextAddress)],
    ring: [busLow(ring.dequeue), busHigh(ring.dequeue), ring.cycle, ring.consumed],
    transfers: endpoint.outstanding.map((transfer) => saveTransfer(transfer)),
    retry: retry === undefined ? -1 : endpoint.outstanding.indexOf(retry),
    control: control === undefined ? undefined : saveControl(control),
    timer: endpoint.timer.deadline,
  };
}

function saveControl({ setup, data, stage, done }: ControlProgress): StateValue {
  const low = setup.bmRequestType | (setup.bRequest << 8) | (setup.wValue << 16);
  return { setup: [low >>> 0, (setup.wIndex | (setup.wLength << 16)) >>> 0], data: data.slice(), stage, done };
}

function saveTransfer(transfer: Transfer): StateValue {
  const { id, waiting, startsAt, complete, status, length } = transfer;
  return {
    numbers: [id, status, length, startsAt],
    flags: [transfer.in, waiting, complete],
    trbs: transfer.trbs.map((trb) => [...trb.words, busLow(trb.address), busHigh(trb.address), trb.cycleState]),
  };
}

function loadEndpoint(slots: SlotTable, slotId: number, dci: number, fields: Fields): Endpoint {
  const [contextLow, contextHigh] = fields.context as number[];
  const endpoint = new Endpoint(slots.host, slotId, dci, busFromWords(contextLow!, contextHigh!), slots.kick);
  const [state, type, maxPacketSize, interval, lastService] = fields.numbers as number[];
  endpoint.state = state as EndpointStateCode;
  endpoint.type = type!;
  endpoint.maxPacketSize = maxPacketSize!;
  endpoint.interval = interval!;
  endpoint.lastService = lastService!;
  const [low, high, cycle, consumed] = fields.ring as number[];
  endpoint.ring.start(busFromWords(low!, high!), cycle as 0 | 1);
  endpoint.ring.consumed = consumed!;
  endpoint.outstanding = (fields.transfers as Fields[]).map(loadTransfer);
  endpoint.retry = endpoint.outstanding[fields.retry as number];
  if (fields.control !== undefined) endpoint.control = loadControl(fields.control as Fields);
  if (fields.timer !== undefined) endpoint.timer.at(fields.timer as number);
  return endpoint;
}

function loadControl(fields: Fields): ControlProgress {
  const [low, high] = fields.setup as number[];
  const data = (fields.data as Uint8Array).slice();
  return {
    setup: setupFromWords(low!, high!),
    data,
    stage: fields.stage as 'data' | 'status',
    done: fields.done as boolean,
  };
}

function loadTransfer(fields: Fields): Transfer {
  const trbs = (fields.trbs as number[][]).map((saved) => {
    const trb = new Trb();
    trb.words.set(saved.slice(0, 4));
    trb.address = busFromWords(saved[4]!, saved[5]!);
    trb.cycleState = saved[6] as 0 | 1;
    return trb;
  });
  const [id, status, length, startsAt] = fields.numbers as (number | undefined)[];
  const transfer = new Transfer(id!, trbs);
  const [isIn, waiting, complete] = fields.flags as boolean[];
  transfer.in = isIn!;
  transfer.waiting = waiting!;
  transfer.complete = complete!;
  transfer.status = status!;
  transfer.length = length!;
  transfer.startsAt = startsAt;
  return transfer;
}
