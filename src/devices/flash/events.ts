/** The facts that a flash states on the trace bus. Offsets are bytes from its start. */
declare module '../../base/trace.ts' {
  interface TraceEvents {
    /** A command, or what followed one, is none that the part knows; it ignored it. `cycle`: 0 for a first write. */
    'flash.command-refused': {
      readonly device: string;
      readonly offset: number;
      readonly cycle: number;
      readonly command: number;
      readonly value: number;
    };
    /** Programming wanted ones where zeros stood, which only an erase makes. */
    'flash.not-erased': {
      readonly device: string;
      readonly offset: number;
      readonly wanted: number;
      readonly stored: number;
    };
    /** The image behind the flash did not take what was written. */
    'flash.image-failed': { readonly device: string; readonly image: string; readonly problem: string };
  }
}

export type {};
