// What the journal cannot take it refuses, with the reason, before anything is decided; and it
// takes it again once it can.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import { limits } from '../../src/limits.js';
import { createTestClock } from '../support/clock.js';
import { heldFiles, interceptFiles, systemError } from '../support/fault-files.js';
import {
  journalFolder,
  note,
  openTestJournal,
  SEGMENT_BYTES,
  segmentPath,
  type TestJournal,
  until,
} from '../support/fault-journal.js';

/** Fails to make segments while `full` is set. */
function fullDisk(code: 'ENOSPC' | 'EIO' = 'ENOSPC') {
  const state = { full: false };
  const files = interceptFiles({
    write({ path, mode, land, fail }) {
      if (state.full && mode === 'create' && path.endsWith('.seg.tmp')) fail(systemError(code));
      else land();
    },
  });
  return { files, state };
}

/** Writes until ordinary commands are refused; returns the reason and what was written. */
async function fillUp(opened: TestJournal, bytes = 4000) {
  for (let entries = 0; entries < 1000; entries++) {
    const reason = opened.journal.refusal('ordinary');
    if (reason === 'OVERLOADED') {
      // The next segment is being made: it is there soon, or it cannot be made.
      await new Promise(setImmediate);
      continue;
    }
    if (reason !== undefined) return { reason, entries: opened.journal.lastSequence() };
    await opened.write(note(bytes, opened.journal.lastSequence() + 1));
  }
  throw new Error('the journal never refused');
}

describe('a disk without room for the next segment', () => {
  test('is DISK_FULL while the open one still has a little, and reading goes on', async () => {
    const { files, state } = fullDisk();
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    state.full = true;
    const { reason, entries } = await fillUp(opened);
    expect(reason).toBe('DISK_FULL');
    expect(opened.trouble.some((text) => text.includes('ENOSPC'))).toBe(true);
    expect(opened.fatal).toEqual([]);
    for (let sequence = 1; sequence <= entries; sequence++) {
      expect(decodeEntry(opened.journal.read(sequence).body)).toEqual(note(4000, sequence));
    }
    await opened.journal.close();
  });

  test('keeps room to settle, release and expire', async () => {
    const { files, state } = fullDisk();
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    state.full = true;
    await fillUp(opened);
    const before = opened.journal.lastSequence();
    while (opened.journal.refusal('ending') === undefined) {
      await opened.write(note(1000, opened.journal.lastSequence() + 1));
    }
    expect(opened.journal.lastSequence() - before).toBeGreaterThanOrEqual(8);
    expect(opened.journal.refusal('ending')).toBe('DISK_FULL');
    await opened.journal.close();
    state.full = false;
    const again = await openTestJournal({ directory });
    expect(again.replayed).toHaveLength(opened.journal.syncedSequence());
    await again.journal.close();
  });

  test('is over when there is room again', async () => {
    const { files, state } = fullDisk();
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    state.full = true;
    const { entries } = await fillUp(opened);
    opened.rotation.tend();
    await new Promise(setImmediate);
    expect(opened.journal.refusal('ordinary')).toBe('DISK_FULL');
    state.full = false;
    // The try under way may still be clearing up.
    await until(() => {
      opened.rotation.tend();
      return opened.journal.refusal('ordinary') === undefined;
    });
    for (let i = 1; i <= 40; i++) {
      await until(() => opened.journal.refusal('ordinary') === undefined);
      await opened.write(note(4000, entries + i));
    }
    await opened.journal.close();
    const again = await openTestJournal({ directory });
    expect(again.replayed).toHaveLength(entries + 40);
    await again.journal.close();
  });

  test('holds back a batch that was decided, and writes it when there is room', async () => {
    const { files, state } = fullDisk();
    const directory = journalFolder();
    state.full = true;
    const opened = await openTestJournal({ directory, files }).catch(() => undefined);
    // The very first segment could not be made either; nothing was begun.
    expect(opened).toBeUndefined();
    state.full = false;
    const started = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    state.full = true;
    await started.write(note(40_000, 1));
    await started.write(note(40_000, 2));
    let replied = false;
    const { sequence } = started.journal.append(note(40_000, 3));
    started.journal.whenSynced(sequence, () => {
      replied = true;
    });
    await until(() => {
      started.rotation.tend();
      return started.trouble.length > 1;
    });
    expect(replied).toBe(false);
    expect(decodeEntry(started.journal.read(sequence).body)).toEqual(note(40_000, 3));
    state.full = false;
    await until(() => {
      started.rotation.tend();
      return replied;
    });
    expect(started.fatal).toEqual([]);
    await started.journal.close();
  });

  test('that fails instead of being full is fatal', async () => {
    const { files, state } = fullDisk('EIO');
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    state.full = true;
    await opened.write(note(40_000, 1));
    await opened.write(note(40_000, 2));
    await until(() => opened.fatal.length > 0);
    expect(opened.fatal[0]).toMatchObject({ code: 'EIO' });
  });

  test('below its reserve refuses ordinary commands and not the ending of holds', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    opened.rotation.setDiskLow(true);
    expect(opened.journal.refusal('ordinary')).toBe('DISK_FULL');
    expect(opened.journal.refusal('ending')).toBeUndefined();
    opened.rotation.setDiskLow(false);
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    await opened.journal.close();
  });
});

describe('a journal at its bound', () => {
  test('is JOURNAL_FULL, keeps room to end holds, and is not larger than its bound', async () => {
    const directory = journalFolder();
    const journalBytesMax = 3 * SEGMENT_BYTES;
    const opened = await openTestJournal({ directory, journalBytesMax });
    const { reason } = await fillUp(opened);
    expect(reason).toBe('JOURNAL_FULL');
    expect(opened.journal.refusal('ending')).toBeUndefined();
    await opened.write(note(4000, 99));
    expect(opened.rotation.bytes()).toBeLessThanOrEqual(journalBytesMax);
    await opened.journal.close();
  });

  test('says so again after a restart, and takes more with a larger bound', async () => {
    const directory = journalFolder();
    const journalBytesMax = 2 * SEGMENT_BYTES;
    const opened = await openTestJournal({ directory, journalBytesMax });
    const { entries } = await fillUp(opened);
    await opened.journal.close();
    const again = await openTestJournal({ directory, journalBytesMax });
    expect(again.journal.refusal('ordinary')).toBe('JOURNAL_FULL');
    await again.journal.close();
    const larger = await openTestJournal({ directory });
    await until(() => larger.journal.refusal('ordinary') === undefined);
    await larger.write(note(4000, 1));
    expect(larger.journal.syncedSequence()).toBe(entries + 1);
    await larger.journal.close();
  });
});

describe('OVERLOADED', () => {
  const LARGE_SEGMENT = 48 * 1024 * 1024;

  async function heldJournal(segmentBytes = SEGMENT_BYTES) {
    const disk = heldFiles();
    const clock = createTestClock();
    const directory = journalFolder();
    const opened = await openTestJournal({
      directory,
      files: disk.files,
      clock,
      segmentBytes,
      journalBytesMax: 3 * segmentBytes,
    });
    disk.hold();
    return { disk, clock, opened };
  }

  test('is what the batch that collects says before one command could overfill it', async () => {
    const { disk, opened } = await heldJournal(LARGE_SEGMENT);
    opened.journal.append(note(300, 1));
    const first = await disk.next();
    const room = limits.batchBytes - limits.messageBytes;
    let bytes = 0;
    while (opened.journal.refusal('ordinary') === undefined) {
      opened.journal.append(note(500_000, 2));
      bytes += 500_000;
    }
    expect(opened.journal.refusal('ordinary')).toBe('OVERLOADED');
    expect(opened.journal.refusal('ending')).toBe('OVERLOADED');
    expect(bytes).toBeGreaterThan(room);
    expect(bytes).toBeLessThan(room + 1_000_000);
    expect(opened.journal.pendingBytes()).toBeLessThan(limits.pendingBytes);
    first.land();
    await disk.next();
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    disk.release();
  });

  test('is what a journal says with too many replies waiting', async () => {
    const { disk, opened } = await heldJournal();
    const { sequence } = opened.journal.append(note(300, 1));
    let replies = 0;
    const wait = () => opened.journal.whenSynced(sequence, () => replies++);
    for (let i = 0; i < limits.waitingReplies; i++) wait();
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    wait();
    expect(opened.journal.refusal('ordinary')).toBe('OVERLOADED');
    disk.release();
    await opened.journal.drain();
    expect(replies).toBe(limits.waitingReplies + 1);
    expect(opened.journal.waitingReplies()).toBe(0);
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    await opened.journal.close();
  });

  test('is what a journal says while a write takes longer than it should', async () => {
    const { disk, clock, opened } = await heldJournal();
    opened.journal.append(note(300, 1));
    const write = await disk.next();
    clock.advance(limits.syncSlowMs);
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    clock.advance(1);
    expect(opened.journal.refusal('ordinary')).toBe('OVERLOADED');
    expect(opened.journal.refusal('ending')).toBe('OVERLOADED');
    write.land();
    await opened.journal.drain();
    expect(opened.journal.refusal('ordinary')).toBeUndefined();
    await opened.journal.close();
  });

  test('is what it says while the next segment is being made and room is short', async () => {
    const directory = journalFolder();
    const making: (() => void)[] = [];
    let slow = false;
    const files = interceptFiles({
      write({ mode, land }) {
        if (slow && mode === 'create') making.push(land);
        else land();
      },
    });
    const opened = await openTestJournal({ directory, files });
    await until(() => existsSync(segmentPath(directory, 2)));
    slow = true;
    while (opened.journal.refusal('ordinary') === undefined) await opened.write(note(4000, 1));
    expect(opened.journal.refusal('ordinary')).toBe('OVERLOADED');
    slow = false;
    for (const land of making.splice(0)) land();
    await until(() => opened.journal.refusal('ordinary') === undefined);
    await opened.journal.close();
  });
});
