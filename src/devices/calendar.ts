/** Dates without a host clock: seconds since 1970-01-01T00:00:00Z to the Gregorian calendar and back. */
export interface CalendarTime {
  readonly year: number;
  /** 1-12. */
  readonly month: number;
  /** 1-31. */
  readonly day: number;
  /** 1 is Sunday, as the MC146818 counts. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const DAY = 86_400;

/** Days from 1970-01-01 to the first of March of `year`, where the leap day is the last of its year. */
function daysToMarch(year: number): number {
  return 365 * year + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400) - 719_468;
}

/** Days from 1 March to the first of the `index`-th month after it (0 is March). */
function daysToMonth(index: number): number {
  return Math.floor((153 * index + 2) / 5);
}

export function calendarFromSeconds(seconds: number): CalendarTime {
  const days = Math.floor(seconds / DAY);
  const inDay = seconds - days * DAY;
  let year = Math.floor(days / 365.2425) + 1970;
  while (daysToMarch(year) > days) year -= 1;
  while (daysToMarch(year + 1) <= days) year += 1;
  const dayOfYear = days - daysToMarch(year);
  const index = Math.floor((5 * dayOfYear + 2) / 153);
  return {
    year: index >= 10 ? year + 1 : year,
    month: index >= 10 ? index - 9 : index + 3,
    day: dayOfYear - daysToMonth(index) + 1,
    weekday: ((((days + 4) % 7) + 7) % 7) + 1,
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
  };
}

/** The inverse; fields out of range carry over, as they would by counting. */
export function secondsFromCalendar(time: Omit<CalendarTime, 'weekday'>): number {
  const months = time.year * 12 + time.month - 3;
  const days = daysToMarch(Math.floor(months / 12)) + daysToMonth(((months % 12) + 12) % 12) + time.day - 1;
  return days * DAY + time.hour * 3600 + time.minute * 60 + time.second;
}
