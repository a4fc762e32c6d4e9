// Quota counters. A counter keeps the three latest windows that were used: the current one, the one
// before it for late usage, and the one after it for events a few minutes ahead. An older event
// touches only the totals, except in the window of now: a clock that was set back is still bounded.

import { assert } from '../base/assert.js';
import type { EpochMs } from '../base/units.js';
import type { CounterChange, RecordEntry } from '../journal/entry.js';
import { kept } from './kept.js';
import type { Counter, CounterWindow } from './values.js';

const WINDOWS_KEPT = 3;

export function emptyCounter(key: string): Counter {
  return { key, ...kept(), windows: [], reserved: 0n, touchedMs: 0 };
}

export function windowOf({ windows }: Counter, startMs: EpochMs): CounterWindow | undefined {
  const first = windows[0];
  if (first === undefined || first.startMs === startMs) return first;
  for (let i = 1; i < windows.length; i++) {
    if (windows[i]?.startMs === startMs) return windows[i];
  }
  return undefined;
}

/** Whether a window that starts then is counted: it is kept, newer than what is, or that of now. */
export function takesWindow(counter: Counter, startMs: EpochMs, nowStartMs: EpochMs): boolean {
  const { windows } = counter;
  const oldest = windows[windows.length - 1];
  if (oldest === undefined || windows.length < WINDOWS_KEPT) return true;
  return startMs >= oldest.startMs || startMs === nowStartMs;
}

/** Whether a window that is not kept may have been: what was used in it is in the totals alone. */
export function mayHaveDropped({ windows }: Counter, startMs: EpochMs): boolean {
  return windows.length === WINDOWS_KEPT && startMs < (windows[0] as CounterWindow).startMs;
}

export function applyChange(
  counter: Counter,
  change: CounterChange,
  { atMs, catalogueVersion }: Pick<RecordEntry, 'atMs' | 'catalogueVersion'>,
): CounterWindow {
  counter.touchedMs = Math.max(counter.touchedMs, atMs);
  let window = windowOf(counter, change.windowStartMs);
  if (change.base !== undefined) {
    if (window === undefined) window = insertWindow(counter, change);
    else window.restarts++;
    window.used = change.base;
    window.sinceMs = change.sinceMs;
    window.raised = [];
  }
  assert(window !== undefined, 'a counter change without a base has its window');
  window.used += change.delta;
  window.version = catalogueVersion;
  return window;
}

/** Names one run of a window: a value seen before a restart counts again. */
export function seenMark({ startMs, restarts }: Pick<CounterWindow, 'startMs' | 'restarts'>) {
  return `${startMs}:${restarts}`;
}

function insertWindow(counter: Counter, change: CounterChange): CounterWindow {
  const { windowStartMs: startMs, sinceMs } = change;
  const window: CounterWindow = {
    startMs,
    used: 0n,
    sinceMs,
    raised: [],
    raisedLimit: 0n,
    restarts: 0,
    version: 0,
  };
  if (counter.windows.length === WINDOWS_KEPT) counter.windows.pop();
  counter.windows.push(window);
  counter.windows.sort((a, b) => b.startMs - a.startMs);
  return window;
}
