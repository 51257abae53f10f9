/** `--pace`: as fast as it goes, or no faster than the host's clock, for a person who watches. */
import type { Host } from '../host.ts';
import type { Session } from '../session.ts';

export const PACES = ['fast', 'real'] as const;
export type Pace = (typeof PACES)[number];

/** Milliseconds that the host sleeps at most at once. */
const SLEEP_MAX = 1000;

export class RealPace {
  readonly #host: Host;
  readonly #session: Session;
  readonly #hostStart: number;
  readonly #guestStart: number;

  constructor(host: Host, session: Session) {
    this.#host = host;
    this.#session = session;
    this.#hostStart = host.milliseconds();
    this.#guestStart = session.time;
  }

  /** The guest time that the host's clock has reached: the guest may run up to there. */
  get due(): number {
    return this.#guestStart + (this.#host.milliseconds() - this.#hostStart) * 1e6;
  }

  /** The guest has reached its limit: sleeps until it has something to do, or somebody types. */
  async wait(): Promise<void> {
    const { time, nextDeadline } = this.#session;
    const next = nextDeadline ?? Number.POSITIVE_INFINITY;
    const milliseconds = Math.ceil((Math.max(next, time) - this.due) / 1e6);
    await this.#host.pause(Math.min(Math.max(milliseconds, 1), SLEEP_MAX));
  }
}
