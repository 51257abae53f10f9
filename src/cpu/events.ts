/** The facts that the processor states on the trace bus. */
import type { Gpa, Gva } from '../base/address.ts';

declare module '../base/trace.ts' {
  interface TraceEvents {
    /** An exception or interrupt is delivered (what `-d int` prints, with the registers read from the processor). */
    'cpu.interrupt': {
      readonly cpu: number;
      readonly vector: number;
      readonly errorCode: number | undefined;
      readonly kind: 'exception' | 'interrupt' | 'software' | 'nmi';
      readonly pc: Gva;
      readonly faultAddress: Gva;
      /** Of an exception: the vector in whose delivery it was raised; `undefined` when there was none. */
      readonly during?: number | undefined;
      /** Of an exception: the vector that was raised, before it became a double fault. */
      readonly raised?: number | undefined;
    };
    /** A processor enters or has left system management mode. */
    'cpu.management-mode': { readonly cpu: number; readonly entered: boolean };
    /** `raised` could not be delivered either while `vector`, a double fault, was. */
    'cpu.triple-fault': {
      readonly cpu: number;
      readonly pc: Gva;
      readonly vector: number;
      readonly raised?: number | undefined;
    };
    'cpu.unimplemented': { readonly cpu: number; readonly pc: Gva; readonly bytes: Uint8Array };
    /** A block of guest code was decoded for the first time (what `-d in_asm` prints). */
    'cpu.block-decoded': {
      readonly cpu: number;
      readonly pc: Gva;
      readonly bytes: Uint8Array;
      readonly bits: 16 | 32 | 64;
    };
    'cpu.page-tables-changed': { readonly cpu: number; readonly root: Gpa };
  }
}
