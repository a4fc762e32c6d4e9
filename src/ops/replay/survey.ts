// The first reading of the file. It finds the last row's time, which the shift hangs on, counts the
// rows for the progress display, and finds a malformed row before anything is sent.

import type { EpochMs } from '../../base/units.js';
import { usageFailure } from '../cli/usage.js';
import type { RowMapping } from './mapping.js';
import { readRows } from './rows.js';
import { type EpochNs, fromEpochMs, parseTime, toTimestamp } from './time.js';

export interface Survey {
  readonly rows: number;
  /** Undefined where there is no row or no time column. */
  readonly lastTime: EpochNs | undefined;
}

export type Shift =
  | { readonly kind: 'none' }
  | { readonly kind: 'now' }
  | { readonly kind: 'to'; readonly time: EpochNs };

export async function surveyRows(
  path: string,
  limit: number,
  mapping: RowMapping,
): Promise<Survey> {
  let rows = 0;
  let lastTime: EpochNs | undefined;
  for await (const row of readRows(path, limit)) {
    rows = row.number;
    lastTime = mapping.timeOf(row);
    mapping.eventsOf(row, lastTime === undefined ? undefined : toTimestamp(lastTime));
  }
  return { rows, lastTime };
}

export function parseShift(text: string): Shift {
  if (text === 'now') return { kind: 'now' };
  const time = parseTime(text, 'rfc3339');
  if (time !== undefined) return { kind: 'to', time };
  throw usageFailure(
    `--shift-time: expected "now" or a time such as 2026-01-31T12:00:00Z, got ${text}`,
  );
}

/** What to add to every row's time so that the last row falls on the moment asked for. */
export function shiftNsOf(shift: Shift, survey: Survey, nowMs: EpochMs): bigint {
  if (shift.kind === 'none' || survey.lastTime === undefined) return 0n;
  const end = shift.kind === 'now' ? fromEpochMs(nowMs) : shift.time;
  return end - survey.lastTime;
}
