// Rotation: the next segment is made ahead, a full one is sealed and then compressed, and entries
// are found wherever they are.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import { realFiles } from '../../src/journal/files.js';
import { readTrailer } from '../../src/journal/segment.js';
import { limits } from '../../src/limits.js';
import { interceptFiles, systemError, uncompressed } from '../support/fault-files.js';
import {
  flipBit,
  journalFolder,
  noise,
  note,
  openTestJournal,
  SEGMENT_BYTES,
  scanAll,
  segmentPath,
  segmentsOf,
  type TestJournal,
  until,
} from '../support/fault-journal.js';

function names(directory: string): readonly string[] {
  return readdirSync(segmentsOf(directory)).sort();
}

function bytesOnDisk(directory: string): number {
  return names(directory).reduce(
    (sum, name) => sum + statSync(join(segmentsOf(directory), name)).size,
    0,
  );
}

/** Every entry by its sequence, forwards, backwards and here and there. */
function expectAllFound(opened: TestJournal, bytes: readonly number[]): void {
  const sequences = bytes.map((_, index) => index + 1);
  const order = [...sequences, ...[...sequences].reverse(), ...sequences.map(scattered)];
  for (const sequence of order) {
    const stored = opened.journal.read(sequence);
    expect(stored.sequence).toBe(sequence);
    expect(decodeEntry(stored.body)).toEqual(note(bytes[sequence - 1] ?? 0, sequence));
  }

  function scattered(sequence: number): number {
    return ((sequence * 7919) % bytes.length) + 1;
  }
}

/** Sizes below, at and above what is read at once. */
const SIZES = Array.from({ length: 60 }, (_, i) => [300, 900, 5000, 16_000, 40_000][i % 5] ?? 0);

async function filled(files = realFiles) {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory, files });
  for (const [index, bytes] of SIZES.entries()) await opened.write(note(bytes, index + 1));
  return { directory, opened };
}

describe('a full segment', () => {
  test('is sealed with its last entry and cut to its length; the next one is ready', async () => {
    const { directory, opened } = await filled(uncompressed);
    await opened.journal.close();
    const { batches } = scanAll(directory);
    const segments = names(directory);
    expect(segments.length).toBeGreaterThan(10);
    expect(opened.rotated).toEqual(segments.slice(1, -1).map((name) => Number(name.slice(0, 8))));
    for (const number of segments.slice(0, -2).map((name) => Number(name.slice(0, 8)))) {
      const own = batches.filter(({ segment }) => segment === number);
      const last = own.at(-1);
      const handle = realFiles.open(segmentPath(directory, number), 'read');
      const trailer = readTrailer(handle);
      expect(trailer).toMatchObject({
        lastSequence: last?.firstSequence,
        endOffset: (last?.offset ?? 0) + (last?.bytes ?? 0),
      });
      expect(trailer?.directory.sequences[0]).toBe(own[0]?.firstSequence);
      const listed = (trailer?.directory.offsets.length ?? 0) * 12;
      expect(handle.bytes()).toBe((trailer?.endOffset ?? 0) + 36 + listed);
      handle.close();
    }
  });

  test('is compressed, and only then the plain one goes', async () => {
    const seen: string[] = [];
    const files = interceptFiles({
      before({ name, path }) {
        const file = path.slice(path.lastIndexOf('/') + 1);
        if (name === 'rename' && file.endsWith('.segz')) seen.push(`${name} ${file}`);
        if (name === 'remove' && file.endsWith('.seg')) {
          expect(existsSync(`${path}z`)).toBe(true);
          seen.push(`${name} ${file}`);
        }
      },
    });
    const { directory, opened } = await filled(files);
    const sealed = opened.rotated.length;
    await until(() => seen.length === 2 * sealed);
    await opened.journal.close();
    expect(seen.slice(0, 2)).toEqual(['rename 00000001.segz', 'remove 00000001.seg']);
    expect(names(directory).filter((name) => name.endsWith('.segz'))).toHaveLength(sealed);
    expect(names(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('makes nobody wait for the disk: only what is compressed is written beside the calls', async () => {
    let serving = false;
    const waited: string[] = [];
    const files = interceptFiles({
      before({ name, path }) {
        if (!serving || !['syncSync', 'unlink', 'writeSync'].includes(name)) return;
        waited.push(`${name} ${basename(path).replace(/^\d+/, '')}`);
      },
    });
    const directory = journalFolder();
    const opened = await openTestJournal({ directory, files });
    serving = true;
    for (const [index, bytes] of SIZES.entries()) await opened.write(note(bytes, index + 1));
    await until(() => opened.rotated.every((n) => existsSync(`${segmentPath(directory, n - 1)}z`)));
    await opened.journal.close();
    expect(new Set(waited)).toEqual(new Set(['writeSync .segz.tmp']));
  });

  test('that cannot be compressed now stays as it is and is tried again', async () => {
    let full = true;
    const files = interceptFiles({
      before({ name, path }) {
        if (full && name === 'open' && path.endsWith('.segz.tmp'))
          throw systemError('ENOSPC', path);
      },
    });
    const { directory, opened } = await filled(files);
    await until(() => opened.trouble.length > 0);
    expect(names(directory).some((name) => name.endsWith('.segz'))).toBe(false);
    expectAllFound(opened, SIZES);
    full = false;
    opened.rotation.tend();
    await until(() => opened.rotated.every((n) => existsSync(`${segmentPath(directory, n - 1)}z`)));
    expectAllFound(opened, SIZES);
    await opened.journal.close();
    expect(opened.fatal).toEqual([]);
  });

  test('that could not be compressed in one run is compressed in the next', async () => {
    const { directory, opened } = await filled(uncompressed);
    await opened.journal.close();
    const again = await openTestJournal({ directory });
    await until(() => opened.rotated.every((n) => existsSync(`${segmentPath(directory, n - 1)}z`)));
    expectAllFound(again, SIZES);
    await again.journal.close();
  });
});

test('the size of the journal is what its files take up', async () => {
  const { directory, opened } = await filled();
  expect(opened.rotated.length).toBeGreaterThan(10);
  await until(() => opened.rotated.every((n) => existsSync(`${segmentPath(directory, n - 1)}z`)));
  await until(() => names(directory).length === opened.rotated.length + 2);
  await until(() => opened.rotation.bytes() === bytesOnDisk(directory));
  await opened.journal.close();
  const again = await openTestJournal({ directory });
  expect(again.rotation.bytes()).toBe(bytesOnDisk(directory));
  await again.journal.close();
});

test('the size of the journal counts a segment that grew', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory, files: uncompressed });
  await opened.write(note(SEGMENT_BYTES + 20_000, 1));
  await until(() => existsSync(segmentPath(directory, 3)));
  await until(() => opened.rotation.bytes() === bytesOnDisk(directory));
  await opened.write(note(900, 2));
  await until(() => existsSync(segmentPath(directory, 4)));
  await until(() => opened.rotation.bytes() === bytesOnDisk(directory));
  await opened.journal.close();
});

describe('while the machine is busy', () => {
  const compressed = (directory: string) =>
    names(directory).filter((name) => name.endsWith('.segz')).length;

  async function write(opened: TestJournal, from: number, segments: number): Promise<number> {
    const wanted = opened.rotated.length + segments;
    let sequence = from;
    while (opened.rotated.length < wanted) await opened.write(note(40_000, ++sequence));
    return sequence;
  }

  test('full segments wait, and are compressed when it is quiet again', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    opened.rotation.setBusy(true);
    await write(opened, 0, 3);
    opened.rotation.tend();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(compressed(directory)).toBe(0);
    opened.rotation.setBusy(false);
    opened.rotation.tend();
    await until(() => compressed(directory) === 3);
    await opened.journal.close();
  });

  test('no more of them wait than a bound', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    opened.rotation.setBusy(true);
    await write(opened, 0, limits.segmentsUncompressed + 3);
    await until(() => compressed(directory) === 3);
    await opened.journal.close();
  });
});

describe('an entry is found by its sequence', () => {
  test('while segments are sealed and compressed around it', async () => {
    const { opened } = await filled();
    expectAllFound(opened, SIZES);
    await until(() => opened.rotation.bytes() < 900_000);
    expectAllFound(opened, SIZES);
    await opened.journal.close();
  });

  test.each([
    ['plain', uncompressed],
    ['compressed', realFiles],
  ])('after a start, in %s segments, wherever the replay began', async (_name, files) => {
    const { directory, opened } = await filled(files);
    await opened.journal.close();
    for (const startAfter of [0, 1, 25, SIZES.length - 1, SIZES.length]) {
      const again = await openTestJournal({ directory, files, startAfter });
      expect(again.replayed[0]?.sequence ?? 1).toBeLessThanOrEqual(startAfter + 1);
      expectAllFound(again, SIZES);
      await again.journal.close();
    }
  });

  test('among many in one batch', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    const entries = Array.from({ length: 90 }, (_, i) => note(600, i + 1));
    await opened.write(...entries);
    for (const [index, entry] of entries.entries()) {
      expect(decodeEntry(opened.journal.read(index + 1).body)).toEqual(entry);
    }
    await opened.journal.close();
  });

  test('or is refused with its place where it was changed since the start', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    await opened.write(note(900, 1));
    await opened.write(note(900, 2));
    const second = scanAll(directory).batches[1];
    flipBit(segmentPath(directory, 1), (second?.offset ?? 0) + 200, 1);
    expect(decodeEntry(opened.journal.read(1).body)).toEqual(note(900, 1));
    expect(() => opened.journal.read(2)).toThrow(
      `${segmentPath(directory, 1)}: sequence 2 cannot be read near byte ${second?.offset}`,
    );
    await opened.journal.close();
  });
});

describe('a compressed segment', () => {
  async function compressed() {
    const { directory, opened } = await filled();
    await until(() => existsSync(`${segmentPath(directory, 1)}z`));
    await opened.journal.close();
    return { directory, path: `${segmentPath(directory, 1)}z` };
  }

  test('is smaller than the plain one where there is something to gain', async () => {
    const directory = journalFolder();
    const opened = await openTestJournal({ directory });
    const document = noise(40).repeat(400);
    for (let i = 0; i < 5; i++) {
      await opened.write({ kind: 'catalogue', atMs: 1, version: i, document });
    }
    await until(() => existsSync(`${segmentPath(directory, 1)}z`));
    await opened.journal.close();
    expect(statSync(`${segmentPath(directory, 1)}z`).size).toBeLessThan(2000);
  });

  test('that was changed in any byte is refused, or reads as before', async () => {
    const { directory, path } = await compressed();
    const sound = scanAll(directory).batches;
    const { length } = readFileSync(path);
    let refused = 0;
    // The index and its footer byte by byte, the blocks here and there.
    for (let at = 0; at < length; at += at > length - 80 ? 1 : 173) {
      flipBit(path, at, at % 8);
      try {
        expect(scanAll(directory).batches).toEqual(sound);
      } catch (error) {
        expect(error).toMatchObject({ code: 'JOURNAL_DAMAGED' });
        expect(String(error)).toContain('00000001.segz');
        refused++;
      }
      flipBit(path, at, at % 8);
    }
    expect(refused).toBeGreaterThan(80);
    expect(scanAll(directory).batches).toEqual(sound);
  });

  test('that was cut is refused by name', async () => {
    const { directory, path } = await compressed();
    const { length } = readFileSync(path);
    for (const bytes of [0, 10, 23, 24, 100, length - 1]) {
      const copy = readFileSync(path).subarray(0, bytes);
      const files = {
        ...realFiles,
        open: (name: string, mode: 'read' | 'create' | 'synced') =>
          name === path ? inMemory(copy) : realFiles.open(name, mode),
      };
      expect(() => scanAll(directory, files)).toThrow(/00000001\.segz is damaged at byte /);
    }
  });
});

function inMemory(bytes: Buffer) {
  return {
    ...realFiles.open('/dev/null', 'read'),
    readSync: (buffer: Buffer, position: number) => bytes.copy(buffer, 0, position),
    bytes: () => bytes.length,
  };
}
