/** The receiver of a 16550: a FIFO fed from the host's queue, its overrun and its time-out (PC16550D §8.4, §8.11). */
import type { Nanoseconds, Timer, VirtualClock } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import { FIFO_BYTES } from './uart-registers.ts';

export class UartReceiver {
  /** What the host sent and the FIFO has not taken yet. */
  readonly #queue: number[] = [];
  readonly #fifo: number[] = [];
  readonly #timer: Timer;
  /** Bytes that fit: 16 with FIFOs enabled, 1 without. */
  #capacity = 1;
  /** While the line is cut off (loop mode) the host's bytes wait. */
  #connected = true;
  #overrun = false;
  #timedOut = false;
  /** Four character times, in nanoseconds. */
  timeoutNanoseconds: Nanoseconds = 0;

  constructor(clock: VirtualClock, name: string, changed: () => void) {
    this.#timer = clock.timer(name, () => {
      this.#timedOut = this.#fifo.length > 0;
      changed();
    });
  }

  /** Bytes that the driver can read now. */
  get ready(): number {
    return this.#fifo.length;
  }

  /** Bytes that the driver has not read yet, in the FIFO and in the host's queue. */
  get waiting(): number {
    return this.#queue.length + this.#fifo.length;
  }

  get overrun(): boolean {
    return this.#overrun;
  }

  /** Bytes below the trigger level have waited for four character times. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** The host sends a byte; the queue has no limit. */
  enqueue(byte: number): void {
    this.#queue.push(byte);
  }

  /** Takes from the host's queue what fits. */
  fill(): void {
    if (!this.#connected) return;
    const room = Math.min(this.#capacity - this.#fifo.length, this.#queue.length);
    if (room <= 0) return;
    this.#fifo.push(...this.#queue.splice(0, room));
    this.#armTimeout();
  }

  /** A byte arrives from the line itself; one too many is an overrun. */
  take(byte: number): void {
    if (this.#fifo.length >= this.#capacity) {
      this.#overrun = true;
      // Without FIFOs the new byte replaces the old one; with them it is lost (§8.4).
      if (this.#capacity === 1) this.#fifo[0] = byte;
      return;
    }
    this.#fifo.push(byte);
    this.#armTimeout();
  }

  /** The driver reads a byte; an empty receiver gives 0. */
  read(): number {
    const byte = this.#fifo.shift() ?? 0;
    this.#timedOut = false;
    this.#timer.cancel();
    this.fill();
    this.#armTimeout();
    return byte;
  }

  clearOverrun(): void {
    this.#overrun = false;
  }

  /** FIFO control was written: empties the FIFO if asked, and takes what now fits. */
  configure(fifosEnabled: boolean, clear: boolean): void {
    this.#capacity = fifosEnabled ? FIFO_BYTES : 1;
    if (clear) {
      this.#fifo.length = 0;
      this.#timedOut = false;
      this.#timer.cancel();
    }
    this.fill();
    this.#armTimeout();
  }

  /** Loop mode cuts the host's line off, or connects it again. */
  connect(connected: boolean): void {
    this.#connected = connected;
    this.fill();
  }

  reset(): void {
    this.#overrun = false;
    this.#connected = true;
    this.configure(false, true);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      queue: [...this.#queue],
      fifo: [...this.#fifo],
      capacity: this.#capacity,
      connected: this.#connected,
      overrun: this.#overrun,
      timedOut: this.#timedOut,
      timeoutNanoseconds: this.timeoutNanoseconds,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#queue.splice(0, this.#queue.length, ...(fields.queue as readonly number[]));
    this.#fifo.splice(0, this.#fifo.length, ...(fields.fifo as readonly number[]));
    this.#capacity = fields.capacity as number;
    this.#connected = fields.connected as boolean;
    this.#overrun = fields.overrun as boolean;
    this.#timedOut = fields.timedOut as boolean;
    this.timeoutNanoseconds = fields.timeoutNanoseconds as number;
    if (typeof fields.timer === 'number') this.#timer.at(fields.timer);
    else this.#timer.cancel();
  }

  #armTimeout(): void {
    if (this.#capacity > 1 && this.#fifo.length > 0) this.#timer.after(this.timeoutNanoseconds);
  }
}
