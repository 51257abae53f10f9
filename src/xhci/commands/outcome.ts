/** What a command ends with. */
import type { Host } from '../host.ts';
import type { RootHub } from '../ports/root-hub.ts';
import type { Slot, SlotTable } from '../slots/slot-table.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import type { TransferEngine } from '../transfers/engine.ts';
import type { Trb } from '../wire/trb.ts';

export interface CommandOutcome {
  /** Completion code (Table 6-90). */
  readonly code: number;
  /** Slot ID of the event; default: the command's. */
  readonly slotId?: number;
  /** Command Completion Parameter, 24 bits. */
  readonly parameter?: number;
  /** NEC's replies have a type of their own, and use word 3's bits 23:16. */
  readonly eventType?: number;
  readonly endpointId?: number;
}

/** What the commands work on. */
export interface CommandContext {
  readonly host: Host;
  readonly slots: SlotTable;
  readonly hub: RootHub;
  readonly engine: TransferEngine;
}

export type Command = (context: CommandContext, trb: Trb, slot: Slot) => CommandOutcome;

export const succeeded: CommandOutcome = { code: CompletionCode.Success };

export function failed(code: keyof typeof CompletionCode): CommandOutcome {
  return { code: CompletionCode[code] };
}
