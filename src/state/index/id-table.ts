// The open tail of the id index: a hash table in one typed array, so that a hundred thousand ids
// cost the garbage collector nothing. Open addressing, linear probing, at most half full. The slot
// of a key is its highest bits and probing never wraps around, so the keys of one cluster of taken
// slots are all below those of the next one: the table is in key order but for its small clusters.

import { assert } from '../../base/assert.js';
import { Failure } from '../../base/failure.js';
import type { Pace } from './pace.js';
import { compareWords, copyWords, type RecordShape } from './records.js';

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
  /** Offsets of all records in key order; nothing may be put meanwhile. */
  readonly sorted: (pace: Pace) => Promise<Uint32Array>;
}

/** Slots beyond the last one a key can have, for its cluster; keys are hashes, so it is short. */
const SLACK = 1024;
const SLOTS_PER_LOOK = 1024;

/** `capacity` must be a power of two; the table has twice as many slots. */
export function createIdTable(capacity: number): IdTable {
  const slots = capacity * 2;
  assert(Number.isInteger(Math.log2(slots)), 'capacity is a power of two');
  const { words: width, keyWords } = ID_RECORD;
  const end = slots + Math.min(capacity, SLACK);
  const words = new Uint32Array(end * width);
  const shift = 32 - Math.log2(slots);
  let size = 0;

  /** The slot of a key, or the empty one where it belongs. */
  function probe(key: Uint32Array): number {
    for (let slot = (key[0] as number) >>> shift; slot < end; slot++) {
      const at = slot * width;
      if (isEmpty(at) || compareWords(words, at, key, 0, keyWords) === 0) return at;
    }
    throw new Failure('INDEX_FULL', 'the last cluster of the id table has outgrown its slack');
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
      copyWords(record, 0, words, at, width);
    },
    async sorted(pace) {
      const offsets = new Uint32Array(size);
      let count = 0;
      let clusterStart = 0;
      for (let slot = 0; slot < end; slot++) {
        if (slot % SLOTS_PER_LOOK === 0 && pace.due()) await pace.turn();
        const at = slot * width;
        if (isEmpty(at)) {
          clusterStart = count;
          continue;
        }
        let place = count++;
        for (; place > clusterStart; place--) {
          const before = offsets[place - 1] as number;
          if (compareWords(words, before, words, at, keyWords) < 0) break;
          offsets[place] = before;
        }
        offsets[place] = at;
      }
      return offsets;
    },
  };
}
