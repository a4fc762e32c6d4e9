// All temporary files of one run of the tests lie in one directory, which goes when the run ends:
// a process of vitest shares its test files and ends without a word, so none can tidy up after all.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let directory: string | undefined;

/** Runs before the processes of the tests begin; they and what they start inherit TMPDIR. */
export function setup(): void {
  // A short name: the path of a Unix socket below it may have about 100 bytes.
  directory = mkdtempSync(join(tmpdir(), 'tollgate-'));
  process.env['TMPDIR'] = directory;
}

export function teardown(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}
