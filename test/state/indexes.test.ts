// The indexes: an id is found wherever its record has got to, an event is listed once, and what is
// not what was written is built again from the journal.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { DAY_MS } from '../../src/base/units.js';
import { limits } from '../../src/limits.js';
import { eventIdKey } from '../../src/state/id-key.js';
import type { EventPlace } from '../../src/state/index/event-tail.js';
import { type Indexes, type IndexesOptions, openIndexes } from '../../src/state/index/indexes.js';
import { flipBit, journalFolder } from '../support/fault-journal.js';

const TAIL = 16;
const TODAY = 20_000;
const UUID = '00112233-4455-6677-8899-aabbccddeeff';

function openAt(directory: string, change: Partial<IndexesOptions> = {}): Indexes {
  return openIndexes({
    directory,
    uuid: UUID,
    incarnation: 1,
    clock: systemClock,
    synced: () => Promise.resolve(),
    tailIds: TAIL,
    ...change,
  });
}

const idKey = (sequence: number) => eventIdKey('acme', `e-${sequence}`);

/** Entries `from` to `to` of a day, one event each, a second apart. */
function add(indexes: Indexes, from: number, to: number, day = TODAY): void {
  for (let sequence = from; sequence <= to; sequence++) {
    const atMs = day * DAY_MS + sequence * 1000;
    indexes.addId(idKey(sequence), sequence % 97, sequence, atMs);
    indexes.addEvent(1, atMs, sequence);
  }
}

const END: EventPlace = { timeMs: Number.MAX_SAFE_INTEGER, sequence: 0 };

function listed(indexes: Indexes): readonly number[] {
  return [...indexes.eventsBefore(1, 0, END)].map(({ sequence }) => sequence);
}

const countdown = (from: number, to = 1) =>
  Array.from({ length: from - to + 1 }, (_, i) => from - i);

function missing(indexes: Indexes, upTo: number): readonly number[] {
  return countdown(upTo).filter((sequence) => {
    const found = indexes.findId(idKey(sequence));
    if (found === undefined) return true;
    expect(found).toEqual({ sequence, fingerprint: sequence % 97 });
    return false;
  });
}

test('an id is found in the open tail, in a frozen one and in a run; others are not', async () => {
  const indexes = openAt(journalFolder());
  add(indexes, 1, 40);
  expect(indexes.backlog()).toBe(2);
  expect(missing(indexes, 45)).toEqual([45, 44, 43, 42, 41]);
  await indexes.tend();
  expect([indexes.backlog(), indexes.runs('ids'), indexes.tailSize()]).toEqual([0, 2, 8]);
  expect(missing(indexes, 45)).toEqual([45, 44, 43, 42, 41]);
  expect(indexes.findId(eventIdKey('other', 'e-1'))).toBeUndefined();
  indexes.close();
});

test('of two records with one id the newer one counts, wherever they are', async () => {
  const indexes = openAt(journalFolder());
  const key = idKey(1);
  for (let sequence = 1; sequence <= 200; sequence++) {
    const given = sequence % 30 === 1 ? key : idKey(sequence);
    indexes.addId(given, sequence, sequence, TODAY * DAY_MS);
    if (sequence % 10 === 0) await indexes.tend();
    const newest = Math.floor((sequence - 1) / 30) * 30 + 1;
    expect(indexes.findId(key)).toEqual({ sequence: newest, fingerprint: newest });
  }
  indexes.close();
});

test('events are listed newest first, each once, from wherever they are', async () => {
  const step = fc.record({
    events: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat({ max: 50 })), {
      maxLength: 40,
    }),
    tend: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(60), async (steps, from) => {
      const indexes = openAt(journalFolder());
      const model: { organisation: number; timeMs: number; sequence: number }[] = [];
      for (const { events, tend } of steps) {
        for (const [organisation, timeMs] of events) {
          const sequence = model.length + 1;
          indexes.addId(idKey(sequence), 0, sequence, TODAY * DAY_MS);
          indexes.addEvent(organisation, timeMs, sequence);
          model.push({ organisation, timeMs, sequence });
        }
        if (tend) await indexes.tend();
      }
      const before: EventPlace = { timeMs: from + 20, sequence: 0 };
      for (const organisation of [1, 2, 3]) {
        const expected = model
          .filter((each) => each.organisation === organisation)
          .filter(({ timeMs }) => timeMs >= from && timeMs < before.timeMs)
          .sort((a, b) => b.timeMs - a.timeMs || b.sequence - a.sequence)
          .map(({ sequence }) => sequence);
        const found = [...indexes.eventsBefore(organisation, from, before)];
        expect(found.map(({ sequence }) => sequence)).toEqual(expected);
      }
      indexes.close();
    }),
    { numRuns: 40 },
  );
});

test('events are listed once also while runs are written', async () => {
  const indexes = openAt(journalFolder());
  add(indexes, 1, 40);
  let done = false;
  const tending = indexes.tend().then(() => {
    done = true;
  });
  const counts = new Set<number>();
  while (!done) {
    counts.add(listed(indexes).length);
    await new Promise(setImmediate);
  }
  await tending;
  indexes.close();
  expect([...counts]).toEqual([40]);
});

test('a run is listed only when its entries are durable', async () => {
  const directory = journalFolder();
  const waits: (() => void)[] = [];
  const synced = () => new Promise<void>((resolve) => waits.push(resolve));
  const indexes = openAt(directory, { synced });
  add(indexes, 1, 20);
  const tending = indexes.tend();
  while (waits.length === 0) await new Promise(setImmediate);
  expect([indexes.covered(), indexes.runs('ids'), indexes.backlog()]).toEqual([0, 0, 1]);
  expect(missing(indexes, 20)).toEqual([]);
  // A crash now: the runs are files that nothing names.
  const crashed = openAt(directory);
  expect([crashed.covered(), missing(crashed, 20).length]).toEqual([0, 20]);
  expect(readdirSync(directory)).toEqual([]);
  crashed.close();
  for (const wait of waits.splice(0)) wait();
  await tending.catch(() => undefined);
});

describe('after a start', () => {
  test('everything that is covered is there, and nothing else', async () => {
    const directory = journalFolder();
    const first = openAt(directory);
    add(first, 1, 100);
    await first.tend();
    first.close();
    const again = openAt(directory);
    expect(again.covered()).toBe(96);
    expect(missing(again, 100)).toEqual([100, 99, 98, 97]);
    add(again, 97, 100);
    expect(missing(again, 100)).toEqual([]);
    expect(listed(again)).toEqual(countdown(100));
    again.close();
  });

  const HARM: readonly (readonly [string, (directory: string) => void])[] = [
    ['the manifest is missing', (d) => rmSync(join(d, 'MANIFEST.json'))],
    ['the manifest is empty', (d) => writeFileSync(join(d, 'MANIFEST.json'), '')],
    ['the manifest is noise', (d) => writeFileSync(join(d, 'MANIFEST.json'), 'a\nb\nc\n')],
    ['a bit of the manifest changed', (d) => flipBit(join(d, 'MANIFEST.json'), 90, 1)],
    ['a run is missing', (d) => rmSync(join(d, 'ids-00000001.run'))],
    ['a run is empty', (d) => writeFileSync(join(d, 'events-00000002.run'), '')],
    [
      'a bit of a run changed behind its blocks',
      (d) => flipBit(join(d, 'ids-00000001.run'), 4096 + 3, 1),
    ],
  ];

  test.each(HARM)('all is built again where %s', async (_name, harm) => {
    const directory = journalFolder();
    const first = openAt(directory);
    add(first, 1, 40);
    await first.tend();
    first.close();
    harm(directory);
    const again = openAt(directory);
    expect([again.covered(), again.runs('ids'), again.runs('events')]).toEqual([0, 0, 0]);
    add(again, 1, 40);
    expect(missing(again, 40)).toEqual([]);
    await again.tend();
    expect(again.covered()).toBe(32);
    expect(listed(again)).toEqual(countdown(40));
    again.close();
  });

  test.each([
    ['journal', { uuid: 'ffffffff-4455-6677-8899-aabbccddeeff' }],
    ['incarnation', { incarnation: 2 }],
  ])('the indexes of another %s are not believed', async (_name, other) => {
    const directory = journalFolder();
    const first = openAt(directory);
    add(first, 1, 40);
    await first.tend();
    first.close();
    const again = openAt(directory, other);
    expect([again.covered(), missing(again, 40).length]).toEqual([0, 40]);
    again.close();
  });

  test('leftovers of a crash are removed', async () => {
    const directory = journalFolder();
    const first = openAt(directory);
    add(first, 1, 40);
    await first.tend();
    first.close();
    writeFileSync(join(directory, 'ids-00000099.run'), 'half a run');
    const before = readdirSync(directory).length;
    openAt(directory).close();
    expect(readdirSync(directory)).toHaveLength(before - 1);
  });
});

test('a changed bit in a block is noticed when the block is read, and by a merge', async () => {
  const directory = journalFolder();
  const indexes = openAt(directory);
  add(indexes, 1, 40);
  await indexes.tend();
  flipBit(join(directory, 'ids-00000001.run'), 100, 1);
  const find = () => missing(indexes, 16);
  expect(find).toThrow(expect.objectContaining({ code: 'INDEX_DAMAGED' }));
  add(indexes, 41, 41, TODAY + 1);
  await expect(indexes.tend()).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
});

describe('runs of a day', () => {
  test('become one when the day is over', async () => {
    const indexes = openAt(journalFolder());
    add(indexes, 1, 100);
    add(indexes, 101, 130, TODAY + 1);
    await indexes.tend();
    // One of the day that is over, one of today's, and the open tail.
    expect([indexes.runs('ids'), indexes.runs('events')]).toEqual([2, 2]);
    expect(missing(indexes, 130)).toEqual([]);
    expect(listed(indexes)).toEqual(countdown(130));
    indexes.close();
  });

  test('become one with those of the seven days beside it when all eight are over', async () => {
    const indexes = openAt(journalFolder());
    const first = TODAY - (TODAY % limits.daysPerRun);
    const days = 4 * limits.daysPerRun;
    const runs: number[] = [];
    for (let day = 0; day <= days; day++) {
      add(indexes, day * 20 + 1, day * 20 + 20, first + day);
      await indexes.tend();
      runs.push(indexes.runs('ids'));
    }
    // A run of today, one for each day over in its eight, one for each eight that are over.
    const expected = Array.from(
      { length: days + 1 },
      (_, day) => Math.floor(day / limits.daysPerRun) + (day % limits.daysPerRun) + 1,
    );
    expect(runs).toEqual(expected);
    expect(indexes.runs('events')).toBe(runs.at(-1));
    expect(missing(indexes, (days + 1) * 20)).toEqual([]);
    expect(listed(indexes)).toEqual(countdown((days + 1) * 20));
    indexes.close();
  });

  test('stay few however many there are', async () => {
    const indexes = openAt(journalFolder());
    let most = 0;
    for (let from = 1; from <= 64 * 3 * TAIL; from += TAIL) {
      add(indexes, from, from + TAIL - 1);
      await indexes.tend();
      most = Math.max(most, indexes.runs('ids'));
    }
    expect(most).toBeLessThan(3 * limits.runsPerMerge);
    expect(missing(indexes, 64 * 3 * TAIL)).toEqual([]);
    indexes.close();
  });

  // A merge takes the runs of a day out by their position, as neighbours.
  test('stay whole when the clock steps back over midnight', async () => {
    const indexes = openAt(journalFolder());
    add(indexes, 1, 16, TODAY);
    add(indexes, 17, 19, TODAY - 1);
    add(indexes, 20, 24, TODAY);
    add(indexes, 25, 25, TODAY + 1);
    await indexes.tend();
    expect(missing(indexes, 25)).toEqual([]);
    indexes.close();
  });
});

describe('a day that is dropped', () => {
  test('goes whole, the oldest first, and stays gone', async () => {
    const directory = journalFolder();
    const indexes = openAt(directory);
    add(indexes, 1, 20, TODAY - 75);
    add(indexes, 21, 40, TODAY - 65);
    add(indexes, 41, 60, TODAY);
    await indexes.tend();
    const files = readdirSync(directory).length;
    expect(await indexes.dropOldestBefore(TODAY - 80)).toBe(false);
    expect(await indexes.dropOldestBefore(TODAY - 62)).toBe(true);
    expect(missing(indexes, 60)).toEqual(countdown(20));
    expect(await indexes.dropOldestBefore(TODAY - 62)).toBe(true);
    expect(missing(indexes, 60)).toEqual(countdown(40));
    expect(await indexes.dropOldestBefore(TODAY - 62)).toBe(false);
    expect(readdirSync(directory).length).toBeLessThan(files);
    indexes.close();
    const again = openAt(directory);
    expect(again.covered()).toBeGreaterThan(40);
    expect(missing(again, 40)).toHaveLength(40);
    again.close();
  });

  test('goes with the days that share its run, once the newest of them may go', async () => {
    const indexes = openAt(journalFolder());
    const first = TODAY - (TODAY % limits.daysPerRun) - limits.daysPerRun;
    const last = first + limits.daysPerRun - 1;
    add(indexes, 1, 20, first);
    add(indexes, 21, 40, last);
    add(indexes, 41, 60, TODAY);
    await indexes.tend();
    expect(await indexes.dropOldestBefore(last)).toBe(false);
    expect(missing(indexes, 60)).toEqual([]);
    expect(await indexes.dropOldestBefore(last + 1)).toBe(true);
    expect(missing(indexes, 60)).toEqual(countdown(40));
    indexes.close();
  });

  test('does not take today, nor what is in no run yet', async () => {
    const indexes = openAt(journalFolder());
    add(indexes, 1, 10);
    expect(await indexes.dropOldestBefore(TODAY + 5)).toBe(false);
    expect(missing(indexes, 10)).toEqual([]);
    expect(indexes.newestDay()).toBe(TODAY);
    indexes.close();
  });
});

test('too many tails that wait are a reason to refuse, until they are written', async () => {
  const indexes = openAt(journalFolder());
  const most = (limits.indexTailsFrozen + 1) * TAIL;
  add(indexes, 1, most);
  expect(indexes.saturated()).toBe(false);
  add(indexes, most + 1, most + TAIL + 1);
  expect(indexes.saturated()).toBe(true);
  await indexes.tend();
  expect(indexes.saturated()).toBe(false);
  expect(missing(indexes, most + TAIL + 1)).toEqual([]);
  indexes.close();
});

test('the manifest names every run with its day and its entries', async () => {
  const directory = journalFolder();
  const indexes = openAt(directory);
  add(indexes, 1, 20, TODAY - 1);
  add(indexes, 21, 22);
  await indexes.tend();
  indexes.close();
  const [body = ''] = readFileSync(join(directory, 'MANIFEST.json'), 'utf8').split('\n');
  expect(JSON.parse(body)).toMatchObject({
    format: 1,
    uuid: UUID,
    incarnation: 1,
    covered: 20,
    runs: {
      ids: [{ day: TODAY - 1, records: 20, firstSequence: 1, lastSequence: 20 }],
      events: [{ day: TODAY - 1, records: 20, firstSequence: 1, lastSequence: 20 }],
    },
  });
});
