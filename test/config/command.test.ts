// The command line: what goes to which stream, and with which exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { assert } from '../../src/base/assert.js';
import { Failure } from '../../src/base/failure.js';
import { takeLock } from '../../src/journal/lock.js';
import { main } from '../../src/main.js';
import { readCommandLine } from '../../src/ops/cli/command.js';
import { exitCodeOf, tellTrouble, troubleOf } from '../../src/ops/cli/trouble.js';

afterEach(() => vi.unstubAllEnvs());

test('version prints the version of the package', async () => {
  expect(await run('version')).toEqual({ code: 0, out: 'tollgate 0.1.0\n', err: '' });
  expect(await run('--version')).toMatchObject({ code: 0 });
});

test('openapi prints the document of the HTTP interface', async () => {
  const { code, out, err } = await run('openapi');
  expect([code, err]).toEqual([0, '']);
  expect(JSON.parse(out)).toMatchObject({ openapi: '3.1.1', info: { title: 'Tollgate' } });
});

test.each([
  ['help', /^Usage: tollgate <command>/],
  ['--help', /^Usage: tollgate <command>/],
  ['help help', /^Usage: tollgate <command>/],
  ['help serve', /^Usage: tollgate serve[\s\S]*--journal-segment-bytes +.*\(64MiB\)\n/],
  ['serve --help', /^Usage: tollgate serve/],
  ['check-config -h', /^Usage: tollgate check-config/],
  ['openapi --help', /^Usage: tollgate openapi/],
  ['version --help', /^Usage: tollgate version/],
  ['help replay', /^Usage: tollgate replay/],
  ['help keys', /^Usage: tollgate keys create/],
])('%s explains itself', async (line, text) => {
  const { code, out, err } = await run(...line.split(' '));
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(text);
});

test.each([
  ['', 'tollgate: no command given\n'],
  ['server', 'tollgate: no such command: server; did you mean "serve"?\n'],
  ['toString', 'tollgate: no such command: toString\n'],
  ['help serve now', 'tollgate: help takes one command at most\n'],
  ['openapi now', 'tollgate: openapi takes no arguments\n'],
  ['version now', 'tollgate: version takes no arguments\n'],
])('%j is bad usage', async (line, message) => {
  const { code, out, err } = await run(...line.split(' ').filter((word) => word !== ''));
  expect([code, out]).toEqual([2, '']);
  expect(err).toBe(`${message}\n${(await run('help')).out}`);
});

test.each([
  ['serve --bogus', '--bogus: unknown flag\n'],
  ['serve now', 'now: unexpected argument\n'],
  ['verify --config t.yaml', '--config: unknown flag\n'],
  ['verify now', 'now: unexpected argument\n'],
  ['verify --data-dir', '--data-dir: needs a value\n'],
  ['verify --data-dir --json', '--data-dir: needs a value\n'],
  ['repair -x', '-x: unknown flag\n'],
  ['repair --apply=yes', '--apply: takes no value\n'],
  ['replay --colour', 'replay: --colour: unknown flag\n'],
])('%s is refused as by every other command', async (line, err) => {
  expect(await run(...line.split(' '))).toEqual({ code: 2, out: '', err });
});

test.each(['verify', 'repair'])('%s asks to stop the server that holds the data', async (name) => {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-'));
  const lock = await takeLock(directory);
  const { code, err } = await run(name, '--data-dir', directory);
  await lock.release();
  rmSync(directory, { recursive: true });
  expect([code, err.split('\n').length]).toEqual([1, 2]);
  expect(err).toMatch(/^tollgate: DIRECTORY_LOCKED: .*: stop the server first\n$/);
});

test('the help of serve gives the units of sizes', async () => {
  expect((await run('serve', '--help')).out).toContain('Sizes are bytes, or KiB, MiB, GiB, TiB');
});

test('verify, repair and replay get their arguments as they are', () => {
  for (const name of ['verify', 'repair', 'replay'] as const) {
    const argv = ['--help', '--data-dir', 'x'];
    expect(readCommandLine([name, ...argv])).toEqual({ kind: 'run', name, argv });
  }
});

test('check-config prints the configuration, or every problem and exits with 2', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-'));
  const file = join(directory, 'tollgate.yaml');
  try {
    writeFileSync(file, 'server:\n  drain_seconds: 7\n');
    const well = await run('check-config', '--config', file);
    expect([well.code, well.err]).toEqual([0, '']);
    expect(well.out).toContain(`  drain_seconds: "7" # ${file}:2\n`);
    writeFileSync(file, 'server:\n  drain_seconds: x\n  late_days: y\n');
    const bad = await run('check-config', '--config', file);
    expect([bad.code, bad.out]).toEqual([2, '']);
    expect(bad.err.split('\n')).toEqual([
      `late_days (${file}:3) = "y": must be a whole number from 1 to 3659`,
      `drain_seconds (${file}:2) = "x": must be a whole number from 0 to 3600`,
      '',
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('serve with a bad configuration exits with 2 before anything is opened', async () => {
  vi.stubEnv('TOLLGATE_AUTH', 'none');
  expect(await run('serve')).toMatchObject({ code: 2, out: '' });
});

test.each([
  ['JOURNAL_DAMAGED', 3],
  ['JOURNAL_MISSING', 3],
  ['IDENTITY_DAMAGED', 3],
  ['IDENTITY_MISSING', 3],
  ['ENTRY_UNKNOWN', 3],
  ['FORMAT_UNKNOWN', 3],
  ['DIRECTORY_LOCKED', 1],
  ['CATALOGUE_INCOMPATIBLE', 2],
  ['DATA_DIR_UNUSABLE', 2],
])('a failure %s exits with %d', (code, exit) => {
  const cause = new Error('and why');
  const { io, text } = openIo();
  expect(tellTrouble(new Failure(code, 'what failed', { cause }), io)).toBe(exit);
  expect(text.err()).toBe(`tollgate: ${code}: what failed: and why\n`);
});

test('a cause that the message holds already is not said again', () => {
  const { io, text } = openIo();
  tellTrouble(new Failure('X', 'no: and why', { cause: new Error('and why') }), io);
  expect(text.err()).toBe('tollgate: X: no: and why\n');
});

test('for the log: code, message, exit code; a bug with its place', () => {
  const failure = new Failure('JOURNAL_DAMAGED', 'bad', { cause: new Error('why') });
  expect([troubleOf(failure), exitCodeOf(failure)]).toEqual([
    { code: 'JOURNAL_DAMAGED', message: 'bad: why' },
    3,
  ]);
  const system = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  expect(troubleOf(system)).toEqual({ code: 'EIO', message: 'EIO: i/o error' });
  const error = bug();
  expect(troubleOf(error)).toEqual({ code: 'INTERNAL', message: 'one is two', error });
});

test('a system error says its own words; a bug shows its place', () => {
  const { io, text } = openIo();
  const system = Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), {
    code: 'EACCES',
  });
  expect(tellTrouble(system, io)).toBe(1);
  expect(text.err()).toBe("tollgate: EACCES: permission denied, mkdir '/x'\n");
  expect(tellTrouble(bug(), io)).toBe(1);
  expect(text.err()).toMatch(/AssertionFailure: one is two\n +at /);
});

function bug(): unknown {
  try {
    assert(false, 'one is two');
  } catch (error) {
    return error;
  }
  return undefined;
}

async function run(...argv: readonly string[]) {
  const { io, text } = openIo();
  const code = await main(argv, io);
  return { code, out: text.out(), err: text.err() };
}

function openIo() {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const read = (stream: PassThrough) => String(stream.read() ?? '');
  return { io: { stdout, stderr }, text: { out: () => read(stdout), err: () => read(stderr) } };
}
