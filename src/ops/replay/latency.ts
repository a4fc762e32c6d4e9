// Latencies in constant memory: counts in buckets that grow by 2 %, so a percentile is off by at
// most that much. The maximum is exact.

import type { DurationMs } from '../../base/units.js';

export interface LatencyHistogram {
  readonly observe: (latencyMs: DurationMs) => void;
  /** Upper edge of the bucket that holds the ratio `of` (0 to 1) of all; 0 where there is none. */
  readonly percentileMs: (of: number) => DurationMs;
  readonly maxMs: () => DurationMs;
}

const GROWTH = 1.02;
const FIRST_MS = 0.001;
/** Reaches from a microsecond to more than a day. */
const BUCKETS = 1280;

export function openLatencyHistogram(): LatencyHistogram {
  const counts = new Float64Array(BUCKETS);
  let total = 0;
  let max = 0;
  return {
    observe(latencyMs) {
      const bucket = Math.ceil(Math.log(latencyMs / FIRST_MS) / Math.log(GROWTH));
      const index = Math.min(Math.max(bucket, 0), BUCKETS - 1);
      counts[index] = (counts[index] ?? 0) + 1;
      total++;
      max = Math.max(max, latencyMs);
    },
    percentileMs(of) {
      const rank = Math.max(1, Math.ceil(of * total));
      let seen = 0;
      for (let i = 0; i < BUCKETS && total > 0; i++) {
        seen += counts[i] ?? 0;
        if (seen >= rank) return Math.min(FIRST_MS * GROWTH ** i, max);
      }
      return 0;
    },
    maxMs: () => max,
  };
}
