/** Address Device (xHCI 1.2 §4.6.5): the controller takes the contexts, gives the device an address and starts endpoint 0. */
import { type BusAddress, bus, offsetBus } from '../../base/address.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import { type SetupPacket, UsbStatus } from '../../usb/bus.ts';
import type { Host } from '../host.ts';
import type { UsbSocket } from '../ports/socket.ts';
import type { Slot } from '../slots/slot-table.ts';
import {
  DCI_CONTROL,
  ENDPOINT_CONTEXT_WORDS,
  EndpointContext,
  EndpointState,
  EndpointType,
  INPUT_CONTROL_WORDS,
  SLOT_CONTEXT_WORDS,
  SlotContext,
  SlotState,
} from '../spec/contexts.ts';
import { fieldOf, setField } from '../spec/layout.ts';
import { AddressDevice } from '../spec/trbs.ts';
import { alignPointer, pointerFromWords } from '../wire/pointer.ts';
import type { Trb } from '../wire/trb.ts';
import { contextAt, inputContextOf, readInput, writeOutput } from './contexts.ts';
import { type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';

const ENTRY: DmaPurpose = { what: 'DCBAA entry', register: 'DCBAAP' };
const BLOCK_SET_ADDRESS = 1 << 9;
/** A0 and A1: Slot and Endpoint 0 Contexts. */
const ADD_SLOT_AND_CONTROL = 0x3;
const SET_ADDRESS = 5;

interface Inputs {
  readonly control: Uint32Array;
  readonly slot: Uint32Array;
  readonly endpoint: Uint32Array;
}

export function addressDevice(context: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  const { host, hub } = context;
  const strict = host.personality.contextChecks === 'strict';
  const output = outputContextOf(host, slot);
  if (output === undefined) return failed('UndefinedError');
  const blockRequest = (trb.control & BLOCK_SET_ADDRESS) !== 0;
  if (strict && !stateAllows(slot, blockRequest)) return failed('ContextStateError');
  const inputs = readInputs(host, trb, slot);
  if (inputs === 'bad-flags') return failed(strict ? 'ParameterError' : 'TrbError');
  if (inputs === undefined) return failed('UndefinedError');
  if (strict && !contextsAreValid(host, inputs)) return failed('ParameterError');
  const port = fieldOf(inputs.slot, SlotContext.fields.rootHubPortNumber);
  const socket = fieldOf(inputs.slot, SlotContext.fields.routeString) === 0 ? hub.socketOf(port) : undefined;
  // QEMU looks among the sockets in use only.
  if (socket === undefined || (!strict && socket.device === undefined)) {
    return failed(strict ? 'ParameterError' : 'TrbError');
  }
  announce(host, slot, socket);
  if (socket.device === undefined || (strict && !hub.portEnabled(port))) return failed('UsbTransactionError');
  if (context.slots.ownerOf(socket, slot) !== undefined) return failed(strict ? 'ParameterError' : 'TrbError');
  slot.socket = socket;
  slot.context = output;
  slot.interrupter = fieldOf(inputs.slot, SlotContext.fields.interrupterTarget);
  return take(context, slot, inputs, blockRequest);
}

/** Addresses the device and fills the output context. */
function take(context: CommandContext, slot: Slot, inputs: Inputs, blockRequest: boolean): CommandOutcome {
  const { host } = context;
  const device = slot.socket!.device!;
  if (host.personality.contextChecks === 'qemu' || slot.state === SlotState.DisabledEnabled) device.reset();
  setField(inputs.slot, SlotContext.fields.usbDeviceAddress, 0);
  inputs.slot[3] = 0;
  let state: number = SlotState.Default;
  if (!blockRequest) {
    const answer = device.control(setAddress(slot.slotId), new Uint8Array(0));
    if (answer.status !== UsbStatus.Success) return failed('UsbTransactionError');
    state = SlotState.Addressed;
    setField(inputs.slot, SlotContext.fields.usbDeviceAddress, slot.slotId);
  }
  setField(inputs.slot, SlotContext.fields.slotState, state);
  slot.state = state;
  context.slots.enableEndpoint(slot, DCI_CONTROL, contextAt(host, slot.context, DCI_CONTROL), inputs.endpoint);
  setField(inputs.endpoint, EndpointContext.fields.endpointState, EndpointState.Running);
  writeOutput(host, slot.context, 0, inputs.slot);
  writeOutput(host, slot.context, DCI_CONTROL, inputs.endpoint);
  slot.addressed = true;
  host.pointersChanged('Address Device');
  return succeeded;
}

function setAddress(address: number): SetupPacket {
  return { bmRequestType: 0, bRequest: SET_ADDRESS, wValue: address, wIndex: 0, wLength: 0 };
}

/** DCBAA[slotId]. QEMU does not look at the result: a DCBAA that does not answer gives a context at 0. */
function outputContextOf(host: Host, slot: Slot): BusAddress | undefined {
  const words = new Uint32Array(2);
  const purpose = { ...ENTRY, index: slot.slotId };
  const result = host.dma.readWords(offsetBus(host.deviceContextArray, 8 * slot.slotId), words, purpose);
  if (host.personality.contextChecks === 'qemu') {
    return result === MEMTX_OK ? pointerFromWords(host.personality, words[0]!, words[1]!) : bus(0);
  }
  if (result !== MEMTX_OK) {
    host.memoryFailed(result, `DCBAA[${slot.slotId}]`, '');
    return undefined;
  }
  return alignPointer(pointerFromWords(host.personality, words[0]!, words[1]!), 64);
}

function readInputs(host: Host, trb: Trb, slot: Slot): Inputs | 'bad-flags' | undefined {
  const base = inputContextOf(host, trb);
  const { name } = AddressDevice;
  const control = readInput(host, base, 0, INPUT_CONTROL_WORDS, slot.slotId, name);
  if (control === undefined) return undefined;
  if (control[0] !== 0 || control[1] !== ADD_SLOT_AND_CONTROL) return 'bad-flags';
  const slotWords = readInput(host, base, 1, SLOT_CONTEXT_WORDS, slot.slotId, name);
  if (slotWords === undefined) return undefined;
  const endpoint = readInput(host, base, 2, ENDPOINT_CONTEXT_WORDS, slot.slotId, name);
  if (endpoint === undefined) return undefined;
  return { control, slot: slotWords, endpoint };
}

/** §4.6.5: with BSR the slot must be Enabled; without, Enabled or Default. */
function stateAllows(slot: Slot, blockRequest: boolean): boolean {
  if (slot.state === SlotState.DisabledEnabled) return true;
  return !blockRequest && slot.state === SlotState.Default;
}

/** §6.2.2.1, §6.2.3.1: what must hold of the input contexts. */
function contextsAreValid(host: Host, { slot, endpoint }: Inputs): boolean {
  const port = fieldOf(slot, SlotContext.fields.rootHubPortNumber);
  const ports = host.model.usb2Ports + host.model.usb3Ports;
  if (port < 1 || port > ports) return false;
  if (fieldOf(slot, SlotContext.fields.interrupterTarget) >= host.model.interrupters) return false;
  if (fieldOf(slot, SlotContext.fields.contextEntries) < DCI_CONTROL) return false;
  const type = fieldOf(endpoint, EndpointContext.fields.endpointType);
  if (type !== EndpointType.Control) return false;
  return fieldOf(endpoint, EndpointContext.fields.maxPacketSize) > 0;
}

function announce(host: Host, slot: Slot, socket: UsbSocket): void {
  const changed = host.facts['xhci.slot-changed'];
  if (!changed.active) return;
  changed.emit({ controller: host.name, slotId: slot.slotId, what: 'address', port: socket.path });
}
