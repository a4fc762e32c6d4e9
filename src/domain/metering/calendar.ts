// Calendar boundaries in a zone. UTC is arithmetic; another IANA zone asks Intl for its offset.
// A local midnight that a zone skips (DST at 00:00, Apia's lost day) is the first instant after it.

import type { EpochMs } from '../../base/units.js';
import { DAY_MS, HOUR_MS } from '../../base/units.js';

export type CalendarUnit = 'HOUR' | 'DAY' | 'WEEK' | 'MONTH' | 'YEAR';
export const UTC = 'UTC';

export interface Interval {
  readonly startMs: EpochMs;
  /** Exclusive. */
  readonly endMs: EpochMs;
}

/** The calendar interval of `unit` that holds `atMs`. Weeks start on Monday (ISO 8601). */
export function intervalAt(unit: CalendarUnit, atMs: EpochMs, zone: string): Interval {
  if (zone === UTC) return utcInterval(unit, atMs);
  if (unit === 'HOUR') return zonedHour(atMs, zone);
  let local = utcInterval(unit, atMs + offsetMs(zone, atMs));
  for (;;) {
    const startMs = instantOf(local.startMs, zone);
    const endMs = instantOf(local.endMs, zone);
    // Where clocks go back over midnight, the time that comes again is in the day that has begun.
    if (atMs < endMs) return { startMs, endMs };
    local = utcInterval(unit, local.endMs);
  }
}

/** `intervalAt` in UTC that remembers its last answer: events come close together. */
export function rememberingInterval(unit: CalendarUnit): (atMs: EpochMs) => Interval {
  let last: Interval = { startMs: 0, endMs: 0 };
  return (atMs) => {
    if (atMs < last.startMs || atMs >= last.endMs) last = intervalAt(unit, atMs, UTC);
    return last;
  };
}

export function isZone(zone: string): boolean {
  // Newer releases of Node take an offset for a zone, which it is not.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    offsetFormat(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** "2026-11" → the interval of that month, or undefined where the text is no month. */
export function monthInterval(period: string, zone: string): Interval | undefined {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(period);
  if (match === null) return undefined;
  const year = Number(match[1]);
  const month = Number(match[2]) - 1;
  const startMs = utcMonth(year, month);
  const endMs = utcMonth(year, month + 1);
  if (zone === UTC) return { startMs, endMs };
  return { startMs: instantOf(startMs, zone), endMs: instantOf(endMs, zone) };
}

/** "2026-11" for the UTC month that holds `atMs`. */
export function monthName(atMs: EpochMs): string {
  return new Date(atMs).toISOString().slice(0, 7);
}

/** What a clock in `zone` shows at `atMs`, as if it were UTC. */
export function localTime(atMs: EpochMs, zone: string): number {
  return zone === UTC ? atMs : atMs + offsetMs(zone, atMs);
}

/** The first instant at which a clock in `zone` shows `localMs` or more. */
export function instantAt(localMs: number, zone: string): EpochMs {
  return zone === UTC ? localMs : instantOf(localMs, zone);
}

/** "2026-11-05": the day on the calendar of `zone`. */
export function localDate(atMs: EpochMs, zone: string): string {
  return new Date(localTime(atMs, zone)).toISOString().slice(0, 10);
}

function utcInterval(unit: CalendarUnit, atMs: EpochMs): Interval {
  switch (unit) {
    case 'HOUR':
      return aligned(atMs, HOUR_MS, 0);
    case 'DAY':
      return aligned(atMs, DAY_MS, 0);
    case 'WEEK':
      // 1970-01-01 was a Thursday: the Monday before it is four days into a week of its own.
      return aligned(atMs, 7 * DAY_MS, -3 * DAY_MS);
    case 'MONTH': {
      const date = new Date(atMs);
      const year = date.getUTCFullYear();
      const month = date.getUTCMonth();
      return { startMs: utcMonth(year, month), endMs: utcMonth(year, month + 1) };
    }
    case 'YEAR': {
      const year = new Date(atMs).getUTCFullYear();
      return { startMs: utcMonth(year, 0), endMs: utcMonth(year + 1, 0) };
    }
  }
}

function aligned(atMs: EpochMs, lengthMs: number, originMs: number): Interval {
  const startMs = Math.floor((atMs - originMs) / lengthMs) * lengthMs + originMs;
  return { startMs, endMs: startMs + lengthMs };
}

/** Date.UTC reads years 0–99 as 1900–1999; this does not. */
export function utcMonth(year: number, month: number): EpochMs {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 1);
  return date.getTime();
}

/** Hours are counted on the local clock, so half-hour zones start theirs at :30 UTC. */
function zonedHour(atMs: EpochMs, zone: string): Interval {
  const offset = offsetMs(zone, atMs);
  const local = aligned(atMs + offset, HOUR_MS, 0);
  const startMs = local.startMs - offset;
  const endMs = local.endMs - offset;
  // An hour in which the clock is changed ends there, and another one begins.
  return {
    startMs: offsetMs(zone, startMs) === offset ? startMs : changeBetween(startMs, atMs, zone),
    endMs: offsetMs(zone, endMs - 1) === offset ? endMs : changeBetween(atMs, endMs - 1, zone),
  };
}

/** The first instant after `fromMs` that has the offset of `toMs`. */
function changeBetween(fromMs: EpochMs, toMs: EpochMs, zone: string): EpochMs {
  const target = offsetMs(zone, toMs);
  let before = fromMs;
  let after = toMs;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetMs(zone, middle) === target) after = middle;
    else before = middle;
  }
  return after;
}

/** The first instant whose local time in `zone` is at or after `localMs`. */
function instantOf(localMs: number, zone: string): EpochMs {
  const before = offsetMs(zone, localMs - DAY_MS);
  const after = offsetMs(zone, localMs + DAY_MS);
  const early = localMs - Math.max(before, after);
  const late = localMs - Math.min(before, after);
  if (offsetMs(zone, early) === localMs - early) return early;
  if (offsetMs(zone, late) === localMs - late) return late;
  // In a gap: local time before the jump names the jump itself.
  return localMs - before;
}

function offsetMs(zone: string, atMs: EpochMs): number {
  const parts = offsetFormat(zone).formatToParts(atMs);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name);
  if (match === null || match[1] === undefined) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return (match[1] === '-' ? -seconds : seconds) * 1000;
}

/** Intl caches the zone data; constructing costs about 20 µs and happens on cold paths only. */
function offsetFormat(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
}
