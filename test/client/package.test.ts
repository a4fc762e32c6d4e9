// The package as somebody else sees it: `tollgate/client` from a folder outside, and its types.

import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

const ROOT = resolve(import.meta.dirname, '../..');
const directory = temporaryDirectory();
let running: Running;

beforeAll(async () => {
  await ensureBuilt();
  running = await start();
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(ROOT, join(directory, 'node_modules', 'tollgate'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
});

afterAll(async () => {
  await running.stop();
  rmSync(directory, { recursive: true });
});

test('it is imported by its name, without what only a server needs', async () => {
  const program = `
    import { openTollgate } from 'tollgate/client';
    const tollgate = openTollgate({ target: '${running.address}', orgId: 'acme' });
    const { outcome } = await tollgate.record({ meter: 'executions', quantity: 1 });
    await tollgate.close();
    console.log(outcome);`;
  expect(await run(program)).toBe('RECORDED\n');
  const loads = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(\`
      import { writeSync } from 'node:fs';
      export async function load(url, context, next) {
        writeSync(1, url + '\\\\n');
        return next(url, context);
      }\`));
    await import('tollgate/client');`;
  const urls = (await run(loads)).split('\n').filter((url) => url.startsWith('file:'));
  const own = urls.filter((url) => !url.includes('/node_modules/'));
  expect(own.length).toBeGreaterThan(10);
  const allowed =
    /\/dist\/esm\/(src\/(client|base)|generated\/ts)\/|\/node_modules\/(@grpc|@bufbuild)/;
  expect(
    urls.filter((url) => !allowed.test(url) && !url.startsWith(`file://${directory}`)),
  ).toEqual([]);
});

test('its declarations are there: arguments and results keep their types', () => {
  writeFileSync(
    join(directory, 'program.ts'),
    `import { openTollgate, type Recorded, TollgateError } from 'tollgate/client';
    const tollgate = openTollgate({ target: 'unix:///run/t.sock', apiKey: async () => 'key' });
    const metered = tollgate.withMetering('search', (words: string, limit: number) => [words, limit]);
    export const found: Promise<(string | number)[]> = metered('a', 3);
    // @ts-expect-error: the first argument is text
    void metered(3);
    // @ts-expect-error: there is no such option
    openTollgate({ target: '127.0.0.1:1', deadline: 3 });
    export const recorded: Promise<Recorded> = tollgate.record({ meter: 'tokens', quantity: 3n });
    export function codeOf(error: unknown): string {
      return error instanceof TollgateError ? error.code : '';
    }`,
  );
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
  const argv = [compiler, ...options, ...types, '--skipLibCheck', 'program.ts'];
  const compile = () => execFileSync(process.execPath, argv, { cwd: directory, encoding: 'utf8' });
  expect(compile).not.toThrow();
});

async function run(program: string): Promise<string> {
  writeFileSync(join(directory, 'program.js'), program);
  const argv = [join(directory, 'program.js')];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: directory });
  return stdout;
}
