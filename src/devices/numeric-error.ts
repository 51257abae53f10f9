/**
 * The coprocessor error latch, port 0xf0 (ICH9 datasheet §13.7.4; Intel SDM Vol. 1 8.7.2): FERR# of a processor with CR0.NE
 * clear becomes IRQ 13. A write lowers it and asserts IGNNE#, so that the handler's x87 instructions go through.
 */
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';

export const NUMERIC_ERROR_PORT = 0xf0;

export interface NumericErrorOptions {
  /** Level of IRQ 13. */
  readonly interrupt: (asserted: boolean) => void;
  /** IGNNE# to the processor that writes, until its error is gone. */
  readonly ignore: () => void;
}

export class NumericError implements StateSource {
  readonly name = 'numeric-error';
  readonly version = 1;
  readonly ops: MmioOps;
  readonly #options: NumericErrorOptions;
  #asserted = false;

  constructor(options: NumericErrorOptions) {
    this.#options = options;
    this.ops = {
      read: () => 0xff,
      write: () => {
        if (!this.#asserted) return;
        this.#set(false);
        options.ignore();
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  /** FERR# is asserted: a processor waits with an x87 exception. */
  raise(): void {
    this.#set(true);
  }

  reset(): void {
    this.#set(false);
  }

  save(): { readonly [field: string]: StateValue } {
    return { asserted: this.#asserted };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#asserted = fields.asserted as boolean;
  }

  #set(asserted: boolean): void {
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    this.#options.interrupt(asserted);
  }
}
