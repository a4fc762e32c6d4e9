// The TypeScript of README.md, compiled by its types and run beside a server with a key.

import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { AUTH_ON } from '../support/keys.js';
import { start, temporaryDirectory } from '../support/service.js';
import { codeOf, ROOT } from './document.js';

beforeAll(() => ensureBuilt());

test('its TypeScript compiles, and does what it says', async () => {
  const running = await start({ flags: AUTH_ON });
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(ROOT, join(directory, 'node_modules', 'tollgate'));
  symlinkSync(running.directory, join(directory, 'data'));
  const [code = ''] = codeOf('ts');
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(join(directory, 'read.ts'), code.replace('127.0.0.1:50051', running.address));
  const node = (...argv: string[]) =>
    promisify(execFile)(process.execPath, argv, { cwd: directory });
  const strict = ['--strict', '--noUncheckedIndexedAccess', '--skipLibCheck'];
  const output = ['--module', 'nodenext', '--target', 'es2023'];
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  await node(compiler, ...strict, ...output, ...types, 'read.ts');
  const { stdout, stderr } = await node('read.js');
  expect(stdout.split('\n')).toEqual(['RECORDED', 'parser is built', '0.6', '']);
  expect(stderr).toBe('');
  await running.stop();
  rmSync(directory, { recursive: true });
});
