/** The 16550's registers as data (National PC16550D datasheet, 1995, §8). */
import { bit, bits, register32, spec } from '../base/registers.ts';

const pc16550d = (section: string) => spec('PC16550D', section);

export const IER = register32({
  name: 'IER',
  spec: pc16550d('8.7'),
  reset: 0,
  fields: {
    receivedData: bit(0, 'RW', 'Received Data Available (and time-out)'),
    transmitterEmpty: bit(1, 'RW', 'Transmitter Holding Register Empty'),
    lineStatus: bit(2, 'RW', 'Receiver Line Status'),
    modemStatus: bit(3, 'RW', 'Modem Status'),
  },
});

export const FCR = register32({
  name: 'FCR',
  spec: pc16550d('8.5'),
  reset: 0,
  fields: {
    enable: bit(0, 'RW', 'FIFO Enable'),
    clearReceiver: bit(1, 'WO', 'RCVR FIFO Reset'),
    clearTransmitter: bit(2, 'WO', 'XMIT FIFO Reset'),
    dmaMode: bit(3, 'RW', 'DMA Mode Select'),
    trigger: bits(7, 6, 'RW', 'RCVR Trigger'),
  },
});

export const MCR = register32({
  name: 'MCR',
  spec: pc16550d('8.8'),
  reset: 0,
  fields: {
    dtr: bit(0, 'RW', 'Data Terminal Ready'),
    rts: bit(1, 'RW', 'Request To Send'),
    out1: bit(2, 'RW', 'OUT 1'),
    out2: bit(3, 'RW', 'OUT 2: on a PC, the gate of the interrupt line'),
    loop: bit(4, 'RW', 'Loop'),
  },
});

/** Line Status (§8.4). */
export const LSR = {
  dataReady: 0x01,
  overrun: 0x02,
  breakInterrupt: 0x10,
  transmitterHoldingEmpty: 0x20,
  transmitterEmpty: 0x40,
} as const;

/** Modem Status (§8.9): changes in the low half, levels in the high half. */
export const MSR = {
  deltaCts: 0x01,
  deltaDsr: 0x02,
  trailingRing: 0x04,
  deltaDcd: 0x08,
  cts: 0x10,
  dsr: 0x20,
  ring: 0x40,
  dcd: 0x80,
} as const;

/** Interrupt Identification (§8.6), from the highest priority to none. */
export const IIR = {
  lineStatus: 0x06,
  receivedData: 0x04,
  timeout: 0x0c,
  transmitterEmpty: 0x02,
  modemStatus: 0x00,
  none: 0x01,
  fifosEnabled: 0xc0,
} as const;

/** Bytes in the receiver FIFO that raise its interrupt, by FCR's trigger code. */
export const TRIGGER_BYTES = [1, 4, 8, 14] as const;
export const FIFO_BYTES = 16;
/** Divisor Latch Access Bit of the Line Control Register (§8.1). */
export const LCR_DLAB = 0x80;
export const LCR_BREAK = 0x40;
