// A replay that gathers more than may wait in memory writes it out on the way, and one that breaks
// off goes on from there.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { windowOf } from '../../src/state/counter.js';
import { interceptFiles, systemError, uncompressed } from '../support/fault-files.js';
import { lastBatch } from '../support/fault-journal.js';
import { appliedOnDisk, openTestState, type TestState } from '../support/fault-open-state.js';
import { copyOf } from '../support/fault-state.js';
import { temporaryDirectory } from '../support/service.js';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const SEGMENT = { segmentBytes: 2 * 1024 * 1024 };
/** Each has a counter of its own: more values than a replay keeps waiting. */
const EVENTS = 150_000;
const BATCH = 2000;

const original = temporaryDirectory();
afterAll(() => rmSync(original, { recursive: true }));

beforeAll(async () => {
  const state = await openTestState({ directory: original, files: uncompressed, ...SEGMENT });
  state.commit({ kind: 'organisation', atMs: NOW, orgId: 'acme', number: 1 });
  for (let n = 0; n < EVENTS; n++) {
    const entry = state.eventOf(`e-${n}`, NOW);
    const counters = entry.counters.map((change) => ({
      ...change,
      scopeValues: `run-${n}`,
      base: 0n,
    }));
    state.commit({ ...entry, counters });
    if (n % BATCH === 0) await state.journal.drain();
  }
  await state.stop();
  rmSync(join(original, 'state'), { recursive: true });
});

function expectAll(state: TestState): void {
  const account = state.fold.account('acme');
  if (account === undefined) throw new Error('the organisation');
  for (let n = 0; n < EVENTS; n += 997) {
    const counter = state.fold.counter(account, 'calls', 'L', `run-${n}`);
    expect(counter && windowOf(counter, 0)?.used, `run-${n}`).toBe(1n);
  }
  expect(state.journal.lastSequence()).toBe(EVENTS + 1);
}

test('is whole, and a part of it is in LMDB before it serves', async () => {
  const directory = copyOf(original);
  const state = await openTestState({ directory, files: uncompressed, ...SEGMENT });
  const applied = await appliedOnDisk(directory);
  expect(applied).toBeGreaterThan(0);
  expect(applied).toBeLessThan(EVENTS);
  expect(state.checkpoints.applied()).toBe(applied);
  expectAll(state);
  await state.stop();
});

test('goes on from where it broke off', async () => {
  const directory = copyOf(original);
  const last = lastBatch(directory).path;
  let opened = 0;
  const failing = interceptFiles(
    {
      before({ name, path, mode }) {
        // Opened first to see where it begins, then to be read.
        if (name !== 'open' || mode !== 'read' || path !== last) return;
        if (++opened === 2) throw systemError('EIO', path);
      },
    },
    uncompressed,
  );
  await expect(openTestState({ directory, files: failing, ...SEGMENT })).rejects.toThrow('EIO');
  const applied = await appliedOnDisk(directory);
  expect(applied).toBeGreaterThan(0);
  const state = await openTestState({ directory, files: uncompressed, ...SEGMENT });
  expect(state.rebuilt).toBe('');
  expect(state.replayed).toBeLessThanOrEqual(EVENTS + 1 - applied);
  expectAll(state);
  await state.stop();
});
