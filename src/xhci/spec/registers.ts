/** The controller's registers as data (xHCI 1.2 §5.3-5.6). A 64-bit register is two tables, `.lo` and `.hi`. */
import { bit, bits, register32, xhci } from '../../base/registers.ts';

/** xHCI 1.2 §5.3.1, §5.3.2: one 32-bit word holds both. */
export const CAPLENGTH = register32({
  name: 'CAPLENGTH',
  spec: xhci('5.3.1'),
  reset: 0,
  fields: {
    CAPLENGTH: bits(7, 0, 'RO', 'Capability Registers Length'),
    HCIVERSION: bits(31, 16, 'RO', 'Host Controller Interface Version Number'),
  },
});
export const HCSPARAMS1 = register32({
  name: 'HCSPARAMS1',
  spec: xhci('5.3.3'),
  reset: 0,
  fields: {
    MaxSlots: bits(7, 0, 'RO', 'Number of Device Slots'),
    MaxIntrs: bits(18, 8, 'RO', 'Number of Interrupters'),
    MaxPorts: bits(31, 24, 'RO', 'Number of Ports'),
  },
});
export const HCSPARAMS2 = register32({
  name: 'HCSPARAMS2',
  spec: xhci('5.3.4'),
  reset: 0,
  fields: {
    IST: bits(3, 0, 'RO', 'Isochronous Scheduling Threshold'),
    ERSTMax: bits(7, 4, 'RO', 'Event Ring Segment Table Max, as a power of two'),
    MaxScratchpadBufsHi: bits(25, 21, 'RO', 'Max Scratchpad Buffers, high 5 bits'),
    SPR: bit(26, 'RO', 'Scratchpad Restore'),
    MaxScratchpadBufsLo: bits(31, 27, 'RO', 'Max Scratchpad Buffers, low 5 bits'),
  },
});
export const HCSPARAMS3 = register32({
  name: 'HCSPARAMS3',
  spec: xhci('5.3.5'),
  reset: 0,
  fields: {
    U1DeviceExitLatency: bits(7, 0, 'RO', 'U1 Device Exit Latency, microseconds'),
    U2DeviceExitLatency: bits(31, 16, 'RO', 'U2 Device Exit Latency, microseconds'),
  },
});
export const HCCPARAMS1 = register32({
  name: 'HCCPARAMS1',
  spec: xhci('5.3.6'),
  reset: 0,
  fields: {
    AC64: bit(0, 'RO', '64-bit Addressing Capability'),
    BNC: bit(1, 'RO', 'BW Negotiation Capability'),
    CSZ: bit(2, 'RO', 'Context Size: 64-byte contexts'),
    PPC: bit(3, 'RO', 'Port Power Control'),
    PIND: bit(4, 'RO', 'Port Indicators'),
    LHRC: bit(5, 'RO', 'Light HC Reset Capability'),
    LTC: bit(6, 'RO', 'Latency Tolerance Messaging Capability'),
    NSS: bit(7, 'RO', 'No Secondary SID Support'),
    PAE: bit(8, 'RO', 'Parse All Event Data'),
    SPC: bit(9, 'RO', 'Stopped - Short Packet Capability'),
    SEC: bit(10, 'RO', 'Stopped EDTLA Capability'),
    CFC: bit(11, 'RO', 'Contiguous Frame ID Capability'),
    MaxPSASize: bits(15, 12, 'RO', 'Maximum Primary Stream Array Size'),
    xECP: bits(31, 16, 'RO', 'xHCI Extended Capabilities Pointer, 32-bit words from the base'),
  },
});
export const DBOFF = register32({
  name: 'DBOFF',
  spec: xhci('5.3.7'),
  reset: 0,
  fields: { DoorbellArrayOffset: bits(31, 2, 'RO', 'Doorbell Array Offset') },
});
export const RTSOFF = register32({
  name: 'RTSOFF',
  spec: xhci('5.3.8'),
  reset: 0,
  fields: { RuntimeRegisterSpaceOffset: bits(31, 5, 'RO', 'Runtime Register Space Offset') },
});
export const HCCPARAMS2 = register32({
  name: 'HCCPARAMS2',
  spec: xhci('5.3.9'),
  reset: 0,
  fields: {
    U3C: bit(0, 'RO', 'U3 Entry Capability'),
    CMC: bit(1, 'RO', 'Configure Endpoint Command Max Exit Latency Too Large Capability'),
    FSC: bit(2, 'RO', 'Force Save Context Capability'),
    CTC: bit(3, 'RO', 'Compliance Transition Capability'),
    LEC: bit(4, 'RO', 'Large ESIT Payload Capability'),
    CIC: bit(5, 'RO', 'Configuration Information Capability'),
  },
});

export const USBCMD = register32({
  name: 'USBCMD',
  spec: xhci('5.4.1'),
  reset: 0,
  fields: {
    RS: bit(0, 'RW', 'Run/Stop'),
    HCRST: bit(1, 'RW1S', 'Host Controller Reset'),
    INTE: bit(2, 'RW', 'Interrupter Enable'),
    HSEE: bit(3, 'RW', 'Host System Error Enable'),
    RsvdP6: bits(6, 4, 'RsvdP', 'reserved, preserve'),
    LHCRST: bit(7, 'WO', 'Light Host Controller Reset'),
    CSS: bit(8, 'WO', 'Controller Save State'),
    CRS: bit(9, 'WO', 'Controller Restore State'),
    EWE: bit(10, 'RW', 'Enable Wrap Event'),
    EU3S: bit(11, 'RW', 'Enable U3 MFINDEX Stop'),
    RsvdP31: bits(31, 12, 'RsvdP', 'reserved, preserve'),
  },
});
export const USBSTS = register32({
  name: 'USBSTS',
  spec: xhci('5.4.2'),
  reset: 0x0000_0001,
  fields: {
    HCH: bit(0, 'RO', 'HCHalted'),
    HSE: bit(2, 'RW1C', 'Host System Error'),
    EINT: bit(3, 'RW1C', 'Event Interrupt'),
    PCD: bit(4, 'RW1C', 'Port Change Detect'),
    SSS: bit(8, 'RO', 'Save State Status'),
    RSS: bit(9, 'RO', 'Restore State Status'),
    SRE: bit(10, 'RW1C', 'Save/Restore Error'),
    CNR: bit(11, 'RO', 'Controller Not Ready'),
    HCE: bit(12, 'RO', 'Host Controller Error'),
  },
});
export const PAGESIZE = register32({
  name: 'PAGESIZE',
  spec: xhci('5.4.3'),
  reset: 1,
  fields: { PageSize: bits(15, 0, 'RO', 'bit n: 2^(n+12) bytes') },
});
export const DNCTRL = register32({
  name: 'DNCTRL',
  spec: xhci('5.4.4'),
  reset: 0,
  fields: { NotificationEnable: bits(15, 0, 'RW', 'Notification Enable N0-N15') },
});
export const CRCR_LO = register32({
  name: 'CRCR.lo',
  spec: xhci('5.4.5'),
  reset: 0,
  fields: {
    RCS: bit(0, 'RW', 'Ring Cycle State'),
    CS: bit(1, 'WO', 'Command Stop'),
    CA: bit(2, 'WO', 'Command Abort'),
    CRR: bit(3, 'RO', 'Command Ring Running'),
    RsvdP5: bits(5, 4, 'RsvdP', 'reserved, preserve'),
    CommandRingPointer: bits(31, 6, 'RW', 'Command Ring Pointer'),
  },
});
export const CRCR_HI = register32({
  name: 'CRCR.hi',
  spec: xhci('5.4.5'),
  reset: 0,
  fields: { CommandRingPointer: bits(31, 0, 'RW', 'Command Ring Pointer, high') },
});
export const DCBAAP_LO = register32({
  name: 'DCBAAP.lo',
  spec: xhci('5.4.6'),
  reset: 0,
  fields: { DCBAAP: bits(31, 6, 'RW', 'Device Context Base Address Array Pointer') },
});
export const DCBAAP_HI = register32({
  name: 'DCBAAP.hi',
  spec: xhci('5.4.6'),
  reset: 0,
  fields: { DCBAAP: bits(31, 0, 'RW', 'Device Context Base Address Array Pointer, high') },
});
export const CONFIG = register32({
  name: 'CONFIG',
  spec: xhci('5.4.7'),
  reset: 0,
  fields: {
    MaxSlotsEn: bits(7, 0, 'RW', 'Max Device Slots Enabled'),
    U3E: bit(8, 'RW', 'U3 Entry Enable'),
    CIE: bit(9, 'RW', 'Configuration Information Enable'),
    RsvdP31: bits(31, 10, 'RsvdP', 'reserved, preserve'),
  },
});

export const PORTSC = register32({
  name: 'PORTSC',
  spec: xhci('5.4.8'),
  reset: 0x0000_02a0,
  fields: {
    CCS: bit(0, 'RO', 'Current Connect Status'),
    PED: bit(1, 'RW1C', 'Port Enabled/Disabled'),
    OCA: bit(3, 'RO', 'Over-current Active'),
    PR: bit(4, 'RW1S', 'Port Reset'),
    PLS: bits(8, 5, 'RW', 'Port Link State'),
    PP: bit(9, 'RW', 'Port Power'),
    PortSpeed: bits(13, 10, 'RO', 'Port Speed'),
    PIC: bits(15, 14, 'RW', 'Port Indicator Control'),
    LWS: bit(16, 'WO', 'Port Link State Write Strobe'),
    CSC: bit(17, 'RW1C', 'Connect Status Change'),
    PEC: bit(18, 'RW1C', 'Port Enabled/Disabled Change'),
    WRC: bit(19, 'RW1C', 'Warm Port Reset Change'),
    OCC: bit(20, 'RW1C', 'Over-current Change'),
    PRC: bit(21, 'RW1C', 'Port Reset Change'),
    PLC: bit(22, 'RW1C', 'Port Link State Change'),
    CEC: bit(23, 'RW1C', 'Port Config Error Change'),
    CAS: bit(24, 'RO', 'Cold Attach Status'),
    WCE: bit(25, 'RW', 'Wake on Connect Enable'),
    WDE: bit(26, 'RW', 'Wake on Disconnect Enable'),
    WOE: bit(27, 'RW', 'Wake on Over-current Enable'),
    DR: bit(30, 'RO', 'Device Removable'),
    WPR: bit(31, 'WO', 'Warm Port Reset'),
  },
});
export const PORTPMSC = register32({
  name: 'PORTPMSC',
  spec: xhci('5.4.9'),
  reset: 0,
  fields: { PowerManagement: bits(31, 0, 'RW', 'protocol specific power management') },
});
export const PORTLI = register32({
  name: 'PORTLI',
  spec: xhci('5.4.10'),
  reset: 0,
  fields: { LinkErrorCount: bits(15, 0, 'RO', 'Link Error Count') },
});
export const PORTHLPMC = register32({
  name: 'PORTHLPMC',
  spec: xhci('5.4.11'),
  reset: 0,
  fields: { HardwareLpm: bits(13, 0, 'RW', 'USB2 hardware link power management') },
});

export const MFINDEX = register32({
  name: 'MFINDEX',
  spec: xhci('5.5.1'),
  reset: 0,
  fields: { MicroframeIndex: bits(13, 0, 'RO', 'Microframe Index') },
});
export const IMAN = register32({
  name: 'IMAN',
  spec: xhci('5.5.2.1'),
  reset: 0,
  fields: {
    IP: bit(0, 'RW1C', 'Interrupt Pending'),
    IE: bit(1, 'RW', 'Interrupt Enable'),
    RsvdP31: bits(31, 2, 'RsvdP', 'reserved, preserve'),
  },
});
export const IMOD = register32({
  name: 'IMOD',
  spec: xhci('5.5.2.2'),
  reset: 0x0000_0fa0,
  fields: {
    IMODI: bits(15, 0, 'RW', 'Interrupt Moderation Interval, 250 ns'),
    IMODC: bits(31, 16, 'RW', 'Interrupt Moderation Counter'),
  },
});
export const ERSTSZ = register32({
  name: 'ERSTSZ',
  spec: xhci('5.5.2.3.1'),
  reset: 0,
  fields: {
    EventRingSegmentTableSize: bits(15, 0, 'RW', 'segments'),
    RsvdP31: bits(31, 16, 'RsvdP', 'reserved, preserve'),
  },
});
export const ERSTBA_LO = register32({
  name: 'ERSTBA.lo',
  spec: xhci('5.5.2.3.2'),
  reset: 0,
  fields: {
    RsvdP5: bits(5, 0, 'RsvdP', 'reserved, preserve'),
    ERSTBA: bits(31, 6, 'RW', 'Event Ring Segment Table Base Address'),
  },
});
export const ERSTBA_HI = register32({
  name: 'ERSTBA.hi',
  spec: xhci('5.5.2.3.2'),
  reset: 0,
  fields: { ERSTBA: bits(31, 0, 'RW', 'Event Ring Segment Table Base Address, high') },
});
export const ERDP_LO = register32({
  name: 'ERDP.lo',
  spec: xhci('5.5.2.3.3'),
  reset: 0,
  fields: {
    DESI: bits(2, 0, 'RW', 'Dequeue ERST Segment Index'),
    EHB: bit(3, 'RW1C', 'Event Handler Busy'),
    ERDP: bits(31, 4, 'RW', 'Event Ring Dequeue Pointer'),
  },
});
export const ERDP_HI = register32({
  name: 'ERDP.hi',
  spec: xhci('5.5.2.3.3'),
  reset: 0,
  fields: { ERDP: bits(31, 0, 'RW', 'Event Ring Dequeue Pointer, high') },
});
export const DOORBELL = register32({
  name: 'DB',
  spec: xhci('5.6'),
  reset: 0,
  fields: {
    DBTarget: bits(7, 0, 'WO', 'DB Target'),
    DBTaskId: bits(31, 16, 'WO', 'DB Stream ID / Task ID'),
  },
});

/** Offsets from the start of each space (xHCI 1.2 Tables 5-9, 5-18, 5-35, 5-37). */
export const CAPABILITY_OFFSETS = {
  CAPLENGTH: 0x00,
  HCSPARAMS1: 0x04,
  HCSPARAMS2: 0x08,
  HCSPARAMS3: 0x0c,
  HCCPARAMS1: 0x10,
  DBOFF: 0x14,
  RTSOFF: 0x18,
  HCCPARAMS2: 0x1c,
} as const;

/** Port Link State (xHCI 1.2 Table 5-27, PLS). */
export const LinkState = {
  U0: 0,
  U1: 1,
  U2: 2,
  U3: 3,
  Disabled: 4,
  RxDetect: 5,
  Inactive: 6,
  Polling: 7,
  Recovery: 8,
  HotReset: 9,
  ComplianceMode: 10,
  TestMode: 11,
  Resume: 15,
} as const;

/** Default USB speed ids (xHCI 1.2 §7.2.2.1.1). */
export const PortSpeed = { Undefined: 0, Full: 1, Low: 2, High: 3, Super: 4 } as const;
