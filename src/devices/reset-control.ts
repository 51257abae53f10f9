/** The reset control register, I/O port 0xcf9, in front of CONFIG_ADDRESS's second byte (ICH9 datasheet §13.7.5). */
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { ResetKind } from './events.ts';

export const RESET_CONTROL_PORT = 0xcf9;

const SYSTEM_RESET = 1 << 1;
const RESET_CPU = 1 << 2;
const FULL_RESET = 1 << 3;

export class ResetControl implements StateSource {
  readonly name = 'reset-control';
  readonly version = 1;
  readonly ops: MmioOps;
  #value = 0;

  constructor(trace: TraceBus, reset: (kind: ResetKind) => void) {
    const resets = trace.channel('devices.reset-requested');
    this.ops = {
      read: () => this.#value,
      write: (_offset, _size, value) => {
        const rose = (~this.#value & value & RESET_CPU) !== 0;
        this.#value = value & (SYSTEM_RESET | RESET_CPU | FULL_RESET);
        if (!rose) return;
        const kind = (value & (SYSTEM_RESET | FULL_RESET)) !== 0 ? 'hard' : 'cpu';
        if (resets.active) resets.emit({ by: 'reset-control', kind });
        reset(kind);
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
