/** What the core calls, connected to the machine's ports. Every callback may raise an event on the processor. */
import { type Gpa, type Gva, gpa } from '../base/address.ts';
import type { TraceChannel } from '../base/trace.ts';
import type { CoreImports, CoreInstance } from './core-instance.ts';
import type { DirectMemory } from './direct-memory.ts';
import {
  CR3,
  CR8,
  DELIVERING,
  FAULT_ADDRESS,
  HOST_HIGH,
  HOST_LOW,
  MODE,
  MODE_CODE_SIZE_MASK,
  RAISED,
  TRACE_BLOCKS,
  TRACE_INTERRUPTS,
} from './layout.ts';
import type { ProcessorPorts } from './types.ts';

const DELIVERY_KINDS = ['exception', 'interrupt', 'software', 'nmi'] as const;
const PAGE_FAULT = 14;
const ROOT_MASK = 0x000f_ffff_ffff_f000n;
const TWO_32 = 2 ** 32;

/** What a callback may need to know of the processor that called. */
interface Caller {
  readonly activeCpu: number;
  readonly pc: Gva;
}

export class HostPorts {
  readonly imports: CoreImports;
  /** Hears of every store to RAM while set. */
  storeListener: ((address: Gpa, size: number) => void) | undefined;
  /** State of the generator behind RDRAND: xorshift32, any value but 0. */
  random = 1;
  readonly #ports: ProcessorPorts;
  readonly #caller: Caller;
  readonly #interrupts: TraceChannel<'cpu.interrupt'>;
  readonly #blocks: TraceChannel<'cpu.block-decoded'>;
  readonly #tables: TraceChannel<'cpu.page-tables-changed'>;
  readonly #management: TraceChannel<'cpu.management-mode'>;
  #core!: CoreInstance;
  #direct!: DirectMemory;

  constructor(ports: ProcessorPorts, caller: Caller) {
    this.#ports = ports;
    this.#caller = caller;
    this.#interrupts = ports.trace.channel('cpu.interrupt');
    this.#blocks = ports.trace.channel('cpu.block-decoded');
    this.#management = ports.trace.channel('cpu.management-mode');
    this.#tables = ports.trace.channel('cpu.page-tables-changed');
    this.imports = {
      ...this.#memoryImports(),
      ...this.#registerImports(),
      ...this.#traceImports(),
      portRead: (port, size) => ports.io.read(port, size) >>> 0,
      portWrite: (port, size, value) => ports.io.write(port, size, value >>> 0),
      numericError: () => (ports.interrupts.numericError?.(caller.activeCpu) === true ? 1 : 0),
      acknowledgeInterrupt: () => ports.interrupts.acknowledge(caller.activeCpu),
      pause: () => this.#ports.pause?.(),
      randomWord: () => this.#nextRandom(),
    };
  }

  /** The core exists only after its imports do. */
  attach(core: CoreInstance, direct: DirectMemory): void {
    this.#core = core;
    this.#direct = direct;
  }

  /** Tells the core which traces somebody listens to. */
  beforeRun(): void {
    this.#core.setWord(TRACE_INTERRUPTS, this.#interrupts.active ? 1 : 0);
    this.#core.setWord(TRACE_BLOCKS, this.#blocks.active ? 1 : 0);
  }

  #memoryImports() {
    const memory = this.#ports.memory;
    return {
      mmioRead: (low: number, high: number, size: number): number => {
        const value = memory.read(gpa((high >>> 0) * TWO_32 + (low >>> 0)), size);
        if (size === 8) this.#core.setWord(HOST_HIGH, memory.high);
        return value;
      },
      mmioWrite: (low: number, high: number, size: number, valueLow: number, valueHigh: number): void => {
        memory.write(gpa((high >>> 0) * TWO_32 + (low >>> 0)), size, valueLow >>> 0, valueHigh >>> 0);
      },
      watchedAccess: (pointer: number, size: number, write: number): void => {
        if (write === 0 || this.storeListener === undefined) return;
        const address = this.#direct.addressOf(pointer >>> 0);
        if (address !== undefined) this.storeListener(address, size);
      },
    };
  }

  #setPair(value: bigint): void {
    this.#core.setWord(HOST_LOW, Number(value & 0xffff_ffffn));
    this.#core.setWord(HOST_HIGH, Number((value >> 32n) & 0xffff_ffffn));
  }

  #registerImports() {
    const { msrs, interrupts, clock } = this.#ports;
    return {
      msrRead: (msr: number): number => {
        const value = msrs.read(this.#caller.activeCpu, msr >>> 0);
        if (value === undefined) return 0;
        this.#setPair(value);
        return 1;
      },
      msrWrite: (msr: number, low: number, high: number): number => {
        const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
        const accepted = msrs.write(this.#caller.activeCpu, msr >>> 0, value);
        return accepted === undefined ? 0 : accepted ? 1 : 2;
      },
      managementMode: (entered: number): void => {
        const cpu = this.#caller.activeCpu;
        this.#ports.managementMode?.(cpu, entered !== 0);
        if (this.#management.active) this.#management.emit({ cpu, entered: entered !== 0 });
      },
      readClock: (): void => {
        const now = Math.floor(clock.now());
        this.#core.setWord(HOST_LOW, now % TWO_32);
        this.#core.setWord(HOST_HIGH, Math.floor(now / TWO_32));
      },
      readTaskPriority: (): number => interrupts.taskPriority?.(this.#caller.activeCpu) ?? Number(this.#core.quad(CR8)),
      writeTaskPriority: (priority: number): void => {
        interrupts.setTaskPriority?.(this.#caller.activeCpu, priority);
      },
    };
  }

  /** A word that holds a vector + 1, or 0 for none. */
  #vector(word: number): number | undefined {
    const value = this.#core.word(word);
    return value === 0 ? undefined : value - 1;
  }

  #traceImports() {
    return {
      traceInterrupt: (vector: number, hasError: number, errorCode: number, kind: number): void => {
        this.#interrupts.emit({
          cpu: this.#caller.activeCpu,
          vector,
          errorCode: hasError === 0 ? undefined : errorCode >>> 0,
          kind: DELIVERY_KINDS[kind] ?? 'exception',
          pc: this.#caller.pc,
          during: kind === 0 ? this.#vector(DELIVERING) : undefined,
          raised: kind === 0 ? this.#vector(RAISED) : undefined,
          faultAddress: (vector === PAGE_FAULT ? this.#core.quad(FAULT_ADDRESS) : 0n) as Gva,
        });
      },
      pageTablesChanged: (): void => {
        if (!this.#tables.active) return;
        const root = gpa(Number(this.#core.quad(CR3) & ROOT_MASK));
        this.#tables.emit({ cpu: this.#caller.activeCpu, root });
      },
      blockDecoded: (backing: number, bytes: number): void => {
        const first = backing >>> 0;
        const size = this.#core.word(MODE) & MODE_CODE_SIZE_MASK;
        this.#blocks.emit({
          cpu: this.#caller.activeCpu,
          pc: this.#caller.pc,
          bytes: this.#core.bytes.slice(first, first + bytes),
          bits: size === 2 ? 64 : size === 1 ? 32 : 16,
        });
      },
    };
  }

  #nextRandom(): number {
    let value = this.random;
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    this.random = value >>> 0;
    return this.random;
  }
}
