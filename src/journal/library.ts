// The segments of an open journal, and how to find an entry in them by its sequence: the segment by
// its first sequence, the stride by its directory, the entry by walking the batches from there.

import { crc32 } from 'node:zlib';
import { assert, present } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { limits } from '../limits.js';
import { BATCH_HEADER_BYTES, eachFrame, readBatchHeader } from './batch.js';
import type { Files } from './files.js';
import { openSource, type SegmentFile } from './recover.js';
import {
  type Directory,
  readTrailer,
  SEGMENT_HEADER_BYTES,
  type SegmentSource,
  seek,
} from './segment.js';

export interface StoredEntry {
  readonly sequence: Sequence;
  readonly crc: number;
  readonly body: Buffer;
}

export interface Library {
  /** Segments that hold batches, in order. */
  readonly volumes: () => readonly Volume[];
  /** Adds a segment whose directory is read from its trailer when it is needed. */
  readonly open: (segment: SegmentFile, firstSequence: Sequence) => void;
  /** Notes a batch that stands in `segment` at `offset`; opens the volume at its first batch. */
  readonly note: (segment: SegmentFile, firstSequence: Sequence, offset: number) => void;
  readonly directoryOf: (number: number) => Directory;
  /** A sealed volume's file was replaced by its compressed form. */
  readonly replace: (segment: SegmentFile) => void;
  /** The entry of a durable sequence. */
  readonly find: (sequence: Sequence) => StoredEntry;
  readonly close: () => void;
}

export interface Volume {
  file: SegmentFile;
  readonly firstSequence: Sequence;
  /** Undefined: not read from the trailer yet. */
  directory: Directory | undefined;
}

/** Sources kept open for reading: one page of events rarely spans more segments. */
const OPEN_SOURCES_MAX = 8;

export function openLibrary(files: Files): Library {
  const volumes: Volume[] = [];
  const sources = new Map<number, SegmentSource>();
  const chunk = Buffer.alloc(2 * limits.directoryStrideBytes);

  function volumeFor(sequence: Sequence): Volume {
    let low = 0;
    let high = volumes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((volumes[middle] as Volume).firstSequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return present(volumes[low - 1], `a segment for sequence ${sequence}`);
  }

  function sourceOf(volume: Volume): SegmentSource {
    const open = sources.get(volume.file.number);
    if (open !== undefined) return open;
    if (sources.size >= OPEN_SOURCES_MAX) closeOldest(sources);
    const source = openSource(volume.file, files);
    sources.set(volume.file.number, source);
    return source;
  }

  function forget(number: number): void {
    sources.get(number)?.close();
    sources.delete(number);
  }

  return {
    volumes: () => volumes,
    open(segment, firstSequence) {
      volumes.push({ file: segment, firstSequence, directory: undefined });
    },
    note(segment, firstSequence, offset) {
      let volume = volumes.at(-1);
      if (volume === undefined || volume.file.number < segment.number) {
        volume = { file: segment, firstSequence, directory: undefined };
        volumes.push(volume);
      }
      assert(volume.file.number === segment.number, 'batches are noted in order');
      volume.directory ??= { sequences: [], offsets: [] };
      const { sequences, offsets } = volume.directory;
      const last = offsets.at(-1);
      if (last !== undefined && offset - last < limits.directoryStrideBytes) return;
      sequences.push(firstSequence);
      offsets.push(offset);
    },
    directoryOf(number) {
      const volume = volumes.find(({ file }) => file.number === number);
      return volume?.directory ?? { sequences: [], offsets: [] };
    },
    replace(segment) {
      forget(segment.number);
      const volume = volumes.find(({ file }) => file.number === segment.number);
      if (volume !== undefined) volume.file = segment;
    },
    find(sequence) {
      const volume = volumeFor(sequence);
      const source = sourceOf(volume);
      volume.directory ??= readTrailer(source)?.directory ?? { sequences: [], offsets: [] };
      return findEntry(source, seek(volume.directory, sequence), sequence, chunk, volume.file.path);
    },
    close() {
      for (const number of [...sources.keys()]) forget(number);
    },
  };
}

function closeOldest(sources: Map<number, SegmentSource>): void {
  for (const [number, source] of sources) {
    source.close();
    sources.delete(number);
    return;
  }
}

function findEntry(
  source: SegmentSource,
  from: number,
  sequence: Sequence,
  chunk: Buffer,
  path: string,
): StoredEntry {
  let start = from;
  let loaded = chunk.subarray(0, source.readSync(chunk, start));
  for (let offset = from; ; ) {
    if (offset - start + BATCH_HEADER_BYTES > loaded.length) {
      start = offset;
      loaded = chunk.subarray(0, source.readSync(chunk, start));
    }
    const header = readBatchHeader(loaded, offset - start);
    if (header === undefined) throw unreadable(path, offset, sequence);
    const end = offset + BATCH_HEADER_BYTES + header.bodyBytes;
    if (sequence >= header.firstSequence + header.count) {
      offset = end;
      continue;
    }
    if (end - start > loaded.length) {
      start = offset;
      loaded = Buffer.alloc(end - offset);
      source.readSync(loaded, start);
    }
    return entryIn(loaded, offset - start, header, sequence, path, offset);
  }
}

function entryIn(
  buffer: Buffer,
  at: number,
  header: { readonly count: number; readonly firstSequence: Sequence },
  sequence: Sequence,
  path: string,
  offset: number,
): StoredEntry {
  let found: StoredEntry | undefined;
  eachFrame(buffer, at, header, (each, crc, start, end) => {
    if (each !== sequence) return false;
    if (end <= buffer.length && crc32(buffer.subarray(start, end)) === crc) {
      found = { sequence, crc, body: Buffer.from(buffer.subarray(start, end)) };
    }
    return true;
  });
  if (found === undefined) throw unreadable(path, offset, sequence);
  return found;
}

function unreadable(path: string, offset: number, sequence: Sequence): Failure {
  return new Failure(
    'JOURNAL_DAMAGED',
    `${path}: sequence ${sequence} cannot be read near byte ${offset}; run "tollgate verify"`,
  );
}

/** Sequence of the first batch of a segment; undefined where it holds none. */
export function firstSequenceOf(segment: SegmentFile, files: Files): Sequence | undefined {
  const source = openSource(segment, files);
  try {
    const header = Buffer.alloc(BATCH_HEADER_BYTES);
    if (source.readSync(header, SEGMENT_HEADER_BYTES) < header.length) return undefined;
    return readBatchHeader(header, 0)?.firstSequence;
  } finally {
    source.close();
  }
}
