/** The four INTx wires of a bus and where they lead (PCI Local Bus 3.0 §2.2.6; PCI-to-PCI Bridge 1.2 §9.1). */

/** Receives the wires of a bus: `pin` 0-3 is INTA-INTD of the device numbered `device`. */
export interface IntxSink {
  /** Called for each function once per change of its level. */
  setIntx(device: number, pin: number, asserted: boolean): void;
}

/** INTx of a device behind a bridge appears at the bridge's own pin rotated by the device number. */
export function swizzle(device: number, pin: number): number {
  return (device + pin) % 4;
}

/** Several devices share a wire: it is low-active and wired-or, so it is asserted while anyone asserts it. */
export class SharedWires {
  readonly #asserting: number[];
  readonly #changed: (wire: number, asserted: boolean) => void;

  constructor(count: number, changed: (wire: number, asserted: boolean) => void) {
    this.#asserting = new Array<number>(count).fill(0);
    this.#changed = changed;
  }

  isAsserted(wire: number): boolean {
    return this.#asserting[wire]! > 0;
  }

  /** One source began or ceased to assert `wire`. */
  change(wire: number, asserted: boolean): void {
    const before = this.#asserting[wire]!;
    const after = before + (asserted ? 1 : -1);
    this.#asserting[wire] = after;
    if (before > 0 !== after > 0) this.#changed(wire, after > 0);
  }

  save(): readonly number[] {
    return [...this.#asserting];
  }

  load(counts: readonly number[]): void {
    for (const [wire, count] of counts.entries()) this.#asserting[wire] = count;
  }
}
