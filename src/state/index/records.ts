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
 * Natural merge sort of record offsets (Knuth, TAOCP 3, 5.2.4), in slices: one call of the built-in
 * sort would hold the event loop for 20 ms at 2^17 records. What is in order costs one look.
 */
export async function sortOffsets(
  words: Uint32Array,
  offsets: Uint32Array,
  shape: RecordShape,
  pace: Pace,
): Promise<Uint32Array> {
  let from: Uint32Array = offsets;
  let to: Uint32Array | undefined;
  let ends = await runEnds(words, offsets, shape, pace);
  while (ends.length > 1) {
    to ??= new Uint32Array(offsets.length);
    const merged: number[] = [];
    let start = 0;
    for (let i = 0; i < ends.length; i += 2) {
      const middle = ends[i] as number;
      const end = ends[i + 1] ?? middle;
      mergeRuns(words, from, to, { start, middle, end }, shape);
      merged.push(end);
      start = end;
      if (pace.due()) await pace.turn();
    }
    ends = merged;
    [from, to] = [to, from];
  }
  return from;
}

const RECORDS_PER_LOOK = 1024;

/** Where each stretch that is in order ends. */
async function runEnds(
  words: Uint32Array,
  offsets: Uint32Array,
  { keyWords }: RecordShape,
  pace: Pace,
): Promise<number[]> {
  const ends: number[] = [];
  for (let i = 1; i < offsets.length; i++) {
    if (i % RECORDS_PER_LOOK === 0 && pace.due()) await pace.turn();
    const before = offsets[i - 1] as number;
    if (compareWords(words, before, words, offsets[i] as number, keyWords) > 0) ends.push(i);
  }
  ends.push(offsets.length);
  return ends;
}

interface Halves {
  readonly start: number;
  readonly middle: number;
  readonly end: number;
}

function mergeRuns(
  words: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  { start, middle, end }: Halves,
  { keyWords }: RecordShape,
): void {
  let left = start;
  let right = middle;
  for (let out = start; out < end; out++) {
    const takeLeft =
      right >= end ||
      (left < middle &&
        compareWords(words, from[left] as number, words, from[right] as number, keyWords) <= 0);
    to[out] = from[takeLeft ? left++ : right++] as number;
  }
}

/** By a loop: for so few words, a call of the built-in `set` costs five times as much. */
export function copyWords(
  from: Uint32Array,
  atFrom: number,
  to: Uint32Array,
  atTo: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[atTo + i] = from[atFrom + i] as number;
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
