// A token bucket for each credential: so many calls a second, and a burst of so many. Buckets are
// kept by principal, not by session, so that presenting a credential anew gives no tokens.
// Cost: one subtraction per call.

import type { Clock } from '../base/clock.js';
import { type MonotonicMs, SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';
import { Refusal } from '../operations/refusal.js';

export interface RateLimits {
  /** The bucket of a principal, the same each time. */
  readonly bucketOf: (principal: string) => Bucket;
}

export interface Bucket {
  /** Throws RATE_LIMITED where the bucket is empty. */
  readonly take: () => void;
}

export interface Rate {
  /** Calls. */
  readonly perSecond: number;
  /** Calls at once, where none were made before. */
  readonly burst: number;
  /** What the refusal says. */
  readonly exceeded?: string;
}

/** Beyond the bound on principals the one met first starts again with a full bucket. */
export function openRateLimits(clock: Clock, rate: Rate): RateLimits {
  const buckets = new Map<string, Bucket>();
  return {
    bucketOf(principal) {
      const known = buckets.get(principal);
      if (known !== undefined) return known;
      if (buckets.size >= limits.sessions) {
        for (const first of buckets.keys()) {
          buckets.delete(first);
          break;
        }
      }
      const made = makeBucket(clock, rate);
      buckets.set(principal, made);
      return made;
    },
  };
}

function makeBucket(clock: Clock, { perSecond, burst, exceeded }: Rate): Bucket {
  const text = exceeded ?? `more than ${perSecond} calls a second with this credential; slow down`;
  let tokens = burst;
  let filledMs: MonotonicMs = clock.monotonicMs();
  return {
    take() {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(burst, tokens + ((nowMs - filledMs) * perSecond) / SECOND_MS);
      filledMs = nowMs;
      if (tokens >= 1) {
        tokens -= 1;
        return;
      }
      const retryMs = Math.ceil(((1 - tokens) * SECOND_MS) / perSecond);
      throw new Refusal('RESOURCE_EXHAUSTED', 'RATE_LIMITED', text, { retryMs });
    },
  };
}
