// Files that are not part of the repository: ../shared/data beside it, or the folder that
// TOLLGATE_TEST_DATA names. Where one is absent, the tests that need it are skipped and say so.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const given = process.env['TOLLGATE_TEST_DATA'];
const folder =
  given === undefined
    ? new URL('../../../shared/data/', import.meta.url)
    : pathToFileURL(`${given}/`);

export interface SharedFile {
  readonly absent: boolean;
  readonly path: string;
  readonly text: () => string;
  /** Parses JSON; to be called inside a test only. */
  readonly read: <T>() => T;
  /** Follows the name of a test that needs the file. */
  readonly note: string;
}

export function sharedFile(name: string): SharedFile {
  const file = new URL(name, folder);
  const absent = !existsSync(file);
  return {
    absent,
    path: fileURLToPath(file),
    read: <T>() => JSON.parse(readFileSync(file, 'utf8')) as T,
    text: () => readFileSync(file, 'utf8'),
    note: absent ? ` (SKIPPED: there is no shared/data/${name})` : '',
  };
}
