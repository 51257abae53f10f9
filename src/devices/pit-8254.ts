/**
 * The programmable interval timer of a PC: three counters at ports 0x40-0x43 (Intel 8254 datasheet, 1993). Counter 0
 * drives IRQ 0, counter 1 once refreshed memory, counter 2 is gated and read through port 0x61.
 *
 * DEVIATION: a count takes effect at the tick of its write, one tick earlier than the datasheet's load pulse; a driver
 * could notice 0.8 microseconds.
 */
import type { Timer, VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { PitChannel, ticksAt, timeOfTick } from './pit-channel.ts';

const CONTROL = 3;
const READ_BACK = 3;

export interface PitOptions {
  readonly clock: VirtualClock;
  /** Level of counter 0's output. */
  readonly interrupt: (asserted: boolean) => void;
}

export class Pit8254 implements StateSource {
  readonly name = 'pit';
  readonly version = 1;
  readonly ops: MmioOps;
  readonly #options: PitOptions;
  readonly #channels = [new PitChannel(true), new PitChannel(true), new PitChannel(false)] as const;
  readonly #timer: Timer;
  #asserted = false;

  constructor(options: PitOptions) {
    this.#options = options;
    this.#timer = options.clock.timer('pit/counter0', () => this.#update());
    this.ops = {
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value & 0xff),
      impl: { minimum: 1, maximum: 1 },
    };
  }

  /** Output of counter 2, bit 5 of port 0x61. */
  get output2(): boolean {
    return this.#channels[2].output(this.#tick);
  }

  /** Gate of counter 2, bit 0 of port 0x61. */
  get gate2(): boolean {
    return this.#channels[2].gate;
  }

  set gate2(gate: boolean) {
    this.#channels[2].setGate(gate, this.#tick);
  }

  reset(): void {
    for (const channel of this.#channels) channel.reset();
    this.#update();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      channels: this.#channels.map((channel) => channel.save()),
      asserted: this.#asserted,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const saved = fields.channels as readonly { readonly [field: string]: StateValue }[];
    for (const [index, channel] of this.#channels.entries()) channel.load(saved[index]!);
    this.#asserted = fields.asserted as boolean;
    if (typeof fields.timer === 'number') this.#timer.at(fields.timer);
    else this.#timer.cancel();
  }

  get #tick(): number {
    return ticksAt(this.#options.clock.now());
  }

  #read(offset: number): number {
    // The control word register cannot be read; the bus floats.
    return offset === CONTROL ? 0xff : this.#channels[offset as 0 | 1 | 2].read(this.#tick);
  }

  #write(offset: number, value: number): void {
    if (offset === CONTROL) this.#control(value);
    else this.#channels[offset as 0 | 1 | 2].write(value, this.#tick);
    this.#update();
  }

  #control(word: number): void {
    const select = word >> 6;
    const tick = this.#tick;
    if (select === READ_BACK) {
      for (const [index, channel] of this.#channels.entries()) {
        if ((word & (2 << index)) === 0) continue;
        if ((word & 0x20) === 0) channel.latchCount(tick);
        if ((word & 0x10) === 0) channel.latchStatus(tick);
      }
      return;
    }
    const channel = this.#channels[select as 0 | 1 | 2];
    if ((word & 0x30) === 0) channel.latchCount(tick);
    else channel.control(word);
  }

  /** Follows counter 0's output and arms the clock for its next change. */
  #update(): void {
    const tick = this.#tick;
    const [channel] = this.#channels;
    const asserted = channel.output(tick);
    const next = channel.nextChange(tick);
    if (next === undefined) this.#timer.cancel();
    else this.#timer.at(timeOfTick(next));
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    this.#options.interrupt(asserted);
  }
}
