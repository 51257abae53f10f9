/** The real-time clock's registers as data (Motorola MC146818A datasheet, 1984). Indices into CMOS. */
import { bit, bits, register32, spec } from '../base/registers.ts';

export const RTC = {
  seconds: 0x00,
  secondsAlarm: 0x01,
  minutes: 0x02,
  minutesAlarm: 0x03,
  hours: 0x04,
  hoursAlarm: 0x05,
  weekday: 0x06,
  day: 0x07,
  month: 0x08,
  year: 0x09,
  a: 0x0a,
  b: 0x0b,
  c: 0x0c,
  d: 0x0d,
  century: 0x32,
  /** Where the IBM PS/2 had it: the same byte. */
  centuryPs2: 0x37,
} as const;

export const REGISTER_A = register32({
  name: 'RTC A',
  spec: spec('MC146818A', 'Register A'),
  reset: 0x26,
  fields: {
    rate: bits(3, 0, 'RW', 'Rate Selection'),
    divider: bits(6, 4, 'RW', 'Divider'),
    updateInProgress: bit(7, 'RO', 'Update In Progress'),
  },
});

export const REGISTER_B = register32({
  name: 'RTC B',
  spec: spec('MC146818A', 'Register B'),
  reset: 0x02,
  fields: {
    daylightSaving: bit(0, 'RW', 'Daylight Savings Enable'),
    hours24: bit(1, 'RW', '24/12'),
    binary: bit(2, 'RW', 'Data Mode'),
    squareWave: bit(3, 'RW', 'Square Wave Enable'),
    updateInterrupt: bit(4, 'RW', 'Update-ended Interrupt Enable'),
    alarmInterrupt: bit(5, 'RW', 'Alarm Interrupt Enable'),
    periodicInterrupt: bit(6, 'RW', 'Periodic Interrupt Enable'),
    set: bit(7, 'RW', 'SET'),
  },
});

/** Register C: flags at the same positions as their enables in B, and the sum of what interrupts. */
export const FLAG_C = { update: 0x10, alarm: 0x20, periodic: 0x40, interrupt: 0x80 } as const;
/** Register D: the battery is good. */
export const VALID_RAM = 0x80;
