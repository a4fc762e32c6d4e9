// Since when each combination of match, scope and window is counted, for everybody or, where only
// an override names it, for one organisation. One that a catalogue brings in later has missed what
// came before: its windows start from the totals or say `counting_since`.

import type { EpochMs } from '../base/units.js';
import type { Catalogue } from '../domain/plans/catalogue.js';
import type { Rule } from '../domain/quota/rule.js';

export interface Since {
  readonly atMs: EpochMs;
  /** Catalogue version that brought it in. */
  readonly version: number;
}

export type CountedSince = ReadonlyMap<string, Since>;

/** Counted from the very beginning. */
export const ALWAYS: Since = { atMs: 0, version: 0 };

/** Combinations of plans and defaults are counted for every organisation. */
const EVERYBODY = '';
const SEPARATOR = '\u0004';

/** Undefined where it is not counted. */
export function sinceOf(
  since: CountedSince,
  orgId: string,
  meter: string,
  combination: string,
): Since | undefined {
  const common = since.get(keyOf(EVERYBODY, meter, combination));
  const own = since.get(keyOf(orgId, meter, combination));
  if (common === undefined || own === undefined) return common ?? own;
  return own.version < common.version ? own : common;
}

/** `atMs` is 0 where nothing was recorded before: everything is counted from the beginning. */
export function countedSince(
  catalogue: Catalogue,
  before: CountedSince,
  atMs: EpochMs,
): CountedSince {
  const since = new Map<string, Since>();
  for (const [orgId, { meter, combination }] of allRules(catalogue)) {
    const known = sinceOf(before, orgId, meter, combination);
    since.set(keyOf(orgId, meter, combination), known ?? { atMs, version: catalogue.version });
  }
  // What an organisation was counted by alone is counted on where everybody is.
  for (const [key, own] of before) {
    const common = `${EVERYBODY}${key.slice(key.indexOf(SEPARATOR))}`;
    if (!since.has(key) && since.has(common)) since.set(key, own);
  }
  return since;
}

function* allRules(catalogue: Catalogue): Generator<[orgId: string, rule: Rule]> {
  for (const rules of catalogue.rulesByMeter.values()) {
    for (const rule of rules) yield [EVERYBODY, rule];
  }
  for (const [orgId, { overrides }] of catalogue.organisations) {
    for (const { rule } of overrides) yield [orgId, rule];
  }
}

function keyOf(orgId: string, meter: string, combination: string): string {
  return `${orgId}${SEPARATOR}${meter}${SEPARATOR}${combination}`;
}
