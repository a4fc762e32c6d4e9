// The open tail of the event index: (organisation number, event time, sequence) of the events that
// are not in a sorted run yet, in order of arrival.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { Pace } from './pace.js';
import { getNumber, putNumber, type RecordShape, sortOffsets } from './records.js';

export const EVENT_RECORD: RecordShape = { words: 5, keyWords: 5 };

export interface EventPlace {
  readonly timeMs: EpochMs;
  readonly sequence: Sequence;
}

export interface EventTail {
  readonly words: Uint32Array;
  readonly size: () => number;
  readonly put: (organisation: number, timeMs: EpochMs, sequence: Sequence) => void;
  /** Offsets of all records in key order; nothing may be put meanwhile. */
  readonly sorted: (pace: Pace) => Promise<Uint32Array>;
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
    sorted: (pace) => sortOffsets(words, byOrganisation(words, size), EVENT_RECORD, pace),
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

/**
 * Arrival order within each organisation, which is nearly the order of event times already: a
 * counting sort, 1 ms for 2^17 records. Organisations are numbered without gaps.
 */
function byOrganisation(words: Uint32Array, size: number): Uint32Array {
  const { words: width } = EVENT_RECORD;
  const end = size * width;
  let last = 0;
  for (let at = 0; at < end; at += width) last = Math.max(last, words[at] as number);
  const counts = new Uint32Array(last + 1);
  for (let at = 0; at < end; at += width) (counts[words[at] as number] as number)++;
  const places = new Uint32Array(last + 1);
  for (let n = 1; n <= last; n++) places[n] = (places[n - 1] as number) + (counts[n - 1] as number);
  const offsets = new Uint32Array(size);
  for (let at = 0; at < end; at += width) {
    const organisation = words[at] as number;
    const place = places[organisation] as number;
    offsets[place] = at;
    places[organisation] = place + 1;
  }
  return offsets;
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
