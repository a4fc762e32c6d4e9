// The open tail of the event index: (organisation number, event time, sequence) of the events that
// are not in a sorted run yet, in order of arrival.

import type { EpochMs, Sequence } from '../../base/units.js';
import { getNumber, putNumber, type RecordShape } from './records.js';

export const EVENT_RECORD: RecordShape = { words: 5, keyWords: 5 };

export interface EventPlace {
  readonly timeMs: EpochMs;
  readonly sequence: Sequence;
}

export interface EventTail {
  readonly words: Uint32Array;
  readonly size: () => number;
  readonly put: (organisation: number, timeMs: EpochMs, sequence: Sequence) => void;
  readonly offsets: () => Uint32Array;
  /** Events of an organisation with key < `before` and time ≥ `fromMs`, newest first. */
  readonly select: (organisation: number, fromMs: EpochMs, before: EventPlace) => EventPlace[];
}

export function createEventTail(capacity: number): EventTail {
  const words = new Uint32Array(capacity * EVENT_RECORD.words);
  let size = 0;
  return {
    words,
    size: () => size,
    put(organisation, timeMs, sequence) {
      const at = size++ * EVENT_RECORD.words;
      words[at] = organisation;
      putNumber(words, at + 1, timeMs);
      putNumber(words, at + 3, sequence);
    },
    offsets() {
      const offsets = new Uint32Array(size);
      for (let i = 0; i < size; i++) offsets[i] = i * EVENT_RECORD.words;
      return offsets;
    },
    select(organisation, fromMs, before) {
      const found: EventPlace[] = [];
      for (let at = 0; at < size * EVENT_RECORD.words; at += EVENT_RECORD.words) {
        if (words[at] !== organisation) continue;
        const timeMs = getNumber(words, at + 1);
        const place = { timeMs, sequence: getNumber(words, at + 3) };
        if (timeMs >= fromMs && precedes(place, before)) found.push(place);
      }
      return found.sort((a, b) => (precedes(a, b) ? 1 : -1));
    },
  };
}

/** Whether `a` is older than `b`: by event time, then by sequence. */
export function precedes(a: EventPlace, b: EventPlace): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}

export function eventKey(organisation: number, place: EventPlace): Uint32Array {
  const key = new Uint32Array(EVENT_RECORD.words);
  key[0] = organisation;
  putNumber(key, 1, place.timeMs);
  putNumber(key, 3, place.sequence);
  return key;
}
