// Walks the batches of one segment from an offset, checking the chain, and says how the segment
// ends: sealed, clean (zeros to the end), torn (a write that never finished) or damaged.

import { crc32 } from 'node:zlib';
import type { Sequence } from '../base/units.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchHeader,
  isWholeBatch,
  isZero,
  readBatchHeader,
  SECTOR_BYTES,
} from './batch.js';
import { isTrailerAt, type SegmentSource } from './segment.js';

const WINDOW_BYTES = 4 * 1024 * 1024;
/** All room that waits is read at a start: three times as fast where it stays in the caches. */
const ZEROS = Buffer.alloc(128 * 1024);

/** Where a walk stands: the end of the last good batch and what the next one must chain to. */
export interface Place {
  readonly offset: number;
  readonly sequence: Sequence;
  readonly crc: number;
  readonly incarnation: number;
  readonly epoch: number;
}

export interface BatchView {
  readonly header: BatchHeader;
  readonly buffer: Buffer;
  /** Of the header, within `buffer`. */
  readonly at: number;
  /** Of the header, within the segment. */
  readonly offset: number;
}

export type SegmentEnd =
  | { readonly kind: 'sealed' | 'clean' | 'torn'; readonly place: Place }
  | { readonly kind: 'damaged'; readonly place: Place; readonly reason: string };

/** A view is valid until the next one is asked for. */
export function* scanSegment(
  source: SegmentSource,
  number: number,
  from: Place,
): Generator<BatchView, SegmentEnd> {
  const window = openWindow(source);
  let place = from;
  for (;;) {
    const { buffer, at } = window.load(place.offset, BATCH_HEADER_BYTES);
    if (at + 4 > buffer.length) return endOfFile(source, place);
    if (isTrailerAt(buffer, at)) return { kind: 'sealed', place };
    const header = readBatchHeader(buffer, at);
    if (header === undefined) return withoutHeader(window, source, number, place);
    const view = window.load(place.offset, BATCH_HEADER_BYTES + header.bodyBytes);
    const batch: BatchView = { header, ...view, offset: place.offset };
    if (!isWholeBatch(batch.buffer, batch.at, header)) {
      return brokenBatch(window, source, number, place, header);
    }
    const fault = chainFault(header, number, place);
    if (fault !== undefined) return { kind: 'damaged', place, reason: fault };
    yield batch;
    place = placeAfter(batch);
  }
}

export function placeAfter(batch: Pick<BatchView, 'header' | 'offset'>): Place {
  const { header, offset } = batch;
  return {
    offset: offset + BATCH_HEADER_BYTES + header.bodyBytes,
    sequence: header.firstSequence + header.count - 1,
    crc: header.crc,
    incarnation: header.incarnation,
    epoch: header.epoch,
  };
}

interface Window {
  /** A buffer with at least `bytes` bytes from `offset`, as far as the file reaches. */
  readonly load: (offset: number, bytes: number) => { buffer: Buffer; at: number };
}

function openWindow(source: SegmentSource): Window {
  let start = 0;
  let loaded = Buffer.alloc(0);
  return {
    load(offset, bytes) {
      if (offset < start || offset + bytes > start + loaded.length) {
        const target = Buffer.allocUnsafe(Math.max(bytes, WINDOW_BYTES));
        const read = source.readSync(target, offset);
        loaded = target.subarray(0, read);
        start = offset;
      }
      return { buffer: loaded, at: offset - start };
    },
  };
}

function chainFault(header: BatchHeader, number: number, place: Place): string | undefined {
  if (header.segment !== number) return `batch belongs to segment ${header.segment}`;
  if (header.previousCrc !== place.crc) return 'batch does not chain to the one before it';
  if (header.firstSequence !== place.sequence + 1) {
    return `batch begins at sequence ${header.firstSequence}, expected ${place.sequence + 1}`;
  }
  if (header.incarnation < place.incarnation) return 'batch of an older incarnation';
  if (header.epoch < place.epoch) return 'batch of an older epoch: there was a second writer';
  return undefined;
}

/** A segment's file may end right after its last batch only where it was sealed. */
function endOfFile(source: SegmentSource, place: Place): SegmentEnd {
  return { kind: 'damaged', place, reason: `file ends at byte ${source.bytes()}, not sealed` };
}

function withoutHeader(
  window: Window,
  source: SegmentSource,
  number: number,
  place: Place,
): SegmentEnd {
  const last = lastNonZero(source, place.offset);
  if (last === undefined) return { kind: 'clean', place };
  const later = findBatch(source, number, place.offset + 1, last);
  if (later !== undefined) return orphaned(place, later);
  if (spansZeroSector(window, place.offset, BATCH_HEADER_BYTES)) return { kind: 'torn', place };
  return { kind: 'damaged', place, reason: 'unreadable batch header' };
}

function brokenBatch(
  window: Window,
  source: SegmentSource,
  number: number,
  place: Place,
  header: BatchHeader,
): SegmentEnd {
  const bytes = BATCH_HEADER_BYTES + header.bodyBytes;
  const later = findBatch(source, number, place.offset + BATCH_HEADER_BYTES);
  if (later !== undefined) return orphaned(place, later);
  if (place.offset + bytes <= source.bytes() && spansZeroSector(window, place.offset, bytes)) {
    return { kind: 'torn', place };
  }
  return { kind: 'damaged', place, reason: 'batch does not match its CRC' };
}

function orphaned(place: Place, later: number): SegmentEnd {
  return { kind: 'damaged', place, reason: `unreadable, yet a whole batch follows at ${later}` };
}

/**
 * Whether a sector that [offset, offset + bytes) touches is all zero, from `offset` on in the first
 * one. A batch that was written whole leaves none: it holds no sector of zeros, and ends with 0xff.
 */
function spansZeroSector(window: Window, offset: number, bytes: number): boolean {
  const end = Math.ceil((offset + bytes) / SECTOR_BYTES) * SECTOR_BYTES;
  const { buffer, at } = window.load(offset, end - offset);
  for (let start = offset; start < end; ) {
    const next = (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES;
    const from = start - offset + at;
    const to = Math.min(next - offset + at, buffer.length);
    if (from < to && isZero(buffer, from, to)) return true;
    start = next;
  }
  return false;
}

/** Offset of the last byte at or after `offset` that is not zero. */
export function lastNonZero(source: SegmentSource, offset: number): number | undefined {
  const buffer = Buffer.allocUnsafe(ZEROS.length);
  let last: number | undefined;
  for (let start = offset; ; ) {
    const read = source.readSync(buffer, start);
    if (read === 0) return last;
    if (buffer.subarray(0, read).equals(ZEROS.subarray(0, read))) {
      start += read;
      continue;
    }
    for (let at = read - 1; at >= 0; at--) {
      if (buffer[at] === 0) continue;
      last = start + at;
      break;
    }
    start += read;
  }
}

/** The offset of a whole batch of segment `number` at or after `offset`, found by its magic. */
function findBatch(
  source: SegmentSource,
  number: number,
  offset: number,
  last = lastNonZero(source, offset),
): number | undefined {
  if (last === undefined || last < offset) return undefined;
  const buffer = Buffer.allocUnsafe(last + 1 - offset);
  source.readSync(buffer, offset);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(BATCH_MAGIC);
  for (let at = buffer.indexOf(magic); at >= 0; at = buffer.indexOf(magic, at + 1)) {
    const header = readBatchHeader(buffer, at);
    if (header === undefined || header.segment !== number) continue;
    if (isWholeBatch(buffer, at, header)) return offset + at;
  }
  return undefined;
}

/** What the first batch of a journal chains to. */
export function startPlace(offset: number): Place {
  return { offset, sequence: 0, crc: crc32(''), incarnation: 0, epoch: 0 };
}
