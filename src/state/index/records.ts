// Fixed-width records of 32-bit words, the currency of the indexes: in tables, in sorted runs, and
// between them. Numbers above 2^32 take two words, the higher one first, so that comparing words
// compares numbers.

import type { Pace } from './pace.js';

export interface RecordShape {
  readonly words: number;
  /** Leading words that order the records. */
  readonly keyWords: number;
}

/** Walks records in order: after `next()` is true, the record stands at `words[at]`. */
export interface Cursor {
  words: Uint32Array;
  at: number;
  readonly next: () => boolean;
}

const TWO_32 = 4_294_967_296;

export function putNumber(words: Uint32Array, at: number, value: number): void {
  words[at] = Math.floor(value / TWO_32);
  words[at + 1] = value % TWO_32;
}

export function getNumber(words: Uint32Array, at: number): number {
  return (words[at] as number) * TWO_32 + (words[at + 1] as number);
}

export function compareWords(
  a: Uint32Array,
  atA: number,
  b: Uint32Array,
  atB: number,
  count: number,
): number {
  for (let i = 0; i < count; i++) {
    const difference = (a[atA + i] as number) - (b[atB + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Merge sort of record offsets, bottom up, in slices: one call of the built-in sort would hold the
 * event loop for 20 ms at 2^17 records. What is in order already is only copied.
 */
export async function sortOffsets(
  words: Uint32Array,
  offsets: Uint32Array,
  shape: RecordShape,
  pace: Pace,
): Promise<Uint32Array> {
  let from: Uint32Array = offsets;
  let to: Uint32Array = new Uint32Array(offsets.length);
  for (let width = 1; width < offsets.length; width *= 2) {
    for (let start = 0; start < offsets.length; start += 2 * width) {
      mergeHalves(words, from, to, start, width, shape);
      if (pace.due()) await pace.turn();
    }
    [from, to] = [to, from];
  }
  return from;
}

function mergeHalves(
  words: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  start: number,
  width: number,
  shape: RecordShape,
): void {
  const middle = Math.min(start + width, from.length);
  const end = Math.min(start + 2 * width, from.length);
  if (middle >= end || isInOrder(words, from, middle, shape)) {
    to.set(from.subarray(start, end), start);
    return;
  }
  let left = start;
  let right = middle;
  for (let out = start; out < end; out++) {
    const takeLeft =
      right >= end ||
      (left < middle &&
        compareWords(words, from[left] as number, words, from[right] as number, shape.keyWords) <=
          0);
    to[out] = from[takeLeft ? left++ : right++] as number;
  }
}

/** Whether the record before `middle` belongs before the one there. */
function isInOrder(
  words: Uint32Array,
  offsets: Uint32Array,
  middle: number,
  { keyWords }: RecordShape,
): boolean {
  const before = offsets[middle - 1] as number;
  return compareWords(words, before, words, offsets[middle] as number, keyWords) <= 0;
}

export function cursorOver(words: Uint32Array, offsets: Uint32Array): Cursor {
  let position = 0;
  const cursor = {
    words,
    at: 0,
    next() {
      if (position >= offsets.length) return false;
      cursor.at = offsets[position++] as number;
      return true;
    },
  };
  return cursor;
}

/** Merges cursors in key order; of equal keys the one from the later cursor comes last. */
export function mergeCursors(cursors: readonly Cursor[], shape: RecordShape): Cursor {
  const live = cursors.filter((cursor) => cursor.next());
  let taken: Cursor | undefined;
  const merged: Cursor = {
    words: new Uint32Array(0),
    at: 0,
    next() {
      if (taken !== undefined && !taken.next()) live.splice(live.indexOf(taken), 1);
      let least = live[0];
      if (least === undefined) return false;
      for (let i = 1; i < live.length; i++) {
        const other = live[i] as Cursor;
        const order = compareWords(other.words, other.at, least.words, least.at, shape.keyWords);
        if (order < 0) least = other;
      }
      taken = least;
      merged.words = least.words;
      merged.at = least.at;
      return true;
    },
  };
  return merged;
}
