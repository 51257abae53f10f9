/**
 * The ICH9's LPC bridge, 8086:2918 at 00:1f.0: it leads the INTx wires of the root bus to the eight PIRQs, those to the
 * I/O APIC's pins 16-23 and, as routed, to the two 8259s, and places the ACPI registers and the chipset's configuration
 * registers (ICH9 datasheet §13.1, §10.1).
 *
 * Not modelled here: GPIO, TCO. The interrupt routes D25IR-D31IR are kept, but those of the reset are in force.
 */

import { bit, bits, register32, spec } from '../base/registers.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { ConfigSpace } from './config-space.ts';
import { PciFunction } from './function.ts';
import { type IntxSink, SharedWires, swizzle } from './intx.ts';
import { LpcPlacement, type LpcResources } from './lpc-placement.ts';

/** Configuration offsets of PIRQ[A-D]_ROUT and PIRQ[E-H]_ROUT, one byte each. */
export const PIRQ_A_ROUTE = 0x60;
export const PIRQ_E_ROUTE = 0x68;
/** The I/O APIC pin of PIRQA. */
export const PIRQ_FIRST_PIN = 16;

const PIRQ_COUNT = 8;
const PIC_IRQS = 16;

/** Four route registers as one double word. */
const PIRQ_ROUTES = register32({
  name: 'PIRQ[n]_ROUT',
  spec: spec('ICH9', '13.1.9'),
  reset: 0x8080_8080,
  fields: {
    irq0: bits(3, 0, 'RW', 'IRQ Routing'),
    off0: bit(7, 'RW', 'Interrupt Routing Enable (1: not routed)'),
    irq1: bits(11, 8, 'RW', 'IRQ Routing'),
    off1: bit(15, 'RW', 'Interrupt Routing Enable (1: not routed)'),
    irq2: bits(19, 16, 'RW', 'IRQ Routing'),
    off2: bit(23, 'RW', 'Interrupt Routing Enable (1: not routed)'),
    irq3: bits(27, 24, 'RW', 'IRQ Routing'),
    off3: bit(31, 'RW', 'Interrupt Routing Enable (1: not routed)'),
  },
});

/** IRQs that a PIRQ may not be routed to: 0, 1, 2, 8 and 13 are taken by the chipset. */
const RESERVED_IRQS = new Set([0, 1, 2, 8, 13]);

/** Which PIRQ (0-7 for A-H) a root bus device's pin (0-3) leads to. */
export function pirqOf(device: number, pin: number): number {
  // DxxIR resets to INTA-INTD on PIRQA-D for the chipset's own devices; slots take E-H, so that they do not share.
  return device >= 25 && device !== 30 ? pin : device === 30 ? pin + 4 : swizzle(device, pin) + 4;
}

export interface LpcBridgeOptions {
  readonly system: MemorySystem;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  /** Level of I/O APIC pin 16-23. */
  readonly ioApicPin: (pin: number, asserted: boolean) => void;
  /** What the PIRQs put on the 8259s' input `irq`; others may share it. */
  readonly picIrq: (irq: number, asserted: boolean) => void;
  /** What the bridge places. Without it PMBASE and RCBA are kept and nothing stands there. */
  readonly resources?: LpcResources;
}

export class LpcBridge extends PciFunction implements IntxSink {
  /** Saved apart from the function: the levels of the wires. */
  readonly wireState: StateSource;
  readonly placement: LpcPlacement;
  readonly #options: LpcBridgeOptions;
  readonly #pirqs: SharedWires;
  readonly #picLevels = new Array<boolean>(PIC_IRQS).fill(false);

  constructor(options: LpcBridgeOptions) {
    const { system, subsystemVendor = 0x1af4, subsystem = 0x1100 } = options;
    super({
      name: 'ICH9-LPC',
      identity: { vendor: 0x8086, device: 0x2918, revision: 2, classCode: 0x06_0100, subsystemVendor, subsystem },
      system,
      multifunction: true,
    });
    this.#options = options;
    this.#pirqs = new SharedWires(PIRQ_COUNT, (pirq, asserted) => {
      options.ioApicPin(PIRQ_FIRST_PIN + pirq, asserted);
      this.#updatePic();
    });
    this.#declareRoutes();
    this.placement = new LpcPlacement(system, this.config, options.resources);
    this.onConfigWritten = (offset, size) => {
      this.placement.written(offset, size);
      if (ConfigSpace.touches(offset, size, PIRQ_A_ROUTE, 12)) this.#updatePic();
    };
    this.onReset = () => {
      this.#declareRoutes();
      this.placement.reset();
      this.#updatePic();
    };
    this.wireState = {
      name: 'pci/pirq',
      version: 2,
      save: () => ({
        pirqs: this.#pirqs.save(),
        picLevels: [...this.#picLevels],
        chipset: this.placement.chipset.slice(),
      }),
      load: (fields: { readonly [field: string]: StateValue }) => {
        this.placement.chipset.set(fields.chipset as Uint8Array);
        this.#pirqs.load(fields.pirqs as readonly number[]);
        for (const [irq, level] of (fields.picLevels as readonly boolean[]).entries()) this.#picLevels[irq] = level;
      },
    };
  }

  override load(fields: { readonly [field: string]: StateValue }): void {
    super.load(fields);
    this.placement.apply();
  }

  setIntx(device: number, pin: number, asserted: boolean): void {
    this.#pirqs.change(pirqOf(device, pin), asserted);
  }

  /** The 8259 input that `pirq` is routed to, or `undefined` when it reaches only the I/O APIC. */
  picIrqOf(pirq: number): number | undefined {
    const route = this.config.read(pirq < 4 ? PIRQ_A_ROUTE + pirq : PIRQ_E_ROUTE + pirq - 4, 1);
    const irq = route & 0xf;
    return (route & 0x80) !== 0 || RESERVED_IRQS.has(irq) ? undefined : irq;
  }

  #declareRoutes(): void {
    this.config.declareRegister(PIRQ_A_ROUTE, PIRQ_ROUTES);
    this.config.declareRegister(PIRQ_E_ROUTE, PIRQ_ROUTES);
  }

  #updatePic(): void {
    const levels = new Array<boolean>(PIC_IRQS).fill(false);
    for (let pirq = 0; pirq < PIRQ_COUNT; pirq += 1) {
      const irq = this.picIrqOf(pirq);
      if (irq !== undefined && this.#pirqs.isAsserted(pirq)) levels[irq] = true;
    }
    for (let irq = 0; irq < PIC_IRQS; irq += 1) {
      if (levels[irq] === this.#picLevels[irq]) continue;
      this.#picLevels[irq] = levels[irq]!;
      this.#options.picIrq(irq, levels[irq]!);
    }
  }
}
