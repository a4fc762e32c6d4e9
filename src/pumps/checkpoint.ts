// journal ──▶ LMDB: every few seconds, or sooner when much has changed.

import type { Clock } from '../base/clock.js';
import type { Journal } from '../journal/journal.js';
import { limits } from '../limits.js';
import type { Checkpoints } from '../state/checkpoint.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface CheckpointPumpOptions {
  readonly checkpoints: Checkpoints;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly saveIdentity: () => Promise<void>;
}

/** One turn; called more often than the interval, it looks whether one is due. */
export function checkpointTurn(options: CheckpointPumpOptions): () => Promise<void> {
  const { checkpoints, journal, metrics, clock, intervalMs } = options;
  let lastMs = clock.monotonicMs();
  return async () => {
    const behind = journal.lastSequence() - checkpoints.applied();
    const nowMs = clock.monotonicMs();
    if (behind === 0) {
      await checkpoints.tidy();
      return;
    }
    if (nowMs - lastMs < intervalMs && behind < limits.checkpointEntries) return;
    lastMs = nowMs;
    const { values } = await checkpoints.run();
    metrics.checkpointValues.add(values);
    metrics.checkpointMs.observe(clock.monotonicMs() - nowMs);
    await options.saveIdentity();
  };
}
