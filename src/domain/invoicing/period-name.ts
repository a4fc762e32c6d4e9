// How a period is named on an invoice: a calendar month by its name, else by its days.

import { type Interval, intervalAt, localDate } from '../metering/calendar.js';

/** "2026-11", "2026-11-15 to 2026-12-14", "2026-11-15"; days of `zone`, both inclusive. */
export function periodName({ startMs, endMs }: Interval, zone: string): string {
  const month = intervalAt('MONTH', startMs, zone);
  if (month.startMs === startMs && month.endMs === endMs)
    return localDate(startMs, zone).slice(0, 7);
  const first = localDate(startMs, zone);
  const last = localDate(Math.max(startMs, endMs - 1), zone);
  return first === last ? first : `${first} to ${last}`;
}
