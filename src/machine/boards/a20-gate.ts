/**
 * The A20 gate of the board: two devices hold it open. ICH9 passes bit 20 while port 0x92 or the keyboard controller
 * says so (ICH9 datasheet §13.7.3); on QEMU whoever wrote last decides.
 */
import type { StateSource, StateValue } from '../../base/state.ts';

export type A20Source = 'port92' | 'i8042';

export class A20Gate implements StateSource {
  readonly name = 'a20-gate';
  readonly version = 1;
  readonly #lastWins: boolean;
  readonly #apply: (open: boolean) => void;
  /** The keyboard controller's output port holds it open at power-on. */
  #open = { port92: false, i8042: true };

  constructor(lastWins: boolean, apply: (open: boolean) => void) {
    this.#lastWins = lastWins;
    this.#apply = apply;
  }

  set(source: A20Source, open: boolean): void {
    if (this.#lastWins) this.#open = { port92: open, i8042: open };
    else this.#open[source] = open;
    this.#apply(this.#open.port92 || this.#open.i8042);
  }

  /** At power-on and reset every PC has it open: the reset vector has bit 20 set. */
  reset(): void {
    this.#open = { port92: false, i8042: true };
    this.#apply(true);
  }

  save(): { readonly [field: string]: StateValue } {
    return { ...this.#open };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#open = { port92: fields.port92 as boolean, i8042: fields.i8042 as boolean };
  }
}
