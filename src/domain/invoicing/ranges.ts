// Sets of half-open stretches of time, in order and apart from each other.

import type { Interval } from '../metering/calendar.js';

export type Ranges = readonly Interval[];

export function joinRanges(ranges: Ranges): Ranges {
  const joined: Interval[] = [];
  for (const each of [...ranges].sort((a, b) => a.startMs - b.startMs)) {
    if (each.startMs >= each.endMs) continue;
    const last = joined.at(-1);
    if (last === undefined || last.endMs < each.startMs) joined.push(each);
    else joined[joined.length - 1] = { ...last, endMs: Math.max(last.endMs, each.endMs) };
  }
  return joined;
}

/** What of `range` is in none of `taken`. */
export function without(range: Interval, taken: Ranges): Ranges {
  const left: Interval[] = [];
  let fromMs = range.startMs;
  for (const each of joinRanges(taken)) {
    if (each.endMs <= fromMs || each.startMs >= range.endMs) continue;
    if (each.startMs > fromMs) left.push({ startMs: fromMs, endMs: each.startMs });
    fromMs = Math.max(fromMs, each.endMs);
  }
  if (fromMs < range.endMs) left.push({ startMs: fromMs, endMs: range.endMs });
  return left;
}

export function overlap(a: Interval, b: Interval): Interval | undefined {
  const startMs = Math.max(a.startMs, b.startMs);
  const endMs = Math.min(a.endMs, b.endMs);
  return startMs < endMs ? { startMs, endMs } : undefined;
}

export function isWhole(range: Interval, ranges: Ranges): boolean {
  return without(range, ranges).length === 0;
}
