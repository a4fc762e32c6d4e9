// A sorted run: what was put in is found, in order, and a changed bit of it is noticed.

import { readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { openPace } from '../../src/state/index/pace.js';
import {
  type Cursor,
  compareWords,
  cursorOver,
  getNumber,
  mergeCursors,
  putNumber,
  type RecordShape,
  sortOffsets,
} from '../../src/state/index/records.js';
import { openRun, type Run, writeRun } from '../../src/state/index/run-file.js';
import { flipBit, journalFolder } from '../support/fault-journal.js';

/** Point look-ups are for keys of four words of hash. */
const SHAPE: RecordShape = { words: 5, keyWords: 4 };
const VALUE_AT = 4;
const pace = () => openPace(systemClock, () => 1);

type Row = readonly [...key: Key, value: number];
type Key = readonly [number, number, number, number];

function wordsOf(rows: readonly Row[]): Uint32Array {
  return Uint32Array.from(rows.flat());
}

async function sorted(rows: readonly Row[]): Promise<Cursor> {
  const words = wordsOf(rows);
  const offsets = Uint32Array.from(rows, (_, index) => index * SHAPE.words);
  return cursorOver(words, await sortOffsets(words, offsets, SHAPE, pace()));
}

function drain(cursor: Cursor, width = SHAPE.words): number[][] {
  const rows: number[][] = [];
  while (cursor.next()) rows.push([...cursor.words.subarray(cursor.at, cursor.at + width)]);
  return rows;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < SHAPE.keyWords; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** In order; of rows with one key the last one given. */
function model(rows: readonly Row[]): Row[] {
  const byKey = new Map(rows.map((row) => [row.slice(0, VALUE_AT).join('/'), row]));
  return [...byKey.values()].sort(compare);
}

async function runOf(rows: readonly Row[], lookup: 'point' | 'range' = 'point'): Promise<Run> {
  const path = join(journalFolder(), 'a.run');
  const cursor = await sorted(rows);
  const written = await writeRun(path, SHAPE, cursor, rows.length, lookup, pace());
  expect(written.records).toBe(model(rows).length);
  return openRun(path, SHAPE);
}

const word = fc.nat({ max: 0xffff_ffff });
const few = fc.nat({ max: 2 });
const key = fc.tuple(fc.nat({ max: 7 }), fc.oneof(fc.nat({ max: 310 }), word), few, few);
const row = fc.tuple(key, word).map(([given, value]): Row => [...given, value]);

describe('records', () => {
  test('numbers up to 2^53 take two words, which compare as the numbers do', () => {
    const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        const words = new Uint32Array(4);
        putNumber(words, 0, a);
        putNumber(words, 2, b);
        expect([getNumber(words, 0), getNumber(words, 2)]).toEqual([a, b]);
        expect(Math.sign(compareWords(words, 0, words, 2, 2))).toBe(Math.sign(a - b));
      }),
    );
  });

  test('are sorted by key; those with one key stay in the order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 400 }), async (rows) => {
        expect(drain(await sorted(rows))).toEqual([...rows].sort(compare));
      }),
    );
  });

  test('of several sources are merged in order, equal keys in order of arrival', async () => {
    const source = fc.array(row, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.array(source, { maxLength: 5 }), async (sources) => {
        const cursors = await Promise.all(sources.map(sorted));
        expect(drain(mergeCursors(cursors, SHAPE))).toEqual(sources.flat().sort(compare));
      }),
    );
  });
});

describe('a run', () => {
  test.each(['point', 'range'] as const)(
    'for %s look-ups finds what is there and nothing else',
    async (lookup) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { maxLength: 900 }),
          fc.array(key, { maxLength: 60 }),
          async (rows, keys) => {
            const expected = model(rows);
            const run = await runOf(rows, lookup);
            expect(drain(run.from(undefined))).toEqual(expected);
            for (const each of expected) {
              expect([...(run.find(Uint32Array.from(each.slice(0, VALUE_AT))) ?? [])]).toEqual(
                each,
              );
            }
            for (const each of keys) {
              const words = Uint32Array.from(each);
              const there = expected.find((candidate) => compare(candidate, each) === 0);
              expect(run.find(words)?.at(VALUE_AT)).toBe(there?.[VALUE_AT]);
              const from = expected.filter((candidate) => compare(candidate, each) >= 0);
              expect(drain(run.from(words))).toEqual(from);
              const before = expected.filter((candidate) => compare(candidate, each) < 0);
              expect(drain(run.before(words))).toEqual(before.reverse());
            }
            run.close();
          },
        ),
        { numRuns: 20 },
      );
    },
  );

  test('of no records holds none', async () => {
    const run = await runOf([], 'range');
    const any = Uint32Array.from([0, 0, 0, 0]);
    expect([drain(run.from(undefined)), drain(run.from(any)), drain(run.before(any))]).toEqual([
      [],
      [],
      [],
    ]);
    run.close();
  });

  test('of many blocks is read block by block, over their edges', async () => {
    const rows = Array.from({ length: 5000 }, (_, i): Row => [i % 3, i, 0, 0, i]);
    const run = await runOf(rows, 'range');
    expect(statSync(run.path).size).toBeGreaterThan(50_000);
    const expected = model(rows);
    for (const at of [0, 1, 203, 204, 205, 406, 407, 408, 409, 4998, 4999]) {
      const words = Uint32Array.from((expected[at] ?? []).slice(0, VALUE_AT));
      expect(drain(run.from(words))[0]).toEqual(expected[at]);
      expect(drain(run.before(words))[0]).toEqual(expected[at - 1]);
    }
    run.close();
  });
});

describe('a run that is not what was written', () => {
  async function sample() {
    const rows = Array.from({ length: 700 }, (_, i): Row => [1, i * 3, 0, i, i]);
    const run = await runOf(rows);
    run.close();
    return { path: run.path, rows, bytes: readFileSync(run.path).length };
  }

  /** Reads all of it in every way; what it says, or the code of the failure. */
  function read(path: string, rows: readonly Row[]): unknown {
    try {
      const run = openRun(path, SHAPE);
      try {
        const found = rows.map((each) =>
          run.find(Uint32Array.from(each.slice(0, VALUE_AT)))?.at(VALUE_AT),
        );
        return { found, all: drain(run.from(undefined)) };
      } finally {
        run.close();
      }
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  test('because of one bit anywhere is refused', async () => {
    const { path, rows, bytes } = await sample();
    for (let at = 0; at < bytes; at += at > bytes - 40 ? 1 : 97) {
      flipBit(path, at, at % 8);
      expect(read(path, rows), `byte ${at} of ${bytes}`).toBe('INDEX_DAMAGED');
      flipBit(path, at, at % 8);
    }
    expect(read(path, rows)).toMatchObject({ found: rows.map((each) => each[VALUE_AT]) });
  });

  test('because it was cut is refused', async () => {
    const { path, rows, bytes } = await sample();
    for (const left of [bytes - 1, bytes - 4, bytes - 32, bytes - 33, 4096, 100, 31, 0]) {
      truncateSync(path, left);
      expect(read(path, rows), `${left} bytes`).toBe('INDEX_DAMAGED');
    }
  });

  test('because it holds records of another shape is refused', async () => {
    const { path } = await sample();
    expect(() => openRun(path, { words: 7, keyWords: 4 })).toThrow(
      expect.objectContaining({ code: 'INDEX_DAMAGED' }),
    );
  });
});
