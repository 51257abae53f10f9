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
    /** The machine is reset: every device and processor, not RAM. */
    'machine.reset': {
      readonly cause: ResetCause;
      /** The instruction after the one that caused it. */
      readonly pc: Gva;
      /** Nanoseconds of guest time. */
      readonly time: number;
      readonly instruction: number;
    };
  }
}

/** Who reset the machine: the keyboard controller, port 0x92, port 0xcf9, a processor that shut down, or a person. */
export type ResetCause = 'i8042' | 'port92' | 'reset-control' | 'triple-fault' | 'button';
