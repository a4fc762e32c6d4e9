// Runs of ids whose days are all beyond the id retention go, at most one day or eight per monotonic
// hour and none while the clocks disagree: a jump of the wall clock must not forget an id.

import type { Clock } from '../base/clock.js';
import { DAY_MS, type DurationMs, HOUR_MS } from '../base/units.js';
import { limits } from '../limits.js';
import type { Indexes } from '../state/index/indexes.js';

export interface PruneOptions {
  readonly indexes: Indexes;
  readonly clock: Clock;
  readonly retentionMs: DurationMs;
  readonly disagreementMs: () => DurationMs;
}

export function pruneIdsTurn(options: PruneOptions): () => Promise<void> {
  const { indexes, clock, retentionMs } = options;
  let nextMs = clock.monotonicMs() + HOUR_MS;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextMs || Math.abs(options.disagreementMs()) > limits.clockDisagreementMs) return;
    nextMs = nowMs + HOUR_MS;
    await indexes.dropOldestBefore(indexes.newestDay() - Math.ceil(retentionMs / DAY_MS));
  };
}
