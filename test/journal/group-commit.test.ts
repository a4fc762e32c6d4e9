// Group commit: one batch is on its way to the disk while the next one collects, and a reply runs
// only once what it depends on is there.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import { createTestClock } from '../support/clock.js';
import { type HeldFiles, heldFiles } from '../support/fault-files.js';
import {
  journalFolder,
  note,
  openTestJournal,
  scanAll,
  segmentPath,
  type TestJournal,
  until,
} from '../support/fault-journal.js';

interface Held {
  readonly disk: HeldFiles;
  readonly opened: TestJournal;
  readonly directory: string;
  /** What ran, in order. */
  readonly ran: string[];
  readonly append: (seed: number) => number;
}

async function held(clock = createTestClock()): Promise<Held> {
  const disk = heldFiles();
  const directory = journalFolder();
  const opened = await openTestJournal({ directory, files: disk.files, clock });
  const ran: string[] = [];
  disk.hold();
  return {
    disk,
    opened,
    directory,
    ran,
    append(seed) {
      const { sequence } = opened.journal.append(note(300, seed));
      opened.journal.whenSynced(sequence, () => ran.push(`reply ${sequence}`));
      return sequence;
    },
  };
}

test('no reply runs before its batch is on the disk', async () => {
  const { disk, opened, directory, ran, append } = await held();
  append(1);
  const batch = await disk.next();
  expect(ran).toEqual([]);
  expect(readFileSync(segmentPath(directory, 1)).subarray(batch.position).some(Boolean)).toBe(
    false,
  );
  expect(opened.journal.syncedSequence()).toBe(0);
  batch.land();
  await until(() => ran.length > 0);
  expect(ran).toEqual(['reply 1']);
  expect(opened.journal.syncedSequence()).toBe(1);
  await opened.journal.close();
});

test('entries of one turn share a batch, as do those that come meanwhile', async () => {
  const { disk, opened, directory, ran, append } = await held();
  for (let i = 1; i <= 3; i++) append(i);
  const first = await disk.next();
  for (let i = 4; i <= 6; i++) append(i);
  await new Promise(setImmediate);
  for (let i = 7; i <= 8; i++) append(i);
  expect(disk.waiting()).toBe(0);
  first.land();
  const second = await disk.next();
  expect(ran).toEqual(['reply 1', 'reply 2', 'reply 3']);
  second.land();
  await until(() => ran.length === 8);
  expect(ran.slice(3)).toEqual(['reply 4', 'reply 5', 'reply 6', 'reply 7', 'reply 8']);
  await opened.journal.close();
  expect(scanAll(directory).batches.map(({ count }) => count)).toEqual([3, 5]);
});

test('the next batch goes to the disk before the replies of the one before run', async () => {
  const { disk, opened, append } = await held();
  append(1);
  const first = await disk.next();
  const seen: number[] = [];
  opened.journal.whenSynced(1, () => seen.push(disk.waiting()));
  append(2);
  first.land();
  await until(() => seen.length > 0);
  expect(seen).toEqual([1]);
  disk.release();
  await opened.journal.close();
});

describe('a reply waits for the entry that it depends on', () => {
  test('and runs at once where that is durable', async () => {
    const { disk, opened, append } = await held();
    disk.release();
    append(1);
    await opened.journal.drain();
    let ran = false;
    opened.journal.whenSynced(1, () => {
      ran = true;
    });
    expect(ran).toBe(true);
    opened.journal.whenSynced(0, () => {
      ran = false;
    });
    expect(ran).toBe(false);
    await opened.journal.close();
  });

  test('and not for later ones', async () => {
    const { disk, opened, ran, append } = await held();
    append(1);
    const first = await disk.next();
    append(2);
    // A duplicate of the first, asked for while the second is collecting.
    opened.journal.whenSynced(1, () => ran.push('duplicate of 1'));
    first.land();
    await disk.next();
    expect(ran).toEqual(['reply 1', 'duplicate of 1']);
    expect(opened.journal.waitingReplies()).toBe(1);
  });

  test('in the order in which they asked', async () => {
    const { disk, opened, ran, append } = await held();
    append(1);
    append(2);
    opened.journal.whenSynced(1, () => ran.push('late one for 1'));
    opened.journal.whenSynced(2, () => ran.push('late one for 2'));
    (await disk.next()).land();
    await until(() => ran.length === 4);
    expect(ran).toEqual(['reply 1', 'reply 2', 'late one for 1', 'late one for 2']);
    expect(opened.journal.waitingReplies()).toBe(0);
  });
});

test('an entry can be read while it collects, while it is written, and when durable', async () => {
  const { disk, opened, append } = await held();
  const read = (sequence: number) => decodeEntry(opened.journal.read(sequence).body);
  append(1);
  append(2);
  expect([read(1), read(2)]).toEqual([note(300, 1), note(300, 2)]);
  const first = await disk.next();
  append(3);
  expect([read(1), read(2), read(3)]).toEqual([note(300, 1), note(300, 2), note(300, 3)]);
  first.land();
  const second = await disk.next();
  expect([read(1), read(2), read(3)]).toEqual([note(300, 1), note(300, 2), note(300, 3)]);
  expect(() => read(4)).toThrow('a sequence that was appended');
  expect(() => read(0)).toThrow('a sequence that was appended');
  second.land();
  await opened.journal.drain();
  expect(read(3)).toEqual(note(300, 3));
  await opened.journal.close();
});

describe('a batch boundary', () => {
  test('is now where nothing collects, even while a batch is being written', async () => {
    const { disk, opened, append } = await held();
    const at: number[] = [];
    append(1);
    await disk.next();
    opened.journal.atBoundary((sequence) => at.push(sequence));
    expect(at).toEqual([1]);
  });

  test('comes when what collects is handed to the disk, and covers exactly that', async () => {
    const { disk, opened, append } = await held();
    const at: string[] = [];
    append(1);
    append(2);
    opened.journal.atBoundary((sequence) => at.push(`up to ${sequence}`));
    expect(at).toEqual([]);
    const first = await disk.next();
    expect(at).toEqual(['up to 2']);
    append(3);
    opened.journal.atBoundary((sequence) => at.push(`up to ${sequence}`));
    expect(at).toHaveLength(1);
    first.land();
    await disk.next();
    expect(at).toEqual(['up to 2', 'up to 3']);
  });

  test('has the CRC that its own batch ends with, when that batch has landed', async () => {
    const { disk, opened, append, directory } = await held();
    const places: unknown[] = [];
    append(1);
    opened.journal.atBoundary((sequence) => {
      opened.journal.whenSynced(sequence, () => places.push(opened.journal.syncedPlace()));
    });
    const first = await disk.next();
    append(2);
    first.land();
    (await disk.next()).land();
    await opened.journal.drain();
    const [one] = scanAll(directory).batches;
    expect(places).toEqual([
      expect.objectContaining({ sequence: 1, offset: (one?.offset ?? 0) + (one?.bytes ?? 0) }),
    ]);
    await opened.journal.close();
  });
});

test('a batch says up to where everything was durable when it was written', async () => {
  const { disk, opened, append, directory } = await held();
  const { place } = scanAll(directory).end;
  expect(place.sequence).toBe(0);
  append(1);
  const first = await disk.next();
  append(2);
  first.land();
  const second = await disk.next();
  append(3);
  append(4);
  second.land();
  (await disk.next()).land();
  await opened.journal.close();
  const bytes = readFileSync(segmentPath(directory, 1));
  const synced = scanAll(directory).batches.map(({ offset }) => bytes.readDoubleLE(offset + 32));
  expect(synced).toEqual([0, 1, 2]);
});

test('how long a write takes is seen while it takes', async () => {
  const clock = createTestClock();
  const { disk, opened, append } = await held(clock);
  expect(opened.journal.stalledMs()).toBe(0);
  append(1);
  const first = await disk.next();
  clock.advance(1234);
  expect(opened.journal.stalledMs()).toBe(1234);
  first.land();
  await opened.journal.drain();
  expect(opened.journal.stalledMs()).toBe(0);
  await opened.journal.close();
});

describe('a close', () => {
  test('waits for everything that was appended, and its replies', async () => {
    const { disk, opened, ran, append, directory } = await held();
    append(1);
    const first = await disk.next();
    append(2);
    let closed = false;
    const closing = opened.journal.close().then(() => {
      closed = true;
    });
    first.land();
    const second = await disk.next();
    expect(closed).toBe(false);
    second.land();
    await closing;
    expect(ran).toEqual(['reply 1', 'reply 2']);
    expect(scanAll(directory).end.place.sequence).toBe(2);
  });

  test('takes nothing more', async () => {
    const { disk, opened, append } = await held();
    disk.release();
    append(1);
    await opened.journal.close();
    expect(() => append(2)).toThrow('nothing is appended after the journal ended');
  });
});

test('a hundred writers at once lose nothing and share few batches', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  const order: number[] = [];
  const writers = Array.from({ length: 100 }, async (_, writer) => {
    for (let i = 0; i < 10; i++) {
      const { sequence } = opened.journal.append(note(300, writer * 10 + i));
      await new Promise<void>((resolve) => opened.journal.whenSynced(sequence, resolve));
      expect(opened.journal.syncedSequence()).toBeGreaterThanOrEqual(sequence);
      order.push(sequence);
    }
  });
  await Promise.all(writers);
  await opened.journal.close();
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  expect(scanAll(directory).batches.length).toBeLessThan(100);
});
