// The open tail of the id index: a hash table in one typed array, so that a hundred thousand ids
// cost the garbage collector nothing. Open addressing, linear probing, at most half full.

import { assert } from '../../base/assert.js';
import { compareWords, type RecordShape } from './records.js';

/** Four words of hash, fingerprint, sequence (two words). */
export const ID_RECORD: RecordShape = { words: 7, keyWords: 4 };
const SEQUENCE_LOW = 6;
const SEQUENCE_HIGH = 5;

export interface IdTable {
  readonly words: Uint32Array;
  readonly size: () => number;
  /** Offset of the record with this key, or −1. */
  readonly find: (key: Uint32Array) => number;
  /** Adds a record, or replaces the one with its key. */
  readonly put: (record: Uint32Array) => void;
  /** Offsets of all records, in no order. */
  readonly offsets: () => Uint32Array;
}

/** `capacity` must be a power of two; the table has twice as many slots. */
export function createIdTable(capacity: number): IdTable {
  const slots = capacity * 2;
  assert(Number.isInteger(Math.log2(slots)), 'capacity is a power of two');
  const { words: width, keyWords } = ID_RECORD;
  const words = new Uint32Array(slots * width);
  const mask = slots - 1;
  let size = 0;

  /** The slot of a key, or the empty one where it belongs. */
  function probe(key: Uint32Array): number {
    let slot = (key[0] as number) & mask;
    for (;;) {
      const at = slot * width;
      if (words[at + SEQUENCE_LOW] === 0 && words[at + SEQUENCE_HIGH] === 0) return at;
      if (compareWords(words, at, key, 0, keyWords) === 0) return at;
      slot = (slot + 1) & mask;
    }
  }

  const isEmpty = (at: number) => words[at + SEQUENCE_LOW] === 0 && words[at + SEQUENCE_HIGH] === 0;

  return {
    words,
    size: () => size,
    find(key) {
      const at = probe(key);
      return isEmpty(at) ? -1 : at;
    },
    put(record) {
      const at = probe(record);
      if (isEmpty(at)) {
        size++;
        assert(size < slots, 'the id table has a free slot');
      }
      words.set(record, at);
    },
    offsets() {
      const offsets = new Uint32Array(size);
      let count = 0;
      for (let at = 0; at < words.length; at += width) {
        if (!isEmpty(at)) offsets[count++] = at;
      }
      return offsets;
    },
  };
}
