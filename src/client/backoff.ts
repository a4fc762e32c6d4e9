// How long to wait before trying again: exponential with full jitter, so that clients which lost
// the same server do not come back together; no less than the server asks for.

import type { DurationMs } from '../base/units.js';

export interface RetryPolicy {
  /** The first wait is a random part of this. */
  readonly firstMs: DurationMs;
  /** No wait is longer, but for one that the server asks for. */
  readonly longestMs: DurationMs;
}

/** A server that asks for more is taken at this. */
const ASKED_MS_MAX = 60_000;
/** 2^30 times the first wait is past any longest one. */
const DOUBLINGS_MAX = 30;

/** `retries`: how many there have been without progress. */
export function backoffMs(
  { firstMs, longestMs }: RetryPolicy,
  retries: number,
  askedMs: DurationMs,
): DurationMs {
  const ceilingMs = Math.min(longestMs, firstMs * 2 ** Math.min(retries, DOUBLINGS_MAX));
  return Math.max(Math.random() * ceilingMs, Math.min(askedMs, ASKED_MS_MAX));
}
