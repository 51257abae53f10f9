/**
 * The AHCI host bus adapter of the ICH9: six ports of one device each (AHCI 1.3.1).
 *
 * Does not implement: command completion coalescing, enclosure management, port multipliers, DMA Setup FISes, power
 * states of the link.
 */
import type { VirtualClock } from '../../base/clock.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { InterruptPort } from '../../pci/interrupt-port.ts';
import type { AhciPersonality } from './personality.ts';
import { AhciPort } from './port.ts';
import { CAP, GHC, HOST, PORT_BASE, PORT_BYTES, VERSION_1_0 } from './registers.ts';

export const AHCI_PORTS = 6;
/** Bytes of registers, BAR 5. */
export const AHCI_REGISTER_BYTES = 0x1000;

export interface AhciPorts {
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  readonly clock: VirtualClock;
}

export class AhciController implements StateSource {
  readonly version = 1;
  readonly ports: readonly AhciPort[];
  /** Which register the data register of the index pair reaches (§2.4). */
  index = 0;
  readonly #name: () => string;
  readonly #interrupts: InterruptPort;
  #control = GHC.reset;
  #status = 0;

  constructor(wires: AhciPorts, personality: AhciPersonality, name: () => string) {
    const { dma, clock } = wires;
    this.#name = name;
    this.#interrupts = wires.interrupts;
    const changed = (): void => this.#collect();
    this.ports = Array.from(
      { length: AHCI_PORTS },
      (_, index) => new AhciPort({ index, dma, clock, personality, changed }),
    );
  }

  get name(): string {
    return `ahci/${this.#name()}`;
  }

  read(offset: number, size: number): number {
    const value = this.#readRegister(offset & ~3);
    const shifted = value >>> (8 * (offset & 3));
    return size === 4 ? shifted : shifted & (2 ** (8 * size) - 1);
  }

  write(offset: number, size: number, value: number): void {
    const aligned = offset & ~3;
    if (size === 4 && aligned === offset) {
      this.#writeRegister(aligned, value >>> 0);
      return;
    }
    const shift = 8 * (offset & 3);
    const mask = (2 ** (8 * size) - 1) << shift;
    const beside = this.#besideNarrowWrite(aligned) & ~mask;
    this.#writeRegister(aligned, (beside | ((value << shift) & mask)) >>> 0);
  }

  /** HBA reset, and with the index pair what a reset of the function does. */
  reset(): void {
    this.#control = GHC.reset;
    this.#status = 0;
    for (const port of this.ports) port.reset();
    this.#interrupts.setLevel(false);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      index: this.index,
      control: this.#control,
      status: this.#status,
      ports: this.ports.map((port) => port.save()),
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.index = fields.index as number;
    this.#control = fields.control as number;
    this.#status = fields.status as number;
    const saved = fields.ports as readonly { readonly [field: string]: StateValue }[];
    for (const [index, port] of this.ports.entries()) port.load(saved[index]!);
  }

  #portAt(offset: number): AhciPort | undefined {
    return offset < PORT_BASE ? undefined : this.ports[Math.floor((offset - PORT_BASE) / PORT_BYTES)];
  }

  #readRegister(offset: number): number {
    if (offset >= PORT_BASE) return this.#portAt(offset)?.read(offset % PORT_BYTES) ?? 0;
    switch (offset) {
      case HOST.CAP:
        return CAP.with(CAP.reset, 'NP', AHCI_PORTS - 1);
      case HOST.GHC:
        return this.#control;
      case HOST.IS:
        return this.#status;
      case HOST.PI:
        return 2 ** AHCI_PORTS - 1;
      case HOST.VS:
        return VERSION_1_0;
      default:
        return 0;
    }
  }

  #besideNarrowWrite(offset: number): number {
    if (offset === HOST.IS) return 0;
    const port = this.#portAt(offset);
    return port === undefined ? this.#readRegister(offset) : port.besideNarrowWrite(offset % PORT_BYTES);
  }

  #writeRegister(offset: number, value: number): void {
    if (offset >= PORT_BASE) {
      this.#portAt(offset)?.write(offset % PORT_BYTES, value);
      return;
    }
    if (offset === HOST.GHC) {
      if (GHC.has(value, 'HR')) {
        this.reset();
        return;
      }
      const enabled = GHC.has(this.#control, 'IE');
      this.#control = GHC.afterGuestWrite(this.#control, value);
      this.#drive(!enabled && GHC.has(this.#control, 'IE'));
    } else if (offset === HOST.IS) {
      this.#status = (this.#status & ~value) >>> 0;
      // A bit stays, or comes back, while its port still has something to tell: that needs a new message.
      this.#latch();
      this.#drive(true);
    }
  }

  /** A port's interrupt condition changed. */
  #collect(): void {
    this.#drive(this.#latch());
  }

  /** Latches IS; true when a bit is new. */
  #latch(): boolean {
    const before = this.#status;
    for (const port of this.ports) if (port.interrupting) this.#status |= 1 << port.index;
    return this.#status !== before;
  }

  /** The wire is a level; a message is sent when there is something `fresh` (AHCI 1.3.1 §10.6.2). */
  #drive(fresh: boolean): void {
    const interrupting = this.#status !== 0 && GHC.has(this.#control, 'IE');
    this.#interrupts.setLevel(interrupting);
    if (fresh && interrupting && this.#interrupts.mode !== 'intx') this.#interrupts.sendMessage(0);
  }
}
