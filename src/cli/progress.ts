/** One line on a terminal, rewritten while the guest runs: how far it is, how fast, what was found. */
import type { Host } from './host.ts';
import { formatCount, formatTime } from './quantities.ts';
import type { Session } from './session.ts';
import { wantsProgress } from './talk.ts';

/** Milliseconds of the host before the first line, and between two. A short run shows none. */
const FIRST_AFTER = 1000;
const EVERY = 200;

const ERASE_LINE = '\r\u001b[K';

export class Progress {
  readonly #host: Host;
  readonly #wanted: boolean;
  readonly #start: number;
  #last: number;
  #shown = false;
  /** The guest's output stands in the middle of a line on the same terminal. */
  #midLine = false;

  constructor(host: Host, quiet: boolean) {
    this.#host = host;
    this.#wanted = !quiet && wantsProgress(host.err, host.environment);
    this.#start = host.milliseconds();
    this.#last = this.#start + FIRST_AFTER - EVERY;
  }

  /** Call between slices. */
  update(session: Pick<Session, 'instructions' | 'time' | 'findings'>): void {
    const now = this.#host.milliseconds();
    if (!this.#wanted || this.#midLine || now - this.#last < EVERY) return;
    this.#last = now;
    this.#shown = true;
    const { instructions, time, findings } = session;
    const rate = instructions / Math.max(now - this.#start, 1) / 1000;
    const found = findings === 0 ? '' : `  ${findings} finding${findings === 1 ? '' : 's'}`;
    const text = `${formatCount(instructions)} instructions  ${formatTime(time)} of guest time  ${rate.toFixed(0)} MIPS${found}`;
    this.#host.err.write(`${ERASE_LINE}${text.slice(0, (this.#host.err.columns ?? 80) - 1)}`);
  }

  /** Call before anything else is written to the terminal. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#host.err.write(ERASE_LINE);
  }

  /** Call with each byte of the guest that goes to a terminal, before it is written. */
  guestByte(byte: number): void {
    this.clear();
    this.#midLine = byte !== 0x0a;
  }
}
