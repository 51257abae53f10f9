/** Enable Slot, Disable Slot, Reset Device (xHCI 1.2 §4.6.3, §4.6.4, §4.6.11). */

import type { Slot } from '../slots/slot-table.ts';
import { DCI_LAST, SLOT_CONTEXT_WORDS, SlotContext, SlotState } from '../spec/contexts.ts';
import { setField } from '../spec/layout.ts';
import { isNull } from '../wire/pointer.ts';
import { readOutput, writeOutput } from './contexts.ts';
import { type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';

export function enableSlot({ slots }: CommandContext): CommandOutcome {
  const slot = slots.allocate();
  if (slot === undefined) return failed('NoSlotsAvailableError');
  return { ...succeeded, slotId: slot.slotId };
}

export function disableSlot({ host, slots }: CommandContext, slot: Slot): CommandOutcome {
  const { context } = slot;
  slots.disable(slot);
  if (host.personality.contextChecks === 'strict' && !isNull(context)) {
    // §4.6.4: the Slot State of the output Slot Context becomes Disabled.
    const words = readOutput(host, context, 0, SLOT_CONTEXT_WORDS);
    setField(words, SlotContext.fields.slotState, SlotState.DisabledEnabled);
    writeOutput(host, context, 0, words);
  }
  return succeeded;
}

/** The device was reset: the slot goes back to Default and keeps its control endpoint. */
export function resetDevice({ host, slots }: CommandContext, slot: Slot): CommandOutcome {
  const changed = host.facts['xhci.slot-changed'];
  if (changed.active) changed.emit({ controller: host.name, slotId: slot.slotId, what: 'reset' });
  const strict = host.personality.contextChecks === 'strict';
  if (strict && slot.state !== SlotState.Addressed && slot.state !== SlotState.Configured) {
    return failed('ContextStateError');
  }
  for (let dci = 2; dci <= DCI_LAST; dci += 1) if (slot.endpoints[dci] !== undefined) slots.disableEndpoint(slot, dci);
  const words = readOutput(host, slot.context, 0, SLOT_CONTEXT_WORDS);
  setField(words, SlotContext.fields.slotState, SlotState.Default);
  if (strict) {
    setField(words, SlotContext.fields.usbDeviceAddress, 0);
    setField(words, SlotContext.fields.contextEntries, 1);
  }
  writeOutput(host, slot.context, 0, words);
  slot.state = SlotState.Default;
  return succeeded;
}
