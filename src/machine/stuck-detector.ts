/**
 * Proves that a guest spins for ever: its loop comes back to the same registers, every byte it stored has its old value
 * again, and nothing outside the processor is going to happen (no timer is armed). Such a guest can never leave the loop,
 * so the run may end and say where it hangs. Where several processors are awake, each must be in such a loop, and none
 * may change a byte even for a moment: another could see it.
 */
import type { Gpa, Gva } from '../base/address.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { ProcessorLike, RegisterView } from '../cpu/types.ts';
import type { Rounds } from './rounds.ts';

/** Longest loop that is recognised, in instructions: a polling loop with a delay of some thousand pauses inside. */
const LOOP_INSTRUCTIONS_MAX = 12_288;
/** Distinct 8-byte units that a loop may store to; more is a working loop. */
const STORES_MAX = 512;
/** How often the same state must be met, at growing distances, before it counts as proof (device reads may depend on time). */
const CONFIRMATIONS = 3;
/** Instructions before the first look; four times as many after each, until {@link LOOK_INTERVAL_MAX}. */
const LOOK_INTERVAL_FIRST = 1_000_000;
const LOOK_INTERVAL_MAX = 1_024_000_000;

/** What the detector needs of the machine around the processor. */
export interface StuckDetectorPorts {
  readonly processor: ProcessorLike;
  /** True while any timer is armed: then something may still happen. */
  timersArmed(): boolean;
  /** Writes that left the processor for a device or an I/O port, ever. A loop that writes is not idle. */
  deviceWrites(): number;
  readRam(address: Gpa, size: number): Uint8Array | undefined;
}

export class StuckDetector implements StateSource {
  readonly name = 'stuck-detector';
  readonly version = 1;
  readonly #watches: readonly LoopWatch[];
  #nextLook = LOOK_INTERVAL_FIRST;
  #interval = LOOK_INTERVAL_FIRST;

  constructor(ports: StuckDetectorPorts) {
    this.#watches = Array.from({ length: ports.processor.cpus }, () => new LoopWatch(ports));
  }

  /** The {@link Rounds.progress} at which {@link look} wants to be called next. */
  get nextLook(): number {
    return this.#nextLook;
  }

  /** Single-steps a few rounds of the loops at most. True once it is proven that all spin. Between rounds only. */
  look(rounds: Rounds): boolean {
    this.#interval = Math.min(this.#interval * 4, LOOK_INTERVAL_MAX);
    const awake = rounds.awake();
    let confirmed = awake.length === 0 ? 0 : CONFIRMATIONS;
    for (const [cpu, watch] of this.#watches.entries()) {
      if (confirmed === 0 || !awake.includes(cpu)) {
        watch.forget();
        continue;
      }
      rounds.beginTurn(cpu);
      confirmed = Math.min(confirmed, watch.look(awake.length > 1));
      rounds.leaveTurn();
    }
    // A suspicion is confirmed soon; an innocent guest is left alone for longer and longer.
    this.#nextLook = rounds.progress + (confirmed > 0 ? LOOK_INTERVAL_FIRST : this.#interval);
    return confirmed >= CONFIRMATIONS;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      nextLook: this.#nextLook,
      interval: this.#interval,
      watches: this.#watches.map((watch) => watch.save()),
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#nextLook = fields.nextLook as number;
    this.#interval = fields.interval as number;
    const watches = fields.watches as readonly { readonly [field: string]: StateValue }[];
    for (const [index, watch] of this.#watches.entries()) watch.load(watches[index]!);
  }
}

/** The loop that one processor is suspected of. The processor is the active one whenever a method is called. */
class LoopWatch {
  readonly #ports: StuckDetectorPorts;
  /** A state that the loop came back to when it was looked at last. */
  #suspect: LoopState | undefined;
  #confirmed = 0;

  constructor(ports: StuckDetectorPorts) {
    this.#ports = ports;
  }

  /** Returns how often the loop has come back to the same state by now. */
  look(strict: boolean): number {
    if (this.#ports.timersArmed() || !this.#meetsSuspect()) this.forget();
    const start = this.#currentState();
    if (!this.#ports.timersArmed() && this.#comesBackTo(start, strict)) {
      this.#suspect ??= start;
      this.#confirmed += 1;
    } else this.forget();
    return this.#confirmed;
  }

  forget(): void {
    this.#suspect = undefined;
    this.#confirmed = 0;
  }

  save(): { readonly [field: string]: StateValue } {
    const suspect = this.#suspect;
    return { confirmed: this.#confirmed, suspect: suspect === undefined ? undefined : { ...suspect } };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#confirmed = fields.confirmed as number;
    this.#suspect = fields.suspect as LoopState | undefined;
  }

  #currentState(): LoopState {
    const { processor } = this.#ports;
    return {
      pc: processor.pc,
      general: processor.generalRegisterBytes.slice(),
      all: formatRegisters(processor.registers()),
    };
  }

  #isAt(state: LoopState): boolean {
    const { processor } = this.#ports;
    if (processor.pc !== state.pc) return false;
    const now = processor.generalRegisterBytes;
    for (let index = 0; index < now.length; index += 1) if (now[index] !== state.general[index]) return false;
    return formatRegisters(processor.registers()) === state.all;
  }

  /** Steps until the state of the last look is met again; false when the loop is another one now. */
  #meetsSuspect(): boolean {
    const suspect = this.#suspect;
    if (suspect === undefined) return true;
    for (let steps = 0; steps < LOOP_INSTRUCTIONS_MAX; steps += 1) {
      if (this.#isAt(suspect)) return true;
      if (!this.#step()) return false;
    }
    return false;
  }

  /** One instruction. False when the processor did not go on to the next. */
  #step(): boolean {
    const exit = this.#ports.processor.run(1);
    return exit === 'budget' || exit === 'paused';
  }

  /**
   * True when the loop returns to `start` with every stored byte restored and no device written; `strict`: and no byte
   * changed in between.
   */
  #comesBackTo(start: LoopState, strict: boolean): boolean {
    const { processor } = this.#ports;
    const writesBefore = this.#ports.deviceWrites();
    const oldBytes = new Map<number, string>();
    let overflow = false;
    processor.observeStores((address, size) => {
      const unit = address - (address % 8);
      for (let at = unit; at < address + size; at += 8) {
        if (oldBytes.has(at)) continue;
        if (oldBytes.size >= STORES_MAX) overflow = true;
        else oldBytes.set(at, this.#unit(at));
      }
    });
    let returned = false;
    for (let steps = 0; steps < LOOP_INSTRUCTIONS_MAX && !returned && !overflow; steps += 1) {
      if (!this.#step()) break;
      if (strict && ![...oldBytes].every(([address, bytes]) => this.#unit(address) === bytes)) break;
      if (this.#ports.deviceWrites() !== writesBefore) break;
      returned = this.#isAt(start);
    }
    processor.observeStores(undefined);
    if (!returned || overflow) return false;
    return [...oldBytes].every(([address, bytes]) => this.#unit(address) === bytes);
  }

  #unit(address: number): string {
    return String(this.#ports.readRam(address as Gpa, 8) ?? '');
  }
}

interface LoopState {
  readonly pc: Gva;
  readonly general: Uint8Array;
  /** Every register that software sees, as text. */
  readonly all: string;
}

function formatRegisters(view: RegisterView): string {
  return `${view.gpr.map((value) => value.toString(16)).join(' ')} ${view.rip.toString(16)} ${view.rflags.toString(16)} ${view.cr.cr3.toString(16)} ${view.segments.map((segment) => segment.selector).join(' ')}`;
}
