// Since when each combination of match, scope and window is counted, for everybody or, where only
// an override names it, for one organisation. One that comes later has missed what came before: its
// windows start from the totals or say `counting_since`.

import type { EpochMs } from '../base/units.js';
import type { Rule } from '../domain/quota/rule.js';

export interface Since {
  readonly atMs: EpochMs;
  /** Catalogue version that brought it in. */
  readonly version: number;
}

/** By meter and combination. */
export type CountedSince = ReadonlyMap<string, Since>;

/** Counted from the very beginning. */
export const ALWAYS: Since = { atMs: 0, version: 0 };

export function combinationKey(meter: string, combination: string): string {
  return `${meter}\u0004${combination}`;
}

/** The older of the two, where both are. */
export function olderSince(a: Since | undefined, b: Since | undefined): Since | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.version < b.version ? a : b;
}

/**
 * The combinations of `rules`: as long known as `before` says, else new. `atMs` of the change is 0
 * where nothing was recorded before: everything is counted from the beginning.
 */
export function countedSince(
  rules: Iterable<Rule>,
  before: (key: string) => Since | undefined,
  change: Since,
): CountedSince {
  const since = new Map<string, Since>();
  for (const { meter, combination } of rules) {
    const key = combinationKey(meter, combination);
    if (!since.has(key)) since.set(key, before(key) ?? change);
  }
  return since;
}
