/**
 * The interrupt system of a PC as its processors and devices see it: two 8259s, an I/O APIC and one local APIC for each
 * processor, joined in virtual wire mode (MultiProcessor Specification 1.4 §3.6.2.2).
 */
import type { Nanoseconds, VirtualClock } from '../base/clock.ts';
import type { StateSource } from '../base/state.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { ExternalMsrs, InterruptAcknowledge } from '../cpu/types.ts';
import { MEMTX_OK } from '../memory/memtx.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { ApicBus, type ApicMessage } from './apic-bus.ts';
import { type ApicFeatures, ApicMsrs } from './apic-msrs.ts';
import type { MessageDropReason } from './events.ts';
import { IO_APIC_PINS, IoApic } from './io-apic.ts';
import { LocalApic } from './local-apic.ts';
import { decodeMessage, MSI_BASE } from './msi-decode.ts';
import { PicPair } from './pic-pair.ts';

/** What the controllers do to the processors. */
export interface ProcessorLines {
  /** Level of a processor's INTR pin. */
  setInterruptLine(cpu: number, asserted: boolean): void;
  raiseNmi(cpu: number): void;
  /** System management interrupt; absent: the machine has no SMM and the request is dropped. */
  raiseSmi?(cpu: number): void;
  /** INIT IPI: reset the processor and let it wait for a start-up IPI. */
  initialise?(cpu: number): void;
  /** Start-up IPI: a waiting processor begins at real-mode address `vector` << 12. */
  startUp?(cpu: number, vector: number): void;
}

export interface InterruptControllerOptions {
  /** APIC ids by processor number; as many as there are processors. */
  readonly apicIds: readonly number[];
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  readonly lines: ProcessorLines;
  /** The processor that is making the current MMIO access. Default: 0. */
  readonly currentCpu?: () => number;
  readonly tickNanoseconds?: number;
  /** When the time-stamp counter of a processor reaches `deadline`. */
  readonly timeOfTsc?: (cpu: number, deadline: bigint) => Nanoseconds;
  /** Default: neither x2APIC nor TSC deadline. */
  readonly features?: ApicFeatures;
  /** See {@link PicPair}: QEMU's 8259s keep an edge that fell again. Default false. */
  readonly edgesStayLatched?: boolean;
}

const NO_FEATURES: ApicFeatures = { x2apic: false, tscDeadline: false };
/** First byte after the registers of a local APIC; the rest of 0xfee00000-0xfeefffff takes messages only. */
const REGISTER_WINDOW = 0x400;
const REGISTER_PAGE = 0x1000;
/** Vector base, cascade word and mask that SeaBIOS leaves in each 8259 (`info pic` of QEMU). */
const FIRMWARE_PICS = [
  ['master', 0x08, 0x04, 0xb8],
  ['slave', 0x70, 0x02, 0x8e],
] as const;
const ISA_IRQS = 16;
/** The timer's wire goes to I/O APIC input 2, where a PC's tables say IRQ 0 is. */
const TIMER_PIN = 2;

export class InterruptController implements InterruptAcknowledge {
  readonly apicBus: ApicBus;
  readonly pic: PicPair;
  readonly ioApic: IoApic;
  readonly apics: readonly LocalApic[];
  readonly msrs: ExternalMsrs;
  readonly #options: InterruptControllerOptions;
  readonly #acknowledged: TraceChannel<'interrupts.acknowledged'>;

  constructor(options: InterruptControllerOptions) {
    const { apicIds, clock, trace, lines, tickNanoseconds, timeOfTsc } = options;
    this.#options = options;
    this.#acknowledged = trace.channel('interrupts.acknowledged');
    this.apicBus = new ApicBus(trace);
    this.pic = new PicPair((asserted) => this.#picChanged(asserted), options.edgesStayLatched);
    this.ioApic = new IoApic(this.apicBus, trace);
    this.apics = apicIds.map((id, cpu) => {
      const apic = new LocalApic({
        cpu,
        id,
        bus: this.apicBus,
        clock,
        acknowledgePic: () => this.pic.acknowledge(),
        hooks: {
          interruptChanged: () => this.#update(cpu),
          nmi: () => lines.raiseNmi(cpu),
          smi: () => lines.raiseSmi?.(cpu),
          init: () => this.#initialise(cpu),
          startUp: (vector) => lines.startUp?.(cpu, vector),
        },
        ...(tickNanoseconds === undefined ? {} : { tickNanoseconds }),
        ...(timeOfTsc === undefined ? {} : { timeOfTsc: (deadline: bigint) => timeOfTsc(cpu, deadline) }),
      });
      this.apicBus.addTarget(apic);
      return apic;
    });
    this.msrs = new ApicMsrs(this.apics, options.features ?? NO_FEATURES, (cpu) => this.#update(cpu));
  }

  /** Everything here that has state. */
  get stateSources(): readonly StateSource[] {
    return [this.pic, this.ioApic, ...this.apics];
  }

  acknowledge(cpu: number): number {
    const apic = this.apics[cpu]!;
    const own = apic.hasOwnInterrupt;
    const vector = apic.hardwareEnabled ? apic.acknowledge() : cpu === 0 ? this.pic.acknowledge() : -1;
    if (vector >= 0 && this.#acknowledged.active) {
      this.#acknowledged.emit({ cpu, vector, source: own ? 'apic' : 'pic' });
    }
    return vector;
  }

  /** Drives a global system interrupt: the ISA IRQs 0-15 on both 8259s and I/O APIC, 16-23 only on the latter. */
  setIrq(gsi: number, asserted: boolean): void {
    if (gsi < ISA_IRQS) this.pic.setLine(gsi, asserted);
    const pin = gsi === 0 ? TIMER_PIN : gsi;
    if (pin < IO_APIC_PINS && gsi !== TIMER_PIN) this.ioApic.setLine(pin, asserted);
  }

  /** Only the 8259 input: what a chipset's PIRQ routing drives; its I/O APIC pin is another. */
  setPicIrq(irq: number, asserted: boolean): void {
    this.pic.setLine(irq, asserted);
  }

  /** An interrupt message as a device writes it. Returns why it reached nobody, or `undefined`. */
  sendMessage(address: number, data: number): MessageDropReason | undefined {
    const message: ApicMessage = decodeMessage(address, data);
    return this.apicBus.send(message);
  }

  /**
   * The megabyte at 0xfee00000, to be placed in front of all else. A processor's access to the first page reaches
   * its own local APIC; a device's write, and a processor's beyond that page, is an interrupt message.
   */
  apicOps(): MmioOps {
    return {
      readWithAttrs: (offset, size, attrs, out) => {
        if (attrs.requesterId === undefined && size === 4) out.low = this.#readApic(offset);
        return MEMTX_OK;
      },
      writeWithAttrs: (offset, size, low, _high, attrs) => {
        if (size !== 4) return MEMTX_OK;
        if (attrs.requesterId !== undefined || offset >= REGISTER_PAGE) this.sendMessage(MSI_BASE + offset, low);
        else this.#writeApic(offset, low);
        return MEMTX_OK;
      },
      valid: { minimum: 1, maximum: 4 },
      impl: { minimum: 1, maximum: 4 },
    };
  }

  /** The 8259s reach processor 0 through LINT0, as firmware leaves the local APICs when it starts a kernel. */
  setUpVirtualWire(): void {
    this.apics[0]!.setUpVirtualWire();
  }

  /**
   * Leaves the whole interrupt system as SeaBIOS does: virtual wire mode, and the 8259s at the BIOS's vectors 0x08 and
   * 0x70 with its masks. Firmware's running timer is not started: a kernel that wants ticks programs the PIT.
   */
  setUpAsFirmware(): void {
    for (const [chip, base, cascade, mask] of FIRMWARE_PICS) {
      const ports = this.pic.ports(chip);
      ports.write(0, 1, 0x11);
      for (const value of [base, cascade, 0x01, mask]) ports.write(1, 1, value);
    }
    this.setUpVirtualWire();
  }

  reset(): void {
    this.pic.reset();
    this.ioApic.reset();
    for (const apic of this.apics) apic.reset();
    for (const apic of this.apics) this.#update(apic.cpu);
  }

  get #currentApic(): LocalApic {
    return this.apics[this.#options.currentCpu?.() ?? 0]!;
  }

  #readApic(offset: number): number {
    const apic = this.#currentApic;
    return apic.mode === 'xapic' && isRegister(offset) ? apic.readRegister(offset >> 4) : 0;
  }

  #writeApic(offset: number, value: number): void {
    const apic = this.#currentApic;
    if (apic.mode === 'xapic' && isRegister(offset)) apic.writeRegister(offset >> 4, value);
  }

  #picChanged(asserted: boolean): void {
    for (const apic of this.apics) apic.lvt.setPin(0, asserted);
    // With its local APIC off, LINT0 is the bootstrap processor's INTR pin.
    this.#update(0);
  }

  /** INTR of `cpu`: from its local APIC, or straight from the 8259s while that is switched off. */
  #update(cpu: number): void {
    const apic = this.apics[cpu]!;
    const straight = cpu === 0 && this.pic.output;
    this.#options.lines.setInterruptLine(cpu, apic.hardwareEnabled ? apic.hasInterrupt : straight);
  }

  #initialise(cpu: number): void {
    this.apics[cpu]!.reset(true);
    this.#options.lines.initialise?.(cpu);
  }
}

/** Registers are the first double word of each 16 bytes (Intel SDM Vol. 3A 10.4.1). */
function isRegister(offset: number): boolean {
  return offset < REGISTER_WINDOW && (offset & 0xf) === 0;
}
