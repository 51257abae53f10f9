/**
 * What one controller does differently from another, as data. There is one emulator; a personality chooses.
 *
 * `spec` (the default) is strict: what xHCI 1.2 says, with the delays that silicon has. `qemu` is QEMU's controller,
 * kindness and oddities included, so that its trace can be compared line by line. The others are boards whose habits
 * break drivers that were only ever tried on QEMU.
 */

/** How the Host Controller reacts to what a guest got wrong, and how its registers behave. */
export interface XhciPersonality {
  readonly name: string;
  readonly title: string;
  /** HCIVERSION, BCD (xHCI 1.2 §5.3.2). */
  readonly hciVersion: number;
  /** Bytes of a context: HCCPARAMS1.CSZ. */
  readonly contextSize: 32 | 64;
  /** HCCPARAMS1.AC64: off, the controller drops the high half of every pointer. */
  readonly addressing64: boolean;
  /** HCSPARAMS2.ERST Max: a table has at most 2^n entries. */
  readonly erstMaxExponent: number;
  /** HCSPARAMS2.Max Scratchpad Buffers, 0-1023. */
  readonly scratchpadBuffers: number;
  /** HCCPARAMS1.MaxPSASize: 2^(n+1) streams; 0 for none. */
  readonly maxPrimaryStreamArraySize: number;
  /** False: reads of 1Ch are unimplemented, as before xHCI 1.1. */
  readonly hasHccparams2: boolean;

  /** What a failed access to memory does: USBSTS.HSE and a halt (§4.10.2.6), or QEMU's HCE that changes nothing else. */
  readonly memoryFailure: 'host-system-error' | 'cosmetic-hce';
  /** CRCR.RCS: as written, or QEMU's constant 1. */
  readonly ringCycleState: 'honoured' | 'forced-to-1';
  /** CRCR's pointer reads as 0 (§5.4.5), or as written. */
  readonly crcrReads: 'zero' | 'pointer';
  /** The Command Ring is set up when the ring starts (§4.6.1), or when the high half of CRCR is written. */
  readonly commandRingStarts: 'at-doorbell' | 'at-high-half';
  /** The Event Ring Segment Table is read when software has written both halves and the controller runs, or at once on the high half. */
  readonly erstRead: 'when-running' | 'at-high-half';
  /** Mask of ERSTBA's low half that is kept. NEC's driver does not align to 64 bytes. */
  readonly erstbaLowMask: number;
  /** What an ERDP outside the ring does at the next event. */
  readonly erdpOutside: 'ignored' | 'error';
  /** Full when one free TRB is left and events wait (§4.9.4), or QEMU's two reserved TRBs and dropped events. */
  readonly eventRingFull: 'wait' | 'drop';
  /** IMOD throttles interrupts (§4.17.2), or is only stored. */
  readonly interruptModeration: boolean;
  /** IMOD after reset: 4000 (1 ms) by §5.5.2.2. */
  readonly imodReset: number;
  /** Enable Slot stops at CONFIG.MaxSlotsEn (§4.6.3). */
  readonly maxSlotsEnforced: boolean;
  /** Contexts are judged as §4.6.5-4.6.7 say (Parameter Error), or as QEMU does (TRB Error, a few checks). */
  readonly contextChecks: 'strict' | 'qemu';
  /** A control transfer runs stage by stage (§4.11.2.2), or only once Setup to Status are all there. */
  readonly controlTransfers: 'staged' | 'bundled';
  /** Data that cannot be read or written: an error (§4.10.2.6), or zeros and loss through bounce buffers of up to 4 KiB. */
  readonly dataFailure: 'host-system-error' | 'bounce-buffer';
  /** MFINDEX stands still while halted (§5.5.1), or always counts. */
  readonly mfindexStopsWhenHalted: boolean;
  readonly registers: {
    /** CONFIG bits kept. */
    readonly configMask: number;
    /** Accesses narrower than a register: answered from its bytes (reads), or as QEMU's regions refuse or misread them. */
    readonly narrow: 'byte-lanes' | 'qemu';
    /** PORTPMSC and PORTHLPMC exist. */
    readonly portPowerManagement: boolean;
  };
  readonly ports: {
    /** Writing 1 to PED disables the port (§5.4.8). */
    readonly disableByWrite: boolean;
    /** Clearing PP takes the port down. */
    readonly powerHonoured: boolean;
    /** A write with PR or WPR set does nothing else. */
    readonly resetSwallowsWrite: boolean;
    /** Nanoseconds from PR=1 to PRC=1. */
    readonly resetDelay: number;
    /** Port Speed is known at connection, or (USB2) after reset. */
    readonly speedKnown: 'at-connect' | 'after-reset';
    /** An event when the OR of the change bits rises (§4.19.2), or for each new bit. */
    readonly eventPer: 'rising-or' | 'new-bit';
    /** Ports that changed while halted report when the controller starts, and USBSTS.PCD is set. */
    readonly reportAtRun: boolean;
    /** Unconnected ports show CSC after a reset, as QEMU's do. */
    readonly changeWithoutDevice: boolean;
  };
  /** Nanoseconds that HCRST stays 1, and that CNR stays 1 after it. */
  readonly resetDelay: number;
  readonly notReadyDelay: number;
}

const MICROSECOND = 1_000;
const MILLISECOND = 1_000_000;

/** xHCI 1.2, strictly. */
export const SPEC: XhciPersonality = {
  name: 'spec',
  title: 'xHCI 1.2 as written, with the delays of silicon',
  hciVersion: 0x0120,
  contextSize: 32,
  addressing64: true,
  erstMaxExponent: 3,
  scratchpadBuffers: 0,
  maxPrimaryStreamArraySize: 0,
  hasHccparams2: true,
  memoryFailure: 'host-system-error',
  ringCycleState: 'honoured',
  crcrReads: 'zero',
  commandRingStarts: 'at-doorbell',
  erstRead: 'when-running',
  erstbaLowMask: 0xffff_ffc0,
  erdpOutside: 'ignored',
  eventRingFull: 'wait',
  interruptModeration: true,
  imodReset: 4000,
  maxSlotsEnforced: true,
  contextChecks: 'strict',
  controlTransfers: 'staged',
  dataFailure: 'host-system-error',
  mfindexStopsWhenHalted: true,
  registers: { configMask: 0x3ff, narrow: 'byte-lanes', portPowerManagement: true },
  ports: {
    disableByWrite: true,
    powerHonoured: true,
    resetSwallowsWrite: false,
    // USB 2.0 §7.1.7.5: a hub resets for 10 ms at least (TDRST).
    resetDelay: 10 * MILLISECOND,
    speedKnown: 'after-reset',
    eventPer: 'rising-or',
    reportAtRun: true,
    changeWithoutDevice: false,
  },
  resetDelay: 100 * MICROSECOND,
  notReadyDelay: 100 * MICROSECOND,
};

/** QEMU's hcd-xhci, register for register. */
export const QEMU: XhciPersonality = {
  name: 'qemu',
  title: "QEMU's controller, kindness and oddities included",
  hciVersion: 0x0100,
  contextSize: 32,
  addressing64: true,
  erstMaxExponent: 0,
  scratchpadBuffers: 0,
  maxPrimaryStreamArraySize: 7,
  hasHccparams2: false,
  memoryFailure: 'cosmetic-hce',
  ringCycleState: 'forced-to-1',
  crcrReads: 'pointer',
  commandRingStarts: 'at-high-half',
  erstRead: 'at-high-half',
  erstbaLowMask: 0xffff_ffc0,
  erdpOutside: 'error',
  eventRingFull: 'drop',
  interruptModeration: false,
  imodReset: 0,
  maxSlotsEnforced: false,
  contextChecks: 'qemu',
  controlTransfers: 'bundled',
  dataFailure: 'bounce-buffer',
  mfindexStopsWhenHalted: false,
  registers: { configMask: 0xff, narrow: 'qemu', portPowerManagement: false },
  ports: {
    disableByWrite: false,
    powerHonoured: false,
    resetSwallowsWrite: true,
    resetDelay: 0,
    speedKnown: 'at-connect',
    eventPer: 'new-bit',
    reportAtRun: false,
    changeWithoutDevice: true,
  },
  resetDelay: 0,
  notReadyDelay: 0,
};

/** Boards: what works on QEMU and fails on their hardware. */
export const PERSONALITIES: Readonly<Record<string, XhciPersonality>> = {
  spec: SPEC,
  qemu: QEMU,
  'wide-contexts': { ...SPEC, name: 'wide-contexts', title: '64-byte contexts (CSZ = 1)', contextSize: 64 },
  scratchpads: {
    ...SPEC,
    name: 'scratchpads',
    title: 'asks for 31 scratchpad pages, as boards with a VL805 do',
    scratchpadBuffers: 31,
  },
  'slow-reset': {
    ...SPEC,
    name: 'slow-reset',
    title: 'needs half a second after HCRST and 50 ms for a port reset',
    resetDelay: 20 * MILLISECOND,
    notReadyDelay: 500 * MILLISECOND,
    ports: { ...SPEC.ports, resetDelay: 50 * MILLISECOND },
  },
  'low-memory': {
    ...SPEC,
    name: 'low-memory',
    title: '32-bit addresses only (AC64 = 0)',
    addressing64: false,
  },
};

/** Which chip it says it is. */
export interface XhciModel {
  readonly name: 'qemu-xhci' | 'nec-usb-xhci';
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  readonly slots: number;
  readonly interrupters: number;
  readonly usb2Ports: number;
  readonly usb3Ports: number;
  /** NEC's vendor commands, and its 16-byte alignment of ERSTBA. */
  readonly nec: boolean;
  readonly msi: boolean;
  readonly msix: boolean;
}

const fourAndFour = { usb2Ports: 4, usb3Ports: 4 } as const;

/** `-device qemu-xhci`. */
export const QEMU_XHCI: XhciModel = {
  name: 'qemu-xhci',
  vendorId: 0x1b36,
  deviceId: 0x000d,
  revision: 0x01,
  slots: 64,
  interrupters: 16,
  ...fourAndFour,
  nec: false,
  msi: false,
  msix: true,
};

/** `-device nec-usb-xhci`: a Renesas uPD720200. */
export const NEC_USB_XHCI: XhciModel = {
  name: 'nec-usb-xhci',
  vendorId: 0x1033,
  deviceId: 0x0194,
  revision: 0x03,
  slots: 64,
  interrupters: 16,
  ...fourAndFour,
  nec: true,
  msi: true,
  msix: true,
};
