// What a start makes of the files that it finds: other journals' segments, missing ones, leftovers
// of a crash, sizes that changed.

import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realFiles } from '../../src/journal/files.js';
import { JournalDamaged } from '../../src/journal/recover.js';
import { makeSegment, readTrailer, SEGMENT_HEADER_BYTES } from '../../src/journal/segment.js';
import { uncompressed } from '../support/fault-files.js';
import {
  alignTo,
  journalFolder,
  note,
  openTestJournal,
  overwrite,
  SEGMENT_BYTES,
  scanAll,
  segmentPath,
  segmentsOf,
  uuidOf,
  zero,
} from '../support/fault-journal.js';

/** Two batches of 28,000 bytes to a segment; the last one is followed by an empty one. */
async function fullJournal(batches: number, files = uncompressed) {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory, files });
  for (let i = 1; i <= batches; i++) await opened.write(note(28_000, i));
  await opened.journal.close();
  return directory;
}

async function sequencesOf(directory: string): Promise<readonly number[]> {
  const opened = await openTestJournal({ directory, files: uncompressed });
  await opened.journal.close();
  return opened.replayed.map(({ sequence }) => sequence);
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

function refusalOf(directory: string): Promise<unknown> {
  return openTestJournal({ directory }).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

describe('a segment that is not the one that belongs there', () => {
  test('of another journal is refused by name', async () => {
    const directory = await fullJournal(5);
    const other = await fullJournal(5);
    copyFileSync(segmentPath(other, 2), segmentPath(directory, 2));
    const refusal = await refusalOf(directory);
    expect(refusal).toBeInstanceOf(JournalDamaged);
    expect(refusal).toMatchObject({ file: segmentPath(directory, 2), offset: 0 });
  });

  test('of another place in the same journal is refused by name', async () => {
    const directory = await fullJournal(5);
    copyFileSync(segmentPath(directory, 1), segmentPath(directory, 2));
    const refusal = await refusalOf(directory);
    expect(refusal).toMatchObject({ file: segmentPath(directory, 2), offset: 0 });
  });

  test.each([0, 100, SEGMENT_HEADER_BYTES - 1, SEGMENT_HEADER_BYTES, 20_000])(
    'cut to %i bytes is refused by name',
    async (bytes) => {
      const directory = await fullJournal(5);
      truncateSync(segmentPath(directory, 2), bytes);
      const refusal = await refusalOf(directory);
      expect(refusal).toMatchObject({ code: 'JOURNAL_DAMAGED', file: segmentPath(directory, 2) });
    },
  );
});

describe('a segment that is missing', () => {
  test.each([1, 2])('segment %i of three is noticed', async (number) => {
    const directory = await fullJournal(5);
    rmSync(segmentPath(directory, number));
    expect(await refusalOf(directory)).toMatchObject({ code: 'JOURNAL_DAMAGED' });
  });

  test('in the middle is noticed too where the state covers it', async () => {
    const directory = await fullJournal(8);
    rmSync(segmentPath(directory, 2));
    const opening = openTestJournal({ directory, startAfter: 8 });
    await expect(opening).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
  });

  test('at the end is noticed by the identity, which knows more', async () => {
    const directory = await fullJournal(5);
    const opened = await openTestJournal({ directory, files: uncompressed });
    await opened.saveIdentity();
    await opened.journal.close();
    for (const number of [2, 3, 4]) rmSync(segmentPath(directory, number), { force: true });
    const refusal = await refusalOf(directory);
    expect(refusal).toMatchObject({ code: 'JOURNAL_DAMAGED' });
    expect(String(refusal)).toContain('identity.json knows 5');
  });

  test('and all of them are noticed', async () => {
    const directory = await fullJournal(5);
    for (const name of readdirSync(segmentsOf(directory)))
      rmSync(join(segmentsOf(directory), name));
    expect(await refusalOf(directory)).toMatchObject({ code: 'JOURNAL_MISSING' });
  });

  test('all but the empty one are noticed', async () => {
    const directory = await fullJournal(2);
    const opened = await openTestJournal({ directory });
    await opened.saveIdentity();
    await opened.journal.close();
    rmSync(segmentPath(directory, 1));
    expect(readdirSync(segmentsOf(directory))).toEqual(['00000002.seg']);
    expect(await refusalOf(directory)).toMatchObject({ code: 'JOURNAL_DAMAGED' });
  });
});

describe('a segment made ahead', () => {
  test('is ignored while it is empty, and used later', async () => {
    const directory = await fullJournal(1);
    expect(readdirSync(segmentsOf(directory))).toEqual(['00000001.seg', '00000002.seg']);
    const made = statSync(segmentPath(directory, 2)).ino;
    const opened = await openTestJournal({ directory, files: uncompressed });
    expect(opened.journal.syncedPlace().segment).toBe(1);
    await opened.write(note(28_000, 2));
    await opened.write(note(28_000, 3));
    await opened.journal.close();
    expect(statSync(segmentPath(directory, 2)).ino).toBe(made);
    expect(await sequencesOf(directory)).toEqual(upTo(3));
  });

  test('is no end of the journal where it is empty and a later one is not', async () => {
    const directory = await fullJournal(5);
    const { batches } = scanAll(directory);
    for (const { path, segment, offset, bytes } of batches) {
      if (segment === 2) zero(path, offset, offset + bytes);
    }
    truncateSync(segmentPath(directory, 2), SEGMENT_HEADER_BYTES);
    truncateSync(segmentPath(directory, 2), SEGMENT_BYTES);
    expect(await refusalOf(directory)).toMatchObject({ code: 'JOURNAL_DAMAGED' });
  });

  test('that a crash left half made is removed and made again', async () => {
    const directory = await fullJournal(1);
    const path = segmentPath(directory, 2);
    truncateSync(path, 9000);
    renameSync(path, `${path}.tmp`);
    writeFileSync(join(segmentsOf(directory), '00000001.segz.tmp'), 'half a compressed segment');
    expect(await sequencesOf(directory)).toEqual([1]);
    expect(readdirSync(segmentsOf(directory))).toEqual(['00000001.seg', '00000002.seg']);
  });

  test('is not there yet after the very first crash', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.journal.close();
    const identity = JSON.parse(readFileSync(join(directory, 'identity.json'), 'utf8'));
    writeFileSync(join(directory, 'identity.json'), JSON.stringify({ ...identity, epoch: 0 }));
    rmSync(segmentsOf(directory), { recursive: true });
    const again = await openTestJournal({ directory });
    expect(again.identity.uuid).toBe(identity.uuid);
    await again.write(note(300));
    await again.journal.close();
    expect(await sequencesOf(directory)).toEqual([1]);
  });
});

describe('a segment that a crash left unsealed', () => {
  /** The first segment as it was before it was sealed, with the next one in use. */
  async function unsealed(within?: number) {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: uncompressed });
    await opened.write(note(28_000, 1));
    if (within !== undefined) await alignTo(opened, within);
    await opened.write(note(50_000, 2));
    await opened.journal.close();
    const last = scanAll(directory)
      .batches.filter(({ segment }) => segment === 1)
      .at(-1);
    const end = (last?.offset ?? 0) + (last?.bytes ?? 0);
    const path = segmentPath(directory, 1);
    const trailer = readFileSync(path).subarray(end);
    truncateSync(path, end);
    truncateSync(path, SEGMENT_BYTES);
    return { directory, path, end, trailer };
  }

  test('is sealed at the next start', async () => {
    const { directory, path, end } = await unsealed();
    expect(await sequencesOf(directory)).toEqual(upTo(2));
    const handle = realFiles.open(path, 'read');
    expect(readTrailer(handle)).toMatchObject({ lastSequence: 1, endOffset: end });
    handle.close();
    expect(await sequencesOf(directory)).toEqual(upTo(2));
  });

  test('may hold its trailer without having been cut behind it', async () => {
    const { directory, path, end, trailer } = await unsealed();
    overwrite(path, trailer, end);
    expect(await sequencesOf(directory)).toEqual(upTo(2));
    expect(await sequencesOf(directory)).toEqual(upTo(2));
  });

  test('may hold a part of its trailer', async () => {
    const { directory, path, end, trailer } = await unsealed(490);
    expect(end % 512).toBeGreaterThan(0);
    const boundary = Math.ceil(end / 512) * 512;
    expect(boundary).toBeLessThan(end + trailer.length);
    overwrite(path, trailer.subarray(boundary - end), boundary);
    expect(await sequencesOf(directory)).toEqual(upTo(3));
  });
});

describe('a plain segment and its compressed form side by side', () => {
  test('is what a crash between the two steps leaves, and the compressed one stays', async () => {
    const directory = await fullJournal(3);
    const plain = readFileSync(segmentPath(directory, 1));
    const opened = await openTestJournal({ directory });
    while (!existsSync(`${segmentPath(directory, 1)}z`)) await new Promise(setImmediate);
    await opened.journal.close();
    writeFileSync(segmentPath(directory, 1), plain);
    expect(await sequencesOf(directory)).toEqual(upTo(3));
    expect(readdirSync(segmentsOf(directory))).toContain('00000001.segz');
    expect(readdirSync(segmentsOf(directory))).not.toContain('00000001.seg');
  });
});

describe('the size of a segment', () => {
  test('may be set larger between two starts', async () => {
    const directory = journalFolder();
    const small = await openTestJournal({ directory });
    await small.write(note(40_000, 1));
    await small.journal.close();
    const segmentBytes = 2 * SEGMENT_BYTES;
    const large = await openTestJournal({ directory, segmentBytes });
    await large.write(note(40_000, 2));
    await large.journal.close();
    const again = await openTestJournal({ directory, segmentBytes });
    await again.journal.close();
    expect(again.replayed).toHaveLength(2);
  });

  test('may be set smaller between two starts', async () => {
    const directory = journalFolder();
    const large = await openTestJournal({ directory, segmentBytes: 2 * SEGMENT_BYTES });
    await large.write(note(80_000, 1));
    await large.journal.close();
    const small = await openTestJournal({ directory });
    await small.write(note(40_000, 2));
    await small.journal.close();
    expect(await sequencesOf(directory)).toEqual(upTo(2));
  });

  test.each([0, 1, 2, 3])('may leave %i bytes behind the last batch', async (left) => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(SEGMENT_BYTES - SEGMENT_HEADER_BYTES - left));
    await opened.journal.close();
    expect(await sequencesOf(directory)).toEqual([1]);
  });

  test.each([4, 63, 64, 65])('may leave %i bytes behind the last batch', async (left) => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(SEGMENT_BYTES - SEGMENT_HEADER_BYTES - left));
    await opened.journal.close();
    expect(await sequencesOf(directory)).toEqual([1]);
  });

  test('bounds a batch, or the batch is durable all the same', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(SEGMENT_BYTES + 5000));
    await opened.journal.close();
    expect(await sequencesOf(directory)).toEqual([1]);
  });
});

test('leftovers of another kind are left alone', async () => {
  const directory = await fullJournal(1);
  writeFileSync(join(segmentsOf(directory), 'notes.txt'), 'mine');
  expect(await sequencesOf(directory)).toEqual([1]);
  expect(existsSync(join(segmentsOf(directory), 'notes.txt'))).toBe(true);
});

test('two empty segments ahead are as good as one', async () => {
  const directory = await fullJournal(1);
  await makeSegment({
    files: realFiles,
    directory: segmentsOf(directory),
    number: 3,
    uuid: uuidOf(directory),
    bytes: SEGMENT_BYTES,
  });
  expect(await sequencesOf(directory)).toEqual([1]);
});
