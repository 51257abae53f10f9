/**
 * The wire of the SCI, the interrupt of ACPI power management, to the global system interrupt that the LPC bridge
 * selects (ICH9 datasheet §13.1.13). It keeps its level when it is led elsewhere.
 */
import type { StateSource, StateValue } from '../../base/state.ts';

/** After a reset. */
const SCI_IRQ = 9;

export class SciWire implements StateSource {
  readonly name = 'sci-wire';
  readonly version = 1;
  readonly #drive: (irq: number, asserted: boolean) => void;
  #irq = SCI_IRQ;
  #asserted = false;

  /** `drive`: level of a global system interrupt. */
  constructor(drive: (irq: number, asserted: boolean) => void) {
    this.#drive = drive;
  }

  set(asserted: boolean): void {
    this.#asserted = asserted;
    this.#drive(this.#irq, asserted);
  }

  route(irq: number): void {
    if (irq === this.#irq) return;
    if (this.#asserted) this.#drive(this.#irq, false);
    this.#irq = irq;
    if (this.#asserted) this.#drive(irq, true);
  }

  save(): { readonly [field: string]: StateValue } {
    return { irq: this.#irq, asserted: this.#asserted };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#irq = fields.irq as number;
    this.#asserted = fields.asserted as boolean;
  }
}
