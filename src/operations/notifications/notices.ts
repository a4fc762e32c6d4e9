// The entries that may have something to tell: noted as they are committed, looked at once they are
// durable. A start looks at all that came after what was turned into deliveries before it; so does
// it go on where too many were noted to be remembered.

import type { Sequence } from '../../base/units.js';
import { limits } from '../../limits.js';

export interface Notices {
  /** On the hot path where an event reaches a threshold. Sequences ascend. */
  readonly note: (sequence: Sequence) => void;
  /** The next entry to look at; undefined where none is known. Forgets nothing. */
  readonly next: (after: Sequence) => Sequence | undefined;
  /** What was committed through it was not noted. */
  readonly begin: Sequence;
  /** Nothing is asked for any more that was noted through here. */
  readonly passed: (sequence: Sequence) => void;
  /** Entries through here are looked at; 0 before the first turn. */
  readonly position: () => Sequence;
}

/** `last`: the last entry before this start's own. */
export function openNotices(last: Sequence, notedMax: number = limits.noticesNoted): Notices {
  let noted: Sequence[] = [];
  let everyThrough = last;
  let position: Sequence = 0;

  /** The place of the first one after it. */
  function placeAfter(sequence: Sequence): number {
    let low = 0;
    let high = noted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((noted[middle] as Sequence) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    begin: last,
    note(sequence) {
      if (noted.length >= notedMax) {
        noted = [];
        everyThrough = sequence;
      } else noted.push(sequence);
    },
    next(after) {
      if (after < everyThrough) return after + 1;
      return noted[placeAfter(after)];
    },
    passed(sequence) {
      position = sequence;
      const place = placeAfter(sequence);
      if (place > 0) noted = noted.slice(place);
    },
    position: () => position,
  };
}
