// Reports over everything work in slices, and end where the process does: what they read is closed
// then. They run one after the other, so that many of them hold the event loop no longer than one.

import { SECOND_MS } from '../../base/units.js';
import { limits } from '../../limits.js';
import { openPace } from '../../state/index/pace.js';
import { type Core, draining } from '../core.js';
import { Refusal } from '../refusal.js';

export interface Steps {
  /** Whether the slice is used up; then `await turn()`. */
  readonly due: () => boolean;
  /** Refuses to go on where the process stops. */
  readonly turn: () => Promise<void>;
}

export function openSteps(core: Core): Steps {
  const pace = openPace(core.clock, () => limits.sliceMs);
  if (core.draining()) throw draining();
  return {
    due: pace.due,
    async turn() {
      await pace.turn();
      if (core.draining()) throw draining();
    },
  };
}

/** Runs what it is given when all that it was given before has ended. */
export type OneByOne = <T>(work: () => Promise<T>) => Promise<T>;

export function openOneByOne(): OneByOne {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (work) => {
    if (waiting >= limits.reportsWaiting) throw overloaded();
    waiting++;
    const own = last.then(work).finally(() => {
      waiting--;
    });
    // Its failure is its caller's to handle.
    last = own.catch(() => undefined);
    return own;
  };
}

function overloaded(): Refusal {
  const text = 'too many reports wait for one another; try again later';
  return new Refusal('UNAVAILABLE', 'OVERLOADED', text, { retryMs: SECOND_MS });
}
