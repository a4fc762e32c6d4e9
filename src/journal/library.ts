// The segments of an open journal, and how to find an entry in them by its sequence: the segment by
// its first sequence, the stride by its directory, the entry by walking the batches from there.

import { crc32 } from 'node:zlib';
import { assert, present } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { limits } from '../limits.js';
import { BATCH_HEADER_BYTES, type BatchHeader, FRAME_BYTES, readBatchHeader } from './batch.js';
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
  let walk: Walk | undefined;

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
      const known = walk?.volume === volume && walk.next === sequence ? walk : undefined;
      const entry = known && goOn(known, source, chunk);
      if (entry !== undefined) return entry;
      volume.directory ??= readTrailer(source)?.directory ?? { sequences: [], offsets: [] };
      walk = walkTo(volume, source, seek(volume.directory, sequence), sequence, chunk);
      return take(walk) ?? unreadable(volume, walk.offset, sequence);
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

/** A place in a segment: who reads entries in order goes on from it. */
interface Walk {
  readonly volume: Volume;
  /** Of the segment, from `start` on. */
  loaded: Buffer;
  start: number;
  /** The batch, and where it stands in the segment. */
  header: BatchHeader;
  offset: number;
  /** The next frame of the batch, in `loaded`. */
  next: Sequence;
  at: number;
}

/** To the frame of `sequence`, from the batch that stands at `from`. */
function walkTo(
  volume: Volume,
  source: SegmentSource,
  from: number,
  sequence: Sequence,
  chunk: Buffer,
): Walk {
  let start = from;
  let loaded = chunk.subarray(0, source.readSync(chunk, start));
  for (let offset = from; ; ) {
    if (offset - start + BATCH_HEADER_BYTES > loaded.length) {
      start = offset;
      loaded = chunk.subarray(0, source.readSync(chunk, start));
    }
    const header = readBatchHeader(loaded, offset - start) ?? unreadable(volume, offset, sequence);
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
    const at = offset - start + BATCH_HEADER_BYTES;
    const walk = { volume, loaded, start, header, offset, next: header.firstSequence, at };
    while (walk.next < sequence) {
      if (!skip(walk)) unreadable(volume, offset, sequence);
    }
    return walk;
  }
}

/**
 * The next entry by what is loaded, or by what stands behind it. Undefined where that is not whole:
 * a batch that was being written when it was loaded has to be read again.
 */
function goOn(walk: Walk, source: SegmentSource, chunk: Buffer): StoredEntry | undefined {
  const { header } = walk;
  if (walk.next >= header.firstSequence + header.count) {
    walk.offset += BATCH_HEADER_BYTES + header.bodyBytes;
    if (walk.offset - walk.start + BATCH_HEADER_BYTES > walk.loaded.length) {
      walk.start = walk.offset;
      walk.loaded = chunk.subarray(0, source.readSync(chunk, walk.start));
    }
    const at = walk.offset - walk.start;
    const next = readBatchHeader(walk.loaded, at);
    if (next?.firstSequence !== walk.next) return undefined;
    if (at + BATCH_HEADER_BYTES + next.bodyBytes > walk.loaded.length) return undefined;
    walk.header = next;
    walk.at = at + BATCH_HEADER_BYTES;
  }
  return take(walk);
}

function take(walk: Walk): StoredEntry | undefined {
  const { loaded, at, next: sequence } = walk;
  if (!skip(walk)) return undefined;
  const crc = loaded.readUInt32LE(at + 4);
  const body = loaded.subarray(at + FRAME_BYTES, walk.at);
  return crc32(body) === crc ? { sequence, crc, body: Buffer.from(body) } : undefined;
}

/** Over one frame; false where it is not whole. */
function skip(walk: Walk): boolean {
  const { loaded, at } = walk;
  if (at + FRAME_BYTES > loaded.length) return false;
  const end = at + FRAME_BYTES + loaded.readUInt32LE(at);
  if (end > loaded.length) return false;
  walk.at = end;
  walk.next++;
  return true;
}

function unreadable({ file }: Volume, offset: number, sequence: Sequence): never {
  const place = `sequence ${sequence} cannot be read near byte ${offset}`;
  throw new Failure('JOURNAL_DAMAGED', `${file.path}: ${place}; run "tollgate verify"`);
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
