/** What the ACPI and SMBIOS tables say about a machine. */
export interface BoardFacts {
  /** By processor number. */
  readonly apicIds: readonly number[];
  /** First I/O port of the ACPI power management block; `undefined`: firmware has not placed it. */
  readonly powerManagementBase: number | undefined;
  /** Configuration space window; `undefined`: switched off. */
  readonly ecam: { readonly base: number; readonly size: number } | undefined;
  /** Memory that the PCI host bridge passes on. */
  readonly windows: readonly MemoryWindow[];
  /** Which PIRQ, 0-7, a device's pin, 0-3, leads to. */
  readonly pirqOf: (device: number, pin: number) => number;
  /** First I/O APIC input of the eight PIRQs. */
  readonly pirqFirstInput: number;
  readonly hpet: boolean;
  /** S3 and S4 can be entered: firmware is there to wake the machine. */
  readonly suspend: boolean;
}

export interface MemoryWindow {
  readonly start: number;
  readonly size: number;
  readonly cacheable: boolean;
}
