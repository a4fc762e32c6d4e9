// What does not fit the journal is built again: a state or an index of a later time, of another
// line of history, or damaged where the replay needs it.

import { cpSync, existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { DAY_MS } from '../../src/base/units.js';
import { eventIdKey } from '../../src/state/id-key.js';
import { openIndexes } from '../../src/state/index/indexes.js';
import { createTestClock } from '../support/clock.js';
import { uncompressed } from '../support/fault-files.js';
import {
  flipBit,
  journalFolder,
  segmentPath,
  segmentsOf,
  until,
  uuidOf,
} from '../support/fault-journal.js';
import {
  openTestState,
  type TestState,
  type TestStateOptions,
} from '../support/fault-open-state.js';
import { copyOf } from '../support/fault-state.js';

const NOW = Date.parse('2026-11-20T12:00:00Z');

/** Puts the counter that events of `record` add to in its place. */
async function open(options: TestStateOptions): Promise<TestState> {
  const state = await openTestState({ files: uncompressed, ...options });
  if (state.journal.lastSequence() > 0) return state;
  state.commit({ kind: 'organisation', atMs: NOW, orgId: 'acme', number: 1 });
  const first = state.eventOf('first', NOW);
  const counters = first.counters.map((change) => ({ ...change, base: 0n }));
  state.commit({ ...first, counters });
  await state.journal.drain();
  return state;
}

async function recordAll(state: TestState, from: number, to: number, atMs = NOW): Promise<void> {
  for (let n = from; n <= to; n++) state.record(`e-${n}`, atMs);
  await state.journal.drain();
}

function knows(state: TestState, from: number, to: number): readonly boolean[] {
  const known: boolean[] = [];
  for (let n = from; n <= to; n++) {
    known.push(state.indexes.findId(eventIdKey('acme', `e-${n}`)) !== undefined);
  }
  return known;
}

async function stopWell(state: TestState): Promise<void> {
  await state.checkpoints.run();
  await state.saveIdentity();
  await state.stop();
}

/** A directory with ten events, and the same one ten events later, a day after. */
async function twoTimes() {
  const directory = journalFolder();
  let state = await open({ directory });
  await recordAll(state, 1, 10);
  await stopWell(state);
  const backup = copyOf(directory);
  state = await open({ directory });
  await recordAll(state, 11, 20);
  await recordAll(state, 21, 22, NOW + DAY_MS);
  await state.indexes.tend();
  await stopWell(state);
  return { directory, backup };
}

/** The journal of before, with what names as they are now. */
function restoreJournal(directory: string, backup: string, drop: readonly string[]): void {
  rmSync(segmentsOf(directory), { recursive: true });
  cpSync(segmentsOf(backup), segmentsOf(directory), { recursive: true });
  cpSync(join(backup, 'identity.json'), join(directory, 'identity.json'));
  for (const name of drop) rmSync(join(directory, name), { recursive: true });
}

describe('a journal restored from a backup', () => {
  test('sets a state aside that covers more than it holds', async () => {
    const { directory, backup } = await twoTimes();
    restoreJournal(directory, backup, ['index']);
    const state = await open({ directory });
    expect(state.rebuilt).toContain('covers more than the journal holds');
    expect(state.journal.lastSequence()).toBe(12);
    expect(existsSync(join(directory, 'state.aside'))).toBe(true);
    expect(knows(state, 1, 10)).not.toContain(false);
    expect(knows(state, 11, 22)).not.toContain(true);
    await state.stop();
  });

  // A lost event sent again would be a DUPLICATE of a sequence that does not exist.
  test('does not believe indexes that cover more than it holds', async () => {
    const { directory, backup } = await twoTimes();
    restoreJournal(directory, backup, ['state']);
    const state = await open({ directory });
    const covered = state.indexes.covered();
    const known = knows(state, 11, 22);
    await state.stop();
    expect(covered).toBeLessThanOrEqual(12);
    expect(known).not.toContain(true);
  });

  test('does not believe either of them, at one start', async () => {
    const { directory, backup } = await twoTimes();
    restoreJournal(directory, backup, []);
    const state = await open({ directory });
    expect(knows(state, 1, 10)).not.toContain(false);
    expect(knows(state, 11, 22)).not.toContain(true);
    await state.stop();
  });

  test('leaves nothing open of the first attempt', async () => {
    const { directory, backup } = await twoTimes();
    restoreJournal(directory, backup, ['index']);
    const state = await open({ directory });
    const open_ = openFiles().filter((path) => path.startsWith(segmentPath(directory, 1)));
    await state.stop();
    expect(open_).toHaveLength(1);
  });

  test('and grown again past what the state covers is another line of history', async () => {
    const { directory, backup } = await twoTimes();
    restoreJournal(directory, backup, ['state', 'index']);
    let state = await open({ directory });
    for (let n = 1; n <= 40; n++) state.record(`other-${n}`, NOW);
    await stopWell(state);
    const { directory: second, backup: unused } = await twoTimes();
    rmSync(unused, { recursive: true });
    // The state of the first line of history, under the identity of the second one.
    rmSync(join(directory, 'state'), { recursive: true });
    cpSync(join(second, 'state'), join(directory, 'state'), { recursive: true });
    state = await open({ directory });
    expect(state.rebuilt).toBe('state of another journal');
    await state.stop();
  });
});

function openFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

test('a state of the same journal that went another way is set aside', async () => {
  const directory = journalFolder();
  let state = await open({ directory });
  await recordAll(state, 1, 10);
  await stopWell(state);
  const fork = copyOf(directory);
  // Both go on by ten events in one batch; the ids differ.
  state = await open({ directory });
  await recordAll(state, 11, 20);
  await stopWell(state);
  state = await open({ directory: fork });
  await recordAll(state, 21, 30);
  await stopWell(state);
  rmSync(join(directory, 'state'), { recursive: true });
  cpSync(join(fork, 'state'), join(directory, 'state'), { recursive: true });
  const again = await open({ directory });
  expect(again.rebuilt).toBe('state of another line of history');
  expect(knows(again, 11, 20)).not.toContain(false);
  expect(knows(again, 21, 30)).not.toContain(true);
  await again.stop();
});

test('a state that ends with a segment is used as it is', async () => {
  const directory = journalFolder();
  const state = await open({ directory });
  state.record('large', NOW, 30_000);
  await state.journal.drain();
  state.record('larger', NOW, 20_000);
  await state.checkpoints.run();
  const covered = state.checkpoints.applied();
  // The next day: the tail of the index is frozen, and the batch needs the next segment.
  state.record('next', NOW + DAY_MS, 30_000);
  await state.journal.drain();
  expect(state.journal.syncedPlace().segment).toBe(2);
  await state.indexes.tend();
  expect(state.indexes.covered()).toBeGreaterThanOrEqual(covered);
  await until(() => existsSync(segmentPath(directory, 3)));
  const crashed = copyOf(directory);
  await state.stop();
  const again = await open({ directory: crashed });
  const { rebuilt } = again;
  await again.stop();
  expect(rebuilt).toBe('');
});

describe('an index with a damaged block', () => {
  /** Runs of one day that are due for a merge, and days after it that the replay has to write. */
  async function dueForMerge() {
    const directory = journalFolder();
    const state = await open({ directory });
    await recordAll(state, 1, 60);
    for (let day = 1; day <= 5; day++) {
      await recordAll(state, 100 * day, 100 * day + 5, NOW + day * DAY_MS);
    }
    await state.stop();
    rmSync(join(directory, 'index'), { recursive: true });
    const indexes = openIndexes({
      directory: join(directory, 'index'),
      uuid: uuidOf(directory),
      incarnation: 1,
      clock: systemClock,
      synced: () => Promise.resolve(),
      tailIds: 16,
    });
    for (let sequence = 2; sequence <= 50; sequence++) {
      indexes.addId(
        eventIdKey('acme', sequence === 2 ? 'first' : `e-${sequence - 2}`),
        7,
        sequence,
        NOW,
      );
      indexes.addEvent(1, NOW, sequence);
    }
    await indexes.tend();
    indexes.close();
    rmSync(join(directory, 'state'), { recursive: true });
    return directory;
  }

  test('is a sound index while its blocks are sound', async () => {
    const directory = await dueForMerge();
    const state = await open({ directory });
    expect(state.indexes.runs('ids')).toBeGreaterThan(1);
    expect(knows(state, 1, 60)).not.toContain(false);
    await state.stop();
  });

  // A merge that the replay does meets the block.
  test('does not keep the process from starting', async () => {
    const directory = await dueForMerge();
    flipBit(join(directory, 'index', 'ids-00000001.run'), 200, 3);
    const state = await open({ directory, clock: createTestClock() });
    expect(knows(state, 1, 60)).not.toContain(false);
    await state.stop();
  });
});
