// LMDB is a copy of what the journal says: whatever becomes of it, the answers are the same, and a
// changed value is never taken for another amount.

import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { noise, overwrite } from '../support/fault-journal.js';
import {
  askAll,
  copyOf,
  corruptText,
  corruptValues,
  type Original,
  openLmdb,
  originalState,
  serveState,
} from '../support/fault-state.js';

let original: Original;

beforeAll(async () => {
  original = await originalState();
});
afterAll(() => original.remove());

function lmdbOf(directory: string): string {
  return join(directory, 'state', 'data.mdb');
}

async function expectSameAnswers(directory: string): Promise<readonly string[]> {
  const { answers, answersLater, setAside } = await askAll(directory);
  expect(answers).toEqual(original.answers);
  expect(answersLater).toEqual(original.answersLater);
  return setAside;
}

test('as it was, it is used and not built again', async () => {
  expect(await expectSameAnswers(copyOf(original.directory))).toEqual([]);
});

describe('the answers are the same', () => {
  const HARM: readonly (readonly [string, (directory: string) => void, RegExp | undefined])[] = [
    ['without LMDB', (d) => rmSync(join(d, 'state'), { recursive: true }), undefined],
    ['without its lock file', (d) => rmSync(join(d, 'state', 'lock.mdb')), undefined],
    ['with an empty file', (d) => truncateSync(lmdbOf(d), 0), undefined],
    ['with a file of 100 bytes', (d) => truncateSync(lmdbOf(d), 100), /./],
    ['with a file of one page', (d) => truncateSync(lmdbOf(d), 4096), /./],
    ['with a file of two pages', (d) => truncateSync(lmdbOf(d), 8192), /./],
    [
      'with half a file',
      (d) => truncateSync(lmdbOf(d), Math.floor(readFileSync(lmdbOf(d)).length / 8192) * 4096),
      /shorter than its pages/,
    ],
    ['with a file of zeros', (d) => writeFileSync(lmdbOf(d), Buffer.alloc(256 * 1024)), /./],
    ['with a file of noise', (d) => writeFileSync(lmdbOf(d), noise(256 * 1024)), /./],
    ['with a text file', (d) => writeFileSync(lmdbOf(d), 'not a database\n'), /./],
    [
      'with an older copy',
      (d) => {
        rmSync(join(d, 'state'), { recursive: true });
        cpSync(join(original.earlier, 'state'), join(d, 'state'), { recursive: true });
      },
      undefined,
    ],
    ['with its metas zeroed', (d) => overwrite(lmdbOf(d), Buffer.alloc(8192), 0), /./],
  ];

  test.each(HARM)('%s', async (_name, harm, why = /^$/) => {
    const directory = copyOf(original.directory);
    harm(directory);
    const reasons = await expectSameAnswers(directory);
    expect(reasons.join()).toMatch(why);
  });
});

describe('a state that does not fit the journal is set aside', () => {
  test('of another journal', async () => {
    const other = await originalState();
    const directory = copyOf(original.directory);
    onTestFinished(other.remove);
    rmSync(join(directory, 'state'), { recursive: true });
    cpSync(join(other.directory, 'state'), join(directory, 'state'), { recursive: true });
    expect(await expectSameAnswers(directory)).toEqual(['state of another journal']);
  });

  test('of a format that is not known', async () => {
    const directory = copyOf(original.directory);
    const database = openLmdb(directory);
    await database.remove(Buffer.from('!applied'));
    await database.close();
    expect(await expectSameAnswers(directory)).toEqual(['state of another format']);
  });

  test('whose note of what it covers changed', async () => {
    const directory = copyOf(original.directory);
    expect(await corruptValues(directory, '!applied')).toBe(1);
    const [reason, ...others] = await expectSameAnswers(directory);
    expect(reason).toContain('!applied');
    expect(others).toEqual([]);
  });

  test('and is kept for inspection, one of them', async () => {
    const directory = copyOf(original.directory);
    for (let round = 0; round < 2; round++) {
      writeFileSync(lmdbOf(directory), noise(10_000));
      const running = await serveState(directory, createTestClock());
      await running.stop();
      const aside = readdirSync(directory).filter((name) => name.startsWith('state.aside'));
      expect(aside).toHaveLength(1);
      expect(readFileSync(join(directory, aside[0] ?? '', 'data.mdb')).length).toBe(10_000);
    }
  });
});

describe('a value that changed in LMDB', () => {
  test.each([
    ['organisations', 'o'],
    ['series', 's'],
    ['counters', 'c'],
    ['label sets', 'l'],
    ['names of label sets', 'n'],
    ['totals', 'p'],
    ['levels', 'v'],
    ['values seen', 'u'],
    ['holds', 'h'],
    ['notes', 'm'],
  ])('of the %s is found when it is read, and the state is built again', async (_name, prefix) => {
    const directory = copyOf(original.directory);
    expect(await corruptValues(directory, prefix)).toBeGreaterThan(0);
    const reasons = await expectSameAnswers(directory);
    expect(reasons.join()).toContain(`"${prefix}`);
    expect(existsSync(join(directory, 'state.aside'))).toBe(true);
  });

  test('because the disk changed a digit of it is found as well', async () => {
    const directory = copyOf(original.directory);
    // The totals of a meter: amounts stand in quotes.
    expect(corruptText(lmdbOf(directory), ',"60"')).toBeGreaterThan(0);
    const reasons = await expectSameAnswers(directory);
    expect(reasons.join()).toContain('in LMDB');
  });

  test('and nobody reads does no harm', async () => {
    const directory = copyOf(original.directory);
    const database = openLmdb(directory);
    await database.put(Buffer.from('zzz'), Buffer.from('of no table'));
    await database.close();
    expect(await expectSameAnswers(directory)).toEqual([]);
  });
});
