/**
 * The pins of the processors: everything that they reach outside of themselves. What stands at the other end (interrupt
 * controllers, the run loop) is built around the processors, so it is attached when it is there, before the first
 * instruction.
 */
import { assert } from '../../base/assert.ts';
import type { VirtualClock } from '../../base/clock.ts';
import type { MemoryPort, PortIo, ProcessorPorts } from '../../cpu/types.ts';
import type { NumericError } from '../../devices/numeric-error.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import type { RunLoop } from '../run-loop.ts';
import { type CountingPorts, countingPorts } from './counting-ports.ts';

/** What stands at the other end. */
export interface BusAgents {
  readonly interrupts: Pick<InterruptController, 'acknowledge' | 'msrs' | 'apics'>;
  readonly loop: Pick<RunLoop, 'observeTime' | 'pause'>;
  readonly numericError: Pick<NumericError, 'raise'>;
}

export class ProcessorBus {
  readonly memory: MemoryPort;
  readonly io: PortIo;
  readonly interrupts: Required<ProcessorPorts['interrupts']>;
  readonly msrs: ProcessorPorts['msrs'];
  readonly clock: ProcessorPorts['clock'];
  readonly #counted: CountingPorts;
  #agents: BusAgents | undefined;

  /** `memory` and `io` answer accesses to all that is not RAM. */
  constructor(memory: MemoryPort, io: PortIo, clock: VirtualClock) {
    this.#counted = countingPorts(memory, io, () => this.#observeTime());
    this.memory = this.#counted.memory;
    this.io = this.#counted.io;
    const apic = (cpu: number) => this.#others.interrupts.apics[cpu]!;
    this.interrupts = {
      acknowledge: (cpu) => this.#others.interrupts.acknowledge(cpu),
      numericError: () => {
        this.#others.numericError.raise();
        return true;
      },
      // CR8 is the upper half of the task priority register (Intel SDM Vol. 3A 10.8.6.1).
      taskPriority: (cpu) => apic(cpu).taskPriority >> 4,
      setTaskPriority: (cpu, priority) => {
        apic(cpu).taskPriority = priority << 4;
      },
    };
    this.msrs = {
      read: (cpu, msr) => {
        this.#observeTime();
        return this.#others.interrupts.msrs.read(cpu, msr);
      },
      write: (cpu, msr, value) => {
        this.#observeTime();
        return this.#others.interrupts.msrs.write(cpu, msr, value);
      },
    };
    this.clock = {
      now: () => {
        this.#observeTime();
        return clock.now();
      },
    };
  }

  /** Says who answers from now on. Once, before the processors run. */
  attach(agents: BusAgents): void {
    assert(this.#agents === undefined, 'the bus is attached once');
    this.#agents = agents;
  }

  /** Writes that left the processors for a device or an I/O port, ever. */
  get deviceWrites(): number {
    return this.#counted.writes;
  }

  /** PAUSE by a processor that is the only one awake. */
  pause(): void {
    this.#others.loop.pause();
  }

  get #others(): BusAgents {
    assert(this.#agents !== undefined, 'the bus is attached before a processor runs');
    return this.#agents;
  }

  #observeTime(): void {
    this.#others.loop.observeTime();
  }
}
