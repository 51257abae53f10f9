/** System control port B, 0x61: gate and output of timer 2, speaker, refresh toggle (ICH9 datasheet §13.7.1). */
import type { VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { Pit8254 } from './pit-8254.ts';

const GATE2 = 1 << 0;
/** Speaker data, parity and channel check enables: read back as written. */
const KEPT = 0x0e;
const REFRESH = 1 << 4;
const OUTPUT2 = 1 << 5;
/** Memory refresh requests come every 15.085 microseconds; bit 4 toggles with each. */
const REFRESH_NANOSECONDS = 15_085;

export class SystemControlB implements StateSource {
  readonly name = 'system-control-b';
  readonly version = 1;
  readonly ops: MmioOps;
  #kept = 0;

  constructor(clock: VirtualClock, pit: Pit8254) {
    this.ops = {
      read: () =>
        this.#kept |
        (pit.gate2 ? GATE2 : 0) |
        (Math.floor(clock.now() / REFRESH_NANOSECONDS) % 2 === 1 ? REFRESH : 0) |
        (pit.output2 ? OUTPUT2 : 0),
      write: (_offset, _size, value) => {
        this.#kept = value & KEPT;
        pit.gate2 = (value & GATE2) !== 0;
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  /** True while the speaker is connected to counter 2. */
  get speaker(): boolean {
    return (this.#kept & 2) !== 0;
  }

  reset(): void {
    this.#kept = 0;
  }

  save(): { readonly [field: string]: StateValue } {
    return { kept: this.#kept };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#kept = fields.kept as number;
  }
}
