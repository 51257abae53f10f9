/**
 * Runs the processor from deadline to deadline on virtual time. One instruction takes {@link NANOSECONDS_PER_INSTRUCTION};
 * HLT jumps to the next deadline. The host's speed never enters, so two runs are the same run.
 */
import type { VirtualClock } from '../base/clock.ts';
import type { StateSource } from '../base/state.ts';
import type { TraceChannel } from '../base/trace.ts';
import type { ProcessorLike } from '../cpu/types.ts';
import type { Outcome, RunLimits } from './outcome.ts';
import type { StuckDetector } from './stuck-detector.ts';

const NANOSECONDS_PER_INSTRUCTION = 1;
/** Instructions between two looks at the host (output, Ctrl-C): some 20 ms of host time. */
const SLICE_INSTRUCTIONS_MAX = 4_000_000;
/** Deadlines that may pass in HLT without waking the processor: 100 s of a 1 kHz timer whose interrupt is masked. */
const IDLE_DEADLINES_MAX = 100_000;

export interface RunLoopPorts {
  readonly processor: ProcessorLike;
  readonly clock: VirtualClock;
  readonly stuck: StuckDetector;
  readonly idle: TraceChannel<'machine.idle'>;
  /** True while the processor's INTR line is asserted: HLT with IF = 1 then ends at once. */
  interruptPending(): boolean;
}

export class RunLoop {
  readonly #ports: RunLoopPorts;
  /** Nanoseconds that passed in HLT, on top of the instructions. */
  #skipped = 0;
  /** Deadlines met since the processor last executed an instruction, and its count then. */
  #idleDeadlines = 0;
  #idleSince = -1;
  #executing = false;
  #ended: Outcome | undefined;

  constructor(ports: RunLoopPorts) {
    this.#ports = ports;
    const { clock, processor } = ports;
    clock.setSource(() => this.#time());
    clock.onEarlierDeadline = (deadline) => {
      processor.limitSlice(Math.ceil((deadline - this.#skipped) / NANOSECONDS_PER_INSTRUCTION));
    };
  }

  /** A device ends the run: the processor stops before its next instruction. */
  end(outcome: Outcome): void {
    this.#ended ??= outcome;
    this.#ports.processor.requestExit();
  }

  /** True while the processor executes guest instructions, also in the callbacks that these lead to. */
  get executing(): boolean {
    return this.#executing;
  }

  /** The time that passed in HLT; instructions are the processor's own state. */
  get stateSource(): StateSource {
    return {
      name: 'run-loop',
      version: 1,
      save: () => ({ skipped: this.#skipped }),
      load: (fields) => {
        this.#skipped = fields.skipped as number;
      },
    };
  }

  run(limits: RunLimits = {}): Outcome {
    const { clock } = this.#ports;
    for (;;) {
      clock.advanceTo(this.#time());
      const limit = this.#limitReached(limits);
      if (this.#ended !== undefined) return this.#ended;
      if (limit !== undefined) return limit;
      if (limits.poll?.() === true) return { kind: 'interrupted' };
      const spinning = this.#lookForSpin();
      if (spinning !== undefined) return spinning;
      const outcome = this.#slice(this.#budget(limits), limits);
      if (this.#ended !== undefined) return this.#ended;
      if (outcome !== undefined) return outcome;
    }
  }

  #time(): number {
    return this.#ports.processor.instructions * NANOSECONDS_PER_INSTRUCTION + this.#skipped;
  }

  #limitReached(limits: RunLimits): Outcome | undefined {
    if (this.#ports.processor.instructions >= (limits.maxInstructions ?? Number.POSITIVE_INFINITY)) {
      return { kind: 'instruction-limit' };
    }
    return this.#time() >= (limits.maxTime ?? Number.POSITIVE_INFINITY) ? { kind: 'time-limit' } : undefined;
  }

  /** Instructions until the next thing that must happen: at least one. */
  #budget(limits: RunLimits): number {
    const { processor, clock, stuck } = this.#ports;
    const now = this.#time();
    const deadline = Math.min(
      clock.nextDeadline() ?? Number.POSITIVE_INFINITY,
      limits.maxTime ?? Number.POSITIVE_INFINITY,
    );
    const untilDeadline = Math.ceil((deadline - now) / NANOSECONDS_PER_INSTRUCTION);
    const untilLimit = (limits.maxInstructions ?? Number.POSITIVE_INFINITY) - processor.instructions;
    const untilLook = stuck.nextLook - processor.instructions;
    return Math.max(1, Math.min(SLICE_INSTRUCTIONS_MAX, untilDeadline, untilLimit, untilLook));
  }

  #slice(budget: number, limits: RunLimits): Outcome | undefined {
    const { processor } = this.#ports;
    this.#executing = true;
    const exit = processor.run(budget);
    this.#executing = false;
    switch (exit) {
      case 'budget':
      case 'requested':
        return undefined;
      case 'halted':
        return this.#skipToDeadline(limits);
      case 'triple-fault':
        return { kind: 'triple-fault', pc: processor.pc };
      case 'unimplemented': {
        const { pc, bytes } = processor.unimplemented ?? { pc: processor.pc, bytes: new Uint8Array(0) };
        return { kind: 'unimplemented', pc, bytes };
      }
    }
  }

  /** HLT: nothing runs until the next deadline. Without one, nothing ever will. */
  #skipToDeadline(limits: RunLimits): Outcome | undefined {
    const { clock, processor } = this.#ports;
    const now = this.#time();
    clock.advanceTo(now);
    // With IF = 0 only NMI, SMI and INIT could end it, and this board sends none.
    if (!interruptsEnabled(processor)) return this.#idle('halted');
    if (this.#ports.interruptPending()) return undefined;
    const deadline = clock.nextDeadline();
    if (processor.instructions !== this.#idleSince) this.#idleDeadlines = 0;
    this.#idleSince = processor.instructions;
    this.#idleDeadlines += 1;
    if (deadline === undefined || this.#idleDeadlines > IDLE_DEADLINES_MAX) return this.#idle('halted');
    const target = Math.min(deadline, limits.maxTime ?? Number.POSITIVE_INFINITY);
    if (target > now) this.#skipped += target - now;
    return undefined;
  }

  #lookForSpin(): Outcome | undefined {
    const { processor, stuck } = this.#ports;
    if (processor.instructions < stuck.nextLook) return undefined;
    this.#executing = true;
    const spinning = stuck.look();
    this.#executing = false;
    return spinning === undefined ? undefined : this.#idle('spin');
  }

  #idle(kind: 'spin' | 'halted'): Outcome {
    const { processor, idle } = this.#ports;
    const { pc } = processor;
    if (idle.active) idle.emit({ kind, pc, time: this.#time(), instruction: processor.instructions });
    return { kind: kind === 'spin' ? 'spinning' : 'halted', pc };
  }
}

function interruptsEnabled(processor: ProcessorLike): boolean {
  return (processor.registers().rflags & 0x200n) !== 0n;
}
