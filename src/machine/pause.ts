/**
 * How long PAUSE takes a processor that has nobody to give its turn to. Once it takes what it takes on hardware; a loop of
 * them waits for something, and then it waits as long at a time as it would for another processor. (Intel's processors
 * find such loops in the same way for hypervisors: SDM Vol. 3C 25.1.3, "PAUSE-loop exiting".)
 */
import type { Nanoseconds } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import { QUANTUM_NANOSECONDS } from './rounds.ts';

/** 140 cycles since Skylake (Intel, Optimization Reference Manual 2.5.4), at the time-stamp counter's 1 GHz. */
const PAUSE_NANOSECONDS = 140;
/** A loop has no more than so much between two of them. */
const GAP_NANOSECONDS = 128;
/** It is one when it has gone on for so many: 4 us. A shorter wait ends when it should, a longer one up to 4 us late. */
const LOOP_ROUNDS = 28;

export class PauseLoop {
  #rounds = 0;
  /** When the last one was over. */
  #last: Nanoseconds = 0;

  /** The processor executes PAUSE at `now`. Returns how many nanoseconds it takes beside its instruction. */
  next(now: Nanoseconds): number {
    this.#rounds = now - this.#last <= GAP_NANOSECONDS ? this.#rounds + 1 : 0;
    const wait = this.#rounds < LOOP_ROUNDS ? PAUSE_NANOSECONDS : QUANTUM_NANOSECONDS;
    this.#last = now + wait;
    return wait;
  }

  save(): { readonly [field: string]: StateValue } {
    return { rounds: this.#rounds, last: this.#last };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#rounds = fields.rounds as number;
    this.#last = fields.last as number;
  }
}
