// The Python example, run as its README says, where Python has what it needs.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { AUTH_ON } from '../support/keys.js';
import { start } from '../support/service.js';
import { ROOT } from './document.js';

/** TOLLGATE_TEST_PYTHON: an interpreter that has them, of a virtual environment for example. */
const PYTHON = process.env['TOLLGATE_TEST_PYTHON'] ?? 'python3';
const NEEDS = 'import grpc, grpc_tools, grpc_status, google.api.annotations_pb2';
const absent = spawnSync(PYTHON, ['-c', NEEDS]).status !== 0;
const note = absent ? ` — SKIPPED, ${PYTHON} lacks grpcio, grpcio-tools or grpcio-status` : '';

test.skipIf(absent)(`the Python example meters, is denied, and releases${note}`, async () => {
  const stubs = mkdtempSync(join(tmpdir(), 'tollgate-python-'));
  const site = execFileSync(
    PYTHON,
    [
      '-c',
      'import os, google.api as a; print(os.path.dirname(os.path.dirname(list(a.__path__)[0])))',
    ],
    { encoding: 'utf8' },
  ).trim();
  const protos = readdirSync(join(ROOT, 'proto/tollgate/v1')).map((name) => `tollgate/v1/${name}`);
  const include = ['-I', join(ROOT, 'proto'), '-I', site];
  const out = [`--python_out=${stubs}`, `--grpc_python_out=${stubs}`];
  execFileSync(PYTHON, ['-m', 'grpc_tools.protoc', ...include, ...out, ...protos]);
  const running = await start({ flags: AUTH_ON });
  try {
    const env = {
      ...process.env,
      PYTHONPATH: stubs,
      TOLLGATE_API_KEY_FILE: join(running.directory, 'bootstrap.key'),
    };
    const example = join(ROOT, 'deploy/examples/python/metered_tool.py');
    const output = await run([example, running.address], env);
    expect(output.split('\n')).toEqual([
      expect.stringMatching(/^first attempt: \S+ run units used this month$/),
      expect.stringMatching(/^second attempt, as after a crash: \S+ run units used this month$/),
      expect.stringMatching(/^denied: REASON_HARD_LIMIT_EXCEEDED: /),
      expect.stringMatching(
        /^a tool that failed, its hold released: \S+ run units used this month$/,
      ),
      '',
    ]);
    const used = [...output.matchAll(/: (\S+) run units/g)].map(([, units]) => units);
    expect(new Set(used).size).toBe(1);
  } finally {
    await running.stop();
    rmSync(stubs, { recursive: true });
  }
});

async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(PYTHON, argv, { env });
  return stdout;
}
