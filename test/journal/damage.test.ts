// Damage: what was acknowledged is not what it was. The journal refuses to open, names file and
// offset, and changes nothing.

import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  FRAME_BYTES,
  LAST_BYTE,
  sealBatch,
} from '../../src/journal/batch.js';
import { createWriter } from '../../src/journal/bytes.js';
import type { Entry } from '../../src/journal/entry.js';
import { encodeEntry } from '../../src/journal/entry-codec.js';
import { JournalDamaged } from '../../src/journal/recover.js';
import { tellTrouble } from '../../src/ops/cli/trouble.js';
import { uncompressed } from '../support/fault-files.js';
import {
  alignTo,
  type Batch,
  flipBit,
  journalFolder,
  keep,
  lastBatch,
  noise,
  note,
  openTestJournal,
  overwrite,
  scanAll,
  sectorsOf,
  segmentPath,
  zero,
} from '../support/fault-journal.js';

async function journalOf(...batchBytes: readonly number[]) {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  for (const [index, bytes] of batchBytes.entries()) await opened.write(note(bytes, index + 1));
  await opened.journal.close();
  return { directory, batches: scanAll(directory).batches, snapshot: keep(directory) };
}

function damageIn(directory: string): JournalDamaged | undefined {
  try {
    scanAll(directory);
  } catch (error) {
    if (error instanceof JournalDamaged) return error;
    throw error;
  }
  return undefined;
}

function nth(batches: readonly Batch[], index: number): Batch {
  const batch = batches.at(index);
  if (batch === undefined) throw new Error(`no batch ${index}`);
  return batch;
}

describe('every flipped bit is found', () => {
  test.each([
    ['the last acknowledged batch', -1],
    ['the batch before it', -2],
    ['the first batch', 0],
  ])('in %s, with its file and offset', async (_name, index) => {
    const { directory, batches, snapshot } = await journalOf(180, 1300, 170, 200);
    const batch = nth(batches, index);
    const bytes = readFileSync(batch.path);
    for (let at = batch.offset; at < batch.offset + batch.bytes; at++) {
      // Every bit of the header, one of each byte of the body.
      const bits = at - batch.offset < 64 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
      for (const bit of bits) {
        overwrite(batch.path, Buffer.from([(bytes[at] ?? 0) ^ (1 << bit)]), at);
        const damage = damageIn(directory);
        const place = { file: damage?.file, offset: damage?.offset };
        expect(place, `byte ${at - batch.offset}, bit ${bit}`).toEqual({
          file: batch.path,
          offset: batch.offset,
        });
      }
      overwrite(batch.path, bytes.subarray(at, at + 1), at);
    }
    expect(snapshot.unchanged()).toBe(true);
  });

  test("in the segment's header", async () => {
    const { directory, snapshot } = await journalOf(300);
    const path = segmentPath(directory, 1);
    for (let at = 0; at < 68; at++) {
      flipBit(path, at, at % 8);
      expect(damageIn(directory)).toMatchObject({ file: path, offset: 0 });
      flipBit(path, at, at % 8);
    }
    expect(snapshot.unchanged()).toBe(true);
  });

  test('also where a sector begins at the last byte of the header, and that is 0', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(300, 1));
    await alignTo(opened, 449);
    await opened.journal.close();
    // The last byte of the header is the highest of the CRC: one time in 256 it is 0.
    let last: Batch | undefined;
    for (let seed = 1; last === undefined && seed < 5000; seed++) {
      const { path, offset } = append(directory, {}, note(300, seed));
      if (readFileSync(path)[offset + 63] === 0) last = lastBatch(directory);
      else zero(path, offset, offset + 300);
    }
    if (last === undefined) throw new Error('no batch with such a CRC');
    flipBit(last.path, last.offset + 20, 3);
    expect(damageIn(directory)).toMatchObject({ file: last.path, offset: last.offset });
  });
});

describe('opening a damaged journal', () => {
  const DAMAGES: readonly (readonly [string, (batch: Batch) => void])[] = [
    ['a bit of the header', ({ path, offset }) => flipBit(path, offset + 30, 0)],
    ['a bit of the magic', ({ path, offset }) => flipBit(path, offset, 7)],
    ['a bit of the body', ({ path, offset }) => flipBit(path, offset + 100, 0)],
    ['the last byte', ({ path, offset, bytes }) => flipBit(path, offset + bytes - 1, 0)],
    ['noise in its place', ({ path, offset }) => overwrite(path, Buffer.from(noise(500)), offset)],
  ];

  test.each(DAMAGES)('is refused and changes nothing: %s', async (_name, damage) => {
    const { directory, batches } = await journalOf(300, 700, 900);
    const last = nth(batches, -1);
    damage(last);
    const snapshot = keep(directory);
    const refusal = await openTestJournal({ directory }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(JournalDamaged);
    expect(refusal).toMatchObject({
      code: 'JOURNAL_DAMAGED',
      file: last.path,
      offset: last.offset,
      segment: 1,
      place: { sequence: 2 },
    });
    expect(snapshot.unchanged()).toBe(true);
  });

  test('ends the process with 3 and names file and offset', async () => {
    const { directory, batches } = await journalOf(300, 700);
    const last = nth(batches, -1);
    flipBit(last.path, last.offset + 80, 5);
    const refusal = await openTestJournal({ directory }).catch((error: unknown) => error);
    const stderr = new PassThrough();
    expect(tellTrouble(refusal, { stdout: new PassThrough(), stderr })).toBe(3);
    const said = String(stderr.read());
    expect(said).toContain(`${last.path} is damaged at byte ${last.offset}`);
    expect(said).toContain('tollgate verify');
  });
});

describe('a batch that is lost inside the journal is damage, not a torn tail', () => {
  test.each([
    ['all of it', (batch: Batch) => zero(batch.path, batch.offset, batch.offset + batch.bytes)],
    ['its first sector', (batch: Batch) => loseSector(batch, 0)],
    ['a sector in its middle', (batch: Batch) => loseSector(batch, 2)],
    ['its last sector', (batch: Batch) => loseSector(batch, -1)],
  ])('%s', async (_name, lose) => {
    const { directory, batches } = await journalOf(300, 2600, 300);
    const middle = nth(batches, 1);
    lose(middle);
    const damage = damageIn(directory);
    expect(damage).toMatchObject({ file: middle.path, offset: middle.offset });
    expect(damage?.message).toContain(`a whole batch follows at ${nth(batches, 2).offset}`);
  });

  test('also where its segment is full and later segments go on', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: uncompressed });
    for (let i = 1; i <= 5; i++) await opened.write(note(28_000, i));
    await opened.journal.close();
    const { batches } = scanAll(directory);
    const lastOfFirst = nth(batches, 1);
    expect(lastOfFirst.segment).toBe(1);
    flipBit(lastOfFirst.path, lastOfFirst.offset + 5000, 1);
    expect(damageIn(directory)).toMatchObject({
      file: lastOfFirst.path,
      offset: lastOfFirst.offset,
    });
  });

  test('and the file that lost a sector is the one that is named', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: uncompressed });
    for (let i = 1; i <= 5; i++) await opened.write(note(28_000, i));
    await opened.journal.close();
    const lastOfFirst = nth(scanAll(directory).batches, 1);
    loseSector(lastOfFirst, 3);
    expect(damageIn(directory)).toMatchObject({
      file: lastOfFirst.path,
      offset: lastOfFirst.offset,
    });
  });

  test('and a sealed segment never has a torn tail', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files: uncompressed });
    for (let i = 1; i <= 3; i++) await opened.write(note(28_000, i));
    await opened.journal.close();
    const { batches } = scanAll(directory);
    // The crash came before the first batch of the second segment was written.
    const { path, offset, bytes } = nth(batches, 2);
    zero(path, offset, offset + bytes);
    expect(scanAll(directory).end).toMatchObject({ segment: 1, kind: 'sealed' });
    loseSector(nth(batches, 1), 3);
    expect(damageIn(directory)).toMatchObject({ segment: 1, offset: nth(batches, 1).offset });
  });
});

function loseSector(batch: Batch, index: number): void {
  const sector = sectorsOf(batch).at(index);
  if (sector === undefined) throw new Error('a sector');
  zero(batch.path, sector.start, sector.end);
}

describe('a whole batch that does not belong where it stands is damage', () => {
  const FORGERIES: readonly (readonly [string, Partial<BatchHeader>, string])[] = [
    ['of an older epoch: there was a second writer', { epoch: 4 }, 'older epoch'],
    ['of an older incarnation', { incarnation: 1 }, 'older incarnation'],
    ['of another segment', { segment: 9 }, 'belongs to segment 9'],
    ['that chains to another batch', { previousCrc: 12 }, 'does not chain'],
    ['that leaves out a sequence', { firstSequence: 5 }, 'begins at sequence 5, expected 3'],
    ['that repeats a sequence', { firstSequence: 2 }, 'begins at sequence 2, expected 3'],
  ];

  test.each(FORGERIES)('%s', async (_name, change, reason) => {
    const { directory } = await journalOf(300);
    append(directory, { epoch: 5, incarnation: 2 });
    const { place } = scanAll(directory).end;
    append(directory, { epoch: 5, incarnation: 2, ...change });
    const damage = damageIn(directory);
    expect(damage).toMatchObject({ segment: 1, offset: place.offset });
    expect(damage?.message).toContain(reason);
  });

  test('and one of a newer epoch is the work of a later start', async () => {
    const { directory } = await journalOf(300);
    append(directory, { epoch: 7 });
    append(directory, { epoch: 7 });
    append(directory, { epoch: 8 });
    expect(scanAll(directory).batches).toHaveLength(4);
  });
});

/** Writes a whole batch of one entry behind the last one. */
function append(
  directory: string,
  change: Partial<BatchHeader>,
  entry: Entry = note(300),
): Pick<Batch, 'path' | 'offset'> {
  const { end, batches } = scanAll(directory);
  const { path } = nth(batches, -1);
  const writer = createWriter(1024);
  encodeEntry(writer, entry);
  const body = writer.buffer.subarray(0, writer.position);
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeUInt32LE(body.length, 0);
  frame.writeUInt32LE(crc32(body), 4);
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const buffer = Buffer.concat([header, frame, body, Buffer.from([LAST_BYTE])]);
  sealBatch(buffer, {
    incarnation: 1,
    epoch: 1,
    segment: end.segment,
    count: 1,
    firstSequence: end.place.sequence + 1,
    syncedSequence: end.place.sequence,
    bodyBytes: buffer.length - BATCH_HEADER_BYTES,
    previousCrc: end.place.crc,
    writtenMs: 1_795_176_000_000,
    ...change,
  });
  overwrite(path, buffer, end.place.offset);
  return { path, offset: end.place.offset };
}
