/** Keys that somebody types at given virtual times: pressed, held and released on the clock. */
import type { Timer, VirtualClock } from '../../base/clock.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { Chord } from './keys.ts';

/** A keyboard, as whoever presses its keys sees it. `name` is one of `KEY_NAMES`. */
export interface KeySink {
  pressKey(name: string, down: boolean): void;
}

export interface TypingOptions {
  /** Virtual nanoseconds at which the first key goes down; default: now. Never before what is still to be typed. */
  readonly at?: number;
  /** Nanoseconds that a chord is held. Default: 100 ms, as QEMU's `sendkey`. */
  readonly hold?: number;
  /** Nanoseconds between a chord's release and the next one. Default: 50 ms. */
  readonly gap?: number;
}

interface KeyMove {
  readonly at: number;
  readonly name: string;
  readonly down: boolean;
}

const MILLISECOND = 1_000_000;
/** Between the keys of one chord: a keyboard's scan never sees two at once. */
const WITHIN_CHORD = MILLISECOND;

export class KeyScript implements StateSource {
  readonly name = 'key-script';
  readonly version = 1;
  readonly #clock: VirtualClock;
  readonly #sink: () => KeySink | undefined;
  readonly #timer: Timer;
  /** By time. */
  #moves: KeyMove[] = [];

  /** `sink` is asked at each key: the keyboard that is plugged in then. */
  constructor(clock: VirtualClock, sink: () => KeySink | undefined) {
    this.#clock = clock;
    this.#sink = sink;
    this.#timer = clock.timer('key script', () => this.#due());
  }

  /** Appends chords. Returns the virtual time at which the last key is up again. */
  type(chords: readonly Chord[], options: TypingOptions = {}): number {
    const { hold = 100 * MILLISECOND, gap = 50 * MILLISECOND } = options;
    const last = this.#moves[this.#moves.length - 1];
    let at = Math.max(options.at ?? 0, this.#clock.now(), last === undefined ? 0 : last.at + gap);
    for (const chord of chords) {
      for (const name of chord) {
        this.#moves.push({ at, name, down: true });
        at += WITHIN_CHORD;
      }
      at += hold;
      for (const name of [...chord].reverse()) {
        this.#moves.push({ at, name, down: false });
        at += WITHIN_CHORD;
      }
      at += gap;
    }
    this.#arm();
    return this.#moves[this.#moves.length - 1]?.at ?? at;
  }

  #due(): void {
    const now = this.#clock.now();
    while (this.#moves.length > 0 && this.#moves[0]!.at <= now) {
      const { name, down } = this.#moves.shift()!;
      this.#sink()?.pressKey(name, down);
    }
    this.#arm();
  }

  #arm(): void {
    const [next] = this.#moves;
    if (next === undefined) this.#timer.cancel();
    else this.#timer.at(next.at);
  }

  save(): { readonly [field: string]: StateValue } {
    return { moves: this.#moves.map(({ at, name, down }) => ({ at, name, down })) };
  }

  load({ moves }: { readonly [field: string]: StateValue }): void {
    this.#moves = (moves as unknown as readonly KeyMove[]).map((move) => ({ ...move }));
    this.#arm();
  }
}
