// Quota counters. A counter keeps the two latest windows that were used: the current one, and the
// one before it for late usage. An older event touches only the totals.

import { assert } from '../base/assert.js';
import type { EpochMs } from '../base/units.js';
import type { CounterChange, RecordEntry } from '../journal/entry.js';
import { kept } from './kept.js';
import type { Counter, CounterWindow } from './values.js';

const WINDOWS_KEPT = 2;

export function emptyCounter(key: string): Counter {
  return { key, ...kept(), windows: [], reserved: 0n, touchedMs: 0, version: 0 };
}

export function windowOf(counter: Counter, startMs: EpochMs): CounterWindow | undefined {
  const { windows } = counter;
  const first = windows[0];
  if (first === undefined || first.startMs === startMs) return first;
  const second = windows[1];
  return second?.startMs === startMs ? second : undefined;
}

/** Whether a window that starts then may be counted: it is kept, or newer than what is. */
export function takesWindow(counter: Counter, startMs: EpochMs): boolean {
  const { windows } = counter;
  const oldest = windows[windows.length - 1];
  return oldest === undefined || windows.length < WINDOWS_KEPT || startMs >= oldest.startMs;
}

export function applyChange(
  counter: Counter,
  change: CounterChange,
  { atMs, catalogueVersion }: Pick<RecordEntry, 'atMs' | 'catalogueVersion'>,
): CounterWindow {
  counter.touchedMs = Math.max(counter.touchedMs, atMs);
  counter.version = catalogueVersion;
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
  };
  counter.windows.push(window);
  counter.windows.sort((a, b) => b.startMs - a.startMs);
  counter.windows.length = Math.min(counter.windows.length, WINDOWS_KEPT);
  assert(counter.windows.includes(window), 'only a window that is kept is counted');
  return window;
}
