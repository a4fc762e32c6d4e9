// Data that is not part of the repository: ../shared/data beside it, or the folder that
// TOLLGATE_TEST_DATA names. Where it is absent, the tests that need it are skipped and say so.

import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const given = process.env['TOLLGATE_TEST_DATA'];
const folder =
  given === undefined
    ? new URL('../../../shared/data/', import.meta.url)
    : pathToFileURL(`${given}/`);

export interface SharedData<T> {
  readonly absent: boolean;
  /** Parses the file; to be called inside a test only. */
  readonly read: () => T;
  /** Follows the name of a test that needs the data. */
  readonly note: string;
}

export function sharedData<T>(name: string): SharedData<T> {
  const file = new URL(name, folder);
  const absent = !existsSync(file);
  return {
    absent,
    read: () => JSON.parse(readFileSync(file, 'utf8')) as T,
    note: absent ? ` (SKIPPED: there is no shared/data/${name})` : ` (${name})`,
  };
}
