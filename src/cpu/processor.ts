/**
 * The processor: a facade over the WebAssembly core. It owns the core's memory, hands out guest RAM from it, connects
 * the core to the machine's ports, and reads and sets registers. One of several processors is active at a time.
 */
import { type Gpa, type Gva, gpa, gva } from '../base/address.ts';
import { assert, unreachable } from '../base/assert.ts';
import type { StateSource } from '../base/state.ts';
import type { TraceChannel } from '../base/trace.ts';
import * as bootStates from './boot-states.ts';
import { CoreInstance } from './core-instance.ts';
import { DirectMemory } from './direct-memory.ts';
import './events.ts';
import { HostPorts } from './host-ports.ts';
import {
  ADDRESS_BITS_OFF,
  CODE_BASE,
  EVENT_EXIT,
  EVENT_INIT,
  EVENT_INTERRUPT_LINE,
  EVENT_LIMIT,
  EVENT_NMI,
  EVENT_SMI,
  EVENT_STARTUP,
  EVENTS,
  EXIT_BUDGET,
  EXIT_HALTED,
  EXIT_PAUSED,
  EXIT_REQUESTED,
  EXIT_TRIPLE_FAULT,
  EXIT_UNIMPLEMENTED,
  GPR,
  HALTED,
  LEAVE_BLOCK,
  MODE,
  MODE_CODE_64,
  MODE_CODE_SIZE_MASK,
  PAUSE_YIELDS,
  RAISED,
  SMM_ACTIVE,
  STARTUP_VECTOR,
  STATE,
  TRIPLE_FAULT_VECTOR,
  TSC_OFFSET,
  UNKNOWN_MSR_FAULTS,
  VCPU_AREA,
  VCPU_AREA_SIZE,
  X87_IGNORE_ERROR,
} from './layout.ts';
import { effectiveMemoryType, type MemoryType } from './memory-type.ts';
import { memoryTypeRegisters } from './memory-type-registers.ts';
import { installModel } from './model.ts';
import { walkPageTables } from './page-walk.ts';
import { pagingControls } from './paging-controls.ts';
import { ProcessorState } from './processor-state.ts';
import { readRegisters, writeRegister } from './register-view.ts';
import { type Sleep, sleepOf, WAIT_FOR_STARTUP } from './sleep.ts';
import { coresOfOnePackage } from './topology.ts';
import type {
  BootGdt,
  DirectRange,
  EntryRegisters,
  ExitReason,
  ProcessorLike,
  ProcessorOptions,
  ProcessorPorts,
  RegisterView,
  Writer,
} from './types.ts';
import { WriterShadow } from './writer-shadow.ts';

/** The core counts a run's budget in 31 bits. */
const RUN_MAX = 2 ** 30;
/** The address bit that the A20 gate holds down. */
const A20 = 0x10_0000;
/** Longest x86 instruction. */
const INSTRUCTION_BYTES_MAX = 15;

/** A state of the generator for any seed: spread over 32 bits, and not 0, which it would never leave. */
function randomStart(seed: number): number {
  return Math.imul(seed ^ 0x5bd1_e995, 0x9e37_79b1) >>> 0 || 1;
}

export class Processor implements ProcessorLike {
  readonly core: CoreInstance;
  readonly #direct: DirectMemory;
  readonly #writers: WriterShadow;
  readonly #host: HostPorts;
  readonly #cpus: number;
  readonly #tripleFault: TraceChannel<'cpu.triple-fault'>;
  readonly #unimplementedEvent: TraceChannel<'cpu.unimplemented'>;
  #unimplemented: { readonly pc: Gva; readonly bytes: Uint8Array } | undefined;
  #running = false;
  #sliceEnd = 0;
  #inCore = false;
  #resetPending = false;
  /** Instructions executed before the core's present run. */
  #executedBefore = 0;

  /** Throws an InternalError for a model or feature that does not exist, or memory that does not fit into 4 GiB. */
  constructor(options: ProcessorOptions, ports: ProcessorPorts) {
    this.#cpus = options.cpus;
    this.#host = new HostPorts(ports, this);
    this.core = new CoreInstance(options, this.#host.imports);
    this.#direct = new DirectMemory(this.core);
    this.#writers = new WriterShadow(this.core);
    this.#host.attach(this.core, this.#direct);
    this.#tripleFault = ports.trace.channel('cpu.triple-fault');
    this.#unimplementedEvent = ports.trace.channel('cpu.unimplemented');
    this.#host.random = randomStart(options.seed ?? 1);
    installModel(this.core, options.model, options.topology ?? coresOfOnePackage(options.cpus));
    this.core.setWord(UNKNOWN_MSR_FAULTS, options.unknownMsrs === 'zero' ? 0 : 1);
    this.core.exports.initialise();
  }

  // --- Memory -------------------------------------------------------------------------------------------------------

  allocate(bytes: number): Uint8Array {
    return this.core.allocate(bytes);
  }

  setDirectRanges(ranges: readonly DirectRange[]): void {
    this.#direct.set(ranges);
  }

  noteExternalWrite(address: Gpa, size: number, writer: string): void {
    this.#direct.forEachPart(address, size, (pointer, bytes) => {
      this.#direct.invalidateCode(pointer, bytes);
      this.#writers.noteDevice(pointer, bytes, writer);
    });
  }

  observeStores(listener: ((address: Gpa, size: number) => void) | undefined): void {
    this.#host.storeListener = listener;
    this.core.exports.observe(listener === undefined ? 0 : 1);
  }

  whoWrote(address: Gpa): Writer | undefined {
    const pointer = this.#direct.pointerTo(address, 1);
    return pointer === undefined ? undefined : this.#writers.writerOf(pointer);
  }

  translate(address: Gva, root?: Gpa): Gpa | undefined {
    const controls = pagingControls(this.core, root);
    const read = (entry: Gpa, size: number) => this.#direct.readEntry(this.#onBus(entry), size);
    const { physical } = walkPageTables(address, controls, read);
    return physical === undefined ? undefined : this.#onBus(physical);
  }

  /** A physical address as it leaves the processor. */
  #onBus(address: Gpa): Gpa {
    return this.a20 || Math.floor(address / A20) % 2 === 0 ? address : gpa(address - A20);
  }

  get a20(): boolean {
    return this.core.word(ADDRESS_BITS_OFF) === 0;
  }

  setA20(enabled: boolean): void {
    if (enabled === this.a20) return;
    this.core.setWord(ADDRESS_BITS_OFF, enabled ? 0 : A20);
    this.core.exports.rangesChanged();
  }

  /** Effective memory type at a linear address, by the tables in force or at `root`; `undefined`: no page is there. */
  memoryType(address: Gva, root?: Gpa): MemoryType | undefined {
    const controls = pagingControls(this.core, root);
    const walk = walkPageTables(address, controls, (entry, size) => this.#direct.readEntry(entry, size));
    return effectiveMemoryType(walk, memoryTypeRegisters(this.core));
  }

  // --- Running ------------------------------------------------------------------------------------------------------

  run(maxInstructions: number): ExitReason {
    assert(!this.#running, 'run is not called from inside a callback');
    this.#running = true;
    this.#host.beforeRun();
    this.#sliceEnd = this.instructions + maxInstructions;
    try {
      // limitSlice brings the core back early; then what is left of the shortened slice is run.
      for (let left = maxInstructions; left > 0; left = this.#sliceEnd - this.instructions) {
        const exit = this.#runCore(Math.min(left, RUN_MAX));
        if (this.#resetPending) this.#resetNow();
        else if (exit !== EXIT_BUDGET) return this.#exit(exit);
      }
      return 'budget';
    } finally {
      this.#running = false;
    }
  }

  #runCore(budget: number): number {
    this.#inCore = true;
    const exit = this.core.exports.run(budget);
    this.#inCore = false;
    this.#executedBefore += this.core.exports.executed();
    return exit;
  }

  #exit(reason: number): ExitReason {
    switch (reason) {
      case EXIT_HALTED:
        return 'halted';
      case EXIT_REQUESTED:
        return 'requested';
      case EXIT_PAUSED:
        return 'paused';
      case EXIT_TRIPLE_FAULT:
        if (this.#tripleFault.active) {
          const raised = this.core.word(RAISED) - 1;
          this.#tripleFault.emit({
            cpu: this.activeCpu,
            pc: this.pc,
            vector: this.core.word(TRIPLE_FAULT_VECTOR),
            raised: raised >= 0 ? raised : undefined,
          });
        }
        return 'triple-fault';
      case EXIT_UNIMPLEMENTED:
        this.#unimplemented = { pc: this.pc, bytes: this.#bytesAt(this.pc) };
        if (this.#unimplementedEvent.active) {
          this.#unimplementedEvent.emit({ cpu: this.activeCpu, ...this.#unimplemented });
        }
        return 'unimplemented';
      default:
        return unreachable(reason as never);
    }
  }

  /** Up to 15 code bytes at a linear address, as far as they can be read. */
  #bytesAt(address: Gva): Uint8Array {
    const bytes: number[] = [];
    for (let index = 0; index < INSTRUCTION_BYTES_MAX; index++) {
      const physical = this.translate(gva(address + BigInt(index)));
      const pointer = physical === undefined ? undefined : this.#direct.pointerTo(physical, 1);
      if (pointer === undefined) break;
      bytes.push(this.core.bytes[pointer]!);
    }
    return Uint8Array.from(bytes);
  }

  requestExit(): void {
    this.#raise(this.activeCpu, EVENT_EXIT);
  }

  limitSlice(instructions: number): void {
    if (!this.#running || instructions >= this.#sliceEnd) return;
    this.#sliceEnd = instructions;
    this.#raise(this.activeCpu, EVENT_LIMIT);
  }

  setInterruptLine(cpu: number, asserted: boolean): void {
    if (asserted) this.#raise(cpu, EVENT_INTERRUPT_LINE);
    else this.#drop(cpu, EVENT_INTERRUPT_LINE);
  }

  raiseNmi(cpu: number): void {
    this.#raise(cpu, EVENT_NMI);
  }

  raiseSmi(cpu: number): void {
    this.#raise(cpu, EVENT_SMI);
  }

  ignoreNumericError(): void {
    const at = X87_IGNORE_ERROR - STATE + this.#stateOf(this.activeCpu);
    this.core.setWord(at, 1);
  }

  raiseInit(cpu: number): void {
    // What came before the INIT goes with it.
    this.#drop(cpu, EVENT_STARTUP);
    this.#raise(cpu, EVENT_INIT);
  }

  raiseStartUp(cpu: number, vector: number): void {
    const state = this.#stateOf(cpu) - STATE;
    const events = this.core.word(EVENTS + state);
    const waiting = this.core.word(HALTED + state) === WAIT_FOR_STARTUP || (events & EVENT_INIT) !== 0;
    if (!waiting || (events & EVENT_STARTUP) !== 0) return;
    this.core.setWord(STARTUP_VECTOR + state, vector & 0xff);
    this.#raise(cpu, EVENT_STARTUP);
  }

  #raise(cpu: number, event: number): void {
    const at = EVENTS - STATE + this.#stateOf(cpu);
    this.core.setWord(at, this.core.word(at) | event);
    if (cpu === this.activeCpu) this.core.setWord(LEAVE_BLOCK, 1);
  }

  #drop(cpu: number, event: number): void {
    const at = EVENTS - STATE + this.#stateOf(cpu);
    this.core.setWord(at, this.core.word(at) & ~event);
  }

  /**
   * All processors as after power-on. RAM, direct ranges and the instruction count stay. Inside a callback, the
   * instruction that caused it ends first; then the slice goes on from the reset vector.
   */
  reset(): void {
    if (this.#inCore) {
      this.#resetPending = true;
      this.#raise(this.activeCpu, EVENT_LIMIT);
    } else {
      this.#resetNow();
    }
  }

  #resetNow(): void {
    this.#resetPending = false;
    this.core.exports.initialise();
    this.#unimplemented = undefined;
  }

  // --- Several processors -------------------------------------------------------------------------------------------

  get cpus(): number {
    return this.#cpus;
  }

  switchTo(cpu: number): void {
    assert(!this.#running && cpu < this.#cpus, 'processors change between runs');
    const before = this.core.word(SMM_ACTIVE);
    this.core.exports.switchTo(cpu);
    const after = this.core.word(SMM_ACTIVE);
    // Each sees its own memory.
    if (after !== before) this.#host.imports.managementMode(after);
  }

  sleepOf(cpu: number): Sleep {
    return sleepOf(this.core, this.#stateOf(cpu) - STATE);
  }

  timeOfTsc(cpu: number, value: bigint): number {
    return Number(BigInt.asIntN(64, value - this.core.quad(TSC_OFFSET - STATE + this.#stateOf(cpu))));
  }

  set pauseYields(yields: boolean) {
    this.core.setWord(PAUSE_YIELDS, yields ? 1 : 0);
  }

  enterProtected32(entry: Gpa, registers: EntryRegisters, gdt?: BootGdt): void {
    bootStates.enterProtected32(this.core, entry, registers, gdt);
    this.#setUpMemoryTypes();
  }

  enterReal16(selector: number, offset: number): void {
    bootStates.enterReal16(this.core, selector, offset);
  }

  enterLong64(entry: bigint, pageTables: Gpa, stack: bigint, registers?: EntryRegisters, gdt?: BootGdt): void {
    bootStates.enterLong64(this.core, { entry, pageTables, stack }, registers, gdt);
    this.#setUpMemoryTypes();
  }

  #setUpMemoryTypes(): void {
    for (let cpu = 0; cpu < this.#cpus; cpu += 1) bootStates.setUpMemoryTypes(this.core, this.#stateOf(cpu));
  }

  // --- Looking in ---------------------------------------------------------------------------------------------------

  get activeCpu(): number {
    return this.core.activeCpu;
  }

  get instructions(): number {
    return this.#inCore ? this.#executedBefore + this.core.exports.executed() : this.#executedBefore;
  }

  get pc(): Gva {
    const address = this.core.exports.position() + this.core.quad(CODE_BASE);
    const wide = (this.core.word(MODE) & MODE_CODE_SIZE_MASK) === MODE_CODE_64;
    return gva(wide ? address : BigInt.asUintN(32, address));
  }

  get unimplemented(): { readonly pc: Gva; readonly bytes: Uint8Array } | undefined {
    return this.#unimplemented;
  }

  /** Start of a processor's state: the active one's is in place, the others' are parked. */
  #stateOf(cpu: number): number {
    assert(cpu >= 0 && cpu < this.#cpus, `processor ${cpu} exists`);
    return cpu === this.activeCpu ? STATE : VCPU_AREA + cpu * VCPU_AREA_SIZE;
  }

  get generalRegisterBytes(): Uint8Array {
    return this.core.bytes.subarray(GPR, GPR + 16 * 8);
  }

  registers(cpu = this.activeCpu): RegisterView {
    const active = cpu === this.activeCpu;
    // Brings EFLAGS up to date.
    if (active) this.core.exports.flags();
    const view = readRegisters(this.core, this.#stateOf(cpu));
    return active ? { ...view, rip: BigInt.asUintN(64, this.core.exports.position()) } : view;
  }

  setRegister(name: string, value: bigint, cpu = this.activeCpu): void {
    const active = this.activeCpu;
    assert(cpu === active || !this.#running, 'only the running processor is set from inside a callback');
    this.core.exports.switchTo(cpu);
    const known = writeRegister(this.core, name, value);
    this.core.exports.switchTo(active);
    assert(known, `a register is named "${name}"`);
  }

  /** The parts of saved state: one per processor, what they share, and who wrote what. RAM is its owners'. */
  states(): readonly StateSource[] {
    const shared: StateSource = {
      name: 'cpu-shared',
      version: 2,
      save: () => ({
        instructions: this.instructions,
        active: this.activeCpu,
        random: this.#host.random,
        a20: this.a20 ? 1 : 0,
      }),
      load: ({ instructions, active, random, a20 }) => {
        this.setA20(a20 !== 0);
        this.#executedBefore = Number(instructions);
        this.core.exports.switchTo(Number(active));
        this.#host.random = Number(random);
      },
    };
    // Loaded in order of name: `cpu-shared` says which processor is in place before the blocks of each are loaded.
    const each = Array.from(
      { length: this.#cpus },
      (_, cpu) => new ProcessorState(this.core, cpu, () => this.#stateOf(cpu)),
    );
    return [...each, shared, this.#writers];
  }

  /** Root of the page tables in force (CR3 without its flag bits); `undefined` while paging is off. */
  get pageTables(): Gpa | undefined {
    const controls = pagingControls(this.core);
    return controls.mode === 'none' ? undefined : gpa(Number(controls.root & 0x000f_ffff_ffff_f000n));
  }
}
