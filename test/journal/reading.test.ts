// Reading in order goes on from where the last reading stood; what was being written by then is
// read as it is now.

import { expect, test } from 'vitest';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import { journalFolder, note, openTestJournal } from '../support/fault-journal.js';

const SIZES = [200, 300, 5000, 900, 20_000];

test('readers in order find each entry, right behind the last one that is durable', async () => {
  const opened = await openTestJournal({ directory: journalFolder() });
  const { journal } = opened;
  const reached = [1, 1, 1];
  const sizeOf = (sequence: number) => SIZES[sequence % SIZES.length] ?? 0;
  const read = (sequence: number) => decodeEntry(journal.read(sequence).body);
  let written = 0;
  while (written < 600) {
    // A batch of each size, from one entry on, and its readers stop in the middle of others.
    const batch = Array.from({ length: 1 + (written % 23) }, () => {
      written++;
      return note(sizeOf(written), written);
    });
    await opened.write(...batch);
    for (const [reader, from] of reached.entries()) {
      const through = reader === 0 ? written : Math.min(written, from + 3 * reader);
      for (let sequence = from; sequence <= through; sequence++) {
        expect(read(sequence)).toEqual(note(sizeOf(sequence), sequence));
      }
      reached[reader] = through + 1;
    }
  }
  expect(reached[0]).toBe(written + 1);
  await journal.close();
});
