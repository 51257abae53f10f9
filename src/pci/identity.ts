/** What a function says it is, in the fields that every enumeration reads first (PCI Local Bus 3.0 §6.2.1). */
export interface PciIdentity {
  /** 16-bit Vendor ID, for example 0x1b36. */
  readonly vendor: number;
  readonly device: number;
  /** 8-bit Revision ID. */
  readonly revision: number;
  /** 24-bit class code: base class, sub-class, programming interface; xHCI is 0x0c0330. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}
