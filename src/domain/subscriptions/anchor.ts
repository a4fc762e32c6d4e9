// The anchor of a new subscription.
//
// Where its periods begin on the day that it starts on, they keep the time of day of the start, on
// the quarter of an hour (the totals' grid), and the first one is whole. Another day is begun at
// its midnight, and the first period is a part.

import { type EpochMs, MINUTE_MS } from '../../base/units.js';
import { instantAt, localTime } from '../metering/calendar.js';
import type { Anchor } from './period.js';

const GRID_MS = 15 * MINUTE_MS;

/** `day`: 1–31; 0 for the day of the start. */
export function anchorOf(startMs: EpochMs, day: number, zone: string): Anchor {
  const local = localTime(startMs, zone);
  const date = new Date(local);
  const own = date.getUTCDate();
  if (day === 0 || day === own) {
    // Taken off the instant and not off the clock, which may show it twice.
    return { atMs: startMs - (local - Math.floor(local / GRID_MS) * GRID_MS), day: own, zone };
  }
  return { atMs: midnightBefore(date, zone), day, zone };
}

/** A first of the month that has a midnight: where clocks go forward then, the one before has. */
function midnightBefore(date: Date, zone: string): EpochMs {
  for (let months = 0; ; months++) {
    const monthMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - months, 1);
    const atMs = instantAt(monthMs, zone);
    if (localTime(atMs, zone) === monthMs) return atMs;
  }
}
