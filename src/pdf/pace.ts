// A long invoice is made in slices between turns of the event loop: calls go on meanwhile.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { limits } from '../limits.js';

/** Resolves at once while the slice lasts, else on the next turn of the event loop. */
export type Pace = () => Promise<void> | undefined;

export function createPace(): Pace {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs < limits.sliceMs) return undefined;
    return nextTurn().then(() => {
      sinceMs = performance.now();
    });
  };
}
