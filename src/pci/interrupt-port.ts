/** The interrupt wires of a device: one level (INTx) and numbered messages (MSI, MSI-X), whichever the guest set up. */
export interface InterruptPort {
  /** How an interrupt leaves the function now: the guest chooses by enabling MSI-X, MSI or neither. */
  readonly mode: 'msix' | 'msi' | 'intx';
  /** Drives the INTx level. Does nothing on the bus while MSI or MSI-X is enabled. */
  setLevel(asserted: boolean): void;
  /** Sends message `vector` (0-based). A masked MSI-X vector stays pending and is sent at unmask. */
  sendMessage(vector: number): void;
}
