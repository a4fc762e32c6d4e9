// The real build script and the real launcher, around a main.ts of three lines.

import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROJECT = mkdtempSync(join(tmpdir(), 'tollgate-build-'));
const LAUNCHER = join(PROJECT, 'dist', 'main.js');

/**
 * Five opens of FIFOs that nobody writes to hold a thread each; one more task shows whether a sixth
 * is there. Then the FIFOs are opened for reading and writing, which lets the five go.
 */
const STUB = `
import { closeSync, constants, open, openSync, stat } from 'node:fs';
export async function main(argv: readonly string[], _io: unknown): Promise<number> {
  if (argv[0] === 'size') {
    console.log(process.env['UV_THREADPOOL_SIZE']);
    return 0;
  }
  if (argv[0] !== 'block') return 7;
  const fifos = argv.slice(1);
  const blocked = fifos.map((path) => new Promise<void>((resolve) => {
    open(path, 'r', (_, fd) => { closeSync(fd); resolve(); });
  }));
  const ran = await new Promise<string>((resolve) => {
    stat('.', () => resolve('a sixth ran'));
    setTimeout(() => resolve('all threads are blocked'), 10_000).unref();
  });
  const writers = fifos.map((path) => openSync(path, constants.O_RDWR));
  await Promise.all(blocked);
  for (const fd of writers) closeSync(fd);
  console.log(ran);
  return 0;
}
`;

const COPIED = [
  'package.json',
  'tsconfig.json',
  'tsconfig.client.json',
  'scripts/build.mjs',
  'src/launcher.cts',
];

beforeAll(() => {
  for (const folder of ['src', 'src/client', 'scripts', 'generated']) {
    mkdirSync(join(PROJECT, folder));
  }
  for (const file of COPIED) copyFileSync(join(ROOT, file), join(PROJECT, file));
  symlinkSync(join(ROOT, 'node_modules'), join(PROJECT, 'node_modules'));
  writeFileSync(join(PROJECT, 'generated', 'contract.binpb'), 'contract');
  writeFileSync(join(PROJECT, 'generated', 'descriptors.binpb'), 'descriptors');
  writeFileSync(join(PROJECT, 'generated', 'openapi.json'), 'document');
  writeFileSync(join(PROJECT, 'src', 'main.ts'), STUB);
  writeFileSync(join(PROJECT, 'src', 'client', 'client.ts'), 'export const client = 1;\n');
  build();
});

afterAll(() => rmSync(PROJECT, { recursive: true }));

test('with five threads of the pool blocked, a sixth task runs', () => {
  const fifos = [1, 2, 3, 4, 5].map((number) => join(PROJECT, `fifo.${number}`));
  execFileSync('mkfifo', fifos);
  expect(launch(['block', ...fifos])).toBe('a sixth ran\n');
});

test.each([
  [undefined, '8'],
  ['', '8'],
  ['4', '8'],
  ['16', '16'],
  ['100000', '1024'],
  ['Infinity', '1024'],
  ['many', '8'],
])('UV_THREADPOOL_SIZE=%s becomes %s', (given, size) => {
  const { UV_THREADPOOL_SIZE: _, ...rest } = process.env;
  const env = given === undefined ? rest : { ...rest, UV_THREADPOOL_SIZE: given };
  expect(launch(['size'], { env })).toBe(`${size}\n`);
});

test('the exit code of the command is that of the process', () => {
  expect(() => launch([])).toThrow(expect.objectContaining({ status: 7 }));
});

test('the build writes an executable, its module types and the files that it reads', () => {
  expect(statSync(LAUNCHER).mode & 0o111).toBe(0o111);
  expect(readFileSync(LAUNCHER, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const dist = (file: string) => readFileSync(join(PROJECT, 'dist', file), 'utf8');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(JSON.parse(dist('package.json'))).toEqual({ type: 'commonjs' });
  expect(JSON.parse(dist('esm/package.json'))).toEqual({ type: 'module', version });
  expect(dist('types/src/client/client.d.ts')).toContain('client');
  expect(dist('esm/generated/descriptors.binpb')).toBe('descriptors');
  expect(dist('esm/generated/openapi.json')).toBe('document');
  expect(dist('esm/assets/swagger-ui/swagger-ui-bundle.js')).toContain('SwaggerUIBundle');
});

test('a second build gives the same bytes and keeps nothing that is stale', () => {
  const before = contents();
  writeFileSync(join(PROJECT, 'dist', 'esm', 'src', 'gone.js'), '');
  build();
  expect(contents()).toEqual(before);
});

test('a build with a type error leaves nothing to start', () => {
  writeFileSync(join(PROJECT, 'src', 'wrong.ts'), 'export const one: number = "one";\n');
  try {
    expect(build).toThrow(expect.objectContaining({ status: 1 }));
    expect(existsSync(join(PROJECT, 'dist'))).toBe(false);
  } finally {
    rmSync(join(PROJECT, 'src', 'wrong.ts'));
    build();
  }
});

function build(): void {
  execFileSync(process.execPath, [join(PROJECT, 'scripts', 'build.mjs')], { stdio: 'pipe' });
}

function launch(argv: readonly string[], options: ExecFileSyncOptions = {}): string {
  const pipes = { ...options, stdio: 'pipe', encoding: 'utf8' } as const;
  return String(execFileSync(process.execPath, [LAUNCHER, ...argv], pipes));
}

function contents(): ReadonlyMap<string, string> {
  const dist = join(PROJECT, 'dist');
  const files = readdirSync(dist, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .sort()
      .map((path) => [path, readFileSync(path, 'utf8')]),
  );
}
