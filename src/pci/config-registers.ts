/** The predefined header of a type 0 function as data (PCI Local Bus 3.0 chapter 6). Offsets in bytes. */
import { bit, bits, pci, register32 } from '../base/registers.ts';

export const VENDOR_ID = 0x00;
export const DEVICE_ID = 0x02;
export const COMMAND = 0x04;
export const STATUS = 0x06;
export const REVISION_ID = 0x08;
export const CACHE_LINE_SIZE = 0x0c;
export const HEADER_TYPE = 0x0e;
export const BAR0 = 0x10;
export const SUBSYSTEM_VENDOR_ID = 0x2c;
export const SUBSYSTEM_ID = 0x2e;
export const EXPANSION_ROM = 0x30;
export const CAPABILITIES_POINTER = 0x34;
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
/** First byte after the predefined header. */
export const HEADER_END = 0x40;
/** Bytes of a conventional configuration space, and of one that ECAM reaches in full (PCI Express 4.0 §7.2.2). */
export const CONVENTIONAL_SIZE = 0x100;
export const EXPRESS_SIZE = 0x1000;

/** Header Type bit 7: the device has more functions than number 0 (§6.2.1). */
export const HEADER_MULTIFUNCTION = 0x80;

/** Command in the low half, Status in the high half: one aligned double word (§6.2.2, §6.2.3). */
export const COMMAND_STATUS = register32({
  name: 'Command/Status',
  spec: pci('6.2.2'),
  reset: 0,
  fields: {
    ioSpace: bit(0, 'RW', 'I/O Space'),
    memorySpace: bit(1, 'RW', 'Memory Space'),
    busMaster: bit(2, 'RW', 'Bus Master'),
    // An integrated endpoint without an event collector may hardwire it to 0 (PCI Express 4.0 §7.5.1.1.3); QEMU does.
    parityErrorResponse: bit(6, 'RO', 'Parity Error Response'),
    serrEnable: bit(8, 'RW', 'SERR# Enable'),
    interruptDisable: bit(10, 'RW', 'Interrupt Disable'),
    interruptStatus: bit(19, 'RO', 'Interrupt Status'),
    capabilitiesList: bit(20, 'RO', 'Capabilities List'),
    masterDataParityError: bit(24, 'RW1C', 'Master Data Parity Error'),
    devselTiming: bits(26, 25, 'RO', 'DEVSEL Timing'),
    signaledTargetAbort: bit(27, 'RW1C', 'Signaled Target Abort'),
    receivedTargetAbort: bit(28, 'RW1C', 'Received Target Abort'),
    receivedMasterAbort: bit(29, 'RW1C', 'Received Master Abort'),
    signaledSystemError: bit(30, 'RW1C', 'Signaled System Error'),
    detectedParityError: bit(31, 'RW1C', 'Detected Parity Error'),
  },
});

/** Command register bits, for code that holds only the 16-bit register. */
export const COMMAND_IO = 1 << 0;
export const COMMAND_MEMORY = 1 << 1;
export const COMMAND_BUS_MASTER = 1 << 2;
export const COMMAND_INTERRUPT_DISABLE = 1 << 10;
/** Status register bits. */
export const STATUS_INTERRUPT = 1 << 3;
export const STATUS_CAPABILITIES = 1 << 4;
export const STATUS_RECEIVED_MASTER_ABORT = 1 << 13;
