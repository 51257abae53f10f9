/** The local APIC's registers as data (Intel SDM Vol. 3A chapter 10). An index is the MMIO offset divided by 16. */
import { bit, bits, register32, spec } from '../base/registers.ts';

const sdm = (section: string) => spec('Intel SDM Vol. 3A', section);

/** Register indices; x2APIC's MSR number is 0x800 + index (10.12.1.2). */
export const APIC = {
  ID: 0x02,
  VERSION: 0x03,
  TPR: 0x08,
  APR: 0x09,
  PPR: 0x0a,
  EOI: 0x0b,
  LDR: 0x0d,
  DFR: 0x0e,
  SVR: 0x0f,
  ISR: 0x10,
  TMR: 0x18,
  IRR: 0x20,
  ESR: 0x28,
  LVT_CMCI: 0x2f,
  ICR_LOW: 0x30,
  ICR_HIGH: 0x31,
  LVT_TIMER: 0x32,
  LVT_THERMAL: 0x33,
  LVT_PERFORMANCE: 0x34,
  LVT_LINT0: 0x35,
  LVT_LINT1: 0x36,
  LVT_ERROR: 0x37,
  INITIAL_COUNT: 0x38,
  CURRENT_COUNT: 0x39,
  DIVIDE: 0x3e,
} as const;

/** Version 0x14, six LVT entries: an integrated APIC (10.4.8). */
export const APIC_VERSION = 0x0005_0014;

export const SVR = register32({
  name: 'SVR',
  spec: sdm('10.9'),
  reset: 0x0000_00ff,
  fields: {
    vector: bits(7, 0, 'RW', 'Spurious Vector'),
    enable: bit(8, 'RW', 'APIC Software Enable'),
    focusDisabled: bit(9, 'RW', 'Focus Processor Checking'),
  },
});

const lvt = {
  vector: bits(7, 0, 'RW', 'Vector'),
  deliveryStatus: bit(12, 'RO', 'Delivery Status'),
  mask: bit(16, 'RW', 'Mask'),
} as const;

export const LVT_TIMER = register32({
  name: 'LVT Timer',
  spec: sdm('10.5.1'),
  reset: 0x0001_0000,
  fields: { ...lvt, mode: bits(18, 17, 'RW', 'Timer Mode') },
});

export const LVT_LINT = register32({
  name: 'LVT LINT',
  spec: sdm('10.5.1'),
  reset: 0x0001_0000,
  fields: {
    ...lvt,
    deliveryMode: bits(10, 8, 'RW', 'Delivery Mode'),
    polarity: bit(13, 'RW', 'Interrupt Input Pin Polarity'),
    remoteIrr: bit(14, 'RO', 'Remote IRR'),
    levelTriggered: bit(15, 'RW', 'Trigger Mode'),
  },
});

/** Thermal sensor and performance counters. */
export const LVT_INTERNAL = register32({
  name: 'LVT Thermal/Performance',
  spec: sdm('10.5.1'),
  reset: 0x0001_0000,
  fields: { ...lvt, deliveryMode: bits(10, 8, 'RW', 'Delivery Mode') },
});

export const LVT_ERROR = register32({
  name: 'LVT Error',
  spec: sdm('10.5.1'),
  reset: 0x0001_0000,
  fields: lvt,
});

export const ICR_LOW = register32({
  name: 'ICR',
  spec: sdm('10.6.1'),
  reset: 0,
  fields: {
    vector: bits(7, 0, 'RW', 'Vector'),
    deliveryMode: bits(10, 8, 'RW', 'Delivery Mode'),
    logical: bit(11, 'RW', 'Destination Mode'),
    deliveryStatus: bit(12, 'RO', 'Delivery Status'),
    level: bit(14, 'RW', 'Level'),
    levelTriggered: bit(15, 'RW', 'Trigger Mode'),
    shorthand: bits(19, 18, 'RW', 'Destination Shorthand'),
  },
});

export const DIVIDE = register32({
  name: 'Divide Configuration',
  spec: sdm('10.5.4'),
  reset: 0,
  fields: { low: bits(1, 0, 'RW', 'Divide Value, bits 1-0'), high: bit(3, 'RW', 'Divide Value, bit 2') },
});

/** Error Status Register bits (10.5.3). */
export const ESR = {
  sendAccept: 1 << 2,
  receiveAccept: 1 << 3,
  sendIllegalVector: 1 << 5,
  receiveIllegalVector: 1 << 6,
  illegalRegister: 1 << 7,
} as const;

/** The bus clock is divided by 1 to 128; code 7 means 1 (10.5.4). */
export function divisorOf(value: number): number {
  const code = (DIVIDE.get(value, 'high') << 2) | DIVIDE.get(value, 'low');
  return 1 << ((code + 1) & 7);
}
