/** The doorbell array (xHCI 1.2 §4.7, §5.6). */

import type { CommandRing } from '../commands/command-ring.ts';
import type { XhciFacts } from '../facts.ts';
import type { Host } from '../host.ts';
import type { SlotTable } from '../slots/slot-table.ts';
import { DCI_LAST } from '../spec/contexts.ts';
import { DOORBELL } from '../spec/registers.ts';
import type { TransferEngine } from '../transfers/engine.ts';

type Outcome = Parameters<XhciFacts['xhci.doorbell']['emit']>[0]['outcome'];

export class Doorbells {
  constructor(
    readonly host: Host,
    readonly commands: CommandRing,
    readonly slots: SlotTable,
    readonly engine: TransferEngine,
    /** True when a host error keeps the controller from working. */
    readonly failed: () => boolean,
  ) {}

  /** Doorbell `slotId` (0: the command ring) is written. */
  ring(slotId: number, value: number): void {
    const outcome = this.#judge(slotId, value);
    const rung = this.host.facts['xhci.doorbell'];
    if (rung.active) {
      const target = DOORBELL.get(value, 'DBTarget');
      const streamId = DOORBELL.get(value, 'DBTaskId');
      rung.emit({ controller: this.host.name, slotId, target, streamId, value, outcome });
    }
    if (outcome !== 'rung') return;
    if (this.host.facts['xhci.pointers-audited'].active) this.host.pointersChanged(`doorbell ${slotId}`);
    if (slotId === 0) {
      this.commands.process();
      return;
    }
    const endpoint = this.slots.get(slotId)?.endpoints[DOORBELL.get(value, 'DBTarget')];
    if (endpoint !== undefined) this.engine.kick(endpoint);
  }

  #judge(slotId: number, value: number): Outcome {
    if (!this.host.running) return this.failed() ? 'host-error' : 'halted';
    const target = DOORBELL.get(value, 'DBTarget');
    if (slotId === 0) {
      // QEMU wants the whole word to be 0; by §5.6 only the target counts.
      const bad = this.host.personality.contextChecks === 'qemu' ? value !== 0 : target !== 0;
      return bad ? 'bad-target' : 'rung';
    }
    const slot = this.slots.get(slotId);
    if (slot === undefined) return 'no-such-slot';
    if (target === 0 || target > DCI_LAST) return 'bad-target';
    if (!slot.enabled) return 'slot-disabled';
    return slot.endpoints[target] === undefined ? 'endpoint-disabled' : 'rung';
  }
}
