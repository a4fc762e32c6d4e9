// LMDB crashes the process on a cut file, and JavaScript cannot catch that: so a child looks first.
// It opens the file, compares its length with the last page and reads what the state covers.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stateDirectory } from './state-file.js';

const CHECK_MS_MAX = 10_000;

/** Arguments: the lmdb module, the directory. Exit 0: fit to open. */
const SCRIPT = `
import { statSync } from 'node:fs';
const { open } = await import(process.argv[1]);
const path = process.argv[2];
const database = open({ path, encoding: 'binary', keyEncoding: 'binary',
  overlappingSync: false, safeRestore: true, cache: false });
const { pageSize, lastPageNumber } = database.getStats();
const bytes = statSync(path + '/data.mdb').size;
if (bytes < (lastPageNumber + 1) * pageSize) process.exit(3);
database.get(Buffer.from('!applied'));
for (const _ of database.getKeys({ limit: 100 }));
for (const _ of database.getKeys({ limit: 100, reverse: true }));
await database.close();
`;

export interface StateCheck {
  readonly fit: boolean;
  /** Why not, for the log. */
  readonly why: string;
}

export function checkState(directory: string): StateCheck {
  const path = stateDirectory(directory);
  if (!existsSync(join(path, 'data.mdb'))) return { fit: true, why: '' };
  const lmdb = pathToFileURL(createRequire(import.meta.url).resolve('lmdb')).href;
  const { status, signal, error } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', SCRIPT, lmdb, path],
    { timeout: CHECK_MS_MAX, stdio: 'ignore' },
  );
  if (error !== undefined) return { fit: false, why: error.message };
  if (status === 0) return { fit: true, why: '' };
  if (status === 3) return { fit: false, why: 'the file is shorter than its pages' };
  return {
    fit: false,
    why: signal === null ? 'LMDB cannot read the file' : `LMDB died of ${signal}`,
  };
}
