/** How a run ended. */
import type { Gva } from '../base/address.ts';

export type Outcome =
  /** The guest ended the run itself; `status` is what it asked for (isa-debug-exit: value << 1 | 1; power-off: 0). */
  | {
      readonly kind: 'exited';
      readonly by: 'isa-debug-exit' | 'power-off' | 'suspend' | 'reset';
      readonly status: number;
    }
  /** HLT with nothing left that could interrupt it. */
  | { readonly kind: 'halted'; readonly pc: Gva }
  /** A loop that changes nothing and that nothing can end. */
  | { readonly kind: 'spinning'; readonly pc: Gva }
  | { readonly kind: 'triple-fault'; readonly pc: Gva }
  /** The guest resets the machine over and over from `pc`; `resets` of them were watched. */
  | { readonly kind: 'boot-loop'; readonly pc: Gva; readonly resets: number }
  | { readonly kind: 'unimplemented'; readonly pc: Gva; readonly bytes: Uint8Array }
  | { readonly kind: 'instruction-limit' }
  | { readonly kind: 'time-limit' }
  /** Nothing can happen any more but a byte for the serial port, which the guest listens to ({@link RunLimits.inputOpen}). */
  | { readonly kind: 'waiting-for-input'; readonly pc: Gva }
  /** What the caller waited for has happened ({@link Machine.stop}). */
  | { readonly kind: 'stopped' }
  /** The host asked for it: Ctrl-C, or (`by`) a person at the console who had enough, or a signal. */
  | { readonly kind: 'interrupted'; readonly by?: 'quit' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE' };

export interface RunLimits {
  /** Instructions in total since power-on. */
  readonly maxInstructions?: number;
  /** Virtual time in nanoseconds since power-on. */
  readonly maxTime?: number;
  /** Called between slices; returning true ends the run as `interrupted`. Must not change the machine. */
  readonly poll?: () => boolean;
  /** Bytes may still come for the serial port: a guest that listens there is not stuck but waits (docs/adr/0007). */
  readonly inputOpen?: boolean;
}
