/**
 * Runs the processors from deadline to deadline on virtual time. One instruction takes one nanosecond; HLT jumps to the
 * next deadline; several processors take turns (`rounds.ts`). The host's speed never enters, so two runs are the same run.
 */
import type { VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceChannel } from '../base/trace.ts';
import type { ProcessorLike } from '../cpu/types.ts';
import type { ResetCause } from './events.ts';
import type { Outcome, RunLimits } from './outcome.ts';
import { PauseLoop } from './pause.ts';
import { BOOT_LOOP_RESETS, RebootWatch } from './reboot-watch.ts';
import { NANOSECONDS_PER_INSTRUCTION, Rounds } from './rounds.ts';
import type { StuckDetector } from './stuck-detector.ts';

/** Instructions between two looks at the host (output, Ctrl-C): some 20 ms of host time. */
const SLICE_INSTRUCTIONS_MAX = 4_000_000;
/** Deadlines that may pass in HLT without waking the processor: 100 s of a 1 kHz timer whose interrupt is masked. */
const IDLE_DEADLINES_MAX = 100_000;

/** The serial port that a person may type at. */
export interface ConsolePort {
  /** Its interrupt for received bytes is enabled. */
  readonly listens: boolean;
  /** How often the guest looked for received bytes, ever. */
  readonly polls: number;
}

const NO_CONSOLE: ConsolePort = { listens: false, polls: 0 };

export interface RunLoopPorts {
  readonly processor: ProcessorLike;
  readonly clock: VirtualClock;
  readonly stuck: StuckDetector;
  readonly idle: TraceChannel<'machine.idle'>;
  readonly resets: TraceChannel<'machine.reset'>;
  /** Returns every device and processor to its state after power-on; RAM stays. */
  readonly resetMachine: () => void;
  /** A triple fault resets the machine, as on a PC. Otherwise it ends the run. */
  readonly tripleFaultResets: boolean;
}

export class RunLoop {
  readonly #ports: RunLoopPorts;
  readonly #rounds: Rounds;
  /** Deadlines met since the processors last executed an instruction, and their count then. */
  #idleDeadlines = 0;
  #idleSince = -1;
  #executing = false;
  /** The time at which the caller of {@link run} wants it back. */
  #patience = Number.POSITIVE_INFINITY;
  #ended: Outcome | undefined;
  #stopped = false;
  #spinning = false;
  #resetWanted: ResetCause | undefined;
  readonly #reboots = new RebootWatch();
  readonly #pauses = new PauseLoop();
  /** The loop that was proven to spin looks for bytes from the serial port. */
  #spinPolls = false;
  #typing: ConsolePort = NO_CONSOLE;

  constructor(ports: RunLoopPorts) {
    this.#ports = ports;
    const { clock, processor } = ports;
    const rounds = new Rounds(processor, clock);
    this.#rounds = rounds;
    clock.setSource(() => rounds.visibleTime);
    clock.onEarlierDeadline = (deadline) => this.#limitSlice(rounds.shorten(deadline));
  }

  /** Tells where a person may type: a guest that spins or sleeps there may only wait for input. */
  watchConsole(port: ConsolePort): void {
    this.#typing = port;
  }

  /** A device ends the run: the processor stops before its next instruction. */
  end(outcome: Outcome): void {
    this.#ended ??= outcome;
    this.#ports.processor.requestExit();
  }

  /** A device resets the machine: the instruction that caused it ends first. */
  reset(cause: ResetCause): void {
    this.#resetWanted ??= cause;
    this.#ports.processor.requestExit();
  }

  /** The caller of {@link run} wants to be asked, once. */
  stop(): void {
    this.#stopped = true;
    this.#ports.processor.requestExit();
  }

  /** Something happened to `cpu` that may wake it. To be called after the processor was told. */
  poke(cpu: number): void {
    this.#limitSlice(this.#rounds.poke(cpu));
  }

  /** The guest's access to a device takes `nanoseconds` more than an instruction does: see {@link Rounds.stall}. */
  stall(nanoseconds: number): void {
    const end = this.#rounds.stall(nanoseconds);
    if (end !== undefined) this.#limitSlice(Math.min(end, this.#rounds.instructionsAt(this.#patience)));
  }

  /** PAUSE, by a processor that is the only one awake. */
  pause(): void {
    this.stall(this.#pauses.next(this.#rounds.time));
  }

  /** The guest does something whose outcome may depend on time (a device, the time-stamp counter). */
  observeTime(): void {
    this.#rounds.observe();
  }

  /** True while a processor executes guest instructions, also in the callbacks that these lead to. */
  get executing(): boolean {
    return this.#executing;
  }

  /** Whose turn it is, how far it has come, and the time; instructions are the processors' own state. */
  get stateSource(): StateSource {
    return {
      name: 'run-loop',
      version: 4,
      save: () => ({
        reboots: this.#reboots.save(),
        pauses: this.#pauses.save(),
        rounds: this.#rounds.save(),
        idleDeadlines: this.#idleDeadlines,
        idleSince: this.#idleSince,
      }),
      load: (fields) => {
        this.#rounds.load(fields.rounds as { readonly [field: string]: StateValue });
        this.#idleDeadlines = fields.idleDeadlines as number;
        this.#idleSince = fields.idleSince as number;
        this.#pauses.load(fields.pauses as { readonly [field: string]: StateValue });
        this.#reboots.load(fields.reboots as { readonly [field: string]: StateValue });
        this.#ended = undefined;
        this.#resetWanted = undefined;
      },
    };
  }

  run(limits: RunLimits = {}): Outcome {
    this.#patience = limits.maxTime ?? Number.POSITIVE_INFINITY;
    for (;;) {
      const awake = this.#rounds.advance(() => this.#lookForSpin());
      this.#resetIfWanted();
      if (this.#ended !== undefined) return this.#ended;
      if (this.#stopped) {
        this.#stopped = false;
        return { kind: 'stopped' };
      }
      if (this.#spinning) return this.#idle('spin', limits);
      const limit = this.#limitReached(limits);
      if (limit !== undefined) return limit;
      if (limits.poll?.() === true) return { kind: 'interrupted' };
      const outcome = awake ? this.#slice(this.#budget(limits)) : this.#skipToDeadline(limits);
      this.#resetIfWanted();
      if (this.#ended !== undefined) return this.#ended;
      if (outcome !== undefined) return outcome;
    }
  }

  /** Between two instructions, before a limit may end the run: a wish for a reset never outlives {@link run}. */
  #resetIfWanted(): void {
    const cause = this.#resetWanted;
    if (cause === undefined || this.#ended !== undefined) return;
    this.#resetWanted = undefined;
    const { processor, resets } = this.#ports;
    const { pc, instructions: instruction } = processor;
    if (resets.active) resets.emit({ cause, pc, time: this.#rounds.time, instruction });
    // A person may press the button as often as they like.
    if (cause !== 'button' && this.#reboots.isLoop(pc, instruction)) {
      this.#ended = { kind: 'boot-loop', pc, resets: BOOT_LOOP_RESETS };
      return;
    }
    this.#rounds.restart();
    this.#ports.resetMachine();
  }

  #limitSlice(instructions: number | undefined): void {
    if (instructions !== undefined) this.#ports.processor.limitSlice(instructions);
  }

  #limitReached(limits: RunLimits): Outcome | undefined {
    if (this.#ports.processor.instructions >= (limits.maxInstructions ?? Number.POSITIVE_INFINITY)) {
      return { kind: 'instruction-limit' };
    }
    return this.#rounds.time >= (limits.maxTime ?? Number.POSITIVE_INFINITY) ? { kind: 'time-limit' } : undefined;
  }

  /** Instructions until the turn or the caller's patience ends: at least one. */
  #budget(limits: RunLimits): number {
    const rounds = this.#rounds;
    const until = Math.min(rounds.turnEnd, limits.maxTime ?? Number.POSITIVE_INFINITY);
    const untilEnd = Math.ceil((until - rounds.time) / NANOSECONDS_PER_INSTRUCTION);
    const untilLimit = (limits.maxInstructions ?? Number.POSITIVE_INFINITY) - this.#ports.processor.instructions;
    return Math.max(1, Math.min(SLICE_INSTRUCTIONS_MAX, untilEnd, untilLimit));
  }

  #slice(budget: number): Outcome | undefined {
    const { processor } = this.#ports;
    this.#executing = true;
    const exit = processor.run(budget);
    this.#executing = false;
    switch (exit) {
      case 'budget':
      case 'requested':
      case 'halted':
        return undefined;
      case 'paused':
        this.#rounds.pause();
        return undefined;
      case 'triple-fault':
        if (this.#ports.tripleFaultResets) {
          this.#resetWanted ??= 'triple-fault';
          return undefined;
        }
        return { kind: 'triple-fault', pc: processor.pc };
      case 'unimplemented': {
        const { pc, bytes } = processor.unimplemented ?? { pc: processor.pc, bytes: new Uint8Array(0) };
        return { kind: 'unimplemented', pc, bytes };
      }
    }
  }

  /** All in HLT: nothing runs until the next deadline. Without one, nothing ever will. */
  #skipToDeadline(limits: RunLimits): Outcome | undefined {
    const { clock, processor } = this.#ports;
    // With IF = 0 only NMI, SMI and INIT could end it, and nobody is left who would send one.
    const interruptible = this.#sleepers().includes('interruptible');
    const deadline = clock.nextDeadline();
    if (processor.instructions !== this.#idleSince) this.#idleDeadlines = 0;
    this.#idleSince = processor.instructions;
    if (!interruptible || deadline === undefined || this.#idleDeadlines > IDLE_DEADLINES_MAX)
      return this.#idle('halted', limits, interruptible);
    const last = limits.maxTime ?? Number.POSITIVE_INFINITY;
    if (deadline <= last) this.#idleDeadlines += 1;
    this.#rounds.skipTo(Math.min(deadline, last));
    return undefined;
  }

  #sleepers(): string[] {
    const { processor } = this.#ports;
    return Array.from({ length: processor.cpus }, (_, cpu) => processor.sleepOf(cpu));
  }

  /** Between rounds: looks whether the guest can ever get any further. Returns the instructions until the next look. */
  #lookForSpin(): number {
    const { stuck } = this.#ports;
    if (this.#rounds.progress >= stuck.nextLook) {
      const { polls } = this.#typing;
      this.#executing = true;
      this.#spinning = stuck.look(this.#rounds);
      this.#executing = false;
      this.#spinPolls = this.#typing.polls !== polls;
    }
    return Math.max(1, stuck.nextLook - this.#rounds.progress);
  }

  #idle(kind: 'spin' | 'halted', limits: RunLimits, interruptible = true): Outcome {
    const { processor, idle } = this.#ports;
    const { pc } = processor;
    if (limits.inputOpen === true && interruptible && (this.#typing.listens || (kind === 'spin' && this.#spinPolls))) {
      this.#spinning = false;
      this.#idleDeadlines = 0;
      return { kind: 'waiting-for-input', pc };
    }
    if (idle.active) idle.emit({ kind, pc, time: this.#rounds.time, instruction: processor.instructions });
    return { kind: kind === 'spin' ? 'spinning' : 'halted', pc };
  }
}
