// Opens the journal of a data directory: identity, recovery, sealing what a crash left unsealed,
// then a writer at its end. Nothing is served before this returns.

import { join } from 'node:path';
import { present } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import type { Files } from './files.js';
import { type Identity, newIdentity, readIdentity, writeIdentity } from './identity.js';
import { type Journal, type JournalEvents, startJournal } from './journal.js';
import { firstSequenceOf, type Library, openLibrary } from './library.js';
import {
  JournalDamaged,
  listSegments,
  type ScanResult,
  type SegmentFile,
  type StartingPoint,
  scanJournal,
  settleEnd,
  trailerOf,
} from './recover.js';
import { openRotation, type Rotation, type RotationEvents, sealHandle } from './rotation.js';
import { type BatchView, type Place, startPlace } from './scan.js';
import { makeSegment, SEGMENT_HEADER_BYTES, segmentName } from './segment.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';

export interface OpenOptions {
  /** The data directory; segments stand in `journal/` below it. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly segmentBytes: number;
  readonly journalBytesMax: number;
  /** Refuse to begin an empty journal: a volume that should hold one may not be mounted. */
  readonly requireData: boolean;
  readonly events: JournalEvents & RotationEvents;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly rotation: Rotation;
  readonly identity: Identity;
  /** No data was there before. */
  readonly created: boolean;
  /** A torn tail that was cut. */
  readonly torn: boolean;
  /** Writes down what is durable by now. */
  readonly saveIdentity: () => Promise<void>;
  /** What is durable by now, to be copied. The caller closes it. */
  readonly snapshot: () => Snapshot;
}

export interface Replay {
  /** Called once, before `visit`: everything up to the sequence returned need not be replayed. */
  readonly startAfter: (identity: Identity) => Sequence;
  /** Where the reading begins: the batch before it ends with this sequence and CRC. */
  readonly begin: (place: Pick<Place, 'sequence' | 'crc'>) => void;
  /** In order; a promise is waited for, so that a long replay can write out what it gathers. */
  readonly visit: (batch: BatchView) => Promise<void> | undefined;
}

export function journalDirectory(directory: string): string {
  return join(directory, 'journal');
}

export async function openJournal(options: OpenOptions, replay: Replay): Promise<OpenedJournal> {
  const { directory, files, clock } = options;
  const segmentsDirectory = journalDirectory(directory);
  files.makeDirectory(segmentsDirectory);
  const known = readIdentity(directory);
  const found = known ?? (await createIdentity(options, segmentsDirectory));
  await ensureFirstSegment(options, found, segmentsDirectory);
  removeLeftovers(segmentsDirectory, files);

  const segments = listSegments(segmentsDirectory, files);
  refuseGaps(segments);
  const library = openLibrary(files);
  const from = startingPoint(segments, files, replay.startAfter(found));
  replay.begin(from.place);
  noteEarlier(segments, from, library, files);
  const visits = scanJournal(segments, files, found.uuid, from);
  let step = visits.next();
  for (; step.done !== true; step = visits.next()) {
    const { batch, segment } = step.value;
    library.note(segment, batch.header.firstSequence, batch.offset);
    const pause = replay.visit(batch);
    if (pause !== undefined) await pause;
  }
  const scan = step.value;
  checkReached(found, scan, segmentsDirectory);
  settleEnd(segmentsDirectory, files, scan);
  await sealUnsealed(scan, segmentsDirectory, files, library);

  let identity: Identity = {
    ...found,
    epoch: Math.max(found.epoch, scan.place.epoch) + 1,
    lastSequence: scan.place.sequence,
  };
  await writeIdentity(directory, identity);
  let saveOnRotation = () => {};
  const events = {
    ...options.events,
    onRotated(number: number) {
      options.events.onRotated(number);
      saveOnRotation();
    },
  };
  const rotation = await resume({ ...options, events }, identity, scan, library);
  const journal = startJournal({
    incarnation: identity.incarnation,
    epoch: identity.epoch,
    place: scan.place,
    rotation,
    library,
    clock,
    events: options.events,
  });
  let saving = Promise.resolve();
  function saveIdentity(): Promise<void> {
    const save = async () => {
      identity = { ...identity, lastSequence: journal.syncedSequence() };
      await writeIdentity(directory, identity);
    };
    // One that failed was its caller's to report.
    saving = saving.then(save, save);
    return saving;
  }
  saveOnRotation = () => {
    saveIdentity().catch((error) => options.events.onTrouble('save the identity', error));
  };
  const close = async () => {
    await journal.close();
    // A failed save was told to whoever asked for it.
    await saving.catch(() => undefined);
  };
  return {
    journal: { ...journal, close },
    rotation,
    identity,
    created: known === undefined,
    torn: scan.kind === 'torn',
    saveIdentity,
    snapshot: () => takeSnapshot({ files, library, journal, identity }),
  };
}

async function createIdentity(options: OpenOptions, segmentsDirectory: string): Promise<Identity> {
  const { directory, files, clock } = options;
  if (listSegments(segmentsDirectory, files).length > 0) {
    throw new Failure('IDENTITY_MISSING', `${directory} holds a journal but no identity.json`);
  }
  if (options.requireData) {
    throw new Failure(
      'DATA_MISSING',
      `${directory} holds no data and TOLLGATE_REQUIRE_DATA is set: is the volume mounted?`,
    );
  }
  const identity = newIdentity(clock.wallMs());
  await writeIdentity(directory, identity);
  return identity;
}

async function ensureFirstSegment(
  options: OpenOptions,
  identity: Identity,
  segmentsDirectory: string,
): Promise<void> {
  const { files } = options;
  if (listSegments(segmentsDirectory, files).length > 0) return;
  if (identity.epoch > 0) {
    throw new Failure(
      'JOURNAL_MISSING',
      `${segmentsDirectory} is empty, yet identity.json knows ${identity.lastSequence} entries`,
    );
  }
  const { segmentBytes: bytes } = options;
  await makeSegment({ files, directory: segmentsDirectory, number: 1, uuid: identity.uuid, bytes });
}

/** Files that an interrupted step left behind; none is referenced by anything. */
function removeLeftovers(segmentsDirectory: string, files: Files): void {
  const names = new Set(files.list(segmentsDirectory));
  for (const name of names) {
    const replaced = name.endsWith('.seg') && names.has(`${name}z`);
    if (replaced || name.endsWith('.tmp')) files.unlink(join(segmentsDirectory, name));
  }
}

/**
 * The last segment that begins at or before `after` + 1 and whose start can be chained to. Reading
 * it from its start checks the last acknowledged batch even where a checkpoint covers it.
 */
export function startingPoint(
  segments: readonly SegmentFile[],
  files: Files,
  after: Sequence,
): StartingPoint {
  for (let i = segments.length - 1; i > 0; i--) {
    const first = firstSequenceOf(present(segments[i], 'a segment'), files);
    if (first === undefined || first > after + 1) continue;
    const trailer = trailerOf(present(segments[i - 1], 'a segment'), files);
    if (trailer === undefined) continue;
    const { lastSequence: sequence, lastCrc: crc } = trailer;
    const start = startPlace(SEGMENT_HEADER_BYTES);
    return {
      segment: present(segments[i], 'a segment').number,
      place: { ...start, sequence, crc },
    };
  }
  const place = startPlace(SEGMENT_HEADER_BYTES);
  return { segment: present(segments[0], 'a first segment').number, place };
}

function noteEarlier(
  segments: readonly SegmentFile[],
  from: StartingPoint,
  library: Library,
  files: Files,
): void {
  for (const segment of segments) {
    if (segment.number >= from.segment) return;
    const first = firstSequenceOf(segment, files);
    if (first !== undefined) library.open(segment, first);
  }
}

/** Every entry is needed again one day: to prove an invoice, to rebuild an index. */
function refuseGaps(segments: readonly SegmentFile[]): void {
  segments.forEach((segment, i) => {
    const before = segments[i - 1];
    if (before === undefined || segment.number === before.number + 1) return;
    throw new JournalDamaged(
      segment,
      startPlace(0),
      `segment ${before.number + 1} before it is missing`,
    );
  });
}

/** The identity file is rewritten only with durable sequences, so the journal reaches it. */
function checkReached(identity: Identity, scan: ScanResult, segmentsDirectory: string): void {
  if (scan.place.sequence >= identity.lastSequence) return;
  throw new Failure(
    'JOURNAL_DAMAGED',
    `${segmentsDirectory} ends at sequence ${scan.place.sequence} in segment ${scan.segment}, ` +
      `yet identity.json knows ${identity.lastSequence}: entries are missing`,
  );
}

async function sealUnsealed(
  scan: ScanResult,
  segmentsDirectory: string,
  files: Files,
  library: Library,
): Promise<void> {
  for (const { number, place } of scan.unsealed) {
    const handle = files.open(join(segmentsDirectory, segmentName(number)), 'synced');
    try {
      await sealHandle(handle, {
        lastSequence: place.sequence,
        lastCrc: place.crc,
        endOffset: place.offset,
        directory: library.directoryOf(number),
      });
    } finally {
      handle.close();
    }
  }
}

async function resume(
  options: OpenOptions,
  identity: Identity,
  scan: ScanResult,
  library: Library,
): Promise<Rotation> {
  const { files, segmentBytes } = options;
  const directory = journalDirectory(options.directory);
  const sealed = scan.kind === 'sealed';
  const number = sealed ? scan.segment + 1 : scan.segment;
  const path = join(directory, segmentName(number));
  if (!files.exists(path)) {
    await makeSegment({ files, directory, number, uuid: identity.uuid, bytes: segmentBytes });
  }
  const segments = listSegments(directory, files);
  const rotation = openRotation({
    directory,
    files,
    uuid: identity.uuid,
    segmentBytes,
    journalBytesMax: options.journalBytesMax,
    library,
    segment: { number, path, compressed: false },
    offset: sealed ? SEGMENT_HEADER_BYTES : scan.place.offset,
    prepared: segments.some((segment) => segment.number === number + 1) ? number + 1 : undefined,
    sealed: segments.filter((segment) => segment.number < number && !segment.compressed),
    bytes: bytesOf(segments, files),
    events: options.events,
  });
  // A nearly full segment would refuse the first calls until the next one is made.
  if (rotation.refusal('ordinary', 0) === 'OVERLOADED') await rotation.settled();
  return rotation;
}

function bytesOf(segments: readonly SegmentFile[], files: Files): number {
  let bytes = 0;
  for (const segment of segments) {
    const handle = files.open(segment.path, 'read');
    bytes += handle.bytes();
    handle.close();
  }
  return bytes;
}
