/** Configure Endpoint and Evaluate Context (xHCI 1.2 §4.6.6, §4.6.7). */
import type { BusAddress } from '../../base/address.ts';
import type { Host } from '../host.ts';
import type { Slot } from '../slots/slot-table.ts';
import {
  DCI_CONTROL,
  DCI_LAST,
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
import { ConfigureEndpoint, EvaluateContext } from '../spec/trbs.ts';
import type { Trb } from '../wire/trb.ts';
import { contextAt, inputContextOf, readInput, readOutput, writeOutput } from './contexts.ts';
import { type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';

const DECONFIGURE = 1 << 9;

function announce(host: Host, slot: Slot, what: 'configure' | 'evaluate'): void {
  const changed = host.facts['xhci.slot-changed'];
  if (changed.active) changed.emit({ controller: host.name, slotId: slot.slotId, what });
}

export function configureEndpoint(context: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  const { host } = context;
  announce(host, slot, 'configure');
  const strict = host.personality.contextChecks === 'strict';
  if ((trb.control & DECONFIGURE) !== 0) return deconfigure(context, slot, strict);
  const input = inputContextOf(host, trb);
  const control = readInput(host, input, 0, INPUT_CONTROL_WORDS, slot.slotId, ConfigureEndpoint.name);
  if (control === undefined) return failed('UndefinedError');
  const [drop = 0, add = 0] = control;
  // §6.2.5.1: D0 and D1 are reserved, A0 is 1, A1 is 0.
  if ((drop & 3) !== 0 || (add & 3) !== 1) return failed(strict ? 'ParameterError' : 'TrbError');
  const inputSlot = readInput(host, input, 1, SLOT_CONTEXT_WORDS, slot.slotId, ConfigureEndpoint.name);
  if (inputSlot === undefined) return failed('UndefinedError');
  const output = readOutput(host, slot.context, 0, SLOT_CONTEXT_WORDS);
  const state = strict ? slot.state : fieldOf(output, SlotContext.fields.slotState);
  if (state < SlotState.Addressed) return failed('ContextStateError');
  if (strict && !entriesCover(inputSlot, add)) return failed('ParameterError');
  const outcome = changeEndpoints(context, slot, input, drop, add);
  if (outcome !== undefined) return outcome;
  slot.state = SlotState.Configured;
  setField(output, SlotContext.fields.slotState, SlotState.Configured);
  const entries = fieldOf(inputSlot, SlotContext.fields.contextEntries);
  setField(output, SlotContext.fields.contextEntries, entries);
  writeOutput(host, slot.context, 0, output);
  host.pointersChanged('Configure Endpoint');
  return succeeded;
}

function deconfigure({ host, slots }: CommandContext, slot: Slot, strict: boolean): CommandOutcome {
  if (strict && slot.state !== SlotState.Configured && slot.state !== SlotState.Addressed) {
    return failed('ContextStateError');
  }
  for (let dci = 2; dci <= DCI_LAST; dci += 1) if (slot.endpoints[dci] !== undefined) slots.disableEndpoint(slot, dci);
  const output = readOutput(host, slot.context, 0, SLOT_CONTEXT_WORDS);
  setField(output, SlotContext.fields.slotState, SlotState.Addressed);
  if (strict) setField(output, SlotContext.fields.contextEntries, 1);
  writeOutput(host, slot.context, 0, output);
  slot.state = SlotState.Addressed;
  return succeeded;
}

/** §6.2.2: Context Entries names the last valid endpoint context. */
function entriesCover(slot: Uint32Array, add: number): boolean {
  const highest = 31 - Math.clz32(add);
  return fieldOf(slot, SlotContext.fields.contextEntries) >= highest;
}

function changeEndpoints(
  context: CommandContext,
  slot: Slot,
  input: BusAddress,
  drop: number,
  add: number,
): CommandOutcome | undefined {
  const { host, slots } = context;
  const strict = host.personality.contextChecks === 'strict';
  for (let dci = 2; dci <= DCI_LAST; dci += 1) {
    const flag = (1 << dci) >>> 0;
    const dropped = (drop & flag) !== 0;
    if (dropped && (!strict || slot.endpoints[dci] !== undefined)) slots.disableEndpoint(slot, dci);
    if ((add & flag) === 0) continue;
    const words = readInput(host, input, 1 + dci, ENDPOINT_CONTEXT_WORDS, slot.slotId, ConfigureEndpoint.name);
    if (words === undefined) return failed('UndefinedError');
    if (strict && !endpointIsValid(words, dci)) return failed('ParameterError');
    if (!strict || slot.endpoints[dci] !== undefined) slots.disableEndpoint(slot, dci);
    slots.enableEndpoint(slot, dci, contextAt(host, slot.context, dci), words);
    setField(words, EndpointContext.fields.endpointState, EndpointState.Running);
    writeOutput(host, slot.context, dci, words);
  }
  return undefined;
}

/** §6.2.3: an endpoint context of the right direction that can carry a packet. */
function endpointIsValid(words: Uint32Array, dci: number): boolean {
  const type = fieldOf(words, EndpointContext.fields.endpointType);
  if (type === EndpointType.NotValid || fieldOf(words, EndpointContext.fields.maxPacketSize) === 0) return false;
  const isIn = type >= EndpointType.IsochIn;
  return type === EndpointType.Control || isIn === ((dci & 1) === 1);
}

/** Takes over what may change while the device is in use: Max Exit Latency, Interrupter Target, EP0's packet size. */
export function evaluateContext({ host }: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  announce(host, slot, 'evaluate');
  const strict = host.personality.contextChecks === 'strict';
  const input = inputContextOf(host, trb);
  const { name } = EvaluateContext;
  const control = readInput(host, input, 0, INPUT_CONTROL_WORDS, slot.slotId, name);
  if (control === undefined) return failed('UndefinedError');
  if (strict && slot.state === SlotState.DisabledEnabled) return failed('ContextStateError');
  const [drop = 0, add = 0] = control;
  if (drop !== 0 || (add & ~3) !== 0) return failed(strict ? 'ParameterError' : 'TrbError');
  if ((add & 1) !== 0) {
    const words = readInput(host, input, 1, SLOT_CONTEXT_WORDS, slot.slotId, name);
    if (words === undefined) return failed('UndefinedError');
    const output = readOutput(host, slot.context, 0, SLOT_CONTEXT_WORDS);
    const { maxExitLatency, interrupterTarget } = SlotContext.fields;
    slot.interrupter = fieldOf(words, interrupterTarget);
    setField(output, maxExitLatency, fieldOf(words, maxExitLatency));
    setField(output, interrupterTarget, slot.interrupter);
    writeOutput(host, slot.context, 0, output);
  }
  if ((add & 2) !== 0) {
    const words = readInput(host, input, 2, ENDPOINT_CONTEXT_WORDS, slot.slotId, name);
    if (words === undefined) return failed('UndefinedError');
    const output = readOutput(host, slot.context, DCI_CONTROL, ENDPOINT_CONTEXT_WORDS);
    const { maxPacketSize } = EndpointContext.fields;
    setField(output, maxPacketSize, fieldOf(words, maxPacketSize));
    writeOutput(host, slot.context, DCI_CONTROL, output);
  }
  return succeeded;
}
