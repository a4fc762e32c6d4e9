// LMDB and the indexes are folds over the journal: whatever happens to them changes no answer.

import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { record, total } from '../support/load.js';
import { spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const original = temporaryDirectory();
const older = temporaryDirectory();
const EVENTS = 300;

beforeAll(async () => {
  let server = await spawnServer(original);
  for (let n = 0; n < EVENTS / 2; n++) await record(server.client, 'acme', `e-${n}`);
  await server.stop();
  cpSync(original, older, { recursive: true });
  server = await spawnServer(original);
  for (let n = EVENTS / 2; n < EVENTS; n++) await record(server.client, 'acme', `e-${n}`);
  await server.stop();
});

afterAll(() => {
  rmSync(original, { recursive: true });
  rmSync(older, { recursive: true });
});

const LMDB = 'state/data.mdb';

const HARM: readonly [what: string, harm: (directory: string) => void][] = [
  ['nothing', () => undefined],
  ['LMDB deleted', (d) => rmSync(join(d, 'state'), { recursive: true })],
  ['its file deleted', (d) => rmSync(join(d, LMDB))],
  ['its file emptied', (d) => truncateSync(join(d, LMDB), 0)],
  ['its file cut in half', (d) => truncateSync(join(d, LMDB), statSync(join(d, LMDB)).size / 2)],
  ['its file cut to 100 bytes', (d) => truncateSync(join(d, LMDB), 100)],
  ['its file zeroed', (d) => writeFileSync(join(d, LMDB), Buffer.alloc(64 * 1024))],
  ['its file of noise', (d) => writeFileSync(join(d, LMDB), noise(64 * 1024))],
  ['an older copy of it', (d) => copyFileSync(join(older, LMDB), join(d, LMDB))],
  ['every tenth byte of its values flipped', (d) => flipText(join(d, LMDB), 'acme')],
  ['the indexes deleted', (d) => rmSync(join(d, 'index'), { recursive: true })],
  ['an index file too many', (d) => writeFileSync(join(d, 'index', 'ids-00000099.run'), 'x')],
  ['a manifest of noise', (d) => writeFileSync(join(d, 'index', 'MANIFEST.json'), noise(500))],
  [
    'both deleted',
    (d) => {
      rmSync(join(d, 'state'), { recursive: true });
      rmSync(join(d, 'index'), { recursive: true });
    },
  ],
];

test.each(HARM)('%s: the same answers', async (_what, harm) => {
  const directory = temporaryDirectory();
  cpSync(original, directory, { recursive: true });
  harm(directory);
  const server = await spawnServer(directory);
  expect(await total(server.client, 'acme')).toBe(EVENTS);
  for (const n of [0, 1, EVENTS / 2, EVENTS - 1]) {
    expect(await record(server.client, 'acme', `e-${n}`)).toBe('duplicate');
  }
  expect(await record(server.client, 'acme', 'new')).toBe('recorded');
  expect(await total(server.client, 'acme')).toBe(EVENTS + 1);
  const exit = await server.stop();
  expect(exit.code).toBe(0);
  rmSync(directory, { recursive: true });
});

test('the original was left alone', () => {
  expect(existsSync(join(original, LMDB))).toBe(true);
  expect(readdirSync(join(original, 'journal')).length).toBeGreaterThan(0);
});

function noise(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) buffer[i] = (i * 2_654_435_761) >>> 24;
  return buffer;
}

/** Changes digits of stored values, which LMDB itself does not notice. */
function flipText(path: string, near: string): void {
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf(near); at >= 0; at = bytes.indexOf(near, at + 1)) {
    for (let i = at + near.length; i < at + near.length + 40; i++) {
      const byte = bytes[i] ?? 0;
      if (byte >= 0x30 && byte <= 0x38) bytes[i] = byte + 1;
    }
  }
  writeFileSync(path, bytes);
}
