/**
 * One 8259A programmable interrupt controller (Intel 8259A datasheet, 1988; section names below are its own), with the
 * edge/level control register that chipsets add (ICH9 datasheet §13.4). {@link PicPair} wires two of them as a PC does.
 *
 * Not modelled: MCS-80/85 mode (the µPM bit is taken as 8086 mode, as every chipset does) and buffered mode.
 */
import type { StateValue } from '../base/state.ts';

/** An interrupt request that went away before it was acknowledged is answered as IR7. */
const SPURIOUS_LEVEL = 7;

type InitialisationStep = 'done' | 'icw2' | 'icw3' | 'icw4';

/** What ICW1, ICW4, OCW2 and OCW3 switched on. */
interface PicModes {
  needsIcw4: boolean;
  single: boolean;
  levelTriggered: boolean;
  autoEoi: boolean;
  rotateOnAutoEoi: boolean;
  specialMask: boolean;
  specialFullyNested: boolean;
  readIsr: boolean;
  poll: boolean;
}

const INITIAL_MODES: Readonly<PicModes> = {
  needsIcw4: false,
  single: false,
  levelTriggered: false,
  autoEoi: false,
  rotateOnAutoEoi: false,
  specialMask: false,
  specialFullyNested: false,
  readIsr: false,
  poll: false,
};

/** What an acknowledge cycle found: the level taken into service, or a spurious one. */
export interface PicAcknowledge {
  readonly level: number;
  readonly spurious: boolean;
}

export class Pic {
  readonly name: string;
  /** Interrupt Request, In-Service and Mask registers: one bit per level. */
  irr = 0;
  isr = 0;
  imr = 0;
  /** Edge/level control: a 1 makes the level level-triggered. */
  elcr = 0;
  /** Levels of the eight input wires. */
  #lines = 0;
  /** T7-T3 of ICW2. */
  vectorBase = 0;
  /** The level with the highest priority; rotation moves it. */
  #highest = 0;
  #step: InitialisationStep = 'done';
  #modes: PicModes = { ...INITIAL_MODES };
  readonly #elcrMask: number;
  /** The levels that carry a slave (only IR2 of a PC's master). */
  readonly #cascadeMask: number;
  readonly #outputChanged: (asserted: boolean) => void;
  readonly #edgesStayLatched: boolean;
  #output = false;

  constructor(options: {
    readonly name: string;
    /** Which bits of the edge/level control register exist. */
    readonly elcrMask: number;
    readonly cascadeMask: number;
    readonly outputChanged: (asserted: boolean) => void;
    /** Keep an edge's request when the wire falls before the acknowledge, as QEMU does and the chip does not. */
    readonly edgesStayLatched: boolean;
  }) {
    this.name = options.name;
    this.#elcrMask = options.elcrMask;
    this.#cascadeMask = options.cascadeMask;
    this.#outputChanged = options.outputChanged;
    this.#edgesStayLatched = options.edgesStayLatched;
  }

  /** The INT pin. */
  get output(): boolean {
    return this.#output;
  }

  /** Drives input `level` (0-7). */
  setLine(level: number, asserted: boolean): void {
    const bit = 1 << level;
    const before = (this.#lines & bit) !== 0;
    if (asserted) {
      this.#lines |= bit;
      if (!before || this.#isLevelTriggered(level)) this.irr |= bit;
    } else {
      this.#lines &= ~bit;
      // A request that falls before its acknowledge is gone: that is how a spurious IR7 comes about.
      if (!this.#edgesStayLatched || this.#isLevelTriggered(level)) this.irr &= ~bit;
    }
    this.#update();
  }

  /** The INTA cycle: takes the highest request into service. */
  acknowledge(): PicAcknowledge {
    const level = this.#pending();
    if (level === undefined) return { level: SPURIOUS_LEVEL, spurious: true };
    const bit = 1 << level;
    if (!this.#isLevelTriggered(level)) this.irr &= ~bit;
    if (!this.#modes.autoEoi) this.isr |= bit;
    else if (this.#modes.rotateOnAutoEoi) this.#highest = (level + 1) & 7;
    this.#update();
    return { level, spurious: false };
  }

  /** Reads the port with A0 = `a0`. */
  read(a0: number): number {
    if (this.#modes.poll) {
      this.#modes.poll = false;
      const { level, spurious } = this.acknowledge();
      return spurious ? 0 : 0x80 | level;
    }
    if (a0 === 1) return this.imr;
    return this.#modes.readIsr ? this.isr : this.irr;
  }

  write(a0: number, value: number): void {
    if (a0 === 0) {
      if ((value & 0x10) !== 0) this.#initialise(value);
      else if ((value & 0x08) !== 0) this.#operationCommand3(value);
      else this.#operationCommand2(value);
    } else this.#writeData(value);
    this.#update();
  }

  writeElcr(value: number): void {
    this.elcr = value & this.#elcrMask;
    this.#latchLevels();
    this.#update();
  }

  reset(): void {
    this.#clear();
    this.irr = 0;
    this.elcr = 0;
    this.vectorBase = 0;
    this.#step = 'done';
    this.#update();
  }

  /** The line that QEMU's `info pic` prints. */
  describe(): string {
    const two = (value: number) => value.toString(16).padStart(2, '0');
    return (
      `${this.name}: irr=${two(this.irr)} imr=${two(this.imr)} isr=${two(this.isr)} hprio=${this.#highest}` +
      ` irq_base=${two(this.vectorBase)} rr_sel=${this.#modes.readIsr ? 1 : 0} elcr=${two(this.elcr)}` +
      ` fnm=${this.#modes.specialFullyNested ? 1 : 0}`
    );
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      irr: this.irr,
      isr: this.isr,
      imr: this.imr,
      elcr: this.elcr,
      lines: this.#lines,
      vectorBase: this.vectorBase,
      highest: this.#highest,
      step: this.#step,
      modes: { ...this.#modes },
      output: this.#output,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.irr = fields.irr as number;
    this.isr = fields.isr as number;
    this.imr = fields.imr as number;
    this.elcr = fields.elcr as number;
    this.#lines = fields.lines as number;
    this.vectorBase = fields.vectorBase as number;
    this.#highest = fields.highest as number;
    this.#step = fields.step as InitialisationStep;
    this.#modes = { ...(fields.modes as unknown as PicModes) };
    this.#output = fields.output as boolean;
  }

  /** ICW1 starts the initialisation sequence and clears what "Initialization Command Words" lists. */
  #initialise(value: number): void {
    this.#clear();
    this.#modes.needsIcw4 = (value & 0x01) !== 0;
    this.#modes.single = (value & 0x02) !== 0;
    this.#modes.levelTriggered = (value & 0x08) !== 0;
    // The edge sense circuit is reset: a wire that is already high must fall and rise again.
    this.irr = 0;
    this.#latchLevels();
    this.#step = 'icw2';
  }

  #clear(): void {
    this.isr = 0;
    this.imr = 0;
    this.#highest = 0;
    this.#modes = { ...INITIAL_MODES };
  }

  #writeData(value: number): void {
    switch (this.#step) {
      case 'done':
        this.imr = value;
        return;
      case 'icw2':
        this.vectorBase = value & 0xf8;
        this.#step = this.#modes.single ? (this.#modes.needsIcw4 ? 'icw4' : 'done') : 'icw3';
        return;
      case 'icw3':
        // Which wire carries the slave is soldered on a PC; the value is accepted and not used.
        this.#step = this.#modes.needsIcw4 ? 'icw4' : 'done';
        return;
      case 'icw4':
        this.#modes.autoEoi = (value & 0x02) !== 0;
        this.#modes.specialFullyNested = (value & 0x10) !== 0;
        this.#step = 'done';
    }
  }

  /** OCW2: bits 7-5 are R, SL and EOI; bits 2-0 name a level. */
  #operationCommand2(value: number): void {
    const specified = value & 7;
    switch (value >> 5) {
      case 0b000:
        this.#modes.rotateOnAutoEoi = false;
        break;
      case 0b100:
        this.#modes.rotateOnAutoEoi = true;
        break;
      case 0b001:
        this.#endOfInterrupt(this.#highestInService(), false);
        break;
      case 0b101:
        this.#endOfInterrupt(this.#highestInService(), true);
        break;
      case 0b011:
        this.#endOfInterrupt(specified, false);
        break;
      case 0b111:
        this.#endOfInterrupt(specified, true);
        break;
      case 0b110:
        this.#highest = (specified + 1) & 7;
        break;
      default: // 0b010 is "no operation".
    }
  }

  #operationCommand3(value: number): void {
    if ((value & 0x40) !== 0) this.#modes.specialMask = (value & 0x20) !== 0;
    if ((value & 0x04) !== 0) this.#modes.poll = true;
    if ((value & 0x02) !== 0) this.#modes.readIsr = (value & 0x01) !== 0;
  }

  #endOfInterrupt(level: number | undefined, rotate: boolean): void {
    if (level === undefined) return;
    this.isr &= ~(1 << level);
    if (rotate) this.#highest = (level + 1) & 7;
  }

  /** What a non-specific EOI ends: in special mask mode never a masked level ("Special Mask Mode"). */
  #highestInService(): number | undefined {
    return this.#first(this.#modes.specialMask ? this.isr & ~this.imr : this.isr);
  }

  /** The request that INT stands for: above all that is in service. */
  #pending(): number | undefined {
    const request = this.#first(this.irr & ~this.imr);
    if (request === undefined) return undefined;
    let inService = this.isr;
    if (this.#modes.specialMask) inService &= ~this.imr;
    // Special fully nested mode: a slave in service may interrupt itself with a higher request of its own.
    if (this.#modes.specialFullyNested) inService &= ~this.#cascadeMask;
    const current = this.#first(inService);
    return current === undefined || this.#rank(request) < this.#rank(current) ? request : undefined;
  }

  /** The level of highest priority in `set`. */
  #first(set: number): number | undefined {
    for (let rank = 0; rank < 8; rank += 1) {
      const level = (this.#highest + rank) & 7;
      if ((set & (1 << level)) !== 0) return level;
    }
    return undefined;
  }

  #rank(level: number): number {
    return (level - this.#highest) & 7;
  }

  #isLevelTriggered(level: number): boolean {
    return this.#modes.levelTriggered || (this.elcr & (1 << level)) !== 0;
  }

  #latchLevels(): void {
    this.irr |= this.#lines & (this.#modes.levelTriggered ? 0xff : this.elcr);
  }

  #update(): void {
    const output = this.#pending() !== undefined;
    if (output === this.#output) return;
    this.#output = output;
    this.#outputChanged(output);
  }
}
