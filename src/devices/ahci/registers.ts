/** The HBA's registers as data (AHCI 1.3.1 §3): generic host control, then one set of 80h bytes a port. */
import { bit, bits, register32, spec } from '../../base/registers.ts';

const ahci = (section: string) => spec('AHCI 1.3.1', section);

/** Offsets of the generic host control registers. */
export const HOST = { CAP: 0x00, GHC: 0x04, IS: 0x08, PI: 0x0c, VS: 0x10 } as const;
/** Port n's registers begin at PORT_BASE + n * PORT_BYTES. */
export const PORT_BASE = 0x100;
export const PORT_BYTES = 0x80;
export const PORT = {
  CLB: 0x00,
  CLBU: 0x04,
  FB: 0x08,
  FBU: 0x0c,
  IS: 0x10,
  IE: 0x14,
  CMD: 0x18,
  TFD: 0x20,
  SIG: 0x24,
  SSTS: 0x28,
  SCTL: 0x2c,
  SERR: 0x30,
  SACT: 0x34,
  CI: 0x38,
} as const;

/** AHCI 1.0, which QEMU's ICH9 claims. */
export const VERSION_1_0 = 0x0001_0000;

export const CAP = register32({
  name: 'CAP',
  spec: ahci('3.1.1'),
  // 32 command slots, generation 1 links; the number of ports is the board's.
  reset: 0xc014_1f00,
  fields: {
    NP: bits(4, 0, 'RO', 'Number of Ports'),
    NCS: bits(12, 8, 'RO', 'Number of Command Slots'),
    SAM: bit(18, 'RO', 'Supports AHCI mode only'),
    ISS: bits(23, 20, 'RO', 'Interface Speed Support'),
    SNCQ: bit(30, 'RO', 'Supports Native Command Queuing'),
    S64A: bit(31, 'RO', 'Supports 64-bit Addressing'),
  },
});

export const GHC = register32({
  name: 'GHC',
  spec: ahci('3.1.2'),
  reset: 0x8000_0000,
  fields: {
    HR: bit(0, 'RW1S', 'HBA Reset'),
    IE: bit(1, 'RW', 'Interrupt Enable'),
    AE: bit(31, 'RO', 'AHCI Enable'),
  },
});

export const PXIS = register32({
  name: 'PxIS',
  spec: ahci('3.3.5'),
  reset: 0,
  fields: {
    DHRS: bit(0, 'RW1C', 'Device to Host Register FIS Interrupt'),
    PSS: bit(1, 'RW1C', 'PIO Setup FIS Interrupt'),
    DSS: bit(2, 'RW1C', 'DMA Setup FIS Interrupt'),
    SDBS: bit(3, 'RW1C', 'Set Device Bits Interrupt'),
    UFS: bit(4, 'RO', 'Unknown FIS Interrupt'),
    DPS: bit(5, 'RW1C', 'Descriptor Processed'),
    PCS: bit(6, 'RO', 'Port Connect Change Status'),
    DMPS: bit(7, 'RW1C', 'Device Mechanical Presence Status'),
    PRCS: bit(22, 'RO', 'PhyRdy Change Status'),
    IPMS: bit(23, 'RW1C', 'Incorrect Port Multiplier Status'),
    OFS: bit(24, 'RW1C', 'Overflow Status'),
    INFS: bit(26, 'RW1C', 'Interface Non-fatal Error Status'),
    IFS: bit(27, 'RW1C', 'Interface Fatal Error Status'),
    HBDS: bit(28, 'RW1C', 'Host Bus Data Error Status'),
    HBFS: bit(29, 'RW1C', 'Host Bus Fatal Error Status'),
    TFES: bit(30, 'RW1C', 'Task File Error Status'),
    CPDS: bit(31, 'RW1C', 'Cold Port Detect Status'),
  },
});

/** Which bits of PxIS interrupt; the same places. */
export const PXIE = register32({
  name: 'PxIE',
  spec: ahci('3.3.6'),
  reset: 0,
  fields: {
    low: bits(7, 0, 'RW', 'Enables of PxIS bits 7-0'),
    high: bits(24, 22, 'RW', 'Enables of PRCS, IPMS and OFS'),
    errors: bits(31, 26, 'RW', 'Enables of PxIS bits 31-26'),
  },
});

export const PXCMD = register32({
  name: 'PxCMD',
  spec: ahci('3.3.7'),
  reset: 0x0000_0006,
  fields: {
    ST: bit(0, 'RW', 'Start'),
    SUD: bit(1, 'RW', 'Spin-Up Device'),
    POD: bit(2, 'RW', 'Power On Device'),
    CLO: bit(3, 'WO', 'Command List Override'),
    FRE: bit(4, 'RW', 'FIS Receive Enable'),
    CCS: bits(12, 8, 'RO', 'Current Command Slot'),
    FR: bit(14, 'RO', 'FIS Receive Running'),
    CR: bit(15, 'RO', 'Command List Running'),
    ESP: bit(23, 'RW', 'External SATA Port, and above it the ATAPI, link power management and LED bits'),
    ATAPI: bit(24, 'RW', 'Device is ATAPI'),
    DLAE: bit(25, 'RW', 'Drive LED on ATAPI Enable'),
    ALPE: bit(26, 'RW', 'Aggressive Link Power Management Enable'),
    ASP: bit(27, 'RW', 'Aggressive Slumber / Partial'),
  },
});

export const PXTFD = register32({
  name: 'PxTFD',
  spec: ahci('3.3.8'),
  reset: 0x0000_007f,
  fields: { STS: bits(7, 0, 'RO', 'Status'), ERR: bits(15, 8, 'RO', 'Error') },
});

const PXSSTS = register32({
  name: 'PxSSTS',
  spec: ahci('3.3.10'),
  reset: 0,
  fields: {
    DET: bits(3, 0, 'RO', 'Device Detection'),
    SPD: bits(7, 4, 'RO', 'Current Interface Speed'),
    IPM: bits(11, 8, 'RO', 'Interface Power Management'),
  },
});

/** Device present, generation 1, interface active. */
export const SSTS_LINK_UP = PXSSTS.with(PXSSTS.with(PXSSTS.with(PXSSTS.reset, 'DET', 3), 'SPD', 1), 'IPM', 1);

export const PXSCTL = register32({
  name: 'PxSCTL',
  spec: ahci('3.3.11'),
  reset: 0,
  fields: {
    DET: bits(3, 0, 'RW', 'Device Detection Initialization'),
    SPD: bits(7, 4, 'RW', 'Speed Allowed'),
    IPM: bits(11, 8, 'RW', 'Interface Power Management Transitions Allowed'),
    SPM: bits(15, 12, 'RW', 'Select Power Management'),
    PMP: bits(19, 16, 'RW', 'Port Multiplier Port'),
    upper: bits(31, 20, 'RW', 'Reserved; kept as QEMU keeps it'),
  },
});

export const PXSERR = register32({
  name: 'PxSERR',
  spec: ahci('3.3.12'),
  reset: 0,
  fields: {
    ERR: bits(15, 0, 'RW1C', 'Error'),
    N: bit(16, 'RW1C', 'PhyRdy Change'),
    rest: bits(25, 17, 'RW1C', 'Other diagnostics'),
    X: bit(26, 'RW1C', 'Exchanged: a device was detected'),
    upper: bits(31, 27, 'RW1C', 'Reserved diagnostics'),
  },
});
