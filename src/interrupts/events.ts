/** The facts that the interrupt controllers state on the trace bus. */

/** Why an interrupt message reached no processor. */
export type MessageDropReason =
  /** Vectors 0-15 are illegal for fixed and lowest-priority delivery (Intel SDM Vol. 3A 10.5.2). */
  | 'illegal-vector'
  /** No local APIC has that destination, or those that have are software-disabled. */
  | 'no-destination'
  | 'reserved-delivery-mode';

declare module '../base/trace.ts' {
  interface TraceEvents {
    /** An interrupt message on the APIC bus: from an MSI, an I/O APIC pin or another processor. */
    'interrupts.message': {
      readonly source: 'msi' | 'ioapic' | 'ipi';
      readonly destination: number;
      readonly logical: boolean;
      /** Intel SDM Vol. 3A 10.6.1: 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 6 start-up, 7 ExtINT. */
      readonly deliveryMode: number;
      readonly vector: number;
      readonly dropped: MessageDropReason | undefined;
    };
    /** An input of the I/O APIC rose while its redirection entry was masked: nobody hears it. */
    'interrupts.ioapic-masked': { readonly pin: number; readonly vector: number };
    /** A processor took a vector into service. */
    'interrupts.acknowledged': { readonly cpu: number; readonly vector: number; readonly source: 'apic' | 'pic' };
  }
}
