/**
 * What a PS/2 device has to say and has not said yet. Replies to a command come before whatever it noticed by itself, and
 * the next command discards what is left of them (IBM PS/2 Technical Reference, "Keyboard and Auxiliary Device").
 */
import type { StateValue } from '../../base/state.ts';

/** A keyboard's buffer, as QEMU's: what does not fit is lost. */
const CAPACITY = 16;

export class Ps2Queue {
  #replies: number[] = [];
  #noticed: number[] = [];
  #last = 0;
  readonly #changed: (waiting: boolean) => void;

  /** `changed` is told after each change whether bytes wait. */
  constructor(changed: (waiting: boolean) => void) {
    this.#changed = changed;
  }

  get length(): number {
    return this.#replies.length + this.#noticed.length;
  }

  /** Room for that many further bytes. */
  fits(bytes: number): boolean {
    return this.length + bytes <= CAPACITY;
  }

  /** Answers a command. */
  reply(...bytes: readonly number[]): void {
    this.#replies.push(...bytes);
    this.#changed(true);
  }

  /** Drops what a former command's answer left. */
  beginCommand(): void {
    this.#replies = [];
  }

  /** All of `bytes`, or none when they do not fit. */
  notice(...bytes: readonly number[]): boolean {
    if (!this.fits(bytes.length)) return false;
    this.#noticed.push(...bytes);
    this.#changed(true);
    return true;
  }

  /** The next byte; the last one again when none waits. */
  read(): number {
    const byte = this.#replies.shift() ?? this.#noticed.shift();
    if (byte === undefined) return this.#last;
    this.#last = byte;
    // First empty: the other device has its turn between two bytes of this one.
    this.#changed(false);
    if (this.length > 0) this.#changed(true);
    return byte;
  }

  clear(): void {
    this.#replies = [];
    this.#noticed = [];
    this.#changed(false);
  }

  save(): { readonly [field: string]: StateValue } {
    return { replies: [...this.#replies], noticed: [...this.#noticed], last: this.#last };
  }

  /** The listener is not told: it loads its own state. */
  load(fields: { readonly [field: string]: StateValue }): void {
    this.#replies = [...(fields.replies as readonly number[])];
    this.#noticed = [...(fields.noticed as readonly number[])];
    this.#last = fields.last as number;
  }
}
