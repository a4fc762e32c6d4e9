// A batch is the unit on disk: 64 bytes of header, framed entries, one last byte that is never
// zero. Its CRC is seeded with the CRC of the batch before it, so a batch that survived from an
// earlier, torn write can never join the chain.

import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.js';
import type { EpochMs, Sequence } from '../base/units.js';

export const BATCH_HEADER_BYTES = 64;
/** Length and CRC before each entry's body. */
export const FRAME_BYTES = 8;
export const FORMAT = 1;
/** "TGB1" little-endian. */
export const BATCH_MAGIC = 0x31424754;
export const LAST_BYTE = 0xff;
/** A disk writes a sector whole or not at all. */
export const SECTOR_BYTES = 512;

const HEADER_CRC_AT = 56;
const CRC_AT = 60;

export interface BatchHeader {
  readonly incarnation: number;
  readonly epoch: number;
  readonly segment: number;
  readonly count: number;
  readonly firstSequence: Sequence;
  /** Everything up to here was durable when this batch was handed to the disk. */
  readonly syncedSequence: Sequence;
  readonly bodyBytes: number;
  readonly previousCrc: number;
  readonly writtenMs: EpochMs;
  readonly crc: number;
}

/** Fills the header of a batch whose body is in place at BATCH_HEADER_BYTES; returns its CRC. */
export function sealBatch(buffer: Buffer, header: Omit<BatchHeader, 'crc'>): number {
  buffer.writeUInt32LE(BATCH_MAGIC, 0);
  buffer.writeUInt32LE(FORMAT, 4);
  buffer.writeUInt32LE(header.incarnation, 8);
  buffer.writeUInt32LE(header.epoch, 12);
  buffer.writeUInt32LE(header.segment, 16);
  buffer.writeUInt32LE(header.count, 20);
  buffer.writeDoubleLE(header.firstSequence, 24);
  buffer.writeDoubleLE(header.syncedSequence, 32);
  buffer.writeUInt32LE(header.bodyBytes, 40);
  buffer.writeUInt32LE(header.previousCrc, 44);
  buffer.writeDoubleLE(header.writtenMs, 48);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  const crc = chainedCrc(buffer, 0, header.bodyBytes, header.previousCrc);
  buffer.writeUInt32LE(crc, CRC_AT);
  return crc;
}

/** The header at `at`, or undefined where there is none that is whole. */
export function readBatchHeader(buffer: Buffer, at: number): BatchHeader | undefined {
  if (at + BATCH_HEADER_BYTES > buffer.length) return undefined;
  if (buffer.readUInt32LE(at) !== BATCH_MAGIC) return undefined;
  const headerCrc = buffer.readUInt32LE(at + HEADER_CRC_AT);
  if (crc32(buffer.subarray(at, at + HEADER_CRC_AT)) !== headerCrc) return undefined;
  return {
    incarnation: buffer.readUInt32LE(at + 8),
    epoch: buffer.readUInt32LE(at + 12),
    segment: buffer.readUInt32LE(at + 16),
    count: buffer.readUInt32LE(at + 20),
    firstSequence: buffer.readDoubleLE(at + 24),
    syncedSequence: buffer.readDoubleLE(at + 32),
    bodyBytes: buffer.readUInt32LE(at + 40),
    previousCrc: buffer.readUInt32LE(at + 44),
    writtenMs: buffer.readDoubleLE(at + 48),
    crc: buffer.readUInt32LE(at + CRC_AT),
  };
}

/** Whether the whole batch at `at` is in the buffer and its chained CRC holds. */
export function isWholeBatch(buffer: Buffer, at: number, header: BatchHeader): boolean {
  if (at + BATCH_HEADER_BYTES + header.bodyBytes > buffer.length) return false;
  return chainedCrc(buffer, at, header.bodyBytes, header.previousCrc) === header.crc;
}

function chainedCrc(buffer: Buffer, at: number, bodyBytes: number, previousCrc: number): number {
  const body = at + BATCH_HEADER_BYTES;
  // Without the header's own CRC: a CRC over fields and their CRC is the same whatever they say.
  const head = crc32(buffer.subarray(at, at + HEADER_CRC_AT), previousCrc);
  return crc32(buffer.subarray(body, body + bodyBytes), head);
}

export interface Frame {
  readonly sequence: Sequence;
  readonly crc: number;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` with each entry of a whole batch, in order; stops where it returns true. */
export function eachFrame(
  buffer: Buffer,
  at: number,
  header: Pick<BatchHeader, 'count' | 'firstSequence'>,
  visit: (sequence: Sequence, crc: number, start: number, end: number) => boolean | undefined,
): void {
  let position = at + BATCH_HEADER_BYTES;
  for (let i = 0; i < header.count; i++) {
    const bytes = buffer.readUInt32LE(position);
    const crc = buffer.readUInt32LE(position + 4);
    const start = position + FRAME_BYTES;
    if (visit(header.firstSequence + i, crc, start, start + bytes) === true) return;
    position = start + bytes;
  }
}

/**
 * Recovery tells a torn batch from a damaged one by sectors that are still zero, so a batch may
 * never hold a zero sector of its own. Looking at every 256th byte finds each run of 512 zeros.
 */
export function assertNoZeroSector(buffer: Buffer, bytes: number): void {
  const stride = SECTOR_BYTES / 2;
  for (let at = 0; at < bytes; at += stride) {
    if (buffer[at] !== 0) continue;
    let start = at;
    let end = at;
    while (start > 0 && buffer[start - 1] === 0) start--;
    while (end < bytes && buffer[end] === 0) end++;
    assert(end - start < SECTOR_BYTES, 'a batch holds no sector of zeros');
  }
}

export function isZero(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (buffer[at] !== 0) return false;
  }
  return true;
}
