/** The local APIC's timer: one-shot, periodic and TSC-deadline (Intel SDM Vol. 3A 10.5.4). */
import type { Nanoseconds, Timer, VirtualClock } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import { divisorOf, LVT_TIMER } from './local-apic-registers.ts';

const MODE_PERIODIC = 1;
const MODE_TSC_DEADLINE = 2;

/**
 * The shortest period at which expiries are computed one by one. No handler can keep up with less, and a guest that
 * asks for an interrupt each nanosecond must not stop the machine; faster expiries coalesce in the IRR, as they would.
 */
const MINIMUM_PERIOD_NS = 1000;

export interface LocalApicTimerOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  /** Nanoseconds of one tick before the divider; 1 by default (a 1 GHz bus clock, as in QEMU). */
  readonly tickNanoseconds?: number;
  /** The time at which the TSC reaches `deadline`. Without it TSC-deadline mode never fires. */
  readonly timeOfTsc?: (deadline: bigint) => Nanoseconds;
  readonly expired: () => void;
}

export class LocalApicTimer {
  readonly #options: LocalApicTimerOptions;
  readonly #tickNanoseconds: number;
  readonly #timer: Timer;
  #lvt: number = LVT_TIMER.reset;
  #divide = 0;
  #initialCount = 0;
  /** When the count that is running began. */
  #start: Nanoseconds = 0;
  /** The count at {@link #start}; differs from the initial count after the divider was changed. */
  #startCount = 0;
  #deadline = 0n;

  constructor(options: LocalApicTimerOptions) {
    this.#options = options;
    this.#tickNanoseconds = options.tickNanoseconds ?? 1;
    this.#timer = options.clock.timer(options.name, () => this.#fire());
  }

  get initialCount(): number {
    return this.#initialCount;
  }

  get divide(): number {
    return this.#divide;
  }

  /** What CCR reads: counts down from the initial count; 0 once a one-shot has expired. */
  get currentCount(): number {
    if (this.#mode === MODE_TSC_DEADLINE || this.#startCount === 0) return 0;
    const elapsed = Math.floor((this.#options.clock.now() - this.#start) / this.#countNanoseconds);
    if (elapsed < this.#startCount) return this.#startCount - elapsed;
    if (this.#mode !== MODE_PERIODIC) return 0;
    return this.#initialCount - ((elapsed - this.#startCount) % this.#initialCount);
  }

  /** IA32_TSC_DEADLINE (MSR 0x6e0): 0 when disarmed or not in TSC-deadline mode. */
  get deadline(): bigint {
    return this.#deadline;
  }

  set deadline(value: bigint) {
    if (this.#mode !== MODE_TSC_DEADLINE) return;
    this.#deadline = value;
    this.#arm();
  }

  /** The LVT entry was written; entering or leaving TSC-deadline mode disarms the timer. */
  setLvt(value: number): void {
    const was = this.#mode;
    const count = this.currentCount;
    this.#lvt = value;
    if (was !== this.#mode && (was === MODE_TSC_DEADLINE || this.#mode === MODE_TSC_DEADLINE)) {
      this.#startCount = 0;
      this.#initialCount = 0;
      this.#deadline = 0n;
    } else if (was !== this.#mode) this.#restart(count);
    this.#arm();
  }

  writeInitialCount(value: number): void {
    if (this.#mode === MODE_TSC_DEADLINE) return;
    this.#initialCount = value;
    this.#restart(value);
    this.#arm();
  }

  writeDivide(value: number): void {
    const count = this.currentCount;
    this.#divide = value;
    this.#restart(count);
    this.#arm();
  }

  reset(): void {
    this.#lvt = LVT_TIMER.reset;
    this.#divide = 0;
    this.#initialCount = 0;
    this.#startCount = 0;
    this.#deadline = 0n;
    this.#timer.cancel();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      lvt: this.#lvt,
      divide: this.#divide,
      initialCount: this.#initialCount,
      start: this.#start,
      startCount: this.#startCount,
      deadline: this.#deadline,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#lvt = fields.lvt as number;
    this.#divide = fields.divide as number;
    this.#initialCount = fields.initialCount as number;
    this.#start = fields.start as number;
    this.#startCount = fields.startCount as number;
    this.#deadline = fields.deadline as bigint;
    if (typeof fields.timer === 'number') this.#timer.at(fields.timer);
    else this.#timer.cancel();
  }

  get #mode(): number {
    return LVT_TIMER.get(this.#lvt, 'mode');
  }

  get #countNanoseconds(): number {
    return divisorOf(this.#divide) * this.#tickNanoseconds;
  }

  #restart(count: number): void {
    this.#start = this.#options.clock.now();
    this.#startCount = count;
  }

  /** Arms the clock for the next expiry; a masked timer counts, but nobody would hear it. */
  #arm(): void {
    this.#timer.cancel();
    if (LVT_TIMER.has(this.#lvt, 'mask')) return;
    if (this.#mode === MODE_TSC_DEADLINE) {
      const time = this.#deadline === 0n ? undefined : this.#options.timeOfTsc?.(this.#deadline);
      if (time !== undefined) this.#timer.at(time);
      return;
    }
    const count = this.currentCount;
    if (count === 0) return;
    const now = this.#options.clock.now();
    const phase = (now - this.#start) % this.#countNanoseconds;
    this.#timer.after(count * this.#countNanoseconds - phase);
  }

  #fire(): void {
    if (this.#mode === MODE_TSC_DEADLINE) this.#deadline = 0n;
    else if (this.#mode === MODE_PERIODIC) {
      const period = this.#initialCount * this.#countNanoseconds;
      this.#timer.after(Math.ceil(MINIMUM_PERIOD_NS / period) * period);
    } else this.#startCount = 0;
    this.#options.expired();
  }
}
