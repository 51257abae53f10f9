/**
 * Takes turns among the processors on one virtual time (docs/adr/0006).
 *
 * Time goes in rounds. In a round each processor that is awake runs from its own local time to the round's end: at most
 * {@link QUANTUM_NANOSECONDS} later while several are awake, to the next deadline while one is. All that decides is the
 * guest's doing, never where a caller's slice ended, so a run may be cut anywhere and stays the same run.
 */
import type { Nanoseconds, VirtualClock } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import type { ProcessorLike } from '../cpu/types.ts';

export const NANOSECONDS_PER_INSTRUCTION = 1;
/** What a turn lasts while several processors are awake: long against a change of processors, short against a timer tick. */
export const QUANTUM_NANOSECONDS = 4096;

export class Rounds {
  readonly #processor: ProcessorLike;
  readonly #clock: VirtualClock;
  /** Local time of each processor; the active one's is {@link time} during its turn. */
  readonly #local: Nanoseconds[];
  readonly #asleep: boolean[];
  /** Time when the round began; all that is due by then has happened. */
  #start: Nanoseconds = 0;
  #end: Nanoseconds = 0;
  /** The active processor is in its turn: its local time is the instruction count plus {@link #offset}. */
  #inTurn = false;
  #offset = 0;
  /** More than one processor was awake when the round began: PAUSE gives a turn away. */
  #several = false;
  /** The latest time that any processor has seen: no other sees an earlier one. */
  #seen: Nanoseconds = 0;

  constructor(processor: ProcessorLike, clock: VirtualClock) {
    this.#processor = processor;
    this.#clock = clock;
    this.#local = new Array(processor.cpus).fill(0);
    this.#asleep = new Array(processor.cpus).fill(true);
  }

  /** Virtual time as the active processor has it; between turns that of the round. */
  get time(): Nanoseconds {
    return this.#inTurn ? this.#processor.instructions * NANOSECONDS_PER_INSTRUCTION + this.#offset : this.#start;
  }

  /** What the clock shows: {@link time}, but never earlier than another processor has seen it. */
  get visibleTime(): Nanoseconds {
    return Math.max(this.time, this.#seen);
  }

  /** How far the machine has come: instructions; where several may wait for each other without many of them, time. */
  get progress(): number {
    return this.#local.length > 1 ? this.time : this.#processor.instructions;
  }

  /** Until when the active processor's turn lasts. */
  get turnEnd(): Nanoseconds {
    return this.#end;
  }

  get inTurn(): boolean {
    return this.#inTurn;
  }

  /** The guest looks at something that may depend on time. */
  observe(): void {
    if (this.#local.length > 1) this.#seen = this.visibleTime;
  }

  /** Processors that are awake, in order. */
  awake(): number[] {
    return this.#local.flatMap((_, cpu) => (this.#processor.sleepOf(cpu) === 'awake' ? [cpu] : []));
  }

  /**
   * Goes on with the turn, or to the next one, or to the next round, where timers fire. False: everybody sleeps.
   * `between` is called between two rounds, before anything of the next is decided; it returns the number of
   * instructions after which it wants to be called again at the latest.
   */
  advance(between: () => number): boolean {
    if (this.#inTurn) {
      if (this.time < this.#end && this.#isAwake(this.#processor.activeCpu)) return true;
      this.#endTurn();
      if (this.#beginNextTurn(this.#processor.activeCpu + 1)) return true;
    }
    this.#endRound();
    const before = this.#processor.instructions;
    const patience = between();
    if (this.#processor.instructions !== before) this.#endRound();
    return this.#beginRound(patience);
  }

  /** Nobody is awake: time goes on to `target`. */
  skipTo(target: Nanoseconds): void {
    this.#start = Math.max(this.#start, target);
  }

  /** The processors are about to be reset: what follows begins at the latest time that any of them has seen. */
  restart(): void {
    if (this.#inTurn) this.#endTurn();
    this.#start = Math.max(this.visibleTime, ...this.#local);
    this.#local.fill(this.#start);
  }

  /** The active processor waits in a PAUSE loop: the rest of its turn is over. */
  pause(): void {
    if (!this.#inTurn || this.time >= this.#end) return;
    this.#offset += this.#end - this.time;
  }

  /**
   * The active processor waits `nanoseconds` for a slow access, but never beyond its turn, so that what is due then
   * happens in time. Returns as {@link shorten} does.
   */
  stall(nanoseconds: number): number | undefined {
    if (!this.#inTurn || this.time >= this.#end) return undefined;
    this.#offset += Math.min(nanoseconds, this.#end - this.time);
    return this.instructionsAt(this.#end);
  }

  /** The instruction count at which the active processor's local time reaches `time`, if it does not wait until then. */
  instructionsAt(time: Nanoseconds): number {
    return Math.ceil((time - this.#offset) / NANOSECONDS_PER_INSTRUCTION);
  }

  /** A deadline came closer: the round ends there. Returns the instruction count at which the present turn ends. */
  shorten(deadline: Nanoseconds): number | undefined {
    if (!this.#inTurn || deadline >= this.#end) return undefined;
    this.#end = Math.max(deadline, this.time);
    return this.instructionsAt(this.#end);
  }

  /** Something reached `cpu` that may wake it: it goes on from the time of who did it. Returns as {@link shorten}. */
  poke(cpu: number): number | undefined {
    if (!this.#inTurn || !this.#asleep[cpu] || !this.#isAwake(cpu)) return undefined;
    this.#asleep[cpu] = false;
    if (cpu === this.#processor.activeCpu) return undefined;
    const now = this.visibleTime;
    this.#local[cpu] = Math.max(this.#local[cpu]!, now);
    // A round for one may be long: with two awake it ends.
    return this.#end - now > QUANTUM_NANOSECONDS ? this.shorten(this.time) : undefined;
  }

  /** The active processor has gone to sleep, or has run outside of the rounds. */
  #endTurn(): void {
    const cpu = this.#processor.activeCpu;
    this.#local[cpu] = this.time;
    this.#asleep[cpu] = !this.#isAwake(cpu);
    this.#inTurn = false;
  }

  #isAwake(cpu: number): boolean {
    return this.#processor.sleepOf(cpu) === 'awake';
  }

  #beginNextTurn(first: number): boolean {
    for (let cpu = first; cpu < first + this.#local.length; cpu += 1) {
      const candidate = cpu % this.#local.length;
      if (this.#local[candidate]! >= this.#end || !this.#isAwake(candidate)) continue;
      this.beginTurn(candidate);
      return true;
    }
    return false;
  }

  /** Makes `cpu` the active processor, at its local time: in its turn of a round, or between two rounds. */
  beginTurn(cpu: number): void {
    if (cpu !== this.#processor.activeCpu) this.#processor.switchTo(cpu);
    this.#local[cpu] = Math.max(this.#local[cpu]!, this.#start);
    this.#offset = this.#local[cpu]! - this.#processor.instructions * NANOSECONDS_PER_INSTRUCTION;
    this.#asleep[cpu] = false;
    this.#inTurn = true;
  }

  /** Ends what {@link beginTurn} began outside of a round. */
  leaveTurn(): void {
    this.#endTurn();
  }

  /** All have reached the end, or sleep: what is due by the time of the slowest happens now. */
  #endRound(): void {
    const awake = this.awake();
    const times = awake.length > 0 ? awake.map((cpu) => this.#local[cpu]!) : [Math.max(...this.#local)];
    this.#start = Math.max(this.#start, Math.min(...times));
    this.#clock.advanceTo(this.#start);
  }

  #beginRound(patience: number): boolean {
    const awake = this.awake();
    for (const cpu of this.#local.keys()) this.#asleep[cpu] = true;
    for (const cpu of awake) {
      this.#asleep[cpu] = false;
      this.#local[cpu] = Math.max(this.#local[cpu]!, this.#start);
    }
    const several = awake.length > 1;
    this.#several = several;
    this.#processor.pauseYields = several;
    const deadline = this.#clock.nextDeadline() ?? Number.POSITIVE_INFINITY;
    const quantum = several ? QUANTUM_NANOSECONDS : patience * NANOSECONDS_PER_INSTRUCTION;
    // A deadline that is due already waits for one instruction.
    this.#end = Math.max(this.#start + NANOSECONDS_PER_INSTRUCTION, Math.min(deadline, this.#start + quantum));
    return this.#beginNextTurn(0);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      local: [...this.#local],
      asleep: [...this.#asleep],
      start: this.#start,
      end: this.#end,
      inTurn: this.#inTurn,
      offset: this.#offset,
      several: this.#several,
      seen: this.#seen,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const local = fields.local as readonly number[];
    const asleep = fields.asleep as readonly boolean[];
    for (const cpu of this.#local.keys()) {
      this.#local[cpu] = local[cpu] ?? 0;
      this.#asleep[cpu] = asleep[cpu] ?? true;
    }
    this.#start = fields.start as number;
    this.#end = fields.end as number;
    this.#inTurn = fields.inTurn as boolean;
    this.#offset = fields.offset as number;
    this.#seen = fields.seen as number;
    this.#several = fields.several as boolean;
    this.#processor.pauseYields = this.#several;
  }
}
