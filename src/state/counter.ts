// Quota counters. A counter keeps the three latest windows that were used: the current one, the one
// before it for late usage, and the one after it for events a few minutes ahead. An older event
// touches only the totals. Now is the clock's: where it was set back, older windows are counted
// again and newer ones make room.

import { assert } from '../base/assert.js';
import type { EpochMs, Sequence } from '../base/units.js';
import type { Window } from '../domain/quota/rule.js';
import type { CounterChange, RecordEntry } from '../journal/entry.js';
import { kept } from './kept.js';
import type { Counter, CounterWindow } from './values.js';

const WINDOWS_KEPT = 3;
const NEVER: EpochMs = -1;

export function emptyCounter(key: string): Counter {
  return { key, ...kept(), windows: [], reserved: 0n, touchedMs: 0, droppedMs: NEVER };
}

export function windowOf({ windows }: Counter, startMs: EpochMs): CounterWindow | undefined {
  const first = windows[0];
  if (first === undefined || first.startMs === startMs) return first;
  for (let i = 1; i < windows.length; i++) {
    if (windows[i]?.startMs === startMs) return windows[i];
  }
  return undefined;
}

/** Whether a window is counted: it is kept, newer than what is, that of now or the one before. */
export function takesWindow(
  { windows }: Counter,
  { startMs, endMs }: Window,
  nowStartMs: EpochMs,
): boolean {
  const oldest = windows[windows.length - 1];
  if (oldest === undefined || windows.length < WINDOWS_KEPT) return true;
  return startMs >= oldest.startMs || startMs === nowStartMs || endMs === nowStartMs;
}

/** Whether a window that is not kept may have been used: what was is in the totals alone. */
export function mayHaveDropped({ windows, droppedMs }: Counter, startMs: EpochMs): boolean {
  if (startMs <= droppedMs) return true;
  const oldest = windows[WINDOWS_KEPT - 1];
  return oldest !== undefined && startMs < oldest.startMs;
}

export function applyChange(
  counter: Counter,
  change: CounterChange,
  { atMs, catalogueVersion }: Pick<RecordEntry, 'atMs' | 'catalogueVersion'>,
  sequence: Sequence,
): CounterWindow {
  counter.touchedMs = Math.max(counter.touchedMs, atMs);
  let window = windowOf(counter, change.windowStartMs);
  if (change.base !== undefined) {
    window ??= insertWindow(counter, change.windowStartMs, atMs);
    window.openedBy = sequence;
    window.used = change.base;
    window.sinceMs = change.sinceMs;
    window.raised = stillRaised(window);
  }
  assert(window !== undefined, 'a counter change without a base has its window');
  window.used += change.delta;
  window.version = catalogueVersion;
  return window;
}

/** Names one run of a window: a value seen before it was opened anew counts again. */
export function seenMark({ startMs, openedBy }: Pick<CounterWindow, 'startMs' | 'openedBy'>) {
  return `${startMs}:${openedBy}`;
}

/** Thresholds that the window reaches as it is opened anew were raised before. */
function stillRaised({ raised, raisedLimit, used }: CounterWindow): number[] {
  return raised.filter((percent) => used * 100n >= raisedLimit * BigInt(percent));
}

/** Where there is no room, the window farthest from the time of recording goes. */
function insertWindow(counter: Counter, startMs: EpochMs, atMs: EpochMs): CounterWindow {
  const window: CounterWindow = {
    startMs,
    used: 0n,
    sinceMs: undefined,
    raised: [],
    raisedLimit: 0n,
    openedBy: 0,
    version: 0,
  };
  const { windows } = counter;
  const [newest] = windows;
  const oldest = windows[WINDOWS_KEPT - 1];
  if (newest !== undefined && oldest !== undefined) {
    const far = newest.startMs - atMs > atMs - oldest.startMs ? newest : oldest;
    counter.droppedMs = Math.max(counter.droppedMs, far.startMs);
    windows.splice(windows.indexOf(far), 1);
  }
  windows.push(window);
  windows.sort((a, b) => b.startMs - a.startMs);
  return window;
}
