// Requests that are made from the OpenAPI document, by a tool that knows nothing else of us: no
// answer is a fault of ours, has a status that the document does not, or another form.
// https://schemathesis.readthedocs.io

import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const PROGRAM = process.env['TOLLGATE_TEST_SCHEMATHESIS'] ?? 'schemathesis';
const absent = !isInstalled();
const note = absent
  ? ' — SKIPPED, no schemathesis on the PATH or in TOLLGATE_TEST_SCHEMATHESIS'
  : '';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];
/** It does not end by itself. */
const STREAM = '/v1/orgs/{org_id}/usage:watch';
const EXAMPLES = 6;
const MS_MAX = 180_000;

test.skipIf(absent)(`every operation, fuzzed${note}`, { timeout: 2 * MS_MAX }, async () => {
  const directory = temporaryDirectory();
  const env = { TOLLGATE_AUTH: 'required', TOLLGATE_LOG_LEVEL: 'error' };
  const server = await spawnServer(directory, { env });
  const address = `http://${server.http}`;
  const { code, output } = await fuzz(directory, [
    ...['run', `${address}/openapi.json`, '--url', address],
    ...['--header', `authorization: Bearer ${keyOf(directory)}`],
    ...['--phases', 'fuzzing', '--checks', CHECKS.join(','), '--exclude-path', STREAM],
    ...['--max-examples', `${EXAMPLES}`, '--seed', '1', '--request-timeout', '30', '--no-color'],
  ]);
  const exit = await server.stop();
  expect([code, exit.output], output).toEqual([0, '']);
  expect(Number(/(\d+) generated, \1 passed/.exec(output)?.[1])).toBeGreaterThan(500);
  rmSync(directory, { recursive: true });
});

/** What it finds it keeps in its working directory. */
function fuzz(
  cwd: string,
  argv: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  const options = { cwd, timeout: MS_MAX, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(PROGRAM, argv, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

function keyOf(directory: string): string {
  return readFileSync(join(directory, 'bootstrap.key'), 'utf8').trim();
}

function isInstalled(): boolean {
  try {
    execFileSync(PROGRAM, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
