// A clock that tests move. Wall and monotonic time move together unless the wall clock is set.

import type { Clock } from '../../src/base/clock.js';

export interface TestClock extends Clock {
  readonly advance: (ms: number) => void;
  readonly setWall: (ms: number) => void;
}

export function createTestClock(wall: string | number = '2026-11-20T12:00:00Z'): TestClock {
  let wallMs = typeof wall === 'number' ? wall : Date.parse(wall);
  let monotonicMs = 1_000_000;
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    advance(ms) {
      wallMs += ms;
      monotonicMs += ms;
    },
    setWall(ms) {
      wallMs = ms;
    },
  };
}
