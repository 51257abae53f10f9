/** Notices a guest that resets the machine over and over from the same place, as a kernel without a console does. */
import type { Gva } from '../base/address.ts';
import type { StateValue } from '../base/state.ts';

/** Resets in a row from one place, about equally far apart, that count as a loop. */
export const BOOT_LOOP_RESETS = 16;
/** "About": one part in this many. */
const TOLERANCE = 16;

export class RebootWatch {
  #pc: bigint | undefined;
  #at = 0;
  /** Instructions between the last two resets. */
  #gap = 0;
  #count = 0;

  /** To be called at each reset with the instruction that caused it; true when it has to end. */
  isLoop(pc: Gva, instruction: number): boolean {
    const gap = instruction - this.#at;
    const alike = pc === this.#pc && Math.abs(gap - this.#gap) <= gap / TOLERANCE;
    // Of the first of a row the distance to the reset before it says nothing.
    this.#count = alike || (this.#count === 1 && pc === this.#pc) ? this.#count + 1 : 1;
    this.#pc = pc;
    this.#at = instruction;
    this.#gap = gap;
    return this.#count >= BOOT_LOOP_RESETS;
  }

  save(): { readonly [field: string]: StateValue } {
    return { pc: this.#pc, at: this.#at, gap: this.#gap, count: this.#count };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#pc = fields.pc as bigint | undefined;
    this.#at = fields.at as number;
    this.#gap = fields.gap as number;
    this.#count = fields.count as number;
  }
}
