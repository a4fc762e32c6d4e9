// The checkpoint: LMDB holds what the journal's entries up to one durable batch add up to, never
// more, whatever happens meanwhile.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowOf } from '../../src/state/counter.js';
import { createTestClock } from '../support/clock.js';
import { COMMANDS_YAML, commands, run } from '../support/fault-commands.js';
import { heldFiles } from '../support/fault-files.js';
import { journalFolder, until } from '../support/fault-journal.js';
import { appliedOnDisk, openTestState, type TestState } from '../support/fault-open-state.js';
import { copyOf, openLmdb } from '../support/fault-state.js';
import { start } from '../support/service.js';

const NOW = Date.parse('2026-11-20T12:00:00Z');

/** The count of the organisation, as the state has it. */
function calls(state: TestState): bigint | undefined {
  const account = state.fold.account('acme');
  const counter = account && state.fold.counter(account, 'calls', 'L', '');
  return counter && windowOf(counter, 0)?.used;
}

async function openWithCounter(directory: string, files = heldFiles()) {
  const state = await openTestState({ directory, files: files.files });
  if (state.journal.lastSequence() === 0) {
    state.commit({ kind: 'organisation', atMs: NOW, orgId: 'acme', number: 1 });
    state.commit(firstEvent());
    await state.journal.drain();
  }
  return { state, disk: files };

  /** Starts the counter; later events only add to it. */
  function firstEvent() {
    const entry = state.eventOf('e-0', NOW);
    return { ...entry, counters: entry.counters.map((change) => ({ ...change, base: 0n })) };
  }
}

test('a checkpoint waits for the batch that it covers', async () => {
  const directory = journalFolder();
  const { state, disk } = await openWithCounter(directory);
  await state.checkpoints.run();
  const before = state.checkpoints.applied();
  expect(await appliedOnDisk(directory)).toBe(before);
  disk.hold();
  for (let i = 1; i <= 3; i++) state.record(`e-${i}`, NOW);
  let done = false;
  const running = state.checkpoints.run().then((result) => {
    done = true;
    return result;
  });
  const batch = await disk.next();
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  expect([done, state.checkpoints.applied()]).toEqual([false, before]);
  expect(await appliedOnDisk(directory)).toBe(before);
  batch.land();
  const { sequence } = await running;
  expect(sequence).toBe(state.journal.syncedSequence());
  expect(await appliedOnDisk(directory)).toBe(sequence);
  await state.stop();
});

test('what comes while a checkpoint waits and writes is not in it', async () => {
  const directory = journalFolder();
  const { state, disk } = await openWithCounter(directory);
  disk.hold();
  state.record('e-1', NOW);
  const running = state.checkpoints.run();
  const first = await disk.next();
  // The same counter changes while its value of before is being written.
  state.record('e-2', NOW);
  first.land();
  const second = await disk.next();
  state.record('e-3', NOW);
  const { sequence } = await running;
  expect(calls(state)).toBe(4n);
  // A crash now: events 2 and 3 never reached the disk.
  const crashed = copyOf(directory);
  second.land();
  disk.release();
  await state.journal.drain();
  await state.stop();
  const again = await openTestState({ directory: crashed });
  expect(again.rebuilt).toBe('');
  expect(again.journal.lastSequence()).toBe(sequence);
  expect(calls(again)).toBe(2n);
  await again.stop();
});

test('a crash at any moment around checkpoints gives every durable entry once', async () => {
  const directory = journalFolder();
  const { state, disk } = await openWithCounter(directory);
  disk.release();
  let stopped = false;
  const checkpoints = (async () => {
    while (!stopped) await state.checkpoints.run();
  })();
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 20; i++) state.record(`e-${round}-${i}`, NOW);
    for (let turn = 0; turn < round * 2; turn++) await new Promise(setImmediate);
    const crashed = copyOf(directory);
    const again = await openTestState({ directory: crashed });
    expect(again.rebuilt).toBe('');
    // The organisation and then one count per entry.
    expect(calls(again)).toBe(BigInt(again.journal.lastSequence() - 1));
    await again.stop();
  }
  stopped = true;
  await checkpoints;
  await state.stop();
});

describe('LMDB after many checkpoints is LMDB after one replay', () => {
  test('whatever was done', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (given) => {
        const clock = createTestClock('2026-11-20T12:00:00Z');
        const change = { segmentBytes: 64 * 1024, checkpointIntervalMs: 0 };
        const options = { yaml: COMMANDS_YAML, clock, change };
        const directory = journalFolder();
        const running = await start({ ...options, directory });
        for (const command of given) {
          run(running.core, clock, command);
          for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        }
        await running.core.journal.drain();
        await running.stop();
        const dumped = await dump(directory);
        rmSync(join(directory, 'state'), { recursive: true });
        // Not by a service: its pumps would expire holds that are over by the clock of now.
        const rebuilt = await openTestState({
          directory,
          clock,
          segmentBytes: change.segmentBytes,
        });
        await rebuilt.checkpoints.run();
        await rebuilt.stop();
        expect(await dump(directory)).toEqual(dumped);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
});

/** Every value by its key, but what reading alone leaves behind: a meter without events. */
async function dump(directory: string): Promise<Record<string, unknown>> {
  const database = openLmdb(directory);
  const values: Record<string, unknown> = {};
  for (const { key, value } of database.getRange({})) {
    const name = Buffer.from(key).toString();
    const data = JSON.parse(Buffer.from(value).subarray(4).toString());
    const unused = name.startsWith('s') && data[2] === 0;
    if (!unused && name !== '!applied') values[name] = data;
  }
  await database.close();
  return values;
}

test('a state that was read back goes on like the one that was written', async () => {
  const directory = journalFolder();
  let opened = await openWithCounter(directory);
  for (let round = 1; round <= 4; round++) {
    for (let i = 0; i < 10; i++) opened.state.record(`r${round}-${i}`, NOW + round);
    if (round % 2 === 0) await opened.state.checkpoints.run();
    else await opened.state.journal.drain();
    await opened.state.stop();
    opened = await openWithCounter(directory);
    expect(calls(opened.state)).toBe(BigInt(1 + round * 10));
  }
  await opened.state.stop();
});

test('values that left memory come back with what they were', async () => {
  const directory = journalFolder();
  const { state } = await openWithCounter(directory);
  for (let round = 0; round < 5; round++) {
    state.record(`e-${round}`, NOW + round * 86_400_000);
    await state.checkpoints.run();
    for (const _ of state.store.sweep(0));
    for (const _ of state.store.sweep(0));
    expect(state.store.residentValues()).toBe(0);
    expect(calls(state)).toBe(BigInt(round + 2));
  }
  await until(() => state.journal.waitingReplies() === 0);
  await state.stop();
});
