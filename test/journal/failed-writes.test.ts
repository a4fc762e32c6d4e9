// A write that fails in a live segment ends everything: nothing is acknowledged after it, and the
// next start finds all that was.

import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.js';
import type { AsyncWrite } from '../support/fault-files.js';
import { heldFiles, interceptFiles, systemError } from '../support/fault-files.js';
import {
  journalFolder,
  note,
  openTestJournal,
  scanAll,
  segmentPath,
  until,
  zero,
} from '../support/fault-journal.js';

const SHORT = new Failure('SHORT_WRITE', 'wrote 700 of 2000 bytes');

const FAILURES: readonly (readonly [string, (write: AsyncWrite) => void])[] = [
  ['an error of the disk', ({ fail }) => fail(systemError('EIO'))],
  ['no room in a segment that was made with room', ({ fail }) => fail(systemError('ENOSPC'))],
  ['a short write', ({ tear }) => tear(700, SHORT)],
  ['an error after everything was written', ({ tear, bytes }) => tear(bytes, systemError('EIO'))],
];

describe.each(FAILURES)('%s', (_name, failure) => {
  test('is fatal once, and no reply runs after it', async () => {
    const disk = heldFiles();
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: disk.files });
    const ran: string[] = [];
    const append = (seed: number) => {
      const { sequence } = opened.journal.append(note(2000, seed));
      opened.journal.whenSynced(sequence, () => ran.push(`reply ${sequence}`));
    };
    disk.hold();
    append(1);
    (await disk.next()).land();
    await until(() => ran.length === 1);
    append(2);
    const failing = await disk.next();
    append(3);
    failure(failing);
    disk.release();
    // Whatever might still come has had its chance.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(opened.fatal).toHaveLength(1);
    expect(ran).toEqual(['reply 1']);
    expect(opened.journal.syncedSequence()).toBe(1);
    expect(() => append(4)).toThrow('nothing is appended after the journal ended');
  });

  test('leaves a journal with everything that was acknowledged', async () => {
    for (let failing = 1; failing <= 5; failing++) {
      const directory = journalFolder();
      let writes = 0;
      const files = interceptFiles({
        write(write) {
          if (write.mode === 'synced' && ++writes === failing) failure(write);
          else write.land();
        },
      });
      const opened = await openTestJournal({ directory, files });
      const acknowledged: number[] = [];
      for (let i = 1; i <= 6 && opened.fatal.length === 0; i++) {
        const { sequence } = opened.journal.append(note(2000, i));
        opened.journal.whenSynced(sequence, () => acknowledged.push(sequence));
        await until(() => acknowledged.length === i || opened.fatal.length > 0);
      }
      expect(acknowledged).toHaveLength(failing - 1);
      const again = await openTestJournal({ directory });
      const found = again.replayed.map(({ sequence }) => sequence);
      expect(found.slice(0, failing - 1)).toEqual(acknowledged);
      // What was not acknowledged may be there or not, but never more of it than was written.
      expect(found.length).toBeLessThanOrEqual(failing);
      await again.write(note(2000, 99));
      await again.journal.close();
      const third = await openTestJournal({ directory });
      expect(third.replayed.at(-1)?.entry).toEqual(note(2000, 99));
      await third.journal.close();
    }
  });
});

test('a failure while a batch is written again at the start ends the start', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  await opened.write(note(2000, 1));
  await opened.journal.close();
  const files = interceptFiles({
    before({ name, mode }) {
      if (name === 'writeSync' && mode === 'synced') throw systemError('EIO');
    },
  });
  await expect(openTestJournal({ directory, files })).rejects.toMatchObject({ code: 'EIO' });
  const again = await openTestJournal({ directory });
  expect(again.replayed).toHaveLength(1);
  await again.journal.close();
});

test('what a failed write left in the page cache is durable before it is believed', async () => {
  // After a failed sync the page cache shows a batch that the disk may not have. The next start
  // writes it again, through a handle that syncs.
  const directory = journalFolder();
  const files = interceptFiles({
    write(write) {
      if (write.mode === 'synced') write.tear(write.bytes, systemError('EIO'));
      else write.land();
    },
  });
  const opened = await openTestJournal({ directory, files });
  opened.journal.append(note(2000, 1));
  await until(() => opened.fatal.length > 0);
  const [batch] = scanAll(directory).batches;
  const writes: (number | undefined)[] = [];
  const watched = interceptFiles({
    before({ name, mode, position, bytes }) {
      if (name !== 'writeSync' || mode !== 'synced') return;
      writes.push(position, bytes?.length);
    },
  });
  const again = await openTestJournal({ directory, files: watched });
  expect(again.replayed).toHaveLength(1);
  expect(writes).toEqual([batch?.offset, batch?.bytes]);
  await again.journal.close();
});

test('and where the disk never had it, the batch is gone as if never written', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  await opened.write(note(2000, 1));
  await opened.write(note(2000, 2));
  await opened.journal.close();
  const { batches } = scanAll(directory);
  const last = batches.at(-1);
  if (last === undefined) throw new Error('a batch');
  zero(segmentPath(directory, 1), last.offset, last.offset + last.bytes);
  const again = await openTestJournal({ directory });
  expect(again.torn).toBe(false);
  expect(again.replayed).toHaveLength(1);
  await again.journal.close();
});
