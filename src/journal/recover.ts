// Recovery: walk the segments from a starting point, decide where the journal ends, cut and zero a
// torn tail, and write again what the last headers do not vouch for: after a failed sync the page
// cache may show bytes that never reached the disk.

import { join } from 'node:path';
import { present } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { openCompressed } from './compressed.js';
import type { FileHandle, Files } from './files.js';
import {
  type BatchView,
  lastNonZero,
  type Place,
  placeAfter,
  type SegmentEnd,
  scanSegment,
  startPlace,
} from './scan.js';
import {
  readSegmentHeader,
  readTrailer,
  SEGMENT_HEADER_BYTES,
  type SegmentSource,
  segmentName,
  segmentNumber,
} from './segment.js';

export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly compressed: boolean;
}

export interface ScanResult {
  /** The segment that the journal ends in, and where. */
  readonly segment: number;
  readonly place: Place;
  readonly kind: 'sealed' | 'clean' | 'torn';
  /** First byte not yet vouched for by a later header, in the last segment. */
  readonly unvouchedOffset: number;
  /** Segments that hold batches and lack a trailer although a later one has batches. */
  readonly unsealed: readonly { readonly number: number; readonly place: Place }[];
}

export interface StartingPoint {
  readonly segment: number;
  readonly place: Place;
}

export class JournalDamaged extends Failure {
  readonly file: string;
  readonly offset: number;
  readonly place: Place;
  readonly segment: number;
  /** The message without what to do about it. */
  readonly finding: string;

  constructor(segment: SegmentFile, place: Place, reason: string) {
    const finding =
      `${segment.path} is damaged at byte ${place.offset}, after sequence ${place.sequence}: ` +
      reason;
    super('JOURNAL_DAMAGED', `${finding}. Run "tollgate verify", then "tollgate repair"`);
    this.finding = finding;
    this.file = segment.path;
    this.offset = place.offset;
    this.place = place;
    this.segment = segment.number;
  }
}

/** Segment files in order; a compressed one replaces the plain file it was made from. */
export function listSegments(directory: string, files: Files): SegmentFile[] {
  const byNumber = new Map<number, SegmentFile>();
  for (const name of files.list(directory)) {
    const number = segmentNumber(name);
    if (number === undefined) continue;
    const compressed = name.endsWith('.segz');
    if (compressed || !byNumber.has(number)) {
      byNumber.set(number, { number, path: join(directory, name), compressed });
    }
  }
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

export function openSource(segment: SegmentFile, files: Files): SegmentSource {
  const handle = files.open(segment.path, 'read');
  return segment.compressed ? openCompressed(handle, segment.path) : handle;
}

/** Where the whole journal begins. */
export function firstPoint(segments: readonly SegmentFile[]): StartingPoint {
  return {
    segment: present(segments[0], 'a segment').number,
    place: startPlace(SEGMENT_HEADER_BYTES),
  };
}

export interface Visit {
  readonly batch: BatchView;
  readonly segment: SegmentFile;
}

/** Reads every batch after `from`, in order; damage throws JournalDamaged. Changes nothing. */
export function* scanJournal(
  segments: readonly SegmentFile[],
  files: Files,
  uuid: string,
  from: StartingPoint,
): Generator<Visit, ScanResult> {
  let place = from.place;
  let result: ScanResult | undefined;
  const unsealed: { number: number; place: Place }[] = [];
  for (const segment of segments) {
    if (segment.number < from.segment) continue;
    const begin =
      segment.number === from.segment ? place : { ...place, offset: SEGMENT_HEADER_BYTES };
    checkNumber(segment, result?.segment ?? from.segment - 1, begin);
    const walked = yield* scanOne(segment, files, uuid, begin);
    const { end } = walked;
    if (end.kind === 'damaged') {
      const first = end.place.sequence === begin.sequence;
      if (result?.kind === 'torn' && first) throw tornInside(segments, result);
      throw new JournalDamaged(segment, end.place, end.reason);
    }
    const empty = end.kind === 'clean' && end.place.sequence === begin.sequence;
    if (empty && result !== undefined) {
      // Made ahead: it does not move the end, and nothing may follow it.
      yield* checkAllEmpty(segments, segment, files, uuid, end.place);
      break;
    }
    // What is torn before a batch that chains to the one before it was the trailer: seal it again.
    if (result !== undefined && result.kind !== 'sealed') {
      unsealed.push({ number: result.segment, place: result.place });
    }
    place = end.place;
    result = {
      segment: segment.number,
      place,
      kind: end.kind,
      unvouchedOffset: walked.unvouchedOffset,
      unsealed,
    };
  }
  return present(result, 'a journal has a segment at its starting point');
}

interface Walked {
  readonly end: SegmentEnd;
  readonly unvouchedOffset: number;
}

function* scanOne(
  segment: SegmentFile,
  files: Files,
  uuid: string,
  begin: Place,
): Generator<Visit, Walked> {
  let place = begin;
  let source: SegmentSource | undefined;
  try {
    source = openSource(segment, files);
    checkHeader(segment, source, uuid, begin);
    // A batch is vouched for by any later header whose synced position covers it.
    const starts: { sequence: Sequence; offset: number }[] = [];
    const batches = scanSegment(source, segment.number, begin);
    let step = batches.next();
    for (; step.done !== true; step = batches.next()) {
      const { header, offset } = step.value;
      while ((starts[0]?.sequence ?? Number.POSITIVE_INFINITY) <= header.syncedSequence) {
        starts.shift();
      }
      starts.push({ sequence: header.firstSequence + header.count - 1, offset });
      place = placeAfter(step.value);
      yield { batch: step.value, segment };
    }
    const end = sealedAsSaid(source, step.value);
    return { end, unvouchedOffset: starts[0]?.offset ?? end.place.offset };
  } catch (error) {
    throw placed(error, segment, place);
  } finally {
    source?.close();
  }
}

/** What a compressed segment cannot give back is damage where the walk stood. */
function placed(error: unknown, segment: SegmentFile, place: Place): unknown {
  if (!(error instanceof Failure) || error.code !== 'JOURNAL_DAMAGED') return error;
  if (error instanceof JournalDamaged) return error;
  return new JournalDamaged(segment, place, error.message.replace(`${segment.path}: `, ''));
}

/** A segment with a trailer was complete: it has no torn tail and no end before the trailer. */
function sealedAsSaid(source: SegmentSource, end: SegmentEnd): SegmentEnd {
  if (end.kind === 'damaged') return end;
  if (readTrailer(source) === undefined) {
    // A trailer that a crash cut short: the batches before it are whole, and it is sealed again.
    return end.kind === 'sealed' ? { kind: 'clean', place: end.place } : end;
  }
  if (end.kind === 'sealed') return end;
  return { kind: 'damaged', place: end.place, reason: 'unreadable, yet the segment was sealed' };
}

function checkHeader(
  segment: SegmentFile,
  source: SegmentSource,
  uuid: string,
  begin: Place,
): void {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const read = source.readSync(header, 0);
  const identity = read === header.length ? readSegmentHeader(header) : undefined;
  const place = { ...begin, offset: 0 };
  if (identity === undefined) throw new JournalDamaged(segment, place, 'unreadable header');
  if (identity.uuid !== uuid || identity.number !== segment.number) {
    throw new JournalDamaged(segment, place, 'belongs to another journal or place in it');
  }
}

function checkNumber(segment: SegmentFile, previous: number, place: Place): void {
  if (segment.number === previous + 1) return;
  throw new JournalDamaged(segment, place, `segment ${previous + 1} is missing`);
}

function* checkAllEmpty(
  segments: readonly SegmentFile[],
  after: SegmentFile,
  files: Files,
  uuid: string,
  place: Place,
): Generator<Visit, void> {
  for (const segment of segments) {
    if (segment.number <= after.number) continue;
    const begin = { ...place, offset: SEGMENT_HEADER_BYTES };
    const { end } = yield* scanOne(segment, files, uuid, begin);
    if (end.kind === 'clean' && end.place.sequence === place.sequence) continue;
    throw new JournalDamaged(after, place, `empty, yet segment ${segment.number} is not`);
  }
}

function tornInside(segments: readonly SegmentFile[], result: ScanResult): JournalDamaged {
  const segment = segments.find(({ number }) => number === result.segment);
  return new JournalDamaged(
    present(segment, 'the scanned segment'),
    result.place,
    'a torn batch, yet a later segment holds batches',
  );
}

/** Makes the end of the journal safe to append to. Idempotent: a crash in it changes nothing. */
export function settleEnd(directory: string, files: Files, result: ScanResult): void {
  if (result.kind === 'sealed') return;
  const handle = files.open(join(directory, segmentName(result.segment)), 'synced');
  try {
    const { offset } = result.place;
    const last = lastNonZero(handle, offset);
    if (last !== undefined) handle.writeSync(Buffer.alloc(last + 1 - offset), offset);
    rewrite(handle, result.unvouchedOffset, offset);
  } finally {
    handle.close();
  }
}

function rewrite(handle: FileHandle, start: number, end: number): void {
  if (end <= start) return;
  const bytes = Buffer.alloc(end - start);
  handle.readSync(bytes, start);
  handle.writeSync(bytes, start);
}

/** The trailer of a sealed segment, by its own file. */
export function trailerOf(segment: SegmentFile, files: Files): ReturnType<typeof readTrailer> {
  const source = openSource(segment, files);
  try {
    return readTrailer(source);
  } finally {
    source.close();
  }
}
