// The journal as it stands at one durable batch boundary, to be copied while it is written on.
//
// Full segments never change but for their compression, which a reader does not notice: a file
// that is open stays readable when it is unlinked. The segment that is written is copied up to the
// boundary and sealed in the copy, so that every file of a copy is a whole segment.

import { setTimeout } from 'node:timers/promises';
import { Failure, messageOf, systemCode } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import type { FileHandle, Files } from './files.js';
import type { Identity } from './identity.js';
import type { Journal } from './journal.js';
import type { Library, Volume } from './library.js';
import { type SegmentFile, trailerOf } from './recover.js';
import { encodeTrailer, readTrailer } from './segment.js';

/** A full segment is sealed within milliseconds. One that could not be is copied as it is. */
const SEAL_WAITS = 100;
const SEAL_WAIT_MS = 10;

export interface Snapshot {
  /** `lastSequence` is where the snapshot ends. */
  readonly identity: Identity;
  /** In order. */
  readonly segments: readonly SnapshotSegment[];
  readonly close: () => void;
}

export interface SnapshotSegment {
  readonly number: number;
  readonly lastSequence: Sequence;
  /** Of the file as it is now. */
  readonly bytes: () => number;
  /** Of its last batch, as its trailer has it; undefined where that cannot be read. */
  readonly chainCrc: () => number | undefined;
  readonly open: () => Promise<SegmentCopy>;
}

/** A file as it goes into the copy. */
export interface SegmentCopy {
  readonly compressed: boolean;
  readonly bytes: number;
  /** Off the main thread; as many bytes as the buffer holds, which must be there. */
  readonly read: (buffer: Buffer, position: number) => Promise<void>;
  readonly close: () => void;
}

export interface SnapshotOptions {
  readonly files: Files;
  readonly library: Library;
  readonly journal: Pick<Journal, 'syncedPlace'>;
  readonly identity: Identity;
}

export function takeSnapshot(options: SnapshotOptions): Snapshot {
  const { files, library, journal } = options;
  const { segment, offset, sequence, crc } = journal.syncedPlace();
  const volumes = [...library.volumes()];
  const segments: SnapshotSegment[] = [];
  volumes.forEach((volume, i) => {
    if (volume.file.number >= segment) return;
    const next = volumes[i + 1]?.firstSequence ?? sequence + 1;
    segments.push(fullSegment(volume, next - 1, files));
  });
  const written = volumes.find(({ file }) => file.number === segment);
  let handle: FileHandle | undefined;
  if (written !== undefined) {
    const { sequences, offsets } = library.directoryOf(segment);
    const directory = { sequences: [...sequences], offsets: [...offsets] };
    const end = { lastSequence: sequence, lastCrc: crc, endOffset: offset, directory };
    handle = files.open(written.file.path, 'read');
    segments.push(writtenSegment(written.file, handle, end));
  }
  const identity = { ...options.identity, lastSequence: sequence };
  return { identity, segments, close: () => handle?.close() };
}

function fullSegment(volume: Volume, lastSequence: Sequence, files: Files): SnapshotSegment {
  const { number } = volume.file;
  return {
    number,
    lastSequence,
    bytes() {
      const { handle } = openNow(volume, files);
      const bytes = handle.bytes();
      handle.close();
      return bytes;
    },
    chainCrc() {
      try {
        return trailerOf(volume.file, files)?.lastCrc;
      } catch {
        // Whoever reads the file to copy it says what is wrong.
        return undefined;
      }
    },
    async open() {
      let { handle, compressed } = openNow(volume, files);
      for (let waits = 0; waits < SEAL_WAITS; waits++) {
        if (compressed || readTrailer(handle) !== undefined) break;
        // It was full a moment ago, and the disk is at its seal.
        handle.close();
        await setTimeout(SEAL_WAIT_MS);
        ({ handle, compressed } = openNow(volume, files));
      }
      const read = (buffer: Buffer, position: number) => readAll(handle, number, buffer, position);
      return { compressed, bytes: handle.bytes(), read, close: handle.close };
    },
  };
}

/** The plain file goes when the compressed one is there: who listed it before finds that one. */
function openNow({ file }: Volume, files: Files) {
  try {
    return { handle: files.open(file.path, 'read'), compressed: file.compressed };
  } catch (error) {
    if (file.compressed || systemCode(error) !== 'ENOENT') throw unreadable(file.number, error);
  }
  try {
    return { handle: files.open(`${file.path}z`, 'read'), compressed: true };
  } catch (error) {
    throw unreadable(file.number, error);
  }
}

function writtenSegment(
  { number }: SegmentFile,
  handle: FileHandle,
  end: Parameters<typeof encodeTrailer>[0],
): SnapshotSegment {
  const { lastSequence, lastCrc, endOffset } = end;
  const trailer = encodeTrailer(end);
  const bytes = endOffset + trailer.length;
  return {
    number,
    lastSequence,
    bytes: () => bytes,
    chainCrc: () => lastCrc,
    open: async () => ({
      compressed: false,
      bytes,
      async read(buffer, position) {
        const stored = Math.max(0, Math.min(buffer.length, endOffset - position));
        if (stored > 0) await readAll(handle, number, buffer.subarray(0, stored), position);
        if (stored === buffer.length) return;
        trailer.copy(buffer, stored, position + stored - endOffset);
      },
      close: () => {},
    }),
  };
}

function readAll(
  handle: FileHandle,
  number: number,
  buffer: Buffer,
  position: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    handle.read(buffer, position, (error, bytes) => {
      if (error !== undefined) reject(unreadable(number, error));
      else if (bytes === buffer.length) resolve();
      else reject(unreadable(number, new Error(`its file ends at byte ${position + bytes}`)));
    });
  });
}

function unreadable(number: number, cause: unknown): Failure {
  const text = `segment ${number} cannot be read: ${messageOf(cause)}`;
  return new Failure('SNAPSHOT_UNREADABLE', text, { cause });
}
