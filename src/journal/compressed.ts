// A sealed segment, compressed off the hot path: `<number>.segz` holds the plain file cut into
// blocks of equal size, each deflated, with an index at the end. Reading asks for plain offsets, so
// nothing else needs to know. The plain file goes only after the compressed one was read back.

import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { Failure } from '../base/failure.js';
import type { FileHandle, Files } from './files.js';
import { type SegmentSource, syncAsync } from './segment.js';

const MAGIC = 0x315a4754; // "TGZ1"
const BLOCK_BYTES = 128 * 1024;
const FOOTER_BYTES = 24;
const INDEX_ENTRY_BYTES = 12;
/** Measured on events: 3.7 times smaller at 1 to 3, 3.8 at 6, which takes half as long again. */
const LEVEL = 3;
/** Blocks kept inflated by one open source: a page of events rarely needs more. */
const CACHED_BLOCKS = 4;

interface Block {
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
}

const deflate = promisify<Buffer, ZlibOptions, Buffer>(deflateRaw);
const inflateAside = promisify<Buffer, ZlibOptions, Buffer>(inflateRaw);
/** After each block, which takes about 1 ms: compressing never has more than a third of a core. */
const REST_MS = 2;
/** One trip through the thread pool for a block, not eight. */
const WHOLE = { chunkSize: BLOCK_BYTES };

/**
 * Writes `<path>z` from the sealed segment at `path` and checks it; the plain file is still there,
 * for whoever reads it. Returns the bytes that its removal saves.
 */
export async function compressSegment(
  path: string,
  directory: string,
  files: Files,
): Promise<number> {
  const plain = files.open(path, 'read');
  const temporary = `${path}z.tmp`;
  const plainBytes = plain.bytes();
  try {
    const target = files.open(temporary, 'create');
    try {
      await writeCompressed(plain, target);
      await syncAsync(target);
    } finally {
      target.close();
    }
    await compareWithPlain(plain, temporary, files);
  } catch (error) {
    // On a full disk it would keep the room that the next try needs.
    if (files.exists(temporary)) await files.remove(temporary);
    throw error;
  } finally {
    plain.close();
  }
  files.rename(temporary, `${path}z`);
  await files.syncDirectory(directory);
  const handle = files.open(`${path}z`, 'read');
  try {
    return plainBytes - handle.bytes();
  } finally {
    handle.close();
  }
}

async function writeCompressed(plain: FileHandle, target: FileHandle): Promise<void> {
  const plainBytes = plain.bytes();
  const blocks: Block[] = [];
  let position = 0;
  for (let at = 0; at < plainBytes; at += BLOCK_BYTES) {
    const raw = Buffer.alloc(Math.min(BLOCK_BYTES, plainBytes - at));
    plain.readSync(raw, at);
    const packed = await deflate(raw, { level: LEVEL, ...WHOLE });
    target.writeSync(packed, position);
    blocks.push({ offset: position, bytes: packed.length, crc: crc32(raw) });
    position += packed.length;
    await setTimeout(REST_MS);
  }
  target.writeSync(encodeIndex(blocks, plainBytes), position);
}

function encodeIndex(blocks: readonly Block[], plainBytes: number): Buffer {
  const indexBytes = blocks.length * INDEX_ENTRY_BYTES;
  const buffer = Buffer.alloc(indexBytes + FOOTER_BYTES);
  blocks.forEach((block, i) => {
    buffer.writeUInt32LE(block.offset, i * INDEX_ENTRY_BYTES);
    buffer.writeUInt32LE(block.bytes, i * INDEX_ENTRY_BYTES + 4);
    buffer.writeUInt32LE(block.crc, i * INDEX_ENTRY_BYTES + 8);
  });
  buffer.writeUInt32LE(blocks.length, indexBytes);
  buffer.writeUInt32LE(BLOCK_BYTES, indexBytes + 4);
  buffer.writeDoubleLE(plainBytes, indexBytes + 8);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, indexBytes + 16)), indexBytes + 16);
  buffer.writeUInt32LE(MAGIC, indexBytes + 20);
  return buffer;
}

/** Reads it back as a reader would, but off the main thread. */
async function compareWithPlain(plain: FileHandle, path: string, files: Files): Promise<void> {
  const handle = files.open(path, 'read');
  try {
    const { blocks, blockBytes, plainBytes } = readIndex(handle, path);
    const wanted = Buffer.alloc(blockBytes);
    let at = 0;
    for (const block of blocks) {
      const raw = await inflateAside(readPacked(handle, block), WHOLE);
      const read = plain.readSync(wanted, at);
      if (crc32(raw) !== block.crc || !raw.equals(wanted.subarray(0, read))) {
        throw mismatch(path, at);
      }
      at += read;
      await setTimeout(REST_MS);
    }
    if (at !== plain.bytes() || plainBytes !== at) throw mismatch(path, at);
  } finally {
    handle.close();
  }
}

function mismatch(path: string, at: number): Failure {
  return new Failure('COMPRESSION_MISMATCH', `${path} differs from its source at byte ${at}`);
}

export function openCompressed(handle: FileHandle, path: string): SegmentSource {
  const { blocks, blockBytes, plainBytes } = readIndex(handle, path);
  const cache = new Map<number, Buffer>();

  function block(index: number): Buffer {
    const cached = cache.get(index);
    if (cached !== undefined) return cached;
    const raw = inflate(handle, path, blocks[index]);
    if (cache.size >= CACHED_BLOCKS) cache.delete(cache.keys().next().value ?? index);
    cache.set(index, raw);
    return raw;
  }

  return {
    readSync(buffer, position) {
      let done = 0;
      while (done < buffer.length && position + done < plainBytes) {
        const at = position + done;
        let raw: Buffer;
        try {
          raw = block(Math.floor(at / blockBytes));
        } catch (error) {
          // What is before a damaged block can be read; the block itself says what is wrong.
          if (done > 0) return done;
          throw error;
        }
        done += raw.copy(buffer, done, at % blockBytes);
      }
      return done;
    },
    bytes: () => plainBytes,
    close: () => handle.close(),
  };
}

function inflate(handle: FileHandle, path: string, block: Block | undefined): Buffer {
  if (block === undefined) throw damaged(path, 'a block is missing');
  let raw: Buffer;
  try {
    raw = inflateRawSync(readPacked(handle, block));
  } catch (error) {
    throw new Failure('JOURNAL_DAMAGED', `${path}: block at ${block.offset}`, { cause: error });
  }
  if (crc32(raw) !== block.crc) throw damaged(path, `block at ${block.offset} fails its CRC`);
  return raw;
}

function readPacked(handle: FileHandle, block: Block): Buffer {
  const packed = Buffer.allocUnsafe(block.bytes);
  const read = handle.readSync(packed, block.offset);
  return packed.subarray(0, read);
}

function readIndex(handle: FileHandle, path: string) {
  const footer = Buffer.alloc(FOOTER_BYTES);
  const fileBytes = handle.bytes();
  if (fileBytes < FOOTER_BYTES) throw damaged(path, 'too short');
  handle.readSync(footer, fileBytes - FOOTER_BYTES);
  const count = footer.readUInt32LE(0);
  const indexBytes = count * INDEX_ENTRY_BYTES;
  if (footer.readUInt32LE(20) !== MAGIC || indexBytes + FOOTER_BYTES > fileBytes) {
    throw damaged(path, 'no index');
  }
  const index = Buffer.alloc(indexBytes + 16);
  handle.readSync(index, fileBytes - FOOTER_BYTES - indexBytes);
  if (crc32(index) !== footer.readUInt32LE(16)) throw damaged(path, 'its index fails its CRC');
  const blocks: Block[] = [];
  for (let at = 0; at < indexBytes; at += INDEX_ENTRY_BYTES) {
    blocks.push({
      offset: index.readUInt32LE(at),
      bytes: index.readUInt32LE(at + 4),
      crc: index.readUInt32LE(at + 8),
    });
  }
  return { blocks, blockBytes: footer.readUInt32LE(4), plainBytes: footer.readDoubleLE(8) };
}

function damaged(path: string, what: string): Failure {
  return new Failure('JOURNAL_DAMAGED', `${path}: ${what}`);
}
