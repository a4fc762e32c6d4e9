// How long to wait before sending again, and when to stop: exponential with jitter (a random half),
// no less than the server asks for. The count starts anew with every sign of progress.

import type { DurationMs } from '../../base/units.js';
import { type CallStatus, callFailure, detailsOf, isRetriable } from '../remote/call-error.js';

export interface Backoff {
  /** The wait before the next attempt; throws where there must be none. */
  readonly nextMs: (error: CallStatus) => DurationMs;
  readonly reset: () => void;
}

const FIRST_MS = 100;
const LONGEST_MS = 5000;
/** More than this is a server that will not be back while someone looks on. */
const ASKED_MS_MAX = 60_000;

export function openBackoff(retriesMax: number, random: () => number = Math.random): Backoff {
  let retries = 0;
  return {
    nextMs(error) {
      const details = detailsOf(error);
      if (!isRetriable(error, details)) throw callFailure(error, details, '');
      if (retries >= retriesMax) {
        throw callFailure(error, details, ` after ${retries} retries without progress`);
      }
      const stepMs = Math.min(FIRST_MS * 2 ** retries++, LONGEST_MS);
      const jitteredMs = stepMs * (0.5 + random() / 2);
      return Math.max(jitteredMs, Math.min(details.retryDelayMs, ASKED_MS_MAX));
    },
    reset() {
      retries = 0;
    },
  };
}
