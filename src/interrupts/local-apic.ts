/**
 * One local APIC, in xAPIC or x2APIC mode (Intel SDM Vol. 3A chapter 10). Registers are reached by index: the MMIO offset
 * divided by 16, which is also the x2APIC's MSR number minus 0x800.
 *
 * Not modelled: CMCI, EOI broadcast suppression, focus processors.
 */
import type { Nanoseconds, VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import { type ApicBus, type ApicMessage, type ApicTarget, DELIVERY, FIRST_LEGAL_VECTOR } from './apic-bus.ts';
import { type ApicRegisters, readRegister, resetRegisters, writeRegister } from './local-apic-access.ts';
import { APIC, ESR, ICR_LOW, SVR } from './local-apic-registers.ts';
import { LocalApicTimer } from './local-apic-timer.ts';
import { LocalVectors } from './local-vectors.ts';
import { VectorSet } from './vector-set.ts';

/** Destination shorthands of the ICR (10.6.1). */
const SHORTHAND = { none: 0, self: 1, all: 2, others: 3 } as const;
const DFR_MODEL = 0xf000_0000;
const BROADCAST = 0xff;
const WIDE_BROADCAST = 0xffff_ffff;

/** IA32_APIC_BASE bits 11 and 10 (10.12.1). */
export type ApicMode = 'off' | 'xapic' | 'x2apic';

/** What a local APIC does to its processor. */
export interface LocalApicHooks {
  /** Something that {@link LocalApic.acknowledge} would return is waiting, or no longer. */
  interruptChanged(asserted: boolean): void;
  nmi(): void;
  smi(): void;
  /** INIT: the processor resets and, unless it is the bootstrap processor, waits for a start-up IPI. */
  init(): void;
  /** Start-up IPI: a waiting processor begins in real mode at `vector` << 12. */
  startUp(vector: number): void;
}

export interface LocalApicOptions {
  readonly cpu: number;
  /** The APIC id after RESET, 0-255. */
  readonly id: number;
  readonly bus: ApicBus;
  readonly clock: VirtualClock;
  readonly hooks: LocalApicHooks;
  /** The external 8259 pair, answered in ExtINT mode. -1: nothing. */
  readonly acknowledgePic: () => number;
  readonly tickNanoseconds?: number;
  readonly timeOfTsc?: (deadline: bigint) => Nanoseconds;
}

export class LocalApic implements ApicTarget, StateSource {
  readonly version = 2;
  readonly name: string;
  readonly cpu: number;
  /** The id after RESET, which an x2APIC keeps. */
  readonly initialId: number;
  readonly irr = new VectorSet();
  readonly isr = new VectorSet();
  readonly tmr = new VectorSet();
  readonly timer: LocalApicTimer;
  readonly lvt: LocalVectors;
  readonly #bus: ApicBus;
  readonly #hooks: LocalApicHooks;
  readonly #acknowledgePic: () => number;
  /** Software-visible registers that hold what was written; access goes through {@link readRegister}. */
  readonly registers: ApicRegisters;
  #mode: ApicMode = 'xapic';
  #output = false;

  constructor(options: LocalApicOptions) {
    this.cpu = options.cpu;
    this.initialId = options.id;
    this.name = `apic${options.cpu}`;
    this.registers = resetRegisters(options.id);
    this.#bus = options.bus;
    this.#hooks = options.hooks;
    this.#acknowledgePic = options.acknowledgePic;
    const { clock, tickNanoseconds, timeOfTsc } = options;
    this.timer = new LocalApicTimer({
      name: `${this.name}/timer`,
      clock,
      expired: () => this.lvt.timerExpired(),
      ...(tickNanoseconds === undefined ? {} : { tickNanoseconds }),
      ...(timeOfTsc === undefined ? {} : { timeOfTsc }),
    });
    this.lvt = new LocalVectors({
      post: (vector, levelTriggered) => this.post(vector, levelTriggered),
      nmi: () => this.#hooks.nmi(),
      smi: () => this.#hooks.smi(),
      init: () => this.#hooks.init(),
      externalChanged: () => this.update(),
      timerWritten: (value) => this.timer.setLvt(value),
    });
  }

  get id(): number {
    return this.registers.id;
  }

  /** Software-enabled (SVR bit 8) and not switched off through IA32_APIC_BASE. */
  get acceptsFixed(): boolean {
    return this.hardwareEnabled && SVR.has(this.registers.svr, 'enable');
  }

  get mode(): ApicMode {
    return this.#mode;
  }

  get hardwareEnabled(): boolean {
    return this.#mode !== 'off';
  }

  /**
   * Changes the mode, as a write to IA32_APIC_BASE does. False when there is no such way: from x2APIC mode only off, into
   * it only from xAPIC mode (10.12.5). Switching the APIC off loses its state (10.4.3).
   */
  setMode(mode: ApicMode): boolean {
    if (mode === this.#mode) return true;
    if ((mode === 'x2apic' && this.#mode === 'off') || (mode === 'xapic' && this.#mode === 'x2apic')) return false;
    if (mode === 'off') this.reset();
    this.#mode = mode;
    if (mode === 'x2apic') {
      // The id is fixed from here on, and the logical id follows from it (10.12.10.2).
      this.registers.id = this.initialId;
      this.registers.icrHigh = 0;
    }
    this.update();
    return true;
  }

  /** LDR as it reads: in x2APIC mode the cluster in bits 31-16, one bit for the APIC in 15-0 (10.12.10.2). */
  get logicalId(): number {
    if (this.#mode !== 'x2apic') return this.registers.ldr;
    return (((this.initialId >> 4) << 16) | (1 << (this.initialId & 15))) >>> 0;
  }

  /** Task priority, 0-255; CR8 is its upper half (10.8.6.1). */
  get taskPriority(): number {
    return this.registers.tpr;
  }

  set taskPriority(value: number) {
    this.registers.tpr = value & 0xff;
    this.update();
  }

  /** PPR: the class below which nothing interrupts (10.8.3.1). */
  get processorPriority(): number {
    const inService = Math.max(this.isr.highest, 0);
    return this.registers.tpr >> 4 >= inService >> 4 ? this.registers.tpr : inService & 0xf0;
  }

  /** APR, as the Pentium's arbitration saw it: the highest of TPR, ISR and IRR. */
  get arbitrationPriority(): number {
    const requested = Math.max(this.irr.highest, 0) & 0xf0;
    const inService = Math.max(this.isr.highest, 0) & 0xf0;
    const taskClass = this.registers.tpr & 0xf0;
    return taskClass >= requested && taskClass > inService
      ? this.registers.tpr
      : Math.max(taskClass & inService, requested);
  }

  matches({ destination, logical, wide = false }: ApicMessage): boolean {
    if (!this.hardwareEnabled) return false;
    if (destination === (wide ? WIDE_BROADCAST : BROADCAST)) return true;
    if (!logical) return destination === this.registers.id;
    const own = this.logicalId;
    if (this.#mode === 'x2apic') return destination >>> 16 === own >>> 16 && (destination & own & 0xffff) !== 0;
    if (destination > BROADCAST) return false;
    const set = own >>> 24;
    if ((this.registers.dfr & DFR_MODEL) >>> 0 === DFR_MODEL) return (destination & set) !== 0;
    return destination >> 4 === set >> 4 && (destination & set & 0xf) !== 0;
  }

  accept(message: ApicMessage): void {
    const { deliveryMode, vector, levelTriggered } = message;
    switch (deliveryMode) {
      case DELIVERY.fixed:
      case DELIVERY.lowestPriority:
        this.post(vector, levelTriggered);
        return;
      case DELIVERY.smi:
        this.#hooks.smi();
        return;
      case DELIVERY.nmi:
        this.#hooks.nmi();
        return;
      case DELIVERY.init:
        this.#hooks.init();
        return;
      case DELIVERY.startUp:
        this.#hooks.startUp(vector);
        return;
      case DELIVERY.extInt:
        this.lvt.externalMessage();
        return;
    }
  }

  /** Accepts a fixed interrupt into the IRR. */
  post(vector: number, levelTriggered: boolean): void {
    if (vector < FIRST_LEGAL_VECTOR) {
      this.raiseError(ESR.receiveIllegalVector);
      return;
    }
    this.irr.add(vector);
    if (levelTriggered) this.tmr.add(vector);
    else this.tmr.delete(vector);
    this.update();
  }

  /**
   * The processor takes an interrupt: the vector goes into service; an ExtINT asks the 8259s. -1 when nothing is
   * deliverable any more.
   */
  acknowledge(): number {
    const vector = this.#deliverable;
    if (vector >= 0) {
      this.irr.delete(vector);
      this.isr.add(vector);
      this.update();
      return vector;
    }
    if (!this.lvt.takeExternal()) return -1;
    const external = this.#acknowledgePic();
    this.update();
    return external;
  }

  /** True when {@link acknowledge} would return a vector. */
  get hasInterrupt(): boolean {
    return this.#deliverable >= 0 || this.lvt.externalPending;
  }

  /** True when {@link acknowledge} would find something in the APIC itself. */
  get hasOwnInterrupt(): boolean {
    return this.#deliverable >= 0;
  }

  /** The register at `index`, as an aligned 32-bit read sees it. An undefined index is an ESR error and reads 0. */
  readRegister(index: number): number {
    return readRegister(this, index);
  }

  /** An aligned 32-bit write to the register at `index`. */
  writeRegister(index: number, value: number): void {
    writeRegister(this, index, value);
  }

  /**
   * What PC firmware leaves on the bootstrap processor: the APIC on, the 8259s through LINT0 (ExtINT), NMI on LINT1
   * (virtual wire mode, 10.4.7.1 and MultiProcessor Specification 1.4 §3.6.2.2).
   */
  setUpVirtualWire(): void {
    this.writeRegister(APIC.SVR, 0x1ff);
    this.writeRegister(APIC.LVT_LINT0, 0x8700);
    this.writeRegister(APIC.LVT_LINT1, 0x8400);
  }

  /** State after power-up or reset (10.4.7.1), or after INIT, which keeps the id and the mode (10.4.7.3, 10.12.5.1). */
  reset(isInit = false): void {
    Object.assign(this.registers, resetRegisters(isInit ? this.registers.id : this.initialId));
    for (const set of [this.irr, this.isr, this.tmr]) set.clear();
    if (!isInit) this.#mode = 'xapic';
    this.timer.reset();
    this.lvt.reset();
    this.update();
  }

  /** Recomputes the INTR level after anything that decides it. */
  update(): void {
    const output = this.hardwareEnabled && this.hasInterrupt;
    if (output === this.#output) return;
    this.#output = output;
    this.#hooks.interruptChanged(output);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      irr: [...this.irr.words],
      isr: [...this.isr.words],
      tmr: [...this.tmr.words],
      registers: { ...this.registers },
      mode: this.#mode,
      output: this.#output,
      timer: this.timer.save(),
      lvt: this.lvt.save(),
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.irr.words.set(fields.irr as readonly number[]);
    this.isr.words.set(fields.isr as readonly number[]);
    this.tmr.words.set(fields.tmr as readonly number[]);
    Object.assign(this.registers, fields.registers);
    this.#mode = fields.mode as ApicMode;
    this.#output = fields.output as boolean;
    this.timer.load(fields.timer as { readonly [field: string]: StateValue });
    this.lvt.load(fields.lvt as { readonly [field: string]: StateValue });
  }

  /** The vector that would interrupt now, or -1. */
  get #deliverable(): number {
    if (!SVR.has(this.registers.svr, 'enable')) return -1;
    const requested = this.irr.highest;
    return requested >> 4 > this.processorPriority >> 4 ? requested : -1;
  }

  /** EOI: the highest vector in service has been handled (10.8.5). */
  endOfInterrupt(): void {
    const vector = this.isr.highest;
    if (vector < 0) return;
    this.isr.delete(vector);
    if (this.tmr.has(vector)) {
      this.lvt.endOfInterrupt(vector);
      this.#bus.broadcastEoi(vector);
    }
    this.update();
  }

  /** Sends what ICR holds (10.6.1). */
  sendIpi(): void {
    const low = this.registers.icrLow;
    const vector = ICR_LOW.get(low, 'vector');
    const deliveryMode = ICR_LOW.get(low, 'deliveryMode');
    const levelTriggered = ICR_LOW.has(low, 'levelTriggered');
    // INIT level de-assert only synchronises arbitration ids, which integrated APICs do not have (10.6.1).
    if (deliveryMode === DELIVERY.init && levelTriggered && !ICR_LOW.has(low, 'level')) return;
    const shorthand = ICR_LOW.get(low, 'shorthand');
    const fixed = deliveryMode === DELIVERY.fixed || deliveryMode === DELIVERY.lowestPriority;
    if (fixed && vector < FIRST_LEGAL_VECTOR) this.raiseError(ESR.sendIllegalVector);
    const wide = this.#mode === 'x2apic';
    const { icrHigh } = this.registers;
    const everyone = wide ? WIDE_BROADCAST : BROADCAST;
    const message: ApicMessage = {
      source: 'ipi',
      wide,
      destination: shorthand !== SHORTHAND.none ? everyone : wide ? icrHigh : icrHigh >>> 24,
      logical: shorthand === SHORTHAND.none && ICR_LOW.has(low, 'logical'),
      deliveryMode,
      vector,
      levelTriggered: false,
    };
    const { targets } = this.#bus;
    const others = targets.filter((target) => target !== this);
    if (shorthand === SHORTHAND.none) this.#bus.send(message);
    else if (shorthand === SHORTHAND.self) this.#bus.sendTo(message, [this]);
    else this.#bus.sendTo(message, shorthand === SHORTHAND.all ? targets : others);
  }

  /** SELF IPI of the x2APIC: a fixed, edge-triggered interrupt to this processor (10.12.11). */
  sendSelfIpi(vector: number): void {
    if (vector < FIRST_LEGAL_VECTOR) this.raiseError(ESR.sendIllegalVector);
    const message: ApicMessage = {
      source: 'ipi',
      wide: true,
      destination: this.initialId,
      logical: false,
      deliveryMode: DELIVERY.fixed,
      vector,
      levelTriggered: false,
    };
    this.#bus.sendTo(message, [this]);
  }

  /** Gathers an ESR bit; the first one raises the error interrupt (10.5.3). */
  raiseError(bit: number): void {
    const known = (this.registers.errors & bit) !== 0;
    this.registers.errors |= bit;
    if (!known) this.lvt.errorRaised();
  }
}
