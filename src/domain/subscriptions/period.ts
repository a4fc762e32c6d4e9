// Billing periods: half-open, one after the other, each of a number of months, on a calendar. They
// begin on one day of the month, or on its last day where it has no such day: 31 January,
// 28 February, 31 March. Cost: a few look-ups of a zone's offset; boundaries of UTC are arithmetic.

import { DAY_MS, type EpochMs } from '../../base/units.js';
import { type Interval, instantAt, localTime, UTC, utcMonth } from '../metering/calendar.js';

export const BILLING_INTERVALS = ['MONTH', 'QUARTER', 'YEAR'] as const;
export type BillingInterval = (typeof BILLING_INTERVALS)[number];

const MONTHS: Record<BillingInterval, number> = { MONTH: 1, QUARTER: 3, YEAR: 12 };

export function monthsOf(interval: BillingInterval): number {
  return MONTHS[interval];
}

/** What fixes the periods of a subscription. */
export interface Anchor {
  /** An instant at which a period begins, on its calendar's time of day. */
  readonly atMs: EpochMs;
  /** Day of the month that periods begin on, 1–31, also where `atMs` lies in a shorter month. */
  readonly day: number;
  readonly zone: string;
}

/** UTC calendar months, quarters or years: without a subscription. */
export const CALENDAR: Anchor = { atMs: 0, day: 1, zone: UTC };

/** The period of `anchor` that holds `atMs`. */
export function periodAt(anchor: Anchor, interval: BillingInterval, atMs: EpochMs): Interval {
  const step = MONTHS[interval];
  const passed = monthsBetween(anchor, atMs);
  let index = Math.floor(passed / step);
  // The month alone does not tell on which side of the day and hour `atMs` lies.
  while (startOf(anchor, index * step) > atMs) index--;
  while (startOf(anchor, (index + 1) * step) <= atMs) index++;
  return { startMs: startOf(anchor, index * step), endMs: startOf(anchor, (index + 1) * step) };
}

/** The start of the period that begins on the anchor's day in the month `months` after it. */
function startOf({ atMs, day, zone }: Anchor, months: number): EpochMs {
  const local = localTime(atMs, zone);
  const date = new Date(local);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + months;
  const monthMs = utcMonth(year, month);
  const days = (utcMonth(year, month + 1) - monthMs) / DAY_MS;
  const timeOfDay = local - Math.floor(local / DAY_MS) * DAY_MS;
  return instantAt(monthMs + (Math.min(day, days) - 1) * DAY_MS + timeOfDay, zone);
}

function monthsBetween({ atMs: fromMs, zone }: Anchor, toMs: EpochMs): number {
  const from = new Date(localTime(fromMs, zone));
  const to = new Date(localTime(toMs, zone));
  const years = to.getUTCFullYear() - from.getUTCFullYear();
  return years * 12 + to.getUTCMonth() - from.getUTCMonth();
}
