// When a row is due. At a factor of real time the gaps between rows are kept, divided by it; a row
// that is late, or stands out of order, goes at once.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../base/clock.js';
import type { DurationMs } from '../../base/units.js';
import { usageFailure } from '../cli/usage.js';
import { type EpochNs, millisecondsBetween } from './time.js';

/** `max`, or how many seconds of the trace pass in one second. */
export type Speed = 'max' | number;

export interface Pace {
  /** How long the row is still to be held back; 0 where it is due. */
  readonly waitMs: (time: EpochNs | undefined) => DurationMs;
}

/** A timer is no finer; a shorter wait would only make rows later. */
const WAIT_MS_MIN = 1;
/** setTimeout reads a longer delay as none. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export function parseSpeed(text: string): Speed {
  if (text === 'max') return 'max';
  const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (factor > 0 && Number.isFinite(factor)) return factor;
  throw usageFailure(`--speed: expected "max" or a factor above 0 such as 10, got ${text}`);
}

/** The first row asked for is due at once and sets the origin. */
export function openPace(speed: Speed, clock: Clock): Pace {
  let origin: { readonly time: EpochNs; readonly ms: number } | undefined;
  return {
    waitMs(time) {
      if (speed === 'max' || time === undefined) return 0;
      const nowMs = clock.monotonicMs();
      origin ??= { time, ms: nowMs };
      const dueMs = origin.ms + millisecondsBetween(origin.time, time) / speed;
      const waitMs = dueMs - nowMs;
      return waitMs < WAIT_MS_MIN ? 0 : waitMs;
    },
  };
}

export async function wait(durationMs: DurationMs): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= TIMER_MS_MAX) {
    await sleep(Math.min(leftMs, TIMER_MS_MAX));
  }
}
