/**
 * The real-time clock and CMOS memory of a PC, ports 0x70 and 0x71, IRQ 8 (Motorola MC146818A datasheet, 1984; the
 * memory map is the AT's and SeaBIOS's). Time is a fixed epoch plus virtual time, so that every run sees the same dates.
 *
 * Not modelled: daylight saving, the square wave, the second bank of CMOS.
 */
import type { Nanoseconds, Timer, VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { calendarFromSeconds, secondsFromCalendar } from './calendar.ts';
import { FLAG_C, REGISTER_A, REGISTER_B, RTC, VALID_RAM } from './rtc-registers.ts';
import { type Civil, TIME_FIELDS } from './rtc-time.ts';

/** 2024-01-01T00:00:00Z: where virtual time begins unless the machine says otherwise. */
export const DEFAULT_EPOCH_SECONDS = 1_704_067_200;

const SECOND = 1_000_000_000;
/** Update In Progress rises this long before the second changes (t_BUC). */
const UPDATE_NOTICE = 244_000;
const CMOS_BYTES = 128;
/** Alarm bytes from 0xc0 up match anything. */
const ALARM_ANY = 0xc0;
const DIVIDER_RUNNING = 2;
/** A day holds every time of day, so no alarm needs a longer search. */
const SECONDS_PER_DAY = 86_400;
const KIB = 1024;
const MIB = KIB * KIB;

export interface RtcOptions {
  readonly clock: VirtualClock;
  /** Level of IRQ 8. */
  readonly interrupt: (asserted: boolean) => void;
  /** Seconds since 1970 at power-on. */
  readonly epochSeconds?: number;
}

export class Rtc implements StateSource {
  readonly name = 'rtc';
  readonly version = 1;
  readonly ops: MmioOps;
  /** CMOS memory from 0x0e on; the clock's own bytes live elsewhere. */
  readonly cmos = new Uint8Array(CMOS_BYTES);
  readonly #options: RtcOptions;
  readonly #timer: Timer;
  #index = 0;
  #nmiMasked = false;
  /** Seconds since 1970 at virtual time 0, as the guest set the clock. */
  #offsetSeconds: number;
  /** The time registers while SET holds them (Register B bit 7): as written, even if no such date exists. */
  #held: Civil | undefined;
  #a: number = REGISTER_A.reset;
  #b: number = REGISTER_B.reset;
  #c = 0;
  /** Up to when the flags of Register C have been worked out. */
  #seen: Nanoseconds = 0;
  #asserted = false;

  constructor(options: RtcOptions) {
    this.#options = options;
    this.#offsetSeconds = options.epochSeconds ?? DEFAULT_EPOCH_SECONDS;
    this.#timer = options.clock.timer('rtc', () => this.#update());
    this.ops = {
      read: (offset) => (offset === 0 ? 0xff : this.#read(this.#index)),
      write: (offset, _size, value) => {
        if (offset === 0) this.#select(value & 0xff);
        else this.#write(this.#index, value & 0xff);
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  /** Port 0x70 bit 7: while set, the board keeps NMI from the processor. */
  get nmiMasked(): boolean {
    return this.#nmiMasked;
  }

  /** Writes the memory sizes that firmware reads: bytes of RAM below and above 4 GiB. */
  setMemorySizes(below4Gib: number, above4Gib: number): void {
    const { cmos } = this;
    const put = (at: number, value: number) => {
      cmos[at] = value & 0xff;
      cmos[at + 1] = (value >> 8) & 0xff;
    };
    put(0x15, 640);
    const extendedKib = Math.min(Math.max((below4Gib - MIB) / KIB, 0), 0xffff);
    put(0x17, extendedKib);
    put(0x30, extendedKib);
    put(0x34, Math.min(Math.max((below4Gib - 16 * MIB) / (64 * KIB), 0), 0xffff));
    const above = above4Gib / (64 * KIB);
    put(0x5b, above);
    cmos[0x5d] = (above >> 16) & 0xff;
  }

  /** A reset clears interrupt enables and flags; time and memory live on the battery. */
  reset(): void {
    this.#b &= ~0x78;
    this.#c = 0;
    this.#index = 0;
    this.#nmiMasked = false;
    this.#update();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      cmos: this.cmos.slice(),
      index: this.#index,
      nmiMasked: this.#nmiMasked,
      offsetSeconds: this.#offsetSeconds,
      held: this.#held === undefined ? undefined : { ...this.#held },
      registers: [this.#a, this.#b, this.#c],
      seen: this.#seen,
      asserted: this.#asserted,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.cmos.set(fields.cmos as Uint8Array);
    this.#index = fields.index as number;
    this.#nmiMasked = fields.nmiMasked as boolean;
    this.#offsetSeconds = fields.offsetSeconds as number;
    this.#held = fields.held as Civil | undefined;
    [this.#a, this.#b, this.#c] = fields.registers as [number, number, number];
    this.#seen = fields.seen as number;
    this.#asserted = fields.asserted as boolean;
    if (typeof fields.timer === 'number') this.#timer.at(fields.timer);
    else this.#timer.cancel();
  }

  get #now(): Nanoseconds {
    return this.#options.clock.now();
  }

  #secondsAt(time: Nanoseconds): number {
    return Math.floor(time / SECOND) + this.#offsetSeconds;
  }

  /** Nanoseconds between periodic interrupts, or `undefined` while they are off (Register A, Rate Selection). */
  get #period(): Nanoseconds | undefined {
    const rate = REGISTER_A.get(this.#a, 'rate');
    if (rate === 0 || REGISTER_A.get(this.#a, 'divider') !== DIVIDER_RUNNING) return undefined;
    // Codes 1 and 2 repeat 8 and 9 with the 32768 Hz time base.
    const shift = rate <= 2 ? rate + 6 : rate - 1;
    return (2 ** shift * SECOND) / 32_768;
  }

  #select(value: number): void {
    const index = value & 0x7f;
    this.#index = index === RTC.centuryPs2 ? RTC.century : index;
    this.#nmiMasked = (value & 0x80) !== 0;
  }

  #read(index: number): number {
    switch (index) {
      case RTC.a:
        return this.#a | (this.#updating ? 0x80 : 0);
      case RTC.b:
        return this.#b;
      case RTC.c:
        return this.#readFlags();
      case RTC.d:
        return VALID_RAM;
    }
    const field = TIME_FIELDS.get(index);
    if (field === undefined) return this.cmos[index]!;
    const value = field.get(this.#held ?? calendarFromSeconds(this.#secondsAt(this.#now)));
    return index === RTC.hours ? this.#encodeHours(value) : this.#encode(value);
  }

  get #updating(): boolean {
    return !REGISTER_B.has(this.#b, 'set') && SECOND - (this.#now % SECOND) <= UPDATE_NOTICE;
  }

  /** Reading Register C clears it and lowers the interrupt. */
  #readFlags(): number {
    this.#collectFlags();
    const flags = this.#c;
    this.#c = 0;
    this.#update();
    return flags;
  }

  #write(index: number, value: number): void {
    if (index === RTC.a) this.#a = REGISTER_A.afterGuestWrite(this.#a, value);
    else if (index === RTC.b) this.#writeB(value);
    else if (index === RTC.c || index === RTC.d) return;
    else if (TIME_FIELDS.has(index)) this.#writeTime(index, value);
    else this.cmos[index] = value;
    this.#update();
  }

  #writeB(value: number): void {
    this.#collectFlags();
    const held = this.#held;
    // SET turns the update interrupt off (Register B, SET).
    this.#b = (value & 0x80) !== 0 ? value & ~0x10 : value;
    if (REGISTER_B.has(this.#b, 'set')) this.#held ??= calendarFromSeconds(this.#secondsAt(this.#now));
    else if (held !== undefined) {
      this.#offsetSeconds = secondsFromCalendar(held) - Math.floor(this.#now / SECOND);
      this.#held = undefined;
    }
  }

  #writeTime(index: number, value: number): void {
    const seconds = this.#secondsAt(this.#now);
    const decoded = index === RTC.hours ? this.#decodeHours(value) : this.#decode(value);
    const next = TIME_FIELDS.get(index)!.set(this.#held ?? calendarFromSeconds(seconds), decoded);
    if (this.#held !== undefined) this.#held = next;
    else this.#offsetSeconds += secondsFromCalendar(next) - seconds;
  }

  #encode(value: number): number {
    return REGISTER_B.has(this.#b, 'binary') ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return REGISTER_B.has(this.#b, 'binary') ? value : (value >> 4) * 10 + (value & 15);
  }

  /** 12-hour mode: 12, 1 ... 11, with bit 7 for the afternoon. */
  #encodeHours(hour: number): number {
    if (REGISTER_B.has(this.#b, 'hours24')) return this.#encode(hour);
    return this.#encode(hour % 12 === 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0);
  }

  #decodeHours(value: number): number {
    if (REGISTER_B.has(this.#b, 'hours24')) return this.#decode(value);
    return (this.#decode(value & 0x7f) % 12) + ((value & 0x80) !== 0 ? 12 : 0);
  }

  /** True when the alarm bytes match the time `seconds`. */
  #alarmMatches(seconds: number): boolean {
    const { hour, minute, second } = calendarFromSeconds(seconds);
    const wanted = [
      [RTC.secondsAlarm, this.#encode(second)],
      [RTC.minutesAlarm, this.#encode(minute)],
      [RTC.hoursAlarm, this.#encodeHours(hour)],
    ] as const;
    return wanted.every(([index, value]) => this.cmos[index]! >= ALARM_ANY || this.cmos[index] === value);
  }

  /** Works out which events came since the last look. */
  #collectFlags(): void {
    const from = this.#seen;
    const to = this.#now;
    this.#seen = to;
    const period = this.#period;
    if (period !== undefined && Math.floor(to / period) > Math.floor(from / period)) this.#c |= FLAG_C.periodic;
    const first = Math.floor(from / SECOND) + 1;
    const last = Math.floor(to / SECOND);
    if (!REGISTER_B.has(this.#b, 'set') && last >= first) {
      this.#c |= FLAG_C.update;
      const days = Math.min(last - first + 1, SECONDS_PER_DAY);
      for (let back = 0; back < days && (this.#c & FLAG_C.alarm) === 0; back += 1) {
        if (this.#alarmMatches(last - back + this.#offsetSeconds)) this.#c |= FLAG_C.alarm;
      }
    }
    if ((this.#c & this.#b & 0x70) !== 0) this.#c |= FLAG_C.interrupt;
  }

  /** Drives IRQ 8 and arms the clock for the next event that would interrupt. */
  #update(): void {
    this.#collectFlags();
    const asserted = (this.#c & FLAG_C.interrupt) !== 0;
    if (asserted !== this.#asserted) {
      this.#asserted = asserted;
      this.#options.interrupt(asserted);
    }
    const next = this.#nextInterrupt;
    if (asserted || next === undefined) this.#timer.cancel();
    else this.#timer.at(next);
  }

  get #nextInterrupt(): Nanoseconds | undefined {
    const now = this.#now;
    const candidates: number[] = [];
    const period = this.#period;
    if (REGISTER_B.has(this.#b, 'periodicInterrupt') && period !== undefined) {
      candidates.push(Math.ceil((Math.floor(now / period) + 1) * period));
    }
    const seconds = REGISTER_B.has(this.#b, 'updateInterrupt') || REGISTER_B.has(this.#b, 'alarmInterrupt');
    if (seconds && !REGISTER_B.has(this.#b, 'set')) candidates.push((Math.floor(now / SECOND) + 1) * SECOND);
    return candidates.length === 0 ? undefined : Math.min(...candidates);
  }
}
