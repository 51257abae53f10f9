/**
 * One counter of an 8254 (Intel 8254 datasheet, 1993). Its state follows from the tick at which it was loaded, so that
 * nothing runs while nobody looks. Ticks are counted from power-on at 1.193182 MHz.
 */
import type { Nanoseconds } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';

export const PIT_HERTZ = 1_193_182;
const SECOND = 1_000_000_000;

/** Whole ticks up to `time`; exact as long as a double is (104 days). */
export function ticksAt(time: Nanoseconds): number {
  const seconds = Math.floor(time / SECOND);
  return seconds * PIT_HERTZ + Math.floor(((time - seconds * SECOND) * PIT_HERTZ) / SECOND);
}

/** The first nanosecond at which {@link ticksAt} gives `tick`. */
export function timeOfTick(tick: number): Nanoseconds {
  const seconds = Math.floor(tick / PIT_HERTZ);
  return seconds * SECOND + Math.ceil(((tick - seconds * PIT_HERTZ) * SECOND) / PIT_HERTZ);
}

/** How the count is read and written: least, most significant byte, or both in turn. */
const ACCESS = { low: 1, high: 2, both: 3 } as const;

interface Fields {
  mode: number;
  bcd: boolean;
  access: number;
  gate: boolean;
  /** The count in force, 1 to 65536. */
  count: number;
  /** Tick at which the counting element took {@link count}; undefined before the first load or trigger. */
  loadedAt: number | undefined;
  /** Ticks counted when the gate stopped the counter (modes 0, 2, 3, 4). */
  frozen: number | undefined;
  /** Count that a periodic mode takes at the end of its cycle, and at which tick. */
  next: number | undefined;
  nextAt: number;
  /** Count register for the triggered modes (1, 5), taken at each trigger. */
  armed: number | undefined;
  /** Bytes of an access in two halves. */
  writeLow: number | undefined;
  readHighNext: boolean;
  latched: number | undefined;
  status: number | undefined;
}

const RESET: Readonly<Fields> = {
  mode: 3,
  bcd: false,
  access: ACCESS.both,
  gate: true,
  count: 0x10000,
  loadedAt: undefined,
  frozen: undefined,
  next: undefined,
  nextAt: 0,
  armed: undefined,
  writeLow: undefined,
  readHighNext: false,
  latched: undefined,
  status: undefined,
};

export class PitChannel {
  #f: Fields;
  readonly #resetGate: boolean;

  constructor(gate: boolean) {
    this.#resetGate = gate;
    this.#f = { ...RESET, gate };
  }

  get mode(): number {
    return this.#f.mode;
  }

  reset(): void {
    this.#f = { ...RESET, gate: this.#resetGate };
  }

  /** A control word for this counter (access code other than 0). */
  control(word: number): void {
    const mode = (word >> 1) & 7;
    this.#f = {
      ...RESET,
      gate: this.#f.gate,
      access: (word >> 4) & 3,
      mode: mode > 5 ? mode - 4 : mode,
      bcd: (word & 1) !== 0,
    };
  }

  latchCount(tick: number): void {
    this.#f.latched ??= this.#encoded(tick);
  }

  latchStatus(tick: number): void {
    const f = this.#f;
    f.status ??=
      (this.output(tick) ? 0x80 : 0) |
      (f.loadedAt === undefined || f.next !== undefined ? 0x40 : 0) |
      (f.access << 4) |
      (f.mode << 1) |
      (f.bcd ? 1 : 0);
  }

  /** The counter's port. */
  read(tick: number): number {
    const f = this.#f;
    if (f.status !== undefined) {
      const { status } = f;
      f.status = undefined;
      return status;
    }
    const value = f.latched ?? this.#encoded(tick);
    const high = f.access === ACCESS.high || (f.access === ACCESS.both && f.readHighNext);
    if (f.access === ACCESS.both) f.readHighNext = !f.readHighNext;
    if (f.access !== ACCESS.both || high) f.latched = undefined;
    return high ? value >> 8 : value & 0xff;
  }

  write(value: number, tick: number): void {
    const f = this.#f;
    if (f.access === ACCESS.low) this.#load(value, tick);
    else if (f.access === ACCESS.high) this.#load(value << 8, tick);
    else if (f.writeLow === undefined) {
      f.writeLow = value;
      // In mode 0 the first byte stops the counting (datasheet, "Mode 0").
      if (f.mode === 0) f.loadedAt = undefined;
    } else {
      const low = f.writeLow;
      f.writeLow = undefined;
      this.#load((value << 8) | low, tick);
    }
  }

  get gate(): boolean {
    return this.#f.gate;
  }

  setGate(gate: boolean, tick: number): void {
    const f = this.#f;
    if (gate === f.gate) return;
    this.#settle(tick);
    if (!gate) {
      if (f.mode !== 1 && f.mode !== 5 && f.loadedAt !== undefined) f.frozen = tick - f.loadedAt;
    } else if (f.mode === 1 || f.mode === 5) {
      if (f.armed !== undefined) this.#start(f.armed, tick);
    } else if (f.frozen !== undefined) {
      // Modes 2 and 3 begin a new cycle; 0 and 4 go on where they stopped.
      const reloads = f.mode === 2 || f.mode === 3;
      if (reloads) this.#start(f.next ?? f.count, tick);
      else f.loadedAt = tick - f.frozen;
      f.frozen = undefined;
    }
    f.gate = gate;
  }

  /** The OUT pin. */
  output(tick: number): boolean {
    this.#settle(tick);
    const { mode, count, loadedAt, frozen } = this.#f;
    if (loadedAt === undefined) return mode !== 0;
    const elapsed = frozen ?? tick - loadedAt;
    switch (mode) {
      case 0:
      case 1:
        return elapsed >= count;
      case 2:
        return frozen !== undefined || elapsed % count !== count - 1;
      case 3:
        return frozen !== undefined || elapsed % count < Math.ceil(count / 2);
      default:
        return elapsed !== count;
    }
  }

  /** The tick after `tick` at which OUT may change, or `undefined` if it stays. */
  nextChange(tick: number): number | undefined {
    this.#settle(tick);
    const { mode, count, loadedAt, frozen } = this.#f;
    if (loadedAt === undefined || frozen !== undefined) return undefined;
    const elapsed = tick - loadedAt;
    if (mode === 2 || mode === 3) {
      const position = elapsed % count;
      const edge = mode === 2 ? count - 1 : Math.ceil(count / 2);
      return tick - position + (position < edge ? edge : count);
    }
    if (elapsed < count) return loadedAt + count;
    return mode >= 4 && elapsed === count ? loadedAt + count + 1 : undefined;
  }

  save(): { readonly [field: string]: StateValue } {
    return { ...this.#f };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#f = { ...(fields as unknown as Fields) };
  }

  /** A complete count arrived. */
  #load(written: number, tick: number): void {
    const f = this.#f;
    const value = f.bcd ? fromBcd(written) : written;
    const count = value === 0 ? (f.bcd ? 10_000 : 0x10000) : value;
    if (f.mode === 1 || f.mode === 5) {
      f.armed = count;
      return;
    }
    this.#settle(tick);
    if ((f.mode === 2 || f.mode === 3) && f.loadedAt !== undefined) {
      f.next = count;
      f.nextAt = tick - ((tick - f.loadedAt) % f.count) + f.count;
      return;
    }
    this.#start(count, tick);
    f.frozen = f.gate ? undefined : 0;
  }

  #start(count: number, tick: number): void {
    const f = this.#f;
    f.count = count;
    f.loadedAt = tick;
    f.next = undefined;
  }

  /** Takes a count that was waiting for the end of the cycle, if that has come. */
  #settle(tick: number): void {
    const f = this.#f;
    if (f.next !== undefined && f.frozen === undefined && tick >= f.nextAt) this.#start(f.next, f.nextAt);
  }

  /** What the counting element holds, 0 to 65535 (or 9999 in BCD). */
  #encoded(tick: number): number {
    this.#settle(tick);
    const { mode, count, loadedAt, frozen, bcd } = this.#f;
    const range = bcd ? 10_000 : 0x10000;
    let value = count;
    if (loadedAt !== undefined) {
      const elapsed = frozen ?? tick - loadedAt;
      if (mode === 2) value = count - (elapsed % count);
      else if (mode === 3) value = squareWaveCount(count, elapsed % count);
      else value = (((count - elapsed) % range) + range) % range;
    }
    value %= range;
    return bcd ? toBcd(value) : value;
  }
}

/** Mode 3 counts down by two in each half of the wave, from the count made even. */
function squareWaveCount(count: number, position: number): number {
  const half = Math.ceil(count / 2);
  return (count & ~1) - 2 * (position < half ? position : position - half);
}

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  const digit = (divisor: number) => Math.floor(value / divisor) % 10;
  return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
}
