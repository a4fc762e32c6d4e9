// A journal on its own, with segments so small that a test fills several, and ways to damage it.

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { eachFrame } from '../../src/journal/batch.js';
import type { CatalogueEntry, Entry } from '../../src/journal/entry.js';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import { type Files, realFiles } from '../../src/journal/files.js';
import { type OpenedJournal, openJournal } from '../../src/journal/open.js';
import { firstPoint, listSegments, scanJournal } from '../../src/journal/recover.js';
import { createTestClock } from './clock.js';
import { temporaryDirectory } from './service.js';

export const SEGMENT_BYTES = 64 * 1024;
/** A batch of one note: header, frame, kind, version, time, version, length; and the last byte. */
const NOTE_BYTES = 64 + 8 + 1 + 1 + 6 + 1 + 4 + 1;

export interface TestJournalOptions {
  readonly directory: string;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly segmentBytes?: number;
  readonly journalBytesMax?: number;
  readonly requireData?: boolean;
  /** Entries up to here are not asked for. */
  readonly startAfter?: number;
}

export interface TestJournal extends OpenedJournal {
  /** What the journal held when it was opened. */
  readonly replayed: readonly StoredFact[];
  readonly fatal: Error[];
  readonly trouble: string[];
  readonly rotated: number[];
  /** One batch of these entries, durable when it resolves. */
  readonly write: (...entries: readonly Entry[]) => Promise<void>;
}

export interface StoredFact {
  readonly sequence: number;
  readonly entry: Entry;
}

/** Removed when the test is over. */
export function journalFolder(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function openTestJournal(options: TestJournalOptions): Promise<TestJournal> {
  const replayed: StoredFact[] = [];
  const fatal: Error[] = [];
  const trouble: string[] = [];
  const rotated: number[] = [];
  const opened = await openJournal(
    {
      directory: options.directory,
      files: options.files ?? realFiles,
      clock: options.clock ?? createTestClock(),
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      journalBytesMax: options.journalBytesMax ?? 64 * SEGMENT_BYTES,
      requireData: options.requireData ?? false,
      events: {
        onBatch: () => {},
        onFatal: (error) => fatal.push(error),
        onRotated: (number) => rotated.push(number),
        onTrouble: (what, error) => trouble.push(`${what}: ${String(error)}`),
      },
    },
    {
      startAfter: () => options.startAfter ?? 0,
      begin: () => undefined,
      visit({ header, buffer, at }) {
        eachFrame(buffer, at, header, (sequence, _crc, start, end) => {
          replayed.push({ sequence, entry: decodeEntry(buffer, start, end) });
          return false;
        });
        return undefined;
      },
    },
  );
  const { journal } = opened;
  return {
    ...opened,
    replayed,
    fatal,
    trouble,
    rotated,
    async write(...entries) {
      for (const entry of entries) journal.append(entry);
      await journal.drain();
    },
  };
}

/** Printable, different at every place, the same in every run. */
export function noise(length: number, seed = 1): string {
  let state = (seed * 2_654_435_761) >>> 0;
  const codes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    codes[i] = 33 + ((state >>> 16) % 90);
  }
  return codes.toString('latin1');
}

/** An entry that makes a batch of exactly `batchBytes`, alone in it. */
export function note(batchBytes: number, seed = 1): CatalogueEntry {
  const document = noise(batchBytes - NOTE_BYTES, seed);
  return { kind: 'catalogue', atMs: 1_795_176_000_000 + seed, version: 1, document };
}

export function segmentsOf(directory: string): string {
  return join(directory, 'journal');
}

export function segmentPath(directory: string, number: number): string {
  return join(segmentsOf(directory), `${String(number).padStart(8, '0')}.seg`);
}

export interface Batch {
  readonly path: string;
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly count: number;
}

/** Every batch in order, and where the scan ended; throws where it finds damage. */
export function scanAll(directory: string, files = realFiles, batches: Batch[] = []) {
  const segments = listSegments(segmentsOf(directory), files);
  const scan = scanJournal(segments, files, uuidOf(directory), firstPoint(segments));
  for (;;) {
    const step = scan.next();
    if (step.done === true) return { batches, end: step.value };
    const { batch, segment } = step.value;
    batches.push({
      path: segment.path,
      segment: segment.number,
      offset: batch.offset,
      bytes: 64 + batch.header.bodyBytes,
      firstSequence: batch.header.firstSequence,
      count: batch.header.count,
    });
  }
}

export function uuidOf(directory: string): string {
  const { uuid } = JSON.parse(readFileSync(join(directory, 'identity.json'), 'utf8'));
  return uuid;
}

export function overwrite(path: string, bytes: Buffer, offset: number): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(fd);
  }
}

export function zero(path: string, start: number, end: number): void {
  overwrite(path, Buffer.alloc(end - start), start);
}

export function flipBit(path: string, byte: number, bit: number): void {
  const value = readFileSync(path)[byte];
  if (value === undefined) throw new Error(`${path} ends before byte ${byte}`);
  overwrite(path, Buffer.from([value ^ (1 << bit)]), byte);
}

export interface Sector {
  readonly start: number;
  readonly end: number;
}

/** The parts of [offset, offset + bytes) that a disk writes whole or not at all. */
export function sectorsOf({ offset, bytes }: Pick<Batch, 'offset' | 'bytes'>): Sector[] {
  const sectors: Sector[] = [];
  for (let start = offset; start < offset + bytes; ) {
    const end = Math.min(start - (start % 512) + 512, offset + bytes);
    sectors.push({ start, end });
    start = end;
  }
  return sectors;
}

/** The batch that the journal ends with. */
export function lastBatch(directory: string): Batch {
  const last = scanAll(directory).batches.at(-1);
  if (last === undefined) throw new Error(`${directory} holds no batch`);
  return last;
}

/** Makes the next batch begin at byte `within` of a sector, by one that fills up to there. */
export async function alignTo(opened: TestJournal, within: number): Promise<void> {
  const { offset } = opened.journal.syncedPlace();
  const least = offset + NOTE_BYTES + 16;
  const target = Math.ceil((least - within) / 512) * 512 + within;
  await opened.write(note(target - offset, 77));
}

export interface Snapshot {
  /** Everything as it was. */
  readonly restore: () => void;
  /** Whether the files are as they were. */
  readonly unchanged: () => boolean;
}

/** Keeps a journal and its identity, to damage it again and again. */
export function keep(directory: string): Snapshot {
  const folder = segmentsOf(directory);
  const identity = join(directory, 'identity.json');
  const read = () => new Map(readdirSync(folder).map((name) => [name, bytesOf(folder, name)]));
  const kept = read();
  const keptIdentity = readFileSync(identity);
  return {
    restore() {
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
      for (const [name, bytes] of kept) writeFileSync(join(folder, name), bytes);
      writeFileSync(identity, keptIdentity);
    },
    unchanged() {
      const now = read();
      const same = [...kept].every(([name, bytes]) => now.get(name)?.equals(bytes));
      return same && now.size === kept.size && readFileSync(identity).equals(keptIdentity);
    },
  };
}

function bytesOf(folder: string, name: string): Buffer {
  return readFileSync(join(folder, name));
}

/** Waits for what happens by itself, turn by turn of the event loop; the test's limit bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
