/**
 * High precision event timers: a 64-bit counter of 100 MHz and three comparators at 0xfed00000 (IA-PC HPET Specification
 * 1.0a), with the identity of QEMU 7.2's. Each timer can be periodic; timers 0 and 1 can take the place of the PIT and the
 * real-time clock.
 *
 * Not modelled: interrupts as messages (FSB), which are not offered, as on QEMU.
 *
 * DEVIATION: a periodic timer fires at most once a microsecond; a driver that sets less could count fewer interrupts.
 */
import type { Nanoseconds, Timer, VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import {
  FIRST_TIMER_OFFSET,
  GCAP_ID,
  GCAP_ID_OFFSET,
  GCAP_PERIOD,
  GCAP_PERIOD_OFFSET,
  GEN_CONF,
  GEN_CONF_OFFSET,
  GINTR_STA,
  GINTR_STA_OFFSET,
  HPET_TICK_NANOSECONDS,
  HPET_TIMERS,
  MAIN_CNT_OFFSET,
  TIMER,
  TIMER_BYTES,
  TIMER_CONF,
  TIMER_ROUTES,
} from './hpet-registers.ts';
import { HpetTimer, withHalf } from './hpet-timer.ts';

const WIDE = 0xffff_ffff_ffff_ffffn;
const IRQ_TIMER = 0;
const IRQ_CLOCK = 8;
const ROUTES = 32;
/** Beyond what virtual time can hold a timer never fires. */
const TICKS_MAX = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / HPET_TICK_NANOSECONDS));

export interface HpetOptions {
  readonly clock: VirtualClock;
  /** Level of input `route`, 0-31, of the I/O APIC; 0 and 8 are the PIT's and the clock's wires, at the 8259s too. */
  readonly interrupt: (route: number, asserted: boolean) => void;
  /** QEMU fires at once when a comparator is set to the past, and drives whatever route is written. */
  readonly asQemu: boolean;
}

export class Hpet implements StateSource {
  readonly name = 'hpet';
  readonly version = 1;
  readonly ops: MmioOps;
  readonly #options: HpetOptions;
  readonly #alarm: Timer;
  readonly #timers = Array.from({ length: HPET_TIMERS }, () => new HpetTimer());
  #config: number = GEN_CONF.reset;
  #status: number = GINTR_STA.reset;
  /** The main counter while it stands; while it runs, its value at {@link #since}. */
  #count = 0n;
  #since: Nanoseconds = 0;
  /** Levels of the lines, a bit each, and of the two wires that pass through here. */
  #lines = 0;
  #pit = false;
  #rtc = false;

  constructor(options: HpetOptions) {
    this.#options = options;
    this.#alarm = options.clock.timer('hpet', () => this.#fire());
    // Registers of 64 bits are read whole by 64-bit kernels (2.3.1); the bus gives them here in halves.
    this.ops = {
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value >>> 0),
      valid: { minimum: 4, maximum: 8 },
      impl: { minimum: 4, maximum: 4 },
    };
  }

  /** The PIT's output: it reaches IRQ 0 unless timer 0 has taken its place. */
  pitOutput(asserted: boolean): void {
    this.#pit = asserted;
    if (!this.#legacy) this.#options.interrupt(IRQ_TIMER, asserted);
  }

  /** The real-time clock's output: it reaches IRQ 8 unless timer 1 has taken its place. */
  clockOutput(asserted: boolean): void {
    this.#rtc = asserted;
    if (!this.#legacy) this.#options.interrupt(IRQ_CLOCK, asserted);
  }

  reset(): void {
    for (const timer of this.#timers) timer.reset();
    for (let route = 0; route < ROUTES; route += 1) this.#drive(route, false);
    if (this.#legacy) {
      this.#options.interrupt(IRQ_TIMER, this.#pit);
      this.#options.interrupt(IRQ_CLOCK, this.#rtc);
    }
    this.#config = GEN_CONF.reset;
    this.#status = GINTR_STA.reset;
    this.#count = 0n;
    this.#since = 0;
    this.#arm();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      timers: this.#timers.map((timer) => timer.save()),
      config: this.#config,
      status: this.#status,
      count: this.#count,
      since: this.#since,
      lines: this.#lines,
      wires: [this.#pit, this.#rtc],
      alarm: this.#alarm.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const timers = fields.timers as readonly { readonly [field: string]: StateValue }[];
    for (const [index, timer] of this.#timers.entries()) timer.load(timers[index]!);
    this.#config = fields.config as number;
    this.#status = fields.status as number;
    this.#count = fields.count as bigint;
    this.#since = fields.since as number;
    this.#lines = fields.lines as number;
    [this.#pit, this.#rtc] = fields.wires as [boolean, boolean];
    if (typeof fields.alarm === 'number') this.#alarm.at(fields.alarm);
    else this.#alarm.cancel();
  }

  get #enabled(): boolean {
    return GEN_CONF.has(this.#config, 'enable');
  }

  get #legacy(): boolean {
    return GEN_CONF.has(this.#config, 'legacy');
  }

  /** Not cut to 64 bits, so that differences keep their sign. */
  get #counter(): bigint {
    if (!this.#enabled) return this.#count;
    return this.#count + BigInt(Math.floor((this.#options.clock.now() - this.#since) / HPET_TICK_NANOSECONDS));
  }

  #read(offset: number): number {
    const high = (offset & 4) !== 0;
    if (offset >= FIRST_TIMER_OFFSET) {
      const timer = this.#timers[(offset - FIRST_TIMER_OFFSET) >> 5];
      return timer === undefined ? 0 : readTimer(timer, offset % TIMER_BYTES);
    }
    switch (offset) {
      case GCAP_ID_OFFSET:
        return GCAP_ID.reset;
      case GCAP_PERIOD_OFFSET:
        return GCAP_PERIOD.reset;
      case GEN_CONF_OFFSET:
        return this.#config;
      case GINTR_STA_OFFSET:
        return this.#status;
      case MAIN_CNT_OFFSET:
      case MAIN_CNT_OFFSET + 4:
        return half(this.#counter, high);
      default:
        return 0;
    }
  }

  #write(offset: number, value: number): void {
    if (offset >= FIRST_TIMER_OFFSET) {
      const index = (offset - FIRST_TIMER_OFFSET) >> 5;
      if (index < HPET_TIMERS) this.#writeTimer(index, offset % TIMER_BYTES, value);
    } else if (offset === GEN_CONF_OFFSET) this.#configure(value);
    else if (offset === GINTR_STA_OFFSET) {
      const cleared = this.#status & value;
      for (let index = 0; index < HPET_TIMERS; index += 1) if ((cleared & (1 << index)) !== 0) this.#lower(index);
    } else if ((offset & ~4) === MAIN_CNT_OFFSET) {
      // Software stops the counter before it writes it (2.3.7); on QEMU a write while it runs is lost.
      if (this.#enabled && this.#options.asQemu) return;
      this.#setCounter(withHalf(this.#counter & WIDE, offset !== MAIN_CNT_OFFSET, value));
    }
    this.#arm();
  }

  #setCounter(count: bigint): void {
    this.#count = count;
    this.#since = this.#options.clock.now();
    if (this.#enabled) for (const timer of this.#timers) if (timer.due !== undefined) this.#schedule(timer);
  }

  #configure(value: number): void {
    const before = this.#config;
    const next = GEN_CONF.afterGuestWrite(before, value);
    const runs = GEN_CONF.has(next, 'enable');
    const count = this.#counter & WIDE;
    const legacy = GEN_CONF.has(next, 'legacy');
    const replaces = legacy !== GEN_CONF.has(before, 'legacy');
    // What is pending moves to the timers' other lines.
    const pending = this.#status;
    if (replaces) for (let index = 0; index < HPET_TIMERS; index += 1) this.#lower(index);
    this.#config = next;
    if (runs !== GEN_CONF.has(before, 'enable')) {
      this.#count = count;
      this.#since = this.#options.clock.now();
      for (const [index, timer] of this.#timers.entries()) {
        if (!runs) this.#stop(index);
        else if (timer.comparator !== WIDE) this.#schedule(timer);
      }
    }
    if (!replaces) return;
    // The replaced wires fall silent; given back, they have their own levels again.
    this.#options.interrupt(IRQ_TIMER, !legacy && this.#pit);
    this.#options.interrupt(IRQ_CLOCK, !legacy && this.#rtc);
    this.#status = runs ? pending : 0;
    for (let index = 0; index < HPET_TIMERS; index += 1) {
      if ((this.#status & (1 << index)) !== 0) this.#drive(this.#routeOf(index), true);
    }
  }

  #writeTimer(index: number, register: number, value: number): void {
    const timer = this.#timers[index]!;
    switch (register) {
      case TIMER.config: {
        const wasEnabled = timer.enabled;
        const held = (this.#status & (1 << index)) !== 0;
        const route = this.#routeOf(index);
        timer.writeConfig(value);
        if (timer.enabled && !wasEnabled && this.#enabled) this.#schedule(timer);
        else if (!timer.enabled && wasEnabled) this.#stop(index);
        // A pending interrupt follows its line.
        if (held && this.#routeOf(index) !== route) {
          this.#drive(route, false);
          if ((this.#status & (1 << index)) !== 0) this.#drive(this.#routeOf(index), true);
        }
        break;
      }
      case TIMER.comparator:
      case TIMER.comparatorHigh:
        timer.writeComparator(register === TIMER.comparatorHigh, value);
        if (this.#enabled) this.#schedule(timer);
        break;
      case TIMER.fsb:
      case TIMER.fsbHigh:
        timer.fsb = withHalf(timer.fsb, register === TIMER.fsbHigh, value);
        break;
      default: // The high half of the configuration cannot be written.
    }
  }

  #schedule(timer: HpetTimer): void {
    timer.schedule(this.#counter, this.#options.asQemu);
  }

  #stop(index: number): void {
    this.#timers[index]!.due = undefined;
    this.#lower(index);
  }

  #routeOf(index: number): number {
    if (this.#legacy && index === 0) return IRQ_TIMER;
    if (this.#legacy && index === 1) return IRQ_CLOCK;
    return this.#timers[index]!.route;
  }

  #lower(index: number): void {
    this.#status &= ~(1 << index);
    this.#drive(this.#routeOf(index), false);
  }

  /** An interrupt of a timer: a level that stays, or an edge. */
  #raise(index: number): void {
    const timer = this.#timers[index]!;
    const route = this.#routeOf(index);
    if (!timer.enabled || TIMER_CONF.has(timer.config, 'fsbEnable')) return;
    this.#drive(route, true);
    if (timer.level) this.#status |= 1 << index;
    else this.#drive(route, false);
  }

  #drive(route: number, asserted: boolean): void {
    const line = 2 ** route;
    const was = Math.floor(this.#lines / line) % 2 === 1;
    if (was === asserted) return;
    const replaces = this.#legacy && (route === IRQ_TIMER || route === IRQ_CLOCK);
    if (asserted && !replaces && !this.#options.asQemu && Math.floor(TIMER_ROUTES.reset / line) % 2 === 0) return;
    this.#lines += asserted ? line : -line;
    this.#options.interrupt(route, asserted);
  }

  #fire(): void {
    const count = this.#counter;
    for (const [index, timer] of this.#timers.entries()) {
      if (timer.due === undefined || timer.due > count) continue;
      timer.advance(count, this.#options.asQemu);
      this.#raise(index);
    }
    this.#arm();
  }

  /** Arms the clock for the first timer. */
  #arm(): void {
    let first: bigint | undefined;
    for (const { due } of this.#timers) if (due !== undefined && (first === undefined || due < first)) first = due;
    const ticks = first === undefined ? TICKS_MAX : first - this.#count;
    if (!this.#enabled || ticks >= TICKS_MAX) this.#alarm.cancel();
    else this.#alarm.at(this.#since + Number(ticks) * HPET_TICK_NANOSECONDS);
  }
}

function readTimer(timer: HpetTimer, register: number): number {
  switch (register) {
    case TIMER.config:
      return timer.config;
    case TIMER.routes:
      return TIMER_ROUTES.reset;
    case TIMER.comparator:
    case TIMER.comparatorHigh:
      return half(timer.comparator, register === TIMER.comparatorHigh);
    case TIMER.fsb:
    case TIMER.fsbHigh:
      return half(timer.fsb, register === TIMER.fsbHigh);
    default:
      return 0;
  }
}

function half(value: bigint, high: boolean): number {
  return Number(BigInt.asUintN(32, high ? value >> 32n : value));
}
