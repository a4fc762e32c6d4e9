// Since when each combination of match, scope and window is counted. One that a catalogue brings in
// later has missed what came before: its windows start from the totals or say `counting_since`.

import type { EpochMs } from '../base/units.js';
import type { Catalogue } from '../domain/plans/catalogue.js';
import type { Rule } from '../domain/quota/rule.js';

export type CountedSince = ReadonlyMap<string, EpochMs>;

export function combinationKey(meter: string, combination: string): string {
  return `${meter}\u0004${combination}`;
}

/** `atMs` is 0 where nothing was recorded before: everything is counted from the beginning. */
export function countedSince(
  catalogue: Catalogue,
  before: CountedSince,
  atMs: EpochMs,
): CountedSince {
  const since = new Map<string, EpochMs>();
  for (const rule of allRules(catalogue)) {
    const key = combinationKey(rule.meter, rule.combination);
    since.set(key, before.get(key) ?? atMs);
  }
  return since;
}

function* allRules(catalogue: Catalogue): Generator<Rule> {
  for (const rules of catalogue.rulesByMeter.values()) yield* rules;
  for (const { overrides } of catalogue.organisations.values()) {
    for (const { rule } of overrides) yield rule;
  }
}
