/**
 * The ICH9's ACPI power management block: PM1 events and control, the power management timer, GPE0, SMI control, and
 * the APM ports 0xb2 and 0xb3 (ICH9 datasheet §13.8.3, §13.7.3; ACPI 6.4 §4.8).
 *
 * Not modelled: TCO (watchdog), the periodic and software SMI timers, sleep states S1 to S3.
 */
import type { Timer, VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import * as pm from './acpi-pm-registers.ts';

/** Ticks of the power management timer per second. */
export const PM_TIMER_HERTZ = 3_579_545;
const SECOND = 1_000_000_000;
/**
 * What a read of the timer takes beside its instruction: about a microsecond, for it crosses the bus to the south bridge.
 * Firmware waits in loops of such reads, which would be hundreds of times as long without.
 */
const TIMER_READ_NANOSECONDS = 1000;
const TIMER_MASK = 0xff_ffff;
/** The status bit is set when bit 23 changes. */
const TIMER_HALF = 0x80_0000;

/** First of the APM ports: control, then status. */
export const APM_PORT = 0xb2;
/** Values of the control port that switch between SMI and SCI; the FADT names them. */
const ACPI_ENABLE = 0x02;
const ACPI_DISABLE = 0x03;
const SMI_LOCK_MASK = 1;

/** SLP_TYP as the DSDT's \_S3, \_S4 and \_S5 packages give it. */
const SLEEP_TYPES = { 0: 'off', 1: 'memory', 2: 'disk' } as const;

export interface AcpiPmOptions {
  readonly clock: VirtualClock;
  /** Level of the system control interrupt. */
  readonly sci: (asserted: boolean) => void;
  readonly smi: () => void;
  /** The guest's access takes so many nanoseconds longer than an instruction. */
  readonly stall: (nanoseconds: number) => void;
  /** The guest goes to sleep: `off` (S5), `memory` (S3) or `disk` (S4). */
  readonly sleep: (state: 'off' | 'memory' | 'disk') => void;
  /** QEMU raises the SCI whether or not SCI_EN is set, and shows no APM_STS. */
  readonly asQemu: boolean;
}

export class AcpiPm implements StateSource {
  readonly name = 'acpi-pm';
  readonly version = 1;
  /** The block at PMBASE. */
  readonly ops: MmioOps;
  readonly apmOps: MmioOps;
  readonly #options: AcpiPmOptions;
  readonly #timer: Timer;
  #pm1: number = pm.PM1.reset;
  #control: number = pm.PM1_CNT.reset;
  #gpeStatus = new Uint8Array(pm.GPE0_BYTES);
  #gpeEnable = new Uint8Array(pm.GPE0_BYTES);
  #smiEnable: number = pm.SMI_EN.reset;
  #smiStatus: number = pm.SMI_STS.reset;
  #smiLocked = false;
  #apm: [control: number, status: number] = [0, 0];
  /** The timer's count, of any width, at which its status bit is set next. */
  #overflowAt = TIMER_HALF;
  #sci = false;

  constructor(options: AcpiPmOptions) {
    this.#options = options;
    this.#timer = options.clock.timer('acpi-pm', () => this.#update());
    this.ops = {
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
      valid: { minimum: 1, maximum: 4 },
      impl: { minimum: 1, maximum: 4 },
    };
    this.apmOps = {
      read: (offset) => this.#apm[offset & 1]!,
      write: (offset, _size, value) => {
        this.#apm[offset & 1] = value & 0xff;
        if ((offset & 1) === 0) this.#apmControl(value & 0xff);
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  reset(): void {
    this.#pm1 = pm.PM1.reset;
    this.#control = pm.PM1_CNT.reset;
    this.#gpeStatus.fill(0);
    this.#gpeEnable.fill(0);
    this.#smiEnable = pm.SMI_EN.reset;
    this.#smiStatus = pm.SMI_STS.reset;
    this.#smiLocked = false;
    this.#apm = [0, 0];
    this.#overflowAt = this.#nextOverflow;
    this.#update();
  }

  /** GEN_PMCON_1.SMI_LOCK: GBL_SMI_EN stays as it is until the next reset. */
  lockSmi(): void {
    this.#smiLocked = true;
  }

  pressPowerButton(): void {
    this.#pm1 = pm.PM1.with(this.#pm1, 'powerButtonStatus', 1);
    this.#update();
  }

  /** A general purpose event, 0-63, for example of a hot-plug controller. */
  raiseEvent(event: number): void {
    this.#gpeStatus[event >> 3]! |= 1 << (event & 7);
    this.#update();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      pm1: this.#pm1,
      control: this.#control,
      gpeStatus: this.#gpeStatus.slice(),
      gpeEnable: this.#gpeEnable.slice(),
      smi: [this.#smiEnable, this.#smiStatus],
      smiLocked: this.#smiLocked,
      apm: [...this.#apm],
      overflowAt: this.#overflowAt,
      sci: this.#sci,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#pm1 = fields.pm1 as number;
    this.#control = fields.control as number;
    this.#gpeStatus.set(fields.gpeStatus as Uint8Array);
    this.#gpeEnable.set(fields.gpeEnable as Uint8Array);
    [this.#smiEnable, this.#smiStatus] = fields.smi as [number, number];
    this.#smiLocked = fields.smiLocked as boolean;
    this.#apm = [...(fields.apm as [number, number])];
    this.#overflowAt = fields.overflowAt as number;
    this.#sci = fields.sci as boolean;
    if (typeof fields.timer === 'number') this.#timer.at(fields.timer);
    else this.#timer.cancel();
  }

  /** Ticks since power-on. Seconds and the rest apart: their product with the frequency stays exact. */
  get #ticks(): number {
    const now = this.#options.clock.now();
    const seconds = Math.floor(now / SECOND);
    return seconds * PM_TIMER_HERTZ + Math.floor(((now - seconds * SECOND) * PM_TIMER_HERTZ) / SECOND);
  }

  get #nextOverflow(): number {
    return (Math.floor(this.#ticks / TIMER_HALF) + 1) * TIMER_HALF;
  }

  /** PM1_STS and PM1_EN; the timer's status follows from the time. */
  get #events(): number {
    return this.#ticks >= this.#overflowAt ? pm.PM1.with(this.#pm1, 'timerStatus', 1) : this.#pm1;
  }

  /** The aligned double word at `offset`. */
  #register(offset: number): number {
    switch (offset) {
      case pm.PM1_STS_EN:
        return this.#events;
      case pm.PM1_CNT_OFFSET:
        return this.#control;
      case pm.PM1_TMR:
        return this.#ticks % (TIMER_MASK + 1);
      case pm.SMI_EN_OFFSET:
        return this.#smiEnable;
      case pm.SMI_STS_OFFSET:
        return this.#smiStatus;
    }
    const bytes = this.#gpeBytes(offset);
    return bytes === undefined ? 0 : new DataView(bytes.buffer).getUint32(offset & 4, true);
  }

  #gpeBytes(offset: number): Uint8Array | undefined {
    if (offset >= pm.GPE0_STS && offset < pm.GPE0_STS + pm.GPE0_BYTES) return this.#gpeStatus;
    return offset >= pm.GPE0_EN && offset < pm.GPE0_EN + pm.GPE0_BYTES ? this.#gpeEnable : undefined;
  }

  #read(offset: number, size: number): number {
    if ((offset & ~3) === pm.PM1_TMR) this.#options.stall(TIMER_READ_NANOSECONDS);
    const value = this.#register(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? value : value & (2 ** (8 * size) - 1);
  }

  #write(offset: number, size: number, value: number): void {
    const aligned = offset & ~3;
    const shift = 8 * (offset & 3);
    const mask = ((size === 4 ? 0xffff_ffff : 2 ** (8 * size) - 1) << shift) >>> 0;
    const written = ((value << shift) & mask) >>> 0;
    switch (aligned) {
      case pm.PM1_STS_EN:
        this.#writeEvents(mask, written);
        break;
      case pm.PM1_CNT_OFFSET:
        this.#writeControl(((this.#control & ~mask) | written) >>> 0);
        break;
      case pm.SMI_EN_OFFSET: {
        const kept = this.#smiLocked ? this.#smiEnable & SMI_LOCK_MASK : 0;
        const next = pm.SMI_EN.afterGuestWrite(this.#smiEnable, ((this.#smiEnable & ~mask) | written) >>> 0);
        this.#smiEnable = this.#smiLocked ? (next & ~SMI_LOCK_MASK) | kept : next;
        break;
      }
      case pm.SMI_STS_OFFSET:
        this.#smiStatus = pm.SMI_STS.afterGuestWrite(this.#smiStatus, written);
        break;
      default:
        this.#writeGpe(offset, size, value);
    }
    this.#update();
  }

  #writeEvents(mask: number, written: number): void {
    const previous = this.#events;
    // A byte that was not written clears nothing and keeps its enables.
    const merged = ((previous & ~mask & 0xffff_0000) | written) >>> 0;
    this.#pm1 = pm.PM1.afterGuestWrite(previous, merged);
    if (pm.PM1.has(previous, 'timerStatus') && !pm.PM1.has(this.#pm1, 'timerStatus')) {
      this.#overflowAt = this.#nextOverflow;
    }
  }

  #writeControl(value: number): void {
    this.#control = pm.PM1_CNT.afterGuestWrite(this.#control, value);
    if ((value & pm.SLEEP_ENABLE) === 0) return;
    const state = SLEEP_TYPES[pm.PM1_CNT.get(value, 'sleepType') as 0 | 1 | 2];
    if (state !== undefined) this.#options.sleep(state);
  }

  #writeGpe(offset: number, size: number, value: number): void {
    for (let index = 0; index < size; index += 1) {
      const bytes = this.#gpeBytes(offset + index);
      const byte = (value >>> (8 * index)) & 0xff;
      if (bytes === this.#gpeStatus) bytes[(offset + index) & 7]! &= ~byte;
      else if (bytes !== undefined) bytes[(offset + index) & 7] = byte;
    }
  }

  #apmControl(value: number): void {
    if (value === ACPI_ENABLE) this.#control = pm.PM1_CNT.with(this.#control, 'sciEnable', 1);
    else if (value === ACPI_DISABLE) this.#control = pm.PM1_CNT.with(this.#control, 'sciEnable', 0);
    this.#update();
    if (!pm.SMI_EN.has(this.#smiEnable, 'apmc')) return;
    if (!this.#options.asQemu) this.#smiStatus = pm.SMI_STS.with(this.#smiStatus, 'apm', 1);
    this.#options.smi();
  }

  /** Drives the SCI and arms the clock for the timer's next event, if that would raise it. */
  #update(): void {
    const events = this.#events;
    const fixed = (events & (events >>> 16) & pm.PM1_EVENTS) !== 0;
    const general = this.#gpeStatus.some((status, index) => (status & this.#gpeEnable[index]!) !== 0);
    const routed = this.#options.asQemu || pm.PM1_CNT.has(this.#control, 'sciEnable');
    const asserted = routed && (fixed || general);
    if (asserted !== this.#sci) {
      this.#sci = asserted;
      this.#options.sci(asserted);
    }
    const waits = pm.PM1.has(events, 'timerEnable') && !pm.PM1.has(events, 'timerStatus');
    if (waits) this.#timer.at(this.#overflowTime);
    else this.#timer.cancel();
  }

  /** The first nanosecond at which the count reaches {@link #overflowAt}. */
  get #overflowTime(): number {
    const seconds = Math.floor(this.#overflowAt / PM_TIMER_HERTZ);
    const rest = this.#overflowAt - seconds * PM_TIMER_HERTZ;
    return seconds * SECOND + Math.ceil((rest * SECOND) / PM_TIMER_HERTZ);
  }
}
