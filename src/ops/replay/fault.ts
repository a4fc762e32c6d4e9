// Two kinds of trouble end a replay: bad usage (exit 2), found before anything is sent, and
// failures (exit 1). Both say where: the flag, the row, the column.

import { Failure } from '../../base/failure.js';

const USAGE = 'REPLAY_USAGE';

export function usageFailure(message: string): Failure {
  return new Failure(USAGE, message);
}

export function isUsage(error: unknown): boolean {
  return error instanceof Failure && error.code === USAGE;
}

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
