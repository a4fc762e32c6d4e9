// How a row of the file becomes usage events. Compiled once against the header; then a row costs
// only look-ups. A new trace format is one more function of this shape.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import type { UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { quoted, rowFailure } from './fault.js';
import type { Row } from './rows.js';
import { type EpochNs, parseTime, type TimeFormat } from './time.js';

export interface RowMapping {
  readonly eventsPerRow: number;
  /** When the row happened; undefined where the file holds no times. */
  readonly timeOf: (row: Row) => EpochNs | undefined;
  /** The row's events, at `time`: shifted, or none and then the server takes that of receipt. */
  readonly eventsOf: (row: Row, time: Timestamp | undefined) => readonly UsageEvent[];
}

/** A column as found in the header. */
export interface Column {
  readonly name: string;
  readonly index: number;
}

export function cellOf(row: Row, column: Column): string {
  return row.fields[column.index] ?? '';
}

export function filledCellOf(row: Row, column: Column): string {
  const text = cellOf(row, column);
  if (text === '') throw rowFailure(row, `column ${quoted(column.name)} is empty`);
  return text;
}

export function timeCellOf(row: Row, column: Column, format: TimeFormat): EpochNs {
  const text = filledCellOf(row, column);
  const time = parseTime(text, format);
  if (time !== undefined) return time;
  const expected =
    format === 'auto'
      ? 'RFC 3339, unix seconds, unix milliseconds or YYYY-MM-DD HH:MM:SS (UTC)'
      : format;
  const where = `column ${quoted(column.name)}`;
  throw rowFailure(row, `${where}: ${quoted(text)} is no time; expected ${expected}`);
}

/** `org-007` for the seventh of the organisations that rows are dealt to in turn. */
export function orgInTurn(row: Row, orgs: number): string {
  return `org-${String(row.number % orgs).padStart(3, '0')}`;
}
