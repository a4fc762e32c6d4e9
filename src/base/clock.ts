// Time is a port with two implementations: the machine's, and a simulated one in tests. Wall time
// names moments and is read once per command; durations use the monotonic clock only.

import type { EpochMs, MonotonicMs } from './units.js';

export interface Clock {
  readonly wallMs: () => EpochMs;
  readonly monotonicMs: () => MonotonicMs;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
