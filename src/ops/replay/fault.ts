// A failure of a replay (exit 1) says where it is: the row, the line. Bad usage is told before
// anything is sent.

import { Failure } from '../../base/failure.js';

/** The place of a row: `number` from 1 without the header, `line` from 1 with it. */
export interface RowPlace {
  readonly number: number;
  readonly line: number;
}

export function rowFailure(row: RowPlace, message: string): Failure {
  return new Failure('REPLAY_ROW', `row ${row.number} (line ${row.line}): ${message}`);
}

/** Text of the caller's in a message: quoted, cut, without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
