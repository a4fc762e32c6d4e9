// Long work on the main thread in slices: it looks at the clock between steps and lets the event
// loop turn when its slice is used up.

import type { Clock } from '../../base/clock.js';

export interface Pace {
  /** Whether the slice is used up; then `await turn()`. */
  readonly due: () => boolean;
  readonly turn: () => Promise<void>;
}

/** `sliceMs` is asked at each turn: a backlog may lengthen the slices. */
export function openPace(clock: Clock, sliceMs: () => number): Pace {
  let sinceMs = clock.monotonicMs();
  let lengthMs = sliceMs();
  return {
    due: () => clock.monotonicMs() - sinceMs >= lengthMs,
    async turn() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      sinceMs = clock.monotonicMs();
      lengthMs = sliceMs();
    },
  };
}
