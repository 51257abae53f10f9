/** The facts that the PC's small devices state on the trace bus. */
declare module '../base/trace.ts' {
  interface TraceEvents {
    /** A byte left the transmitter. `device` is the device's name, `serial0`. */
    'serial.transmitted': { readonly device: string; readonly byte: number };
    /** The guest wrote a progress code to the POST port, 0x80. */
    'devices.post-code': { readonly code: number };
    /** The guest asked for a reset, and how. */
    'devices.reset-requested': { readonly by: 'i8042' | 'port92' | 'reset-control'; readonly kind: ResetKind };
  }
}

/** `cpu`: the processor only (INIT), as an AT could; `hard`: the whole machine. */
export type ResetKind = 'cpu' | 'hard';
