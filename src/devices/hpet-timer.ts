/** One comparator of the high precision event timers (IA-PC HPET Specification 1.0a, 2.3.8 to 2.3.10). */
import type { StateValue } from '../base/state.ts';
import { TIMER_CONF } from './hpet-registers.ts';

const NARROW = 0xffff_ffffn;
const WIDE = 0xffff_ffff_ffff_ffffn;
/** A periodic timer fires at most so often: once a microsecond. */
const SHORTEST_TICKS = 100n;

/** `value` with its low or high half replaced. */
export function withHalf(value: bigint, high: boolean, half: number): bigint {
  const part = BigInt(half >>> 0);
  return high ? (value & NARROW) | (part << 32n) : (value & ~NARROW & WIDE) | part;
}

export class HpetTimer {
  config: number = TIMER_CONF.reset;
  comparator = WIDE;
  period = 0n;
  /** Address and value of the message, as written. */
  fsb = 0n;
  /** The count at which it fires next, past the main counter's range when that wraps first; `undefined`: never. */
  due: bigint | undefined;
  /** The next event is the wrap of the low half in a one-shot of 32 bits, and not the match. */
  wraps = false;

  reset(): void {
    this.config = TIMER_CONF.reset;
    this.comparator = WIDE;
    this.period = 0n;
    this.due = undefined;
    this.wraps = false;
  }

  get enabled(): boolean {
    return TIMER_CONF.has(this.config, 'enable');
  }

  get level(): boolean {
    return TIMER_CONF.has(this.config, 'level');
  }

  get periodic(): boolean {
    return TIMER_CONF.has(this.config, 'periodic');
  }

  get narrow(): boolean {
    return TIMER_CONF.has(this.config, 'narrow');
  }

  get route(): number {
    return TIMER_CONF.get(this.config, 'route');
  }

  get #mask(): bigint {
    return this.narrow ? NARROW : WIDE;
  }

  writeConfig(value: number): void {
    this.config = TIMER_CONF.afterGuestWrite(this.config, value);
    if (!this.narrow) return;
    this.comparator &= NARROW;
    this.period &= NARROW;
  }

  /** A periodic timer takes what is written as its period; with VAL_SET_CNF as comparator and period. */
  writeComparator(high: boolean, value: number): void {
    const setsValue = TIMER_CONF.has(this.config, 'setValue');
    // 32 bits wide it has no upper half.
    if (!(high && this.narrow)) {
      if (!this.periodic || setsValue) this.comparator = withHalf(this.comparator, high, value);
      // The low half sets the period with the comparator, the high half sets one of the two.
      if (this.periodic && !(high && setsValue))
        this.period = withHalf(this.period, high, value & this.#periodMask(high));
    }
    this.config = TIMER_CONF.with(this.config, 'setValue', 0);
  }

  /** The sign bit of a period is dropped: a longer one could not be told from the past. */
  #periodMask(high: boolean): number {
    return high || this.narrow ? 0x7fff_ffff : 0xffff_ffff;
  }

  /**
   * Works out when it fires next, seen from `count`. A match in the past comes after the counter's next round; on QEMU,
   * `pastIsNow`, at once.
   */
  schedule(count: bigint, pastIsNow: boolean): void {
    this.wraps = false;
    let distance = this.#distance(count, pastIsNow);
    if (this.narrow && !this.periodic) {
      // Such a timer interrupts at the counter's wrap too (2.3.9.2.1).
      const toWrap = NARROW - (count & NARROW);
      if (toWrap < distance) {
        distance = toWrap;
        this.wraps = true;
      }
    }
    this.due = count + distance;
  }

  /** It has fired: what comes next, seen from `count`. */
  advance(count: bigint, pastIsNow: boolean): void {
    const { narrow } = this;
    this.due = undefined;
    if (this.periodic && this.period !== 0n) {
      const mask = this.#mask;
      const late = (count - this.comparator) & mask;
      // A match that is still to come has the sign bit.
      if (late <= mask >> 1n) {
        const steps = (late + this.period - 1n) / this.period;
        this.comparator = (this.comparator + (steps === 0n ? 1n : steps) * this.period) & mask;
        // At the match itself the next one counts.
        if (((this.comparator - count) & mask) === 0n) this.comparator = (this.comparator + this.period) & mask;
      }
      const distance = this.#distance(count, pastIsNow);
      this.due = count + (distance < SHORTEST_TICKS ? SHORTEST_TICKS : distance);
    } else if (narrow && !this.periodic && this.wraps) {
      this.wraps = false;
      this.due = count + this.#distance(count, pastIsNow);
    }
  }

  #distance(count: bigint, pastIsNow: boolean): bigint {
    const mask = this.#mask;
    const distance = (this.comparator - count) & mask;
    return pastIsNow && distance > mask >> 1n ? 0n : distance;
  }

  save(): { readonly [field: string]: StateValue } {
    const { config, comparator, period, fsb, due, wraps } = this;
    return { config, comparator, period, fsb, due, wraps };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.config = fields.config as number;
    this.comparator = fields.comparator as bigint;
    this.period = fields.period as bigint;
    this.fsb = fields.fsb as bigint;
    this.due = fields.due as bigint | undefined;
    this.wraps = fields.wraps as boolean;
  }
}
