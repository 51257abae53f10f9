/** The local vector table: the timer, LINT0, LINT1, error, thermal and performance (Intel SDM Vol. 3A 10.5.1). */
import type { Register32 } from '../base/registers.ts';
import type { StateValue } from '../base/state.ts';
import { DELIVERY } from './apic-bus.ts';
import { APIC, LVT_ERROR, LVT_INTERNAL, LVT_LINT, LVT_TIMER } from './local-apic-registers.ts';

export interface LocalVectorsPorts {
  post(vector: number, levelTriggered: boolean): void;
  nmi(): void;
  smi(): void;
  init(): void;
  /** An external (8259) interrupt began or ceased to wait. */
  externalChanged(): void;
  timerWritten(value: number): void;
}

/** Table rows: MMIO index / 16 and the register that stands there. */
const ENTRIES: ReadonlyMap<number, Register32> = new Map<number, Register32>([
  [APIC.LVT_TIMER, LVT_TIMER as Register32],
  [APIC.LVT_THERMAL, LVT_INTERNAL as Register32],
  [APIC.LVT_PERFORMANCE, LVT_INTERNAL as Register32],
  [APIC.LVT_LINT0, LVT_LINT as Register32],
  [APIC.LVT_LINT1, LVT_LINT as Register32],
  [APIC.LVT_ERROR, LVT_ERROR as Register32],
]);

export class LocalVectors {
  readonly #ports: LocalVectorsPorts;
  readonly #values = new Map<number, number>();
  /** Levels of the two LINT pins, active-high as the wires arrive. */
  readonly #pins: [boolean, boolean] = [false, false];
  /** An ExtINT that came as a message (I/O APIC pin in ExtINT mode) waits for its acknowledge. */
  #externalMessage = false;

  constructor(ports: LocalVectorsPorts) {
    this.#ports = ports;
    for (const [index, register] of ENTRIES) this.#values.set(index, register.reset);
  }

  read(index: number): number | undefined {
    return this.#values.get(index);
  }

  /** Returns false when `index` is no entry. While the APIC is software-disabled the mask bits stay set (10.4.7.2). */
  write(index: number, value: number, enabled: boolean): boolean {
    const register = ENTRIES.get(index);
    if (register === undefined) return false;
    const next = register.afterGuestWrite(this.#values.get(index)!, value);
    this.#values.set(index, enabled ? next : register.with(next, 'mask', 1));
    if (index === APIC.LVT_TIMER) this.#ports.timerWritten(this.#values.get(index)!);
    else if (index === APIC.LVT_LINT0 || index === APIC.LVT_LINT1) this.#lintWritten(index - APIC.LVT_LINT0);
    return true;
  }

  /** Drives LINT0 or LINT1. On a PC LINT0 is the 8259s' INT, LINT1 is NMI. */
  setPin(pin: 0 | 1, asserted: boolean): void {
    const rose = asserted && !this.#pins[pin];
    this.#pins[pin] = asserted;
    const value = this.#lint(pin);
    if (LVT_LINT.get(value, 'deliveryMode') === DELIVERY.extInt) {
      this.#ports.externalChanged();
      return;
    }
    if (LVT_LINT.has(value, 'mask')) return;
    if (this.#isLevelFixed(value)) this.#deliverLevel(pin);
    else if (rose) this.#deliverEdge(value);
  }

  /** True while an ExtINT asks for the processor: an unmasked pin at its level, or a message. */
  get externalPending(): boolean {
    return this.#externalMessage || this.#isExternalPin(0) || this.#isExternalPin(1);
  }

  /** The processor acknowledges an ExtINT. False when none waits. */
  takeExternal(): boolean {
    if (!this.externalPending) return false;
    this.#externalMessage = false;
    return true;
  }

  externalMessage(): void {
    this.#externalMessage = true;
    this.#ports.externalChanged();
  }

  timerExpired(): void {
    const value = this.#values.get(APIC.LVT_TIMER)!;
    if (!LVT_TIMER.has(value, 'mask')) this.#ports.post(LVT_TIMER.get(value, 'vector'), false);
  }

  errorRaised(): void {
    const value = this.#values.get(APIC.LVT_ERROR)!;
    // An error entry with an illegal vector would raise the next error: it is not delivered.
    if (!LVT_ERROR.has(value, 'mask') && LVT_ERROR.get(value, 'vector') >= 16) {
      this.#ports.post(LVT_ERROR.get(value, 'vector'), false);
    }
  }

  /** The handler of `vector` has ended: a level-triggered pin that is still asserted asks again. */
  endOfInterrupt(vector: number): void {
    for (const pin of [0, 1] as const) {
      const value = this.#lint(pin);
      if (!LVT_LINT.has(value, 'remoteIrr') || LVT_LINT.get(value, 'vector') !== vector) continue;
      this.#setLint(pin, LVT_LINT.with(value, 'remoteIrr', 0));
      if (!LVT_LINT.has(value, 'mask')) this.#deliverLevel(pin);
    }
  }

  /** Software disabled the APIC: all entries become masked (10.4.7.2). */
  maskAll(): void {
    for (const [index, register] of ENTRIES) {
      this.#values.set(index, register.with(this.#values.get(index)!, 'mask', 1));
    }
    this.#ports.timerWritten(this.#values.get(APIC.LVT_TIMER)!);
  }

  reset(): void {
    for (const [index, register] of ENTRIES) this.#values.set(index, register.reset);
    this.#externalMessage = false;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      values: [...this.#values.entries()].map(([index, value]) => [index, value]),
      pins: [...this.#pins],
      externalMessage: this.#externalMessage,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    for (const [index, value] of fields.values as readonly (readonly [number, number])[])
      this.#values.set(index, value);
    const pins = fields.pins as readonly boolean[];
    this.#pins[0] = pins[0]!;
    this.#pins[1] = pins[1]!;
    this.#externalMessage = fields.externalMessage as boolean;
  }

  #lint(pin: number): number {
    return this.#values.get(APIC.LVT_LINT0 + pin)!;
  }

  #setLint(pin: number, value: number): void {
    this.#values.set(APIC.LVT_LINT0 + pin, value);
  }

  #isExternalPin(pin: 0 | 1): boolean {
    const value = this.#lint(pin);
    const external = LVT_LINT.get(value, 'deliveryMode') === DELIVERY.extInt && !LVT_LINT.has(value, 'mask');
    return external && this.#pins[pin];
  }

  /** Only fixed interrupts can be level-triggered; NMI, SMI and INIT always act on an edge (10.5.1). */
  #isLevelFixed(value: number): boolean {
    return LVT_LINT.has(value, 'levelTriggered') && LVT_LINT.get(value, 'deliveryMode') === DELIVERY.fixed;
  }

  #lintWritten(pin: number): void {
    const which = pin as 0 | 1;
    const value = this.#lint(which);
    if (!LVT_LINT.has(value, 'mask') && this.#isLevelFixed(value)) this.#deliverLevel(which);
    this.#ports.externalChanged();
  }

  #deliverLevel(pin: 0 | 1): void {
    const value = this.#lint(pin);
    if (!this.#pins[pin] || LVT_LINT.has(value, 'remoteIrr')) return;
    this.#setLint(pin, LVT_LINT.with(value, 'remoteIrr', 1));
    this.#ports.post(LVT_LINT.get(value, 'vector'), true);
  }

  #deliverEdge(value: number): void {
    switch (LVT_LINT.get(value, 'deliveryMode')) {
      case DELIVERY.fixed:
        this.#ports.post(LVT_LINT.get(value, 'vector'), false);
        return;
      case DELIVERY.nmi:
        this.#ports.nmi();
        return;
      case DELIVERY.smi:
        this.#ports.smi();
        return;
      case DELIVERY.init:
        this.#ports.init();
        return;
    }
  }
}
