/** The real-time clock's time registers as views of a date (MC146818A, "Time, Calendar, and Alarm Locations"). */
import { type CalendarTime, calendarFromSeconds, secondsFromCalendar } from './calendar.ts';
import { RTC } from './rtc-registers.ts';

/** A date and time as the registers hold it: perhaps no such day exists, while a driver is setting it. */
export type Civil = Omit<CalendarTime, 'weekday'>;

export interface TimeField {
  readonly get: (time: CalendarTime | Civil) => number;
  readonly set: (time: Civil, value: number) => Civil;
}

function part(name: keyof Civil): TimeField {
  return { get: (time) => time[name], set: (time, value) => ({ ...time, [name]: value }) };
}

/** Registers of the time. The weekday follows from the date: what the guest writes there is not kept. */
export const TIME_FIELDS: ReadonlyMap<number, TimeField> = new Map<number, TimeField>([
  [RTC.seconds, part('second')],
  [RTC.minutes, part('minute')],
  [RTC.hours, part('hour')],
  [RTC.weekday, { get: (time) => calendarFromSeconds(secondsFromCalendar(time)).weekday, set: (time) => time }],
  [RTC.day, part('day')],
  [RTC.month, part('month')],
  [
    RTC.year,
    {
      get: (time) => time.year % 100,
      set: (time, value) => ({ ...time, year: time.year - (time.year % 100) + value }),
    },
  ],
  [
    RTC.century,
    {
      get: (time) => Math.floor(time.year / 100),
      set: (time, value) => ({ ...time, year: value * 100 + (time.year % 100) }),
    },
  ],
]);
