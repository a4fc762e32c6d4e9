// The entries that may have something to tell: noted as they are committed, looked at once they are
// durable. A start looks at all that came after what was turned into deliveries before it; so does
// it go on where too many were noted to be remembered.

import type { Sequence } from '../../base/units.js';
import { limits } from '../../limits.js';

export interface Notices {
  /** On the hot path where an event reaches a threshold. Sequences ascend. */
  readonly note: (sequence: Sequence) => void;
  /** The next entry to look at; undefined where none is known. */
  readonly next: (after: Sequence) => Sequence | undefined;
  /** What was committed through it was not noted. */
  readonly begin: Sequence;
  readonly passed: (sequence: Sequence) => void;
  /** Entries through here are looked at. */
  readonly position: () => Sequence;
}

/** `last`: the last entry before this start's own. */
export function openNotices(last: Sequence, notedMax = limits.noticesNoted): Notices {
  let noted: Sequence[] = [];
  let head = 0;
  let everyThrough = last;
  let position = last;

  function forget(after: Sequence): void {
    while (head < noted.length && (noted[head] as Sequence) <= after) head++;
    if (head < noted.length / 2) return;
    noted = noted.slice(head);
    head = 0;
  }

  return {
    begin: last,
    note(sequence) {
      if (noted.length - head >= notedMax) {
        noted = [];
        head = 0;
        everyThrough = sequence;
      } else noted.push(sequence);
    },
    next(after) {
      if (after < everyThrough) return after + 1;
      forget(after);
      return noted[head];
    },
    passed(sequence) {
      position = sequence;
    },
    position: () => position,
  };
}
