// When runs are merged: eight neighbours of one size class within a day become one of the next
// class, so a record is rewritten once per class; the runs of a day that is over become one, and
// then those of eight such days. An absent id asks the filter of every run, each time a miss of the
// processor's caches, so the number of runs is what a look-up costs.

import { limits } from '../../limits.js';
import type { RunMeta } from './manifest.js';

/** The first group of neighbours worth merging, oldest first, or undefined. */
export function mergeable<T extends { readonly meta: RunMeta }>(
  runs: readonly T[],
  today: number,
  tailIds: number,
): readonly T[] | undefined {
  for (const [day, group] of groups(runs, (each) => each)) {
    if (day < today && group.length > 1) return group.slice(0, 2 * limits.runsPerMerge);
    const newest = sizeClass(group.at(-1)?.meta, tailIds);
    const equals = group.filter(({ meta }) => sizeClass(meta, tailIds) === newest);
    if (equals.length >= limits.runsPerMerge) return equals.slice(0, limits.runsPerMerge);
  }
  const spanOf = (day: number) => Math.floor(day / limits.daysPerRun);
  for (const [span, group] of groups(runs, spanOf)) {
    if (span < spanOf(today) && group.length > 1) return group;
  }
  return undefined;
}

function groups<T extends { readonly meta: RunMeta }>(
  runs: readonly T[],
  keyOf: (day: number) => number,
): Map<number, T[]> {
  const found = new Map<number, T[]>();
  for (const run of runs) {
    const key = keyOf(run.meta.day);
    const group = found.get(key);
    if (group === undefined) found.set(key, [run]);
    else group.push(run);
  }
  return found;
}

/** 0 for a run of one tail, 1 for eight of them, 2 for sixty-four … */
function sizeClass(run: RunMeta | undefined, tailIds: number): number {
  const tails = Math.max(1, (run?.records ?? 0) / tailIds);
  return Math.floor(Math.log(tails) / Math.log(limits.runsPerMerge) + 0.01);
}
