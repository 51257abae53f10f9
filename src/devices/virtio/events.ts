/** The facts that virtio devices state on the trace bus. */
declare module '../../base/trace.ts' {
  interface TraceEvents {
    /** The driver broke a queue's rules, or nothing answered where it points: the device waits for a reset. */
    'virtio.needs-reset': { readonly device: string; readonly name: string; readonly problem: string };
  }
}

export {};
