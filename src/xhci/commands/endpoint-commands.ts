/** Stop Endpoint, Reset Endpoint, Set TR Dequeue Pointer (xHCI 1.2 §4.6.8-4.6.10). */
import type { BusAddress } from '../../base/address.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import type { Slot } from '../slots/slot-table.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import { EndpointState } from '../spec/contexts.ts';
import { pointerFromWords } from '../wire/pointer.ts';
import type { Trb } from '../wire/trb.ts';
import { type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';

function announce(
  { host }: CommandContext,
  slot: Slot,
  endpointId: number,
  what: 'stop' | 'reset' | 'set-dequeue',
  streamId = 0,
  pointer?: BusAddress,
): void {
  const changed = host.facts['xhci.endpoint-changed'];
  if (!changed.active) return;
  const where = { controller: host.name, slotId: slot.slotId, endpointId, what, streamId };
  changed.emit(pointer === undefined ? where : { ...where, pointer });
}

function endpointId(trb: Trb): number {
  return (trb.control >>> 16) & 0x1f;
}

function endpointOf(slot: Slot, id: number): Endpoint | CommandOutcome {
  if (id === 0) return failed('TrbError');
  return slot.endpoints[id] ?? failed('EndpointNotEnabledError');
}

export function stopEndpoint(context: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  const id = endpointId(trb);
  announce(context, slot, id, 'stop');
  const endpoint = endpointOf(slot, id);
  if ('code' in endpoint) return endpoint;
  const strict = context.host.personality.contextChecks === 'strict';
  // §4.6.9: only a running endpoint can be stopped.
  if (strict && endpoint.state !== EndpointState.Running) return failed('ContextStateError');
  rewind(endpoint, strict);
  context.engine.abandon(endpoint, CompletionCode.Stopped);
  endpoint.setState(EndpointState.Stopped);
  return succeeded;
}

/** §4.6.9: the TD in progress stays on the ring; the dequeue pointer goes back to it. */
function rewind(endpoint: Endpoint, strict: boolean): void {
  const first = endpoint.retry?.trbs[0];
  if (!strict || first === undefined) return;
  endpoint.ring.dequeue = first.address;
  endpoint.ring.cycle = first.cycleState;
}

export function resetEndpoint(context: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  const id = endpointId(trb);
  announce(context, slot, id, 'reset');
  const endpoint = endpointOf(slot, id);
  if ('code' in endpoint) return endpoint;
  if (endpoint.state !== EndpointState.Halted) return failed('ContextStateError');
  context.engine.abandon(endpoint, undefined);
  if (context.engine.deviceOf(endpoint) === undefined) return failed('UsbTransactionError');
  endpoint.setState(EndpointState.Stopped);
  return succeeded;
}

export function setTrDequeuePointer(context: CommandContext, trb: Trb, slot: Slot): CommandOutcome {
  const { host } = context;
  const id = endpointId(trb);
  if (id === 0) return failed('TrbError');
  announce(context, slot, id, 'set-dequeue', trb.status >>> 16, trb.parameter);
  const endpoint = endpointOf(slot, id);
  if ('code' in endpoint) return endpoint;
  const strict = host.personality.contextChecks === 'strict';
  const stopped = endpoint.state === EndpointState.Stopped;
  // §4.6.10: Stopped or Error. QEMU knows no Error state.
  if (!stopped && !(strict && endpoint.state === EndpointState.Error)) return failed('ContextStateError');
  const pointer = pointerFromWords(host.personality, trb.words[0]! & ~0xf, trb.words[1]!);
  endpoint.ring.start(pointer, (trb.words[0]! & 1) as 0 | 1);
  endpoint.setState(EndpointState.Stopped);
  host.pointersChanged('Set TR Dequeue Pointer');
  return succeeded;
}
