// Dates for readers of any country: "1 Jul 2026". A period whose ends are midnights is shown by its
// first and last day, any other one by both instants.

import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import type { EpochMs } from '../base/units.js';
import { intervalAt, UTC } from '../domain/metering/calendar.js';

export interface Dates {
  readonly day: (time: Timestamp | undefined) => string;
  /** `end` is exclusive. */
  readonly period: (start: Timestamp | undefined, end: Timestamp | undefined) => string;
}

const NONE = '–';
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

export function createDates(zone: string): Dates {
  const local = zone === UTC ? utcParts : zonedParts(zone);
  const isDayStart = (atMs: EpochMs, { time }: Parts) =>
    // Where clocks go forward at midnight, the day begins at 01:00.
    time === '' || (zone !== UTC && intervalAt('DAY', atMs, zone).startMs === atMs);
  return {
    day: (time) => (time === undefined ? NONE : dayText(local(toEpochMs(time)))),
    period(start, end) {
      if (start === undefined || end === undefined) return NONE;
      const startMs = toEpochMs(start);
      const endMs = toEpochMs(end);
      const from = local(startMs);
      const to = local(endMs);
      if (!isDayStart(startMs, from) || !isDayStart(endMs, to)) {
        return `${instantText(from)} – ${instantText(to)}`;
      }
      return daysText(from, local(Math.max(startMs, endMs - 1)));
    },
  };
}

export function toEpochMs({ seconds, nanos }: Timestamp): EpochMs {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

interface Parts {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  /** "09:30", with seconds where there are any, '' at midnight. */
  readonly time: string;
}

function utcParts(atMs: EpochMs): Parts {
  const date = new Date(atMs);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    time: timeText(date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()),
  };
}

function zonedParts(zone: string): (atMs: EpochMs) => Parts {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
    return {
      year: part('year'),
      month: part('month'),
      day: part('day'),
      time: timeText(part('hour'), part('minute'), part('second')),
    };
  };
}

function timeText(hour: number, minute: number, second: number): string {
  if (hour === 0 && minute === 0 && second === 0) return '';
  const parts = second === 0 ? [hour, minute] : [hour, minute, second];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function dayText({ year, month, day }: Parts): string {
  return `${day} ${MONTHS[month - 1]} ${year}`;
}

function instantText(parts: Parts): string {
  return `${dayText(parts)} ${parts.time === '' ? '00:00' : parts.time}`;
}

function daysText(first: Parts, last: Parts): string {
  if (first.year !== last.year) return `${dayText(first)} – ${dayText(last)}`;
  if (first.month !== last.month) {
    return `${first.day} ${MONTHS[first.month - 1]} – ${dayText(last)}`;
  }
  return first.day === last.day ? dayText(first) : `${first.day}–${dayText(last)}`;
}
