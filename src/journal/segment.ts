// Segment files: `<number>.seg`, made ahead of need as zeros, written once from the front, never
// reused. A full one is sealed with a trailer (last sequence, CRC, a sparse directory) and cut to
// its length.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { FORMAT } from './batch.js';
import type { FileHandle, Files } from './files.js';

export const SEGMENT_HEADER_BYTES = 4096;
const SEGMENT_MAGIC = 0x31534754; // "TGS1"
const TRAILER_MAGIC = 0x31454754; // "TGE1"
const UUID_BYTES = 36;
const HEADER_FIELD_BYTES = 64;
const ZERO_SLICE = Buffer.alloc(1024 * 1024);
const DIRECTORY_ENTRY_BYTES = 12;
const TRAILER_FIXED_BYTES = 36;

/** Where batches begin in a segment, one per stride: (sequence, offset), ascending. */
export interface Directory {
  readonly sequences: number[];
  readonly offsets: number[];
}

export interface Trailer {
  readonly lastSequence: Sequence;
  readonly lastCrc: number;
  /** End of the last batch: where the trailer begins. */
  readonly endOffset: number;
  readonly directory: Directory;
}

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.seg`;
}

/** The number in a segment's file name, or undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{8})\.segz?$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function segmentHeader(number: number, uuid: string): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.writeUInt32LE(SEGMENT_MAGIC, 0);
  header.writeUInt32LE(FORMAT, 4);
  header.writeUInt32LE(number, 8);
  header.write(uuid, 12, 'latin1');
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_FIELD_BYTES)), HEADER_FIELD_BYTES);
  return header;
}

/** The bytes of a segment as they were written, whether the file is compressed or not. */
export interface SegmentSource {
  readonly readSync: (buffer: Buffer, position: number) => number;
  readonly bytes: () => number;
  readonly close: () => void;
}

export interface SegmentIdentity {
  readonly number: number;
  readonly uuid: string;
}

export function readSegmentHeader(header: Buffer): SegmentIdentity | undefined {
  if (header.length < SEGMENT_HEADER_BYTES) return undefined;
  if (header.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined;
  const crc = header.readUInt32LE(HEADER_FIELD_BYTES);
  if (crc32(header.subarray(0, HEADER_FIELD_BYTES)) !== crc) return undefined;
  if (header.readUInt32LE(4) !== FORMAT) {
    throw new Failure('FORMAT_UNKNOWN', `journal format ${header.readUInt32LE(4)} is not known`);
  }
  return { number: header.readUInt32LE(8), uuid: header.toString('latin1', 12, 12 + UUID_BYTES) };
}

export interface MakeOptions {
  readonly files: Files;
  readonly directory: string;
  readonly number: number;
  readonly uuid: string;
  readonly bytes: number;
}

/**
 * Writes zeros, then the header, then gives the file its name: all of it off the main thread. Each
 * slice is synced before the next, so that the batches of the journal never wait for 64 MiB.
 */
export async function makeSegment(options: MakeOptions): Promise<void> {
  const { files, directory, number, uuid, bytes } = options;
  const path = join(directory, segmentName(number));
  const temporary = `${path}.tmp`;
  const handle = files.open(temporary, 'create');
  try {
    for (let at = 0; at < bytes; at += ZERO_SLICE.length) {
      if (at > 0) await syncAsync(handle);
      await writeAsync(handle, ZERO_SLICE, Math.min(ZERO_SLICE.length, bytes - at), at);
    }
    const header = segmentHeader(number, uuid);
    await writeAsync(handle, header, header.length, 0);
    await syncAsync(handle);
  } catch (error) {
    handle.close();
    await files.remove(temporary);
    throw error;
  }
  handle.close();
  files.rename(temporary, path);
  await files.syncDirectory(directory);
}

export function encodeTrailer(trailer: Trailer): Buffer {
  const { directory } = trailer;
  const count = directory.sequences.length;
  const bytes = TRAILER_FIXED_BYTES + count * DIRECTORY_ENTRY_BYTES;
  const buffer = Buffer.alloc(bytes);
  buffer.writeUInt32LE(TRAILER_MAGIC, 0);
  buffer.writeUInt32LE(count, 4);
  buffer.writeDoubleLE(trailer.lastSequence, 8);
  buffer.writeUInt32LE(trailer.lastCrc, 16);
  buffer.writeUInt32LE(trailer.endOffset, 20);
  let at = 24;
  for (let i = 0; i < count; i++) {
    buffer.writeDoubleLE(directory.sequences[i] as number, at);
    buffer.writeUInt32LE(directory.offsets[i] as number, at + 8);
    at += DIRECTORY_ENTRY_BYTES;
  }
  buffer.writeUInt32LE(crc32(buffer.subarray(0, at)), at);
  buffer.writeUInt32LE(bytes, at + 4);
  buffer.writeUInt32LE(TRAILER_MAGIC, at + 8);
  return buffer;
}

export function isTrailerAt(buffer: Buffer, at: number): boolean {
  return at + 4 <= buffer.length && buffer.readUInt32LE(at) === TRAILER_MAGIC;
}

/** The trailer at the end of a sealed segment; undefined where the file is not sealed. */
export function readTrailer(handle: SegmentSource): Trailer | undefined {
  const fileBytes = handle.bytes();
  const tail = Buffer.alloc(8);
  if (fileBytes < SEGMENT_HEADER_BYTES + TRAILER_FIXED_BYTES) return undefined;
  handle.readSync(tail, fileBytes - 8);
  if (tail.readUInt32LE(4) !== TRAILER_MAGIC) return undefined;
  const bytes = tail.readUInt32LE(0);
  if (bytes < TRAILER_FIXED_BYTES || bytes > fileBytes - SEGMENT_HEADER_BYTES) return undefined;
  const buffer = Buffer.alloc(bytes);
  handle.readSync(buffer, fileBytes - bytes);
  return decodeTrailer(buffer);
}

function decodeTrailer(buffer: Buffer): Trailer | undefined {
  const count = buffer.readUInt32LE(4);
  const end = 24 + count * DIRECTORY_ENTRY_BYTES;
  if (buffer.readUInt32LE(0) !== TRAILER_MAGIC) return undefined;
  if (end + 12 !== buffer.length) return undefined;
  if (crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end)) return undefined;
  const directory: Directory = { sequences: [], offsets: [] };
  for (let at = 24; at < end; at += DIRECTORY_ENTRY_BYTES) {
    directory.sequences.push(buffer.readDoubleLE(at));
    directory.offsets.push(buffer.readUInt32LE(at + 8));
  }
  return {
    lastSequence: buffer.readDoubleLE(8),
    lastCrc: buffer.readUInt32LE(16),
    endOffset: buffer.readUInt32LE(20),
    directory,
  };
}

/** The offset of the last listed batch that begins at or before `sequence`. */
export function seek(directory: Directory, sequence: Sequence): number {
  const { sequences, offsets } = directory;
  let low = 0;
  let high = sequences.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sequences[middle] as number) <= sequence) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? SEGMENT_HEADER_BYTES : (offsets[low - 1] as number);
}

export function writeAsync(
  handle: FileHandle,
  buffer: Buffer,
  bytes: number,
  position: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    handle.write(buffer, bytes, position, (error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

export function syncAsync(handle: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    handle.sync((error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}
