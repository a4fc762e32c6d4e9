// What a line rests on, so that it can be recomputed from the journal: how many events, the range
// of their sequences, and an order-free hash of them.

import type { Sequence } from '../../base/units.js';
import type { Cell } from '../metering/cell.js';

export interface Proof {
  readonly events: number;
  readonly firstSequence: Sequence;
  readonly lastSequence: Sequence;
  readonly hashLow: number;
  readonly hashHigh: number;
}

export const NO_PROOF: Proof = {
  events: 0,
  firstSequence: 0,
  lastSequence: 0,
  hashLow: 0,
  hashHigh: 0,
};

export function proofOf(cell: Cell): Proof {
  const { count, firstSequence, lastSequence } = cell;
  const hashLow = cell.hashLow >>> 0;
  const hashHigh = cell.hashHigh >>> 0;
  return { events: count, firstSequence, lastSequence, hashLow, hashHigh };
}

export function joinProofs(a: Proof, b: Proof): Proof {
  if (a.events === 0) return b;
  if (b.events === 0) return a;
  return {
    events: a.events + b.events,
    firstSequence: Math.min(a.firstSequence, b.firstSequence),
    lastSequence: Math.max(a.lastSequence, b.lastSequence),
    hashLow: (a.hashLow + b.hashLow) >>> 0,
    hashHigh: (a.hashHigh + b.hashHigh) >>> 0,
  };
}

/** 16 hexadecimal digits; '' where there are no events. */
export function hashText({ events, hashHigh, hashLow }: Proof): string {
  return events === 0 ? '' : hex(hashHigh) + hex(hashLow);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
