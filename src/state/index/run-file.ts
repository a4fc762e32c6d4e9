// A sorted run: records in key order in blocks of 4 KiB, each with its CRC, then the first key of
// every block (the fences) and, for point look-ups, a Bloom filter. Written once, never changed,
// dropped whole. All of it can be rebuilt from the journal.

import { closeSync, fdatasync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.js';
import { Failure } from '../../base/failure.js';
import { addToBloom, createBloom, mayHold } from './bloom.js';
import type { Pace } from './pace.js';
import { type Cursor, compareWords, copyWords, type RecordShape } from './records.js';

const BLOCK_BYTES = 4096;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const BLOCKS_PER_WRITE = 64;
/** Dirty pages of ours in the file system slow the journal's own sync: hand them over early. */
const BYTES_PER_SYNC = 4 * 1024 * 1024;
const FOOTER_WORDS = 8;
const MAGIC = 0x31524754; // "TGR1"

const syncData = promisify(fdatasync);

export interface Run {
  readonly path: string;
  readonly records: number;
  /** The record with exactly this key; a view that the next call overwrites. */
  readonly find: (key: Uint32Array) => Uint32Array | undefined;
  /** Records from the first with a key ≥ `key`, ascending. */
  readonly from: (key: Uint32Array | undefined) => Cursor;
  /** Records from the last with a key < `key`, descending. */
  readonly before: (key: Uint32Array) => Cursor;
  readonly close: () => void;
}

export interface WrittenRun {
  readonly records: number;
}

/** Consumes `cursor`; of several records with one key the last stays. */
export async function writeRun(
  path: string,
  shape: RecordShape,
  cursor: Cursor,
  recordsMax: number,
  lookup: 'point' | 'range',
  pace: Pace,
): Promise<WrittenRun> {
  const fd = openSync(path, 'w', 0o640);
  try {
    const writer = createBlockWriter(fd, shape, lookup === 'point' ? recordsMax : 0);
    let synced = 0;
    while (cursor.next()) {
      writer.put(cursor.words, cursor.at);
      if (!pace.due()) continue;
      if (writer.bytes() - synced > BYTES_PER_SYNC) {
        synced = writer.bytes();
        await syncData(fd);
      }
      await pace.turn();
    }
    writer.finish();
    await syncData(fd);
    return { records: writer.records() };
  } finally {
    closeSync(fd);
  }
}

function createBlockWriter(fd: number, shape: RecordShape, bloomKeys: number) {
  const perBlock = recordsPerBlock(shape);
  const bloom = bloomKeys > 0 ? createBloom(bloomKeys) : new Uint32Array(0);
  const buffer = new Uint32Array(BLOCK_WORDS * BLOCKS_PER_WRITE);
  const previous = new Uint32Array(shape.words);
  const fences: number[] = [];
  let block = 0;
  let inBlock = 0;
  let written = 0;
  let records = 0;
  let held = false;

  function write(words: Uint32Array): void {
    const bytes = bytesOf(words);
    const done = writeSync(fd, bytes, 0, bytes.length, written);
    if (done !== bytes.length) throw new Failure('SHORT_WRITE', 'an index run');
    written += bytes.length;
  }

  function closeBlock(): void {
    const start = block * BLOCK_WORDS;
    buffer.fill(0, start + inBlock * shape.words, start + BLOCK_WORDS - 1);
    const body = bytesOf(buffer.subarray(start, start + BLOCK_WORDS - 1));
    buffer[start + BLOCK_WORDS - 1] = crc32(body);
    inBlock = 0;
    if (++block < BLOCKS_PER_WRITE) return;
    write(buffer);
    block = 0;
  }

  /** Records wait one step, so that a later one with the same key can take their place. */
  function emit(): void {
    const at = block * BLOCK_WORDS + inBlock * shape.words;
    if (inBlock === 0) {
      for (let i = 0; i < shape.keyWords; i++) fences.push(previous[i] as number);
    }
    copyWords(previous, 0, buffer, at, shape.words);
    if (bloomKeys > 0) addToBloom(bloom, previous, 0);
    records++;
    if (++inBlock === perBlock) closeBlock();
  }

  return {
    put(words: Uint32Array, at: number) {
      if (held && compareWords(previous, 0, words, at, shape.keyWords) !== 0) emit();
      copyWords(words, at, previous, 0, shape.words);
      held = true;
    },
    finish() {
      if (held) emit();
      if (inBlock > 0) closeBlock();
      write(buffer.subarray(0, block * BLOCK_WORDS));
      const fenceWords = Uint32Array.from(fences);
      write(fenceWords);
      write(bloom);
      const footer = new Uint32Array(FOOTER_WORDS);
      footer.set([MAGIC, shape.words, shape.keyWords, records, fenceWords.length, bloom.length]);
      footer[6] = crc32(bytesOf(bloom), crc32(bytesOf(fenceWords)));
      footer[7] = crc32(bytesOf(footer.subarray(0, 7)));
      write(footer);
    },
    bytes: () => written,
    records: () => records,
  };
}

export function openRun(path: string, shape: RecordShape): Run {
  const fd = openSync(path, 'r');
  const { records, fences, bloom } = readTail(fd, path, shape);
  const perBlock = recordsPerBlock(shape);
  const blocks = fences.length / shape.keyWords;
  const scratch = new Uint32Array(BLOCK_WORDS);

  function load(block: number, into: Uint32Array): number {
    const bytes = bytesOf(into);
    const read = readSync(fd, bytes, 0, BLOCK_BYTES, block * BLOCK_BYTES);
    const crc = crc32(bytes.subarray(0, BLOCK_BYTES - 4));
    if (read !== BLOCK_BYTES || into[BLOCK_WORDS - 1] !== crc) throw damaged(path, block);
    return block === blocks - 1 ? records - block * perBlock : perBlock;
  }

  /** The last block whose first key is ≤ `key`, or −1. */
  function blockFor(key: Uint32Array): number {
    let low = 0;
    let high = blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareWords(fences, middle * shape.keyWords, key, 0, shape.keyWords) <= 0) {
        low = middle + 1;
      } else high = middle;
    }
    return low - 1;
  }

  /** Index in the block of the first record with a key ≥ `key`. */
  function lowerBound(words: Uint32Array, count: number, key: Uint32Array): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareWords(words, middle * shape.words, key, 0, shape.keyWords) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function walk(startBlock: number, startIndex: number, step: 1 | -1): Cursor {
    const own = new Uint32Array(BLOCK_WORDS);
    let block = startBlock;
    let index = startIndex;
    let count = block >= 0 && block < blocks ? load(block, own) : 0;
    const cursor = {
      words: own,
      at: 0,
      next() {
        while (index < 0 || index >= count) {
          block += step;
          if (block < 0 || block >= blocks) return false;
          count = load(block, own);
          index = step === 1 ? 0 : count - 1;
        }
        cursor.at = index * shape.words;
        index += step;
        return true;
      },
    };
    return cursor;
  }

  return {
    path,
    records,
    find(key) {
      if (bloom.length > 0 && !mayHold(bloom, key, 0)) return undefined;
      const block = blockFor(key);
      if (block < 0) return undefined;
      const count = load(block, scratch);
      const index = lowerBound(scratch, count, key);
      if (index === count) return undefined;
      const at = index * shape.words;
      if (compareWords(scratch, at, key, 0, shape.keyWords) !== 0) return undefined;
      return scratch.subarray(at, at + shape.words);
    },
    from(key) {
      if (key === undefined) return walk(0, 0, 1);
      const block = Math.max(0, blockFor(key));
      if (blocks === 0) return walk(0, 0, 1);
      return walk(block, lowerBound(scratch, load(block, scratch), key), 1);
    },
    before(key) {
      const block = blockFor(key);
      if (block < 0) return walk(-1, -1, -1);
      return walk(block, lowerBound(scratch, load(block, scratch), key) - 1, -1);
    },
    close: () => closeSync(fd),
  };
}

function readTail(fd: number, path: string, shape: RecordShape) {
  const footer = new Uint32Array(FOOTER_WORDS);
  const size = fileBytes(fd);
  const start = size - footer.byteLength;
  if (start < 0) throw damaged(path, 0);
  readSync(fd, bytesOf(footer), 0, footer.byteLength, start);
  const [magic, words, keyWords, records = 0, fenceWords = 0, bloomWords = 0] = footer;
  const whole =
    magic === MAGIC &&
    words === shape.words &&
    keyWords === shape.keyWords &&
    footer[7] === crc32(bytesOf(footer.subarray(0, 7)));
  if (!whole) throw damaged(path, 0);
  const fences = new Uint32Array(fenceWords);
  const bloom = new Uint32Array(bloomWords);
  const fenceStart = start - (fenceWords + bloomWords) * 4;
  const blocks = Math.ceil(records / recordsPerBlock(shape));
  if (fenceStart !== blocks * BLOCK_BYTES) throw damaged(path, blocks);
  readSync(fd, bytesOf(fences), 0, fences.byteLength, fenceStart);
  readSync(fd, bytesOf(bloom), 0, bloom.byteLength, fenceStart + fences.byteLength);
  if (crc32(bytesOf(bloom), crc32(bytesOf(fences))) !== footer[6]) throw damaged(path, blocks);
  return { records, fences, bloom };
}

function fileBytes(fd: number): number {
  const { size } = fstatSync(fd);
  return size;
}

function recordsPerBlock(shape: RecordShape): number {
  assert(shape.words < BLOCK_WORDS, 'a record fits a block');
  return Math.floor((BLOCK_WORDS - 1) / shape.words);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function damaged(path: string, block: number): Failure {
  return new Failure(
    'INDEX_DAMAGED',
    `${path}: block ${block} or its frame does not match its CRC`,
  );
}
