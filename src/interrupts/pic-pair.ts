/** The two 8259As of a PC: IRQ 0-7 on the master, IRQ 8-15 on the slave, which hangs on the master's IR2. */
import type { StateSource, StateValue } from '../base/state.ts';
import { Pic } from './pic.ts';

const CASCADE = 2;

export class PicPair implements StateSource {
  readonly name = 'pic';
  readonly version = 1;
  readonly master: Pic;
  readonly slave: Pic;

  /**
   * `interruptChanged` hears the level of the master's INT pin: LINT0 and, with the APIC off, the CPU's INTR.
   * `edgesStayLatched`: an edge counts even if the wire falls before the acknowledge, as in QEMU. Default false.
   */
  constructor(interruptChanged: (asserted: boolean) => void, edgesStayLatched = false) {
    this.master = new Pic({
      name: 'pic0',
      elcrMask: 0xf8, // IRQ 0, 1 and 2 are always edge-triggered.
      cascadeMask: 1 << CASCADE,
      outputChanged: interruptChanged,
      edgesStayLatched,
    });
    this.slave = new Pic({
      name: 'pic1',
      elcrMask: 0xde, // IRQ 8 and 13 are always edge-triggered.
      cascadeMask: 0,
      outputChanged: (asserted) => this.master.setLine(CASCADE, asserted),
      edgesStayLatched,
    });
  }

  /** True while a request waits for its acknowledge. */
  get output(): boolean {
    return this.master.output;
  }

  /** Drives IRQ 0-15. IRQ 2 has no wire: it is the cascade. */
  setLine(irq: number, asserted: boolean): void {
    if (irq >= 8) this.slave.setLine(irq - 8, asserted);
    else if (irq !== CASCADE) this.master.setLine(irq, asserted);
  }

  /** The processor's acknowledge cycles: the vector to deliver, which may be a spurious IRQ 7 or 15. */
  acknowledge(): number {
    const first = this.master.acknowledge();
    if (first.spurious || first.level !== CASCADE) return this.master.vectorBase + first.level;
    const second = this.slave.acknowledge();
    // INT falls with each acknowledge and rises again if the slave has more, so that the master sees an edge.
    if (this.slave.output) {
      this.master.setLine(CASCADE, false);
      this.master.setLine(CASCADE, true);
    }
    return this.slave.vectorBase + second.level;
  }

  /** Handlers for two ports at 0x20 or 0xa0: offset 0 is A0 = 0 (ICH9 datasheet §13.4). */
  ports(chip: 'master' | 'slave') {
    const pic = this[chip];
    return {
      read: (offset: number): number => pic.read(offset & 1),
      write: (offset: number, _size: number, value: number): void => pic.write(offset & 1, value & 0xff),
    };
  }

  /** Handlers for the two edge/level control registers at 0x4d0. */
  elcrPorts() {
    return {
      read: (offset: number): number => (offset === 0 ? this.master.elcr : this.slave.elcr),
      write: (offset: number, _size: number, value: number): void =>
        (offset === 0 ? this.master : this.slave).writeElcr(value & 0xff),
    };
  }

  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  save(): { readonly [field: string]: StateValue } {
    return { master: this.master.save(), slave: this.slave.save() };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.master.load(fields.master as { readonly [field: string]: StateValue });
    this.slave.load(fields.slave as { readonly [field: string]: StateValue });
  }
}
