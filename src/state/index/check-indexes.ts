// Every block of every run, as `verify` reads them. The indexes can be built again at any time.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, messageOf, systemCode } from '../../base/failure.js';
import { EVENT_RECORD } from './event-tail.js';
import { ID_RECORD } from './id-table.js';
import { type IndexName, readManifest } from './manifest.js';
import { openRun } from './run-file.js';

const SHAPES = { ids: ID_RECORD, events: EVENT_RECORD } as const;

/** What is wrong with the indexes in `directory`; nothing where there are none. */
export function checkIndexes(directory: string, uuid: string, incarnation: number): string[] {
  if (!existsSync(directory)) return [];
  const manifest = readManifest(directory, uuid, incarnation);
  if (manifest === undefined) {
    const runs = readdirSync(directory).filter((name) => name.endsWith('.run'));
    return runs.length === 0 ? [] : [`${directory} has runs and no manifest that lists them`];
  }
  const problems: string[] = [];
  for (const name of Object.keys(SHAPES) as IndexName[]) {
    for (const { file, records } of manifest.runs[name]) {
      const problem = problemOf(join(directory, file), name, records);
      if (problem !== undefined) problems.push(problem);
    }
  }
  return problems;
}

function problemOf(path: string, name: IndexName, records: number): string | undefined {
  try {
    const run = openRun(path, SHAPES[name]);
    try {
      let found = 0;
      for (const cursor = run.from(undefined); cursor.next(); ) found++;
      return found === records ? undefined : `${path} holds ${found} records, not ${records}`;
    } finally {
      run.close();
    }
  } catch (error) {
    if (error instanceof Failure) return messageOf(error);
    if (systemCode(error) === 'ENOENT') return `${path} is missing`;
    throw error;
  }
}
