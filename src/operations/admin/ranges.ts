// Ranges of reports: both times or neither.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import {
  type CalendarUnit,
  type Interval,
  intervalAt,
  UTC,
} from '../../domain/metering/calendar.js';
import { type Faults, parseTime } from '../parse.js';
import type { Steps } from './steps.js';

interface Times {
  readonly startTime: Timestamp | undefined;
  readonly endTime: Timestamp | undefined;
}

/** Undefined where neither time is given. */
export function parseRange(
  { startTime, endTime }: Times,
  faults: Faults,
  names: readonly [start: string, end: string] = ['start_time', 'end_time'],
): Interval | undefined {
  const [start, end] = names;
  const startMs = parseTime(startTime, start, faults);
  const endMs = parseTime(endTime, end, faults);
  if ((startTime === undefined) !== (endTime === undefined)) {
    const missing = startTime === undefined ? start : end;
    faults.add(missing, 'is required where the other time is given');
  }
  if (startMs === undefined || endMs === undefined) return undefined;
  if (endMs <= startMs) faults.add(end, `must be after ${start}`);
  return { startMs, endMs };
}

/** The last `count` intervals with the one of `nowMs`, as one. */
export function latest(unit: CalendarUnit, count: number, nowMs: number, zone = UTC): Interval {
  const running = intervalAt(unit, nowMs, zone);
  let { startMs } = running;
  for (let i = 1; i < count; i++) ({ startMs } = intervalAt(unit, startMs - 1, zone));
  return { startMs, endMs: running.endMs };
}

/** The intervals that a range meets, each whole; undefined where there are more than `max`. */
export async function intervalsOf(
  steps: Steps,
  unit: CalendarUnit,
  range: Interval,
  zone: string,
  max: number,
): Promise<readonly Interval[] | undefined> {
  const intervals: Interval[] = [];
  let next = intervalAt(unit, range.startMs, zone);
  while (next.startMs < range.endMs) {
    if (intervals.length === max) return undefined;
    intervals.push(next);
    next = intervalAt(unit, next.endMs, zone);
    if (steps.due()) await steps.turn();
  }
  return intervals;
}
