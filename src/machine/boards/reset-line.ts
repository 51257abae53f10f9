/** The reset signal of the board (PLTRST#): one wire to every part, in the order in which they were connected. */

/** A part that goes back to its state after power-on; what a battery or RAM keeps stays. */
export interface Resettable {
  reset(): void;
}

export class ResetLine {
  readonly #parts: Resettable[] = [];

  connect(...parts: readonly Resettable[]): void {
    this.#parts.push(...parts);
  }

  pulse(): void {
    for (const part of this.#parts) part.reset();
  }
}
