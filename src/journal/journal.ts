// The journal: entries in, durable batches out, in one order.
//
// Group commit: one batch is on its way to the disk while the next one collects. A reply that
// depends on sequence n runs only once n is durable. Cost per entry: encode, one CRC, no await.
// A failed write or sync in a live segment ends everything: nothing is acknowledged after it (I1).

import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { MonotonicMs, Sequence } from '../base/units.js';
import { limits } from '../limits.js';
import {
  assertNoZeroSector,
  BATCH_HEADER_BYTES,
  eachFrame,
  FRAME_BYTES,
  LAST_BYTE,
  sealBatch,
} from './batch.js';
import { createWriter, reserve, type Writer } from './bytes.js';
import type { Entry } from './entry.js';
import { encodeEntry } from './entry-codec.js';
import type { Library, StoredEntry } from './library.js';
import type { Rotation } from './rotation.js';
import type { Place } from './scan.js';

/** Why the journal takes no further ordinary command. */
export type JournalRefusal = 'OVERLOADED' | 'JOURNAL_FULL' | 'DISK_FULL';

export interface JournalEvents {
  readonly onBatch: (entries: number, bytes: number, syncMs: number) => void;
  /** The process must end; no reply follows. */
  readonly onFatal: (error: Error) => void;
}

export interface Appended {
  readonly sequence: Sequence;
  readonly crc: number;
}

/** The durable end of the journal, as a checkpoint records it. */
export interface SyncedPlace extends Place {
  readonly segment: number;
}

export interface Journal {
  /** Encodes into the collecting batch, which goes at the end of this turn of the event loop. */
  readonly append: (entry: Entry) => Appended;
  /** No more entries come for now: where the disk is idle, they go at once. */
  readonly submit: () => void;
  /** Runs `done` once `sequence` is durable: at once where it is already. */
  readonly whenSynced: (sequence: Sequence, done: () => void) => void;
  /** Runs `act` at the next batch boundary: everything up to `sequence` is in closed batches. */
  readonly atBoundary: (act: (sequence: Sequence) => void) => void;
  readonly lastSequence: () => Sequence;
  readonly syncedSequence: () => Sequence;
  readonly syncedPlace: () => SyncedPlace;
  readonly read: (sequence: Sequence) => StoredEntry;
  /** Undefined: room for one more command. `ending`: one that gives room back (settle, release). */
  readonly refusal: (use: 'ordinary' | 'ending') => JournalRefusal | undefined;
  readonly pendingBytes: () => number;
  readonly waitingReplies: () => number;
  /** How long the write under way has taken; 0 where there is none. */
  readonly stalledMs: () => number;
  /** Resolves when everything appended so far is durable. */
  readonly drain: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface JournalOptions {
  readonly incarnation: number;
  readonly epoch: number;
  readonly place: Place;
  readonly rotation: Rotation;
  readonly library: Library;
  readonly clock: Clock;
  readonly events: JournalEvents;
}

interface Batch {
  writer: Writer;
  firstSequence: Sequence;
  count: number;
  waiters: (() => void)[];
}

const INITIAL_BYTES = 256 * 1024;

export function startJournal(options: JournalOptions): Journal {
  const { rotation, library, clock, events } = options;
  // The place of the last batch may be in a full segment before this one.
  let place: SyncedPlace = {
    ...options.place,
    segment: rotation.current().file.number,
    offset: rotation.offset(),
  };
  let last: Sequence = place.sequence;
  let collecting = emptyBatch(createWriter(INITIAL_BYTES), last + 1);
  let spare: Writer | undefined = createWriter(INITIAL_BYTES);
  let flying: Batch | undefined;
  let flyingSinceMs: MonotonicMs = 0;
  let waiting = 0;
  let scheduled = false;
  let ended = false;
  let boundaryActs: ((sequence: Sequence) => void)[] = [];

  function append(entry: Entry): Appended {
    assert(!ended, 'nothing is appended after the journal ended');
    const { writer } = collecting;
    reserve(writer, FRAME_BYTES);
    const frame = writer.position;
    const start = frame + FRAME_BYTES;
    writer.position = start;
    encodeEntry(writer, entry);
    const { buffer, position } = writer;
    const crc = crc32(new Uint8Array(buffer.buffer, buffer.byteOffset + start, position - start));
    buffer.writeUInt32LE(position - start, frame);
    buffer.writeUInt32LE(crc, frame + 4);
    collecting.count++;
    last = collecting.firstSequence + collecting.count - 1;
    schedule();
    return { sequence: last, crc };
  }

  /** At the end of this turn, so that commands that arrived together share one write. */
  function schedule(): void {
    if (scheduled || flying !== undefined) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  }

  function flush(): void {
    if (ended || flying !== undefined || collecting.count === 0) return;
    const { writer } = collecting;
    reserve(writer, 1);
    writer.buffer[writer.position++] = LAST_BYTE;
    const bytes = writer.position;
    const ready = rotation.fit(bytes, { ...place, nextSequence: collecting.firstSequence }, flush);
    if (!ready) {
      writer.position--;
      return;
    }
    write(collecting, bytes);
  }

  function write(batch: Batch, bytes: number): void {
    const { handle, file } = rotation.current();
    const offset = rotation.offset();
    const { buffer } = batch.writer;
    const header = {
      incarnation: options.incarnation,
      epoch: options.epoch,
      segment: file.number,
      count: batch.count,
      firstSequence: batch.firstSequence,
      syncedSequence: place.sequence,
      bodyBytes: bytes - BATCH_HEADER_BYTES,
      previousCrc: place.crc,
      writtenMs: clock.wallMs(),
    };
    const crc = sealBatch(buffer, header);
    assertNoZeroSector(buffer, bytes);
    flying = batch;
    flyingSinceMs = clock.monotonicMs();
    collecting = emptyBatch(spare ?? createWriter(INITIAL_BYTES), last + 1);
    spare = undefined;
    const acts = boundaryActs;
    boundaryActs = [];
    for (const act of acts) act(last);
    handle.write(buffer, bytes, offset, (error) => {
      if (error !== undefined) {
        fail(error);
        return;
      }
      if (ended) return;
      library.note(file, batch.firstSequence, offset);
      rotation.advance(bytes);
      place = {
        segment: file.number,
        offset: offset + bytes,
        sequence: batch.firstSequence + batch.count - 1,
        crc,
        incarnation: options.incarnation,
        epoch: options.epoch,
      };
      landed(batch, bytes);
    });
  }

  /** The next batch goes to the disk first, so that it works while the replies are sent. */
  function landed(batch: Batch, bytes: number): void {
    events.onBatch(batch.count, bytes, clock.monotonicMs() - flyingSinceMs);
    flying = undefined;
    batch.writer.position = BATCH_HEADER_BYTES;
    if (batch.writer.buffer.length <= limits.batchBytes) spare = batch.writer;
    flush();
    waiting -= batch.waiters.length;
    for (const done of batch.waiters) done();
  }

  function fail(error: Error): void {
    if (ended) return;
    ended = true;
    events.onFatal(error);
  }

  function whenSynced(sequence: Sequence, done: () => void): void {
    if (sequence <= place.sequence) {
      done();
      return;
    }
    waiting++;
    const flies = flying !== undefined && sequence < collecting.firstSequence;
    (flies ? (flying as Batch) : collecting).waiters.push(done);
  }

  function pendingBytes(): number {
    const own = collecting.count === 0 ? 0 : collecting.writer.position;
    return own + (flying?.writer.position ?? 0);
  }

  function refusal(use: 'ordinary' | 'ending'): JournalRefusal | undefined {
    if (pendingBytes() > limits.pendingBytes || waiting > limits.waitingReplies) {
      return 'OVERLOADED';
    }
    if (collecting.writer.position > limits.batchBytes - limits.messageBytes) return 'OVERLOADED';
    if (flying !== undefined && clock.monotonicMs() - flyingSinceMs > limits.syncSlowMs) {
      return 'OVERLOADED';
    }
    return rotation.refusal(use, pendingBytes());
  }

  function read(sequence: Sequence): StoredEntry {
    assert(sequence >= 1 && sequence <= last, 'a sequence that was appended');
    if (sequence >= collecting.firstSequence) return readPending(collecting, sequence);
    if (flying !== undefined && sequence >= flying.firstSequence) {
      return readPending(flying, sequence);
    }
    return library.find(sequence);
  }

  const drain = () => new Promise<void>((resolve) => whenSynced(last, resolve));

  return {
    append,
    submit: flush,
    whenSynced,
    atBoundary(act) {
      if (collecting.count === 0) act(last);
      else boundaryActs.push(act);
    },
    lastSequence: () => last,
    syncedSequence: () => place.sequence,
    syncedPlace: () => place,
    read,
    refusal,
    pendingBytes,
    waitingReplies: () => waiting,
    stalledMs: () => (flying === undefined ? 0 : clock.monotonicMs() - flyingSinceMs),
    drain,
    async close() {
      await drain();
      ended = true;
      await rotation.close();
      library.close();
    },
  };
}

function emptyBatch(writer: Writer, firstSequence: Sequence): Batch {
  writer.position = BATCH_HEADER_BYTES;
  return { writer, firstSequence, count: 0, waiters: [] };
}

function readPending(batch: Batch, sequence: Sequence): StoredEntry {
  let found: StoredEntry | undefined;
  eachFrame(batch.writer.buffer, 0, batch, (each, crc, start, end) => {
    if (each !== sequence) return false;
    found = { sequence, crc, body: Buffer.from(batch.writer.buffer.subarray(start, end)) };
    return true;
  });
  assert(found !== undefined, 'a pending entry is in its batch');
  return found;
}
