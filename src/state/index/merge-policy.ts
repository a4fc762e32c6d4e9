// When runs are merged: eight neighbours of one size class within a day become one of the next
// class, so a record is rewritten once per class; the runs of a day that is over become one.

import { limits } from '../../limits.js';
import type { RunMeta } from './manifest.js';

/** The first group of neighbours worth merging, oldest first, or undefined. */
export function mergeable<T extends { readonly meta: RunMeta }>(
  runs: readonly T[],
  today: number,
  tailIds: number,
): readonly T[] | undefined {
  for (const day of new Set(runs.map(({ meta }) => meta.day))) {
    const group = runs.filter(({ meta }) => meta.day === day);
    if (day < today && group.length > 1) return group.slice(0, 2 * limits.runsPerMerge);
    const newest = sizeClass(group.at(-1)?.meta, tailIds);
    const equals = group.filter(({ meta }) => sizeClass(meta, tailIds) === newest);
    if (equals.length >= limits.runsPerMerge) return equals.slice(0, limits.runsPerMerge);
  }
  return undefined;
}

/** 0 for a run of one tail, 1 for eight of them, 2 for sixty-four … */
function sizeClass(run: RunMeta | undefined, tailIds: number): number {
  const tails = Math.max(1, (run?.records ?? 0) / tailIds);
  return Math.floor(Math.log(tails) / Math.log(limits.runsPerMerge) + 0.01);
}
