/**
 * Virtual time. It is driven by the processor's instruction count (1 instruction = 1 ns unless the board says
 * otherwise), never by the host's clock, so two runs of the same inputs see the same times.
 *
 * The clock only holds "now" and the timers; the machine's run loop asks {@link VirtualClock.nextDeadline}, runs the
 * processor up to it, then calls {@link VirtualClock.advanceTo}.
 */
import { assert } from './assert.ts';

/** Nanoseconds of guest time since power-on. Exact up to 2^53 ns (104 days). */
export type Nanoseconds = number;

export interface Timer {
  /** (Re-)arms the timer for an absolute time; one in the past fires at the next advance. */
  at(deadline: Nanoseconds): void;
  /** (Re-)arms the timer for `delay` nanoseconds from now. */
  after(delay: Nanoseconds): void;
  cancel(): void;
  /** When it will fire, or `undefined` when it is not armed. */
  readonly deadline: Nanoseconds | undefined;
}

class QueuedTimer implements Timer {
  deadline: Nanoseconds | undefined;
  sequence = 0;

  constructor(
    readonly name: string,
    readonly clock: VirtualClock,
    readonly fire: () => void,
  ) {}

  at(deadline: Nanoseconds): void {
    this.clock.arm(this, deadline);
  }

  after(delay: Nanoseconds): void {
    this.clock.arm(this, this.clock.now() + delay);
  }

  cancel(): void {
    this.clock.disarm(this);
  }
}

export class VirtualClock {
  #now: Nanoseconds = 0;
  #source: (() => Nanoseconds) | undefined;
  #sequence = 0;
  /** Sorted by deadline, then by the order of arming; a machine has a dozen timers, so a sorted array is fastest. */
  readonly #queue: QueuedTimer[] = [];
  /** Called when the earliest deadline moves forward, so that a running processor slice can be cut short. */
  onEarlierDeadline: ((deadline: Nanoseconds) => void) | undefined;

  /** While the processor runs, "now" comes from its instruction counter, so that a device sees exact time. */
  setSource(source: (() => Nanoseconds) | undefined): void {
    this.#source = source;
  }

  now(): Nanoseconds {
    return this.#source === undefined ? this.#now : Math.max(this.#now, this.#source());
  }

  /** Creates a timer that is not armed yet. `name` appears in traces and saved state. */
  timer(name: string, fire: () => void): Timer {
    return new QueuedTimer(name, this, fire);
  }

  nextDeadline(): Nanoseconds | undefined {
    return this.#queue[0]?.deadline;
  }

  /** Moves time forward and fires what is due, in order of deadline, each at its own deadline. */
  advanceTo(time: Nanoseconds): void {
    assert(time >= this.#now, 'virtual time never runs backwards');
    for (let first = this.#queue[0]; first !== undefined && first.deadline! <= time; first = this.#queue[0]) {
      this.#queue.shift();
      this.#now = Math.max(this.#now, first.deadline!);
      first.deadline = undefined;
      first.fire();
    }
    this.#now = time;
  }

  /** @internal Used by the timers that {@link timer} hands out. */
  arm(timer: QueuedTimer, deadline: Nanoseconds): void {
    this.disarm(timer);
    timer.deadline = deadline;
    timer.sequence = this.#sequence++;
    let index = this.#queue.length;
    while (index > 0 && this.#queue[index - 1]!.deadline! > deadline) index -= 1;
    this.#queue.splice(index, 0, timer);
    if (index === 0) this.onEarlierDeadline?.(deadline);
  }

  /** @internal */
  disarm(timer: QueuedTimer): void {
    if (timer.deadline === undefined) return;
    timer.deadline = undefined;
    this.#queue.splice(this.#queue.indexOf(timer), 1);
  }
}
