/** The facts that the machine as a whole states on the trace bus. */
import type { Gva } from '../base/address.ts';

declare module '../base/trace.ts' {
  interface TraceEvents {
    /**
     * The guest can make no further progress: it repeats a loop that changes nothing (`spin`), or stands in HLT with
     * nothing left that could interrupt it (`halted`). Emitted once, when the run ends for that reason.
     */
    'machine.idle': {
      readonly kind: 'spin' | 'halted';
      readonly pc: Gva;
      /** Nanoseconds of guest time. */
      readonly time: number;
      readonly instruction: number;
    };
  }
}
