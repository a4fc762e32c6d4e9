// The journal on a disk that stops at any moment: between two calls, in the middle of a write, while
// a segment is made, sealed, renamed or compressed, and while what an earlier crash left is mended.
// Whatever the disk kept of what was not synced, the next start finds everything that was
// acknowledged, once, in order, unchanged, and goes on behind it.
//
//   TOLLGATE_CRASH_STATES=2000 make faults ARGS=test/faults/crash-states.test.ts

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Entry } from '../../src/journal/entry.js';
import { type Draw, drawsOf } from '../support/draws.js';
import { journalFolder, noise, note, openTestJournal } from '../support/fault-journal.js';
import { openSimDisk, type SimDisk } from '../support/sim-disk.js';

const STATES = Number(process.env['TOLLGATE_CRASH_STATES'] ?? 200);
const STATES_PER_SEED = 20;
/** Of a batch: smaller than a sector, of two, of more than a segment takes many of. */
const SIZES = [180, 400, 700, 1500, 5000, 20_000];
const BATCHES = 60;

interface State {
  readonly disk: SimDisk;
  readonly identity: Buffer | undefined;
  /** Of entries that were handed over, all of them and those acknowledged. */
  readonly written: number;
  readonly acked: number;
  readonly what: string;
}

const seeds = Array.from({ length: Math.ceil(STATES / STATES_PER_SEED) }, (_, i) => i + 1);

test.each(seeds)(`seed %i: ${STATES_PER_SEED} crashes`, { timeout: 300_000 }, async (seed) => {
  const draw = drawsOf(seed);
  const states = await work(draw);
  expect(states.length).toBe(STATES_PER_SEED);
  for (const [i, state] of states.entries()) {
    const again = await recover(state, draw, `state ${i}`);
    if (again !== undefined) await recover(again, draw, `state ${i}, and again`);
  }
});

/** Writes, closes and opens again; resolves with states that crashes at random moments left. */
async function work(draw: Draw): Promise<State[]> {
  const directory = journalFolder();
  const disk = openSimDisk();
  const states: State[] = [];
  let written = 0;
  let acked = 0;
  let until = 1 + draw(10);
  disk.onMoment((_moment, what) => {
    if (--until > 0 || states.length >= STATES_PER_SEED) return;
    until = 1 + draw(2 * Math.ceil((6 * BATCHES) / STATES_PER_SEED));
    states.push({ disk: disk.crash(draw), identity: identityIn(directory), written, acked, what });
  });
  for (let batches = 0; states.length < STATES_PER_SEED; ) {
    const opened = await openTestJournal({ directory, files: disk.files });
    expect(opened.replayed.length).toBe(written);
    const end = batches + 1 + draw(BATCHES);
    for (; batches < end; batches++) {
      const entries = Array.from({ length: 1 + draw(4) }, () => entryOf(++written, draw));
      // Handed over by now, and the state that is taken meanwhile may hold any of it.
      await opened.write(...entries);
      acked = written;
    }
    await opened.journal.close();
    expect(opened.fatal).toEqual([]);
  }
  return states;
}

/** Resolves with the state that a crash while it was mended left, if there was one. */
async function recover(state: State, draw: Draw, name: string): Promise<State | undefined> {
  const { disk, written, acked, identity } = state;
  const place = `${name}: crashed at ${state.what}, ${acked} of ${written} acknowledged`;
  const directory = journalFolder();
  if (identity !== undefined) writeFileSync(join(directory, 'identity.json'), identity);
  let left: State | undefined;
  const crashesAt = 1 + draw(20);
  disk.onMoment((moment, what) => {
    if (moment !== crashesAt) return;
    left = { ...state, disk: disk.crash(draw), identity: identityIn(directory) ?? identity, what };
  });
  const opened = await openTestJournal({ directory, files: disk.files }).catch((error) => {
    throw new Error(place, { cause: error });
  });
  const { replayed } = opened;
  expect(replayed.length, place).toBeGreaterThanOrEqual(acked);
  expect(replayed.length, place).toBeLessThanOrEqual(written);
  check(
    replayed.map(({ entry }) => entry),
    place,
  );
  disk.onMoment(() => {});
  const more = replayed.length + 1;
  await opened.write(note(300, more));
  await opened.journal.close();
  const reopened = await openTestJournal({ directory, files: disk.files });
  check(
    reopened.replayed.map(({ entry }) => entry),
    `${place}, and one more`,
  );
  expect(reopened.replayed.length, place).toBe(more);
  await reopened.journal.close();
  return left;
}

/** Each entry says which one it is. */
function check(entries: readonly Entry[], place: string): void {
  for (const [i, entry] of entries.entries()) {
    if (entry.kind !== 'catalogue') throw new Error(`${place}: entry ${i + 1} is another`);
    expect(entry.atMs - FIRST_MS, place).toBe(i);
    expect(entry.document === noise(entry.document.length, i + 1), place).toBe(true);
  }
}

const FIRST_MS = note(300, 1).atMs;

function entryOf(number: number, draw: Draw) {
  return note(SIZES[draw(SIZES.length)] ?? 180, number);
}

function identityIn(directory: string): Buffer | undefined {
  const path = join(directory, 'identity.json');
  return existsSync(path) ? readFileSync(path) : undefined;
}
