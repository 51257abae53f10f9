/** System control port A, 0x92: fast A20 and fast processor reset (ICH9 datasheet §13.7.3). */
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { ResetKind } from './events.ts';

const INIT_NOW = 1 << 0;
const ALT_A20 = 1 << 1;

export interface Port92Options {
  readonly trace: TraceBus;
  readonly reset: (kind: ResetKind) => void;
  /** Level of the A20 gate as this port sets it: told at every write. */
  readonly a20Changed: (enabled: boolean) => void;
}

export class Port92 implements StateSource {
  readonly name = 'port92';
  readonly version = 1;
  readonly ops: MmioOps;
  #value = 0;

  constructor(options: Port92Options) {
    const resets = options.trace.channel('devices.reset-requested');
    this.ops = {
      read: () => this.#value,
      write: (_offset, _size, value) => {
        const previous = this.#value;
        this.#value = value & (INIT_NOW | ALT_A20);
        options.a20Changed((this.#value & ALT_A20) !== 0);
        if ((~previous & this.#value & INIT_NOW) === 0) return;
        if (resets.active) resets.emit({ by: 'port92', kind: 'cpu' });
        options.reset('cpu');
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  reset(): void {
    this.#value = 0;
  }

  save(): { readonly [field: string]: StateValue } {
    return { value: this.#value };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#value = fields.value as number;
  }
}
