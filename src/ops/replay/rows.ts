// The file as numbered rows under a header. Row 1 is the first one after the header: event ids and
// organisations are derived from this number, so it must never depend on anything but the file.

import { stat } from 'node:fs/promises';
import { messageOf, systemCode } from '../../base/failure.js';
import { usageFailure } from '../cli/usage.js';
import { type CsvRecord, readCsv } from './csv.js';
import { quoted, type RowPlace, rowFailure } from './fault.js';

export interface Row extends RowPlace {
  readonly fields: readonly string[];
}

/** Names of the columns. The file is read twice, so it must be a regular one. */
export async function readHeader(path: string): Promise<readonly string[]> {
  await checkRegular(path);
  for await (const record of readCsv(path)) return record.fields;
  throw usageFailure(`${path}: the file is empty; its first line must name the columns`);
}

/** At most `limit` rows, in the order of the file. */
export async function* readRows(path: string, limit: number): AsyncGenerator<Row> {
  let header: CsvRecord | undefined;
  let number = 0;
  for await (const { line, fields } of readCsv(path)) {
    if (header === undefined) {
      header = { line, fields };
      continue;
    }
    if (++number > limit) return;
    const row = { number, line, fields };
    if (fields.length !== header.fields.length) {
      const expected = header.fields.length;
      throw rowFailure(row, `${fields.length} fields where the header has ${expected}`);
    }
    yield row;
  }
}

/** Position of the column that `flag` names. */
export function columnOf(header: readonly string[], flag: string, name: string): number {
  const index = header.indexOf(name);
  if (index < 0) {
    const names = header.map(quoted).join(', ');
    throw usageFailure(`${flag}: no column ${quoted(name)} in the file, which has ${names}`);
  }
  if (header.indexOf(name, index + 1) >= 0) {
    throw usageFailure(`${flag}: column ${quoted(name)} stands twice in the header`);
  }
  return index;
}

async function checkRegular(path: string): Promise<void> {
  try {
    const found = await stat(path);
    if (found.isFile()) return;
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'no such file' : messageOf(error);
    throw usageFailure(`${path}: ${why}`);
  }
  throw usageFailure(`${path}: not a regular file (it is read twice, so a pipe will not do)`);
}
