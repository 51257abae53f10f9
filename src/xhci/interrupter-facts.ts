/** What an interrupter states about events and interrupts that did not get through, or did. */
import type { XhciFacts } from './facts.ts';
import type { EventWords, Host } from './host.ts';
import { trbName } from './spec/trbs.ts';
import { trbWords } from './wire/trb.ts';

type LostBecause = Parameters<XhciFacts['xhci.event-lost']['emit']>[0]['because'];
type Gate = Parameters<XhciFacts['xhci.interrupt-blocked']['emit']>[0]['gate'];

export class InterrupterFacts {
  constructor(
    readonly host: Host,
    readonly index: number,
  ) {}

  /** An event that software will never see. */
  lost(event: EventWords, because: LostBecause): void {
    const lost = this.host.facts['xhci.event-lost'];
    if (!lost.active) return;
    const typeName = trbName((event[3] >>> 10) & 0x3f);
    lost.emit({ controller: this.host.name, interrupter: this.index, trb: trbWords(event), typeName, because });
  }

  /** The first closed gate on an interrupt's way. */
  blocked(gate: Gate): void {
    const blocked = this.host.facts['xhci.interrupt-blocked'];
    if (blocked.active) blocked.emit({ controller: this.host.name, interrupter: this.index, gate });
  }

  interrupt(mode: 'intx' | 'msi' | 'msix', level: number): void {
    const interrupt = this.host.facts['xhci.interrupt'];
    if (interrupt.active) interrupt.emit({ controller: this.host.name, mode, vector: this.index, level });
  }
}
