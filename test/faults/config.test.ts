// A configuration that is wrong ends the process with 2 before it touches anything.

import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { runServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

beforeAll(() => ensureBuilt());

const FILES: readonly (readonly [string, string | Buffer])[] = [
  ['text that is no YAML', 'server: [unclosed\n  - : :'],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28])],
  ['a setting that does not exist', 'server: {grpc_listn: "127.0.0.1:1"}\n'],
  ['a catalogue without meters', 'catalogue: {default_plan: free, plans: [{id: free}]}\n'],
  [
    'a meter of an unknown kind',
    'catalogue: {default_plan: a, meters: [{key: a, unit: a, scale: 0, aggregation: MEAN}]}\n',
  ],
  ['a list in place of a map', '- 1\n- 2\n'],
];

test.each(FILES)('a file with %s', async (_name, text) => {
  const directory = temporaryDirectory();
  const file = join(directory, 'tollgate.yaml');
  writeFileSync(file, text);
  const data = join(directory, 'data');
  const exit = await runServer(data, { env: { TOLLGATE_CONFIG: file } });
  expect(exit.code).toBe(2);
  expect(exit.output).toContain('tollgate.yaml');
  expect(existsSync(data)).toBe(false);
  rmSync(directory, { recursive: true });
});

const SETTINGS: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['a file that is missing', { TOLLGATE_CONFIG: '/nowhere/tollgate.yaml' }, '/nowhere'],
  ['an address for all the world', { TOLLGATE_GRPC_LISTEN: '0.0.0.0:50051' }, 'grpc_listen'],
  ['a size that is none', { TOLLGATE_JOURNAL_SEGMENT_BYTES: 'large' }, 'journal_segment_bytes'],
  ['segments that are too small', { TOLLGATE_JOURNAL_SEGMENT_BYTES: '1MiB' }, 'segment_bytes'],
  [
    'a journal smaller than two segments',
    { TOLLGATE_JOURNAL_BYTES_MAX: '32MiB', TOLLGATE_JOURNAL_SEGMENT_BYTES: '64MiB' },
    'journal_bytes_max',
  ],
  ['a variable that does not exist', { TOLLGATE_GRPC_LISTN: 'x' }, 'GRPC_LISTN'],
];

test.each(SETTINGS)('%s', async (_name, env, named) => {
  const directory = temporaryDirectory();
  const data = join(directory, 'data');
  const exit = await runServer(data, { env });
  expect(exit.code).toBe(2);
  expect(exit.output.toLowerCase()).toContain(named.toLowerCase());
  expect(existsSync(data)).toBe(false);
  rmSync(directory, { recursive: true });
});

test.each<readonly [string, (directory: string) => string, string]>([
  ['a file', (at) => join(at, 'file'), 'file is not a directory'],
  ['below a file', (at) => join(at, 'file', 'x', 'y'), 'file is not a directory'],
  ['a link to nothing', (at) => join(at, 'nowhere'), 'nowhere is a link to something that is not'],
  ['below a link to /proc', (at) => join(at, 'proc', 'x', 'y'), 'proc takes no directories'],
])('a data directory that is %s', async (_name, pathIn, why) => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  symlinkSync('/nowhere/at/all', join(directory, 'nowhere'));
  symlinkSync('/proc', join(directory, 'proc'));
  const exit = await runServer(pathIn(directory));
  rmSync(directory, { recursive: true });
  expect(exit.code).toBe(2);
  expect(exit.output).toContain('tollgate: DATA_DIR_UNUSABLE: data_dir: ');
  expect(exit.output).toContain(why);
  expect(exit.output).toContain('"event":"start_failed","code":"DATA_DIR_UNUSABLE"');
});
