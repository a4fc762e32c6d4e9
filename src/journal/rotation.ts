// Which segment takes the next batch. The next segment is made ahead; a full one is sealed and then
// compressed off the hot path. No room to make the next one is a refusal that ends by itself, not a
// failure.

import { join } from 'node:path';
import { present } from '../base/assert.js';
import { systemCode } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { limits } from '../limits.js';
import { compressSegment } from './compressed.js';
import type { FileHandle, Files } from './files.js';
import type { JournalRefusal } from './journal.js';
import type { Library } from './library.js';
import type { SegmentFile } from './recover.js';
import {
  encodeTrailer,
  makeSegment,
  SEGMENT_HEADER_BYTES,
  segmentName,
  syncAsync,
  type Trailer,
  writeAsync,
} from './segment.js';

/** Zeros left behind the last batch, so that a full segment's end is not a cut file's. */
const END_BYTES = 4;
/** What keeps a segment from being made and is no want of room. */
const NO_DESCRIPTOR: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

export interface OpenSegment {
  readonly file: SegmentFile;
  readonly handle: FileHandle;
  readonly bytes: number;
}

export interface RotationEvents {
  readonly onRotated: (number: number) => void;
  /** Sealing or compressing failed, or the next segment could not be made: tried again later. */
  readonly onTrouble: (what: string, error: unknown) => void;
  readonly onFatal: (error: Error) => void;
}

export interface RotationOptions {
  readonly directory: string;
  readonly files: Files;
  readonly uuid: string;
  readonly segmentBytes: number;
  readonly journalBytesMax: number;
  readonly library: Library;
  /** The open segment, and where its next batch goes. */
  readonly segment: SegmentFile;
  readonly offset: number;
  /** A next segment that was already made. */
  readonly prepared: number | undefined;
  /** Sealed segments that are not compressed yet. */
  readonly sealed: readonly SegmentFile[];
  /** Bytes of all segment files. */
  readonly bytes: number;
  readonly events: RotationEvents;
}

export interface Rotation {
  readonly current: () => OpenSegment;
  readonly offset: () => number;
  readonly advance: (bytes: number) => void;
  /** Makes room for a batch; false where the next segment is not ready: `retry` runs when it is. */
  readonly fit: (
    bytes: number,
    end: { readonly crc: number; readonly nextSequence: Sequence },
    retry: () => void,
  ) => boolean;
  readonly refusal: (
    use: 'ordinary' | 'ending',
    pendingBytes: number,
  ) => JournalRefusal | undefined;
  readonly bytes: () => number;
  /** Whether the file system keeps its reserve; set by a pump that looks. */
  readonly setDiskLow: (low: boolean) => void;
  /** Compressing waits while others need the machine, unless too much waits or room runs out. */
  readonly setBusy: (busy: boolean) => void;
  /** Tries again what failed before. */
  readonly tend: () => void;
  /** Resolves when no segment is being made. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export function openRotation(options: RotationOptions): Rotation {
  const { directory, files, uuid, segmentBytes, library, events } = options;
  let current = openSegment(options.segment, files);
  let offset = options.offset;
  // Open before it is needed: nothing that may fail is left for the batch that begins it.
  let next = options.prepared === undefined ? undefined : openNumber(options.prepared);
  let bytes = options.bytes;
  let making: Promise<void> | undefined;
  let makeFailed: JournalRefusal | undefined;
  let diskLow = false;
  let busy = false;
  let closed = false;
  let retryFlush: (() => void) | undefined;
  const toCompress: SegmentFile[] = [...options.sealed];
  let sealing = Promise.resolve();
  let compressing: Promise<void> | undefined;

  /** Of the open file: the setting may have changed since it was made. */
  const capacity = () => current.bytes;
  const full = () => bytes + segmentBytes > options.journalBytesMax;

  function prepare(): void {
    if (closed || next !== undefined || making !== undefined || full()) return;
    const number = current.file.number + 1;
    making = makeSegment({ files, directory, number, uuid, bytes: segmentBytes })
      .then(() => {
        next = openNumber(number);
        bytes += segmentBytes;
        makeFailed = undefined;
      })
      .catch((error: unknown) => {
        makeFailed = NO_DESCRIPTOR.has(systemCode(error)) ? 'OVERLOADED' : 'DISK_FULL';
        events.onTrouble('make the next segment', error);
        if (systemCode(error) === 'EIO' && error instanceof Error) events.onFatal(error);
      })
      .finally(() => {
        making = undefined;
        const retry = retryFlush;
        retryFlush = undefined;
        if (next !== undefined) retry?.();
        else retryFlush = retry;
      });
  }

  function rotate(end: { readonly crc: number; readonly nextSequence: Sequence }): void {
    const old = current;
    const endOffset = offset;
    current = present(next, 'the next segment');
    next = undefined;
    offset = SEGMENT_HEADER_BYTES;
    const trailer: Trailer = {
      lastSequence: end.nextSequence - 1,
      lastCrc: end.crc,
      endOffset,
      directory: library.directoryOf(old.file.number),
    };
    events.onRotated(current.file.number);
    prepare();
    sealing = sealing.then(() => seal(old, trailer));
  }

  async function seal(old: OpenSegment, trailer: Trailer): Promise<void> {
    try {
      const before = old.handle.bytes();
      const sealed = await sealHandle(old.handle, trailer);
      bytes -= before - sealed;
      toCompress.push(old.file);
    } catch (error) {
      events.onTrouble('seal a segment', error);
    }
    old.handle.close();
    compressNext();
  }

  function compressNext(): void {
    const file = toCompress[0];
    if (closed || compressing !== undefined || file === undefined) return;
    const waits = toCompress.length <= limits.segmentsUncompressed;
    if (busy && waits && bytes + 2 * segmentBytes <= options.journalBytesMax) return;
    compressing = compressSegment(file.path, directory, files)
      .then(async (savedBytes) => {
        toCompress.shift();
        library.replace({ ...file, path: `${file.path}z`, compressed: true });
        await files.remove(file.path);
        await files.syncDirectory(directory);
        bytes -= savedBytes;
        compressing = undefined;
        compressNext();
      })
      .catch((error: unknown) => {
        compressing = undefined;
        events.onTrouble('compress a segment', error);
      });
  }

  prepare();
  compressNext();
  return {
    current: () => current,
    offset: () => offset,
    advance: (written) => {
      offset += written;
    },
    fit(needed, end, retry) {
      if (offset + needed + END_BYTES <= capacity()) return true;
      if (next === undefined) {
        retryFlush = retry;
        prepare();
        return false;
      }
      rotate(end);
      const last = offset + needed + END_BYTES;
      if (last > capacity()) {
        bytes += last - capacity();
        // Before the batch: a file that ended with it would look as if it had been cut.
        current.handle.truncateSync(last);
        current.handle.syncSync();
        current = { ...current, bytes: last };
      }
      return true;
    },
    refusal(use, pendingBytes) {
      const room = capacity() - offset + (next === undefined ? 0 : segmentBytes) - pendingBytes;
      const kept = use === 'ending' ? limits.batchBytes / 2 : limits.batchBytes;
      const reserve = Math.min(limits.endingReserveBytes, segmentBytes / 4);
      const needed = Math.min(kept, segmentBytes / 4) + (use === 'ending' ? 0 : reserve);
      if (room < needed && next === undefined) {
        if (full()) return 'JOURNAL_FULL';
        return makeFailed ?? 'OVERLOADED';
      }
      return diskLow && use === 'ordinary' ? 'DISK_FULL' : undefined;
    },
    bytes: () => bytes,
    setDiskLow: (low) => {
      diskLow = low;
    },
    setBusy: (now) => {
      busy = now;
    },
    tend() {
      prepare();
      compressNext();
    },
    async settled() {
      await making;
    },
    async close() {
      closed = true;
      await making;
      await sealing;
      await compressing;
      current.handle.close();
      next?.handle.close();
    },
  };

  function openNumber(number: number): OpenSegment {
    const path = join(directory, segmentName(number));
    return openSegment({ number, path, compressed: false }, files);
  }
}

function openSegment(file: SegmentFile, files: Files): OpenSegment {
  const handle = files.open(file.path, 'synced');
  return { file, handle, bytes: handle.bytes() };
}

/** Writes the trailer and cuts the file behind it; returns the sealed length. */
export async function sealHandle(handle: FileHandle, trailer: Trailer): Promise<number> {
  const bytes = encodeTrailer(trailer);
  await writeAsync(handle, bytes, bytes.length, trailer.endOffset);
  handle.truncateSync(trailer.endOffset + bytes.length);
  await syncAsync(handle);
  return trailer.endOffset + bytes.length;
}
