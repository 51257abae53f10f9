/** Where QEMU's AHCI departs from the specification. */

export interface AhciPersonality {
  /** COMRESET sets PxSERR.DIAG.X and .N, shown in PxIS.PCS and .PRCS (AHCI 1.3.1 §3.3.5, §3.3.12). */
  readonly detectionChange: boolean;
  /** PIO Setup FISes carry the direction and, in E_Status, the status at the end of the block (SATA 2.6 §10.3.11). */
  readonly completePioSetup: boolean;
  /** A read by PIO ends with a Register FIS, which no device sends (ATA8-AST PIO data-in). */
  readonly registerFisAfterPioIn: boolean;
  /** A PRD table shorter than the transfer stops the port with PxIS.OFS (AHCI 1.3.1 §6.1.3); else the rest is dropped. */
  readonly overflow: boolean;
  /** PxCMD.CCS shows the current command slot. */
  readonly currentSlot: boolean;
  /** Status in the Register FIS after a reset (ATA8-ACS §11: 50h for a disk, 00h for a PACKET device). */
  readonly resetStatus: { readonly disk: number; readonly packet: number };
  /** The Device register there: bits 7 and 5 are obsolete, and QEMU sets them. */
  readonly resetDevice: number;
}

export const AHCI_SPEC: AhciPersonality = {
  detectionChange: true,
  completePioSetup: true,
  registerFisAfterPioIn: false,
  overflow: true,
  currentSlot: true,
  resetStatus: { disk: 0x50, packet: 0x00 },
  resetDevice: 0x00,
};

export const AHCI_QEMU: AhciPersonality = {
  detectionChange: false,
  completePioSetup: false,
  registerFisAfterPioIn: true,
  overflow: false,
  currentSlot: false,
  resetStatus: { disk: 0x30, packet: 0x70 },
  resetDevice: 0xa0,
};
