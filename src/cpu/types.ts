/** The processor as the machine sees it. `processor.ts` implements it over the WebAssembly core. */

import type { Gpa, Gva } from '../base/address.ts';
import type { VirtualClock } from '../base/clock.ts';
import type { TraceBus } from '../base/trace.ts';
import type { Sleep } from './sleep.ts';
import type { ProcessorTopology } from './topology.ts';

/** Why {@link ProcessorLike.run} came back. */
export type ExitReason =
  /** The instruction budget is used up, exactly. */
  | 'budget'
  /** HLT with nothing pending: jump to the next deadline. */
  | 'halted'
  /** A triple fault: the guest crashed. */
  | 'triple-fault'
  /** An instruction that the core does not implement; see {@link ProcessorLike.unimplemented}. */
  | 'unimplemented'
  /** {@link ProcessorLike.requestExit} was called (a device asked the machine to stop, a breakpoint). */
  | 'requested'
  /** PAUSE, while {@link ProcessorLike.pauseYields} is set. */
  | 'paused';

/** The interrupt controllers, as the processor's INTR pin and acknowledge cycle see them. */
export interface InterruptAcknowledge {
  /** Returns the vector (0-255) to deliver now, and takes it into service. -1: spurious, deliver nothing. */
  acknowledge(cpu: number): number;
  /** The local APIC's task priority class, 0-15: what CR8 reads. Without it, CR8 is a plain register. */
  taskPriority?(cpu: number): number;
  /** CR8 was written. */
  setTaskPriority?(cpu: number, priority: number): void;
  /**
   * FERR#: an x87 exception is pending and CR0.NE is clear. True when the machine makes an interrupt (IRQ 13) of it, for
   * which the processor then waits; without it the instruction goes on.
   */
  numericError?(cpu: number): boolean;
}

/** Model-specific registers that live outside the core: IA32_APIC_BASE (0x1b), x2APIC, TSC deadline. 64 bits as bigint. */
export interface ExternalMsrs {
  read(cpu: number, msr: number): bigint | undefined;
  /** Returns false when the value must raise #GP(0). `undefined`: not ours. */
  write(cpu: number, msr: number, value: bigint): boolean | undefined;
}

/** One direct-mapped range of guest-physical memory, as the flat view of the CPU's address space gives it. */
export interface DirectRange {
  readonly start: Gpa;
  /** Bytes. */
  readonly size: number;
  /** Backing bytes; must live in the core's own WebAssembly memory ({@link ProcessorLike.allocate}). */
  readonly backing: Uint8Array;
  /** False for ROM: writes go to {@link MemoryPort.write}. */
  readonly writable: boolean;
}

/** Everything that is not direct RAM: MMIO, ROM writes, holes. Values are numbers up to 32 bits; 64 bits as two halves. */
export interface MemoryPort {
  /** `size` is 1, 2, 4 or 8; the result is little-endian. For 8, the high half is left in {@link high}. */
  read(address: Gpa, size: number): number;
  write(address: Gpa, size: number, low: number, high: number): void;
  /** High half of the last 8-byte read. */
  readonly high: number;
}

export interface PortIo {
  read(port: number, size: number): number;
  write(port: number, size: number, value: number): void;
}

/** General registers that a boot protocol sets; the others are 0. */
export interface EntryRegisters {
  readonly eax?: number;
  readonly ebx?: number;
  readonly esi?: number;
}

/** The GDT that a boot protocol has in place, and the selectors loaded from it. */
export interface BootGdt {
  readonly base: Gpa;
  /** Offset of its last byte. */
  readonly limit: number;
  readonly code: number;
  readonly data: number;
}

export interface ProcessorPorts {
  readonly memory: MemoryPort;
  readonly io: PortIo;
  readonly interrupts: InterruptAcknowledge;
  readonly msrs: ExternalMsrs;
  /** Virtual time, which the time-stamp counter counts in nanoseconds. */
  readonly clock: Pick<VirtualClock, 'now'>;
  readonly trace: TraceBus;
  /** PAUSE, while it ends no run ({@link ProcessorLike.pauseYields}): how long it takes is the machine's affair. */
  pause?(): void;
  /**
   * `cpu` enters system management mode (its state has not been saved yet) or has left it: the machine shows or hides
   * SMRAM, and may replace the direct ranges.
   */
  managementMode?(cpu: number, entered: boolean): void;
}

export interface ProcessorOptions {
  /** Bytes of guest RAM and ROM that {@link ProcessorLike.allocate} must be able to hand out. */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** How packages hold them. Default: as many cores of one package. */
  readonly topology?: ProcessorTopology;
  /** CPUID model in QEMU's `-cpu` syntax: `qemu64`, `max`, `Nehalem`, `qemu64,+rdrand,-nx` (`cpu-option.ts`). */
  readonly model: string;
  /** Keep, per 8 bytes of RAM, who stored there last. */
  readonly trackWriters: boolean;
  /** RDMSR and WRMSR of an MSR that nobody has: `fault` (default, the specification) or `zero` (QEMU's TCG). */
  readonly unknownMsrs?: 'fault' | 'zero';
  /** Start of the random numbers that RDRAND and RDSEED give; the same seed gives the same run. 1 by default. */
  readonly seed?: number;
}

/** Who stored to an 8-byte unit of RAM last. */
export type Writer =
  | { readonly kind: 'cpu'; readonly pc: Gva; readonly pageTables: Gpa | undefined }
  | { readonly kind: 'device'; readonly name: string };

/** All general registers and the state a debugger shows; 64-bit values as bigint. */
export interface RegisterView {
  /** rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
  readonly gpr: readonly bigint[];
  readonly rip: bigint;
  readonly rflags: bigint;
  /** es cs ss ds fs gs ldtr tr */
  readonly segments: readonly { selector: number; base: bigint; limit: number; attributes: number }[];
  readonly gdt: { base: bigint; limit: number };
  readonly idt: { base: bigint; limit: number };
  readonly cr: { cr0: bigint; cr2: bigint; cr3: bigint; cr4: bigint; cr8: bigint };
  /** DR0 to DR7; 4 and 5 are 0. */
  readonly dr?: readonly bigint[];
  /** In system management mode. */
  readonly smm?: boolean;
  readonly efer: bigint;
  readonly cpl: number;
  /** 16, 32 or 64: the code segment's size in force. */
  readonly bits: 16 | 32 | 64;
}

export interface ProcessorLike {
  /** Page-aligned bytes in the core's memory, zeroed, for a RAM or ROM region that the CPU reads directly. */
  allocate(bytes: number): Uint8Array;
  /** The flat view changed: replaces all direct ranges and flushes the TLBs. */
  setDirectRanges(ranges: readonly DirectRange[]): void;
  /** A device (or loader) changed RAM: drops cached code there, and notes the writer. Cheap when the pages hold no code. */
  noteExternalWrite(address: Gpa, size: number, writer: string): void;
  /** Runs at most `maxInstructions` instructions (>= 0). Exact. */
  run(maxInstructions: number): ExitReason;
  /** Makes {@link run} return 'requested' before the next instruction. */
  requestExit(): void;
  /** Shortens the running slice so that it ends after `instructions` in total (absolute count); no-op if it ends sooner. */
  limitSlice(instructions: number): void;
  /** Level of the INTR pin of `cpu`. */
  setInterruptLine(cpu: number, asserted: boolean): void;
  raiseNmi(cpu: number): void;
  /** A system management interrupt: taken before the next instruction; within the mode one is kept for later. */
  raiseSmi(cpu: number): void;
  /** IGNNE#: x87 instructions of the active processor go on with their exception pending, until it is cleared. */
  ignoreNumericError(): void;
  /** INIT: taken before the next instruction of `cpu`. Processor 0 goes on at the reset vector, others wait. */
  raiseInit(cpu: number): void;
  /** Start-up IPI: a waiting `cpu` begins in real mode at `vector` << 12; another ignores it. */
  raiseStartUp(cpu: number, vector: number): void;
  /** Number of processors. */
  readonly cpus: number;
  /** The processor that {@link run} runs, and whose registers {@link registers} gives. */
  readonly activeCpu: number;
  /** Makes another processor the active one. Between runs only. */
  switchTo(cpu: number): void;
  /**
   * Whether {@link run} would execute instructions of `cpu`. `interruptible`: HLT with IF = 1; `masked`: HLT with IF = 0,
   * which an interrupt does not end; `not-started`: waits for a start-up IPI.
   */
  sleepOf(cpu: number): Sleep;
  /** While true, PAUSE ends {@link run}: another processor may be what the loop waits for. Default false. */
  set pauseYields(yields: boolean);
  /** The virtual time, in nanoseconds, at which the time-stamp counter of `cpu` reaches `value`. */
  timeOfTsc(cpu: number, value: bigint): number;
  /**
   * The A20 gate (port 0x92, the keyboard controller): while it is off, bit 20 of every physical address that the
   * processors put out, page walks included, is 0. On at power-on; a reset leaves it as it is. Saved with the state.
   */
  setA20(enabled: boolean): void;
  readonly a20: boolean;
  reset(): void;
  /**
   * 32-bit protected mode as Multiboot prescribes: flat 4 GiB code and data segments, paging and interrupts off, A20 on
   * (Multiboot Specification 3.2). All other general registers are 0.
   */
  enterProtected32(entry: Gpa, registers: EntryRegisters, gdt?: BootGdt): void;
  /** Real mode at `selector`:`offset` (16 bits each), everything else as after RESET, interrupts off. */
  enterReal16(selector: number, offset: number): void;
  /** 64-bit mode with paging on at `pageTables` (physical root), flat segments, interrupts off. */
  enterLong64(entry: bigint, pageTables: Gpa, stack: bigint, registers?: EntryRegisters, gdt?: BootGdt): void;
  /**
   * While a listener is set, it hears of every store to RAM *before* it happens (page-split stores as two). Slow: used
   * for short windows only, to prove that a loop changes nothing. `undefined` ends it.
   */
  observeStores(listener: ((address: Gpa, size: number) => void) | undefined): void;
  /** Instructions executed since power-on; exact also inside an MMIO or port callback. */
  readonly instructions: number;
  /** The instruction now executing (inside a callback) or to be executed next. */
  readonly pc: Gva;
  readonly unimplemented: { readonly pc: Gva; readonly bytes: Uint8Array } | undefined;
  registers(cpu?: number): RegisterView;
  /** The 16 general registers of the active processor as they stand, 8 bytes each: a live view for cheap comparisons. */
  readonly generalRegisterBytes: Uint8Array;
  /** `name`: a lower-case register name: `rax`..`r15`, `rip`, `rflags`, `cr3`, `cs`... */
  setRegister(name: string, value: bigint, cpu?: number): void;
  whoWrote(address: Gpa): Writer | undefined;
  /** Linear to physical with the page tables in force or at `root`; no side effects. */
  translate(address: Gva, root?: Gpa): Gpa | undefined;
}
