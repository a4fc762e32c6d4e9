// A torn tail: the last batch, of which the disk took some sectors and not all. It was never
// acknowledged, so it is cut, and what follows it is zero.

import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isZero } from '../../src/journal/batch.js';
import { realFiles } from '../../src/journal/files.js';
import { JournalDamaged } from '../../src/journal/recover.js';
import { uncompressed } from '../support/fault-files.js';
import {
  alignTo,
  type Batch,
  journalFolder,
  keep,
  lastBatch,
  noise,
  note,
  openTestJournal,
  overwrite,
  type Sector,
  scanAll,
  sectorsOf,
  zero,
} from '../support/fault-journal.js';

/** Where in a sector the torn batch begins: at its start, in it, with its header across the end. */
const PLACES = [0, 1, 200, 448, 449, 470, 511];

/** A journal of three batches of one entry; the last begins at byte `within` of a sector. */
async function threeBatches(within: number, lastBytes: number) {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  await opened.write(note(900, 1));
  await alignTo(opened, within);
  await opened.write(note(lastBytes, 3));
  await opened.journal.close();
  const last = lastBatch(directory);
  expect(last.offset % 512).toBe(within);
  return { directory, last, snapshot: keep(directory) };
}

/** What the disk holds of the batch: these sectors, zeros for the others. */
function lose({ path }: Batch, lost: readonly Sector[]): void {
  for (const { start, end } of lost) zero(path, start, end);
}

/** Opens, checks that two entries are left, appends as much as was lost, and opens once more. */
async function expectCut(directory: string, last: Batch): Promise<void> {
  const opened = await openTestJournal({ directory });
  expect(opened.torn).toBe(true);
  expect(opened.replayed.map(({ sequence }) => sequence)).toEqual([1, 2]);
  const bytes = readFileSync(last.path);
  expect(bytes.subarray(last.offset).every((byte) => byte === 0)).toBe(true);
  await opened.write(note(last.bytes, 4));
  await opened.journal.close();
  const again = await openTestJournal({ directory });
  expect(again.torn).toBe(false);
  expect(again.replayed.map(({ entry }) => entry)).toEqual([
    note(900, 1),
    expect.anything(),
    note(last.bytes, 4),
  ]);
  await again.journal.close();
}

describe.each(PLACES)('a batch that begins at byte %i of a sector', (within) => {
  test('is cut where its sectors end early, at every sector', async () => {
    const { directory, last, snapshot } = await threeBatches(within, 2600);
    const sectors = sectorsOf(last);
    for (let written = 1; written < sectors.length; written++) {
      snapshot.restore();
      lose(last, sectors.slice(written));
      await expectCut(directory, last);
    }
  });

  test('is cut where only its end was written', async () => {
    const { directory, last, snapshot } = await threeBatches(within, 2600);
    const sectors = sectorsOf(last);
    for (let missing = 1; missing < sectors.length; missing++) {
      snapshot.restore();
      lose(last, sectors.slice(0, missing));
      await expectCut(directory, last);
    }
  });

  test('is cut where any set of its sectors is missing, and gone where all are', async () => {
    const { directory, last, snapshot } = await threeBatches(within, 4000);
    const sectors = sectorsOf(last);
    fc.assert(
      fc.property(fc.subarray(sectors, { minLength: 1 }), (lost) => {
        snapshot.restore();
        lose(last, lost);
        const { end } = scanAll(directory);
        expect(end.kind).toBe(lost.length === sectors.length ? 'clean' : 'torn');
        expect(end.place).toMatchObject({ sequence: 2, offset: last.offset });
      }),
      { numRuns: 40 },
    );
  });

  // A disk writes no half sectors: one that is broken and not empty is damage. Without a header the
  // batch's length is not known, so only the sectors of the header count.
  test('is damage where it is zero from a byte on, yet every sector holds something', async () => {
    const { directory, last, snapshot } = await threeBatches(within, 1500);
    const end = last.offset + last.bytes;
    const bytes = readFileSync(last.path);
    for (let cut = last.offset; cut < end; cut += stepAt(cut - last.offset)) {
      const known = cut - last.offset < HEADER_READABLE ? sectorsOfHeader(last) : sectorsOf(last);
      const left = bytes.subarray(0, cut);
      const empty = known.filter((sector) => isZero(left, sector.start, Math.min(cut, sector.end)));
      zero(last.path, cut, end);
      const found = kindOf(directory);
      overwrite(last.path, bytes.subarray(cut, end), cut);
      const expected = cut === last.offset ? 'clean' : empty.length > 0 ? 'torn' : 'damaged';
      expect(found, `zero from byte ${cut - last.offset} of ${last.bytes}`).toBe(expected);
    }
    expect(snapshot.unchanged()).toBe(true);
  });
});

/** Every byte around the header, some of the body. */
function stepAt(cut: number): number {
  return cut < 70 ? 1 : 23;
}

/** Its own CRC ends there; the CRC of the batch comes after it. */
const HEADER_READABLE = 60;

function sectorsOfHeader({ offset }: Batch): readonly Sector[] {
  return sectorsOf({ offset, bytes: 64 });
}

function kindOf(directory: string): string {
  try {
    return scanAll(directory).end.kind;
  } catch (error) {
    if (error instanceof JournalDamaged) return 'damaged';
    throw error;
  }
}

test('a batch within one sector is there whole or not at all', async () => {
  const { directory, last } = await threeBatches(100, 300);
  lose(last, sectorsOf(last));
  const opened = await openTestJournal({ directory });
  expect(opened.torn).toBe(false);
  expect(opened.replayed).toHaveLength(2);
  await opened.journal.close();
});

test('a write that a kill cut short at any byte is cut, header and all', async () => {
  // The page cache takes a write page by page, and a kill may come between two of them.
  const { directory, last, snapshot } = await threeBatches(200, 30_000);
  for (let page = Math.ceil(last.offset / 4096); page * 4096 < last.offset + last.bytes; page++) {
    snapshot.restore();
    zero(last.path, page * 4096, last.offset + last.bytes);
    await expectCut(directory, last);
  }
});

describe('frames of a torn batch never come back to life', () => {
  test('after batches of equal size were written over its head', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(900, 1));
    // Twenty entries in one batch, of which the disk loses the first sectors.
    await opened.write(...Array.from({ length: 20 }, (_, i) => note(600, 100 + i)));
    await opened.journal.close();
    const torn = lastBatch(directory);
    zero(torn.path, torn.offset, torn.offset + 1024);
    for (let i = 0; i < 12; i++) {
      const next = await openTestJournal({ directory });
      expect(next.replayed.map(({ entry }) => entry)).toEqual([
        note(900, 1),
        ...Array.from({ length: i }, (_, n) => note(608, 200 + n)),
      ]);
      await next.write(note(608, 200 + i));
      await next.journal.close();
    }
  });

  test('even where the zeros of the recovery were lost and the old tail is back', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(900, 1));
    await opened.write(...Array.from({ length: 8 }, (_, i) => note(600, 100 + i)));
    await opened.journal.close();
    const torn = lastBatch(directory);
    const old = readFileSync(torn.path).subarray(torn.offset, torn.offset + torn.bytes);
    const snapshot = keep(directory);
    for (let bytes = 600; bytes < 4000; bytes += 173) {
      snapshot.restore();
      zero(torn.path, torn.offset, torn.offset + torn.bytes);
      const next = await openTestJournal({ directory });
      await next.write(note(bytes, 5));
      await next.journal.close();
      overwrite(torn.path, old.subarray(bytes), torn.offset + bytes);
      // Torn or damaged: it depends on where the new batch ends. Never is an old entry read.
      const { batches } = scanUntilTrouble(directory);
      expect(batches.map(({ count }) => count)).toEqual([1, 1]);
    }
  });
});

function scanUntilTrouble(directory: string): { readonly batches: readonly Batch[] } {
  const batches: Batch[] = [];
  try {
    scanAll(directory, realFiles, batches);
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
  }
  return { batches };
}

describe('a torn batch at the head of a new segment', () => {
  async function tornHead() {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: uncompressed });
    await opened.write(note(40_000, 1));
    await opened.write(note(40_000, 2));
    await opened.journal.close();
    const torn = lastBatch(directory);
    expect(torn).toMatchObject({ segment: 2, offset: 4096 });
    zero(torn.path, torn.offset, torn.offset + 1024);
    return { directory, torn };
  }

  test('is not replayed', async () => {
    const { directory } = await tornHead();
    const opened = await openTestJournal({ directory, files: uncompressed });
    expect(opened.replayed.map(({ entry }) => entry)).toEqual([note(40_000, 1)]);
    await opened.journal.close();
  });

  test('is reported as a torn tail', async () => {
    const { directory } = await tornHead();
    const opened = await openTestJournal({ directory, files: uncompressed });
    await opened.journal.close();
    expect(opened.torn).toBe(true);
  });

  test('is zeroed before anything is appended', async () => {
    const { directory, torn } = await tornHead();
    const opened = await openTestJournal({ directory, files: uncompressed });
    const rest = readFileSync(torn.path).subarray(torn.offset);
    await opened.journal.close();
    expect(rest.every((byte) => byte === 0)).toBe(true);
  });

  test('leaves a journal that starts again', async () => {
    const { directory } = await tornHead();
    const opened = await openTestJournal({ directory, files: uncompressed });
    await opened.write(note(30_000, 3));
    await opened.write(note(1700, 4));
    await opened.journal.close();
    const again = await openTestJournal({ directory, files: uncompressed });
    expect(again.replayed).toHaveLength(3);
    await again.journal.close();
  });
});

test('opening again and again after a crash during recovery gives the same journal', async () => {
  const { directory, last, snapshot } = await threeBatches(200, 2600);
  const sectors = sectorsOf(last);
  lose(last, sectors.slice(2, 4));
  const torn = readFileSync(last.path);
  // Recovery zeroes from the cut on; a crash leaves any sectors of that zero and others not.
  fc.assert(
    fc.property(fc.subarray(sectors), (zeroed) => {
      snapshot.restore();
      writeFileSync(last.path, torn);
      lose(last, zeroed);
      const { end } = scanAll(directory);
      expect(['torn', 'clean']).toContain(end.kind);
      expect(end.place.sequence).toBe(2);
    }),
    { numRuns: 40 },
  );
});

test('a torn batch may hold anything: nothing of it is read as an entry', async () => {
  const { directory, last, snapshot } = await threeBatches(0, 2600);
  for (let seed = 1; seed <= 20; seed++) {
    snapshot.restore();
    const [first, second, ...others] = sectorsOf(last);
    if (first === undefined || second === undefined) throw new Error('sectors');
    zero(last.path, second.start, second.end);
    for (const { start, end } of others) {
      overwrite(last.path, Buffer.from(noise(end - start, seed), 'latin1'), start);
    }
    expect(scanAll(directory).end).toMatchObject({ kind: 'torn', place: { sequence: 2 } });
  }
});
