// An open hold counts in every rule that its labels meet, in one that a catalogue brings in later
// too. What it reserves there is all that it holds.

import { matches, valuesOf } from '../domain/metering/dimensions.js';
import type { Catalogue, Override } from '../domain/plans/catalogue.js';
import type { HoldCounter, HoldItem } from '../journal/entry.js';

/** By item of a hold: the counters of the catalogue that it is not in yet. */
export function addedCounters(
  items: readonly HoldItem[],
  overrides: readonly Override[],
  catalogue: Catalogue,
): readonly (readonly HoldCounter[])[] {
  const values = new Set<string>();
  return items.map((item) => addedTo(item, overrides, catalogue, values));
}

/** `values`: of UNIQUE, what the items before have named: it is new once. */
function addedTo(
  item: HoldItem,
  overrides: readonly Override[],
  catalogue: Catalogue,
  values: Set<string>,
): readonly HoldCounter[] {
  if (item.aggregation === 'MAX') return [];
  const labels = new Map(item.labels);
  const value = labels.get(catalogue.everyMeter.get(item.meter)?.dimension ?? '') ?? '';
  const common = catalogue.rulesByMeter.get(item.meter) ?? [];
  const own = overrides.map(({ rule }) => rule);
  const added = new Map<string, HoldCounter>();
  for (const { combination, meter, match, scope } of [...common, ...own]) {
    if (meter !== item.meter || !matches(match, labels) || added.has(combination)) continue;
    if (item.counters.some((each) => each.combination === combination)) continue;
    const scopeValues = valuesOf(scope, labels);
    const place = `${meter}\u0004${combination}\u0004${scopeValues}\u0004${value}`;
    const known = item.aggregation === 'UNIQUE' && values.has(place);
    values.add(place);
    added.set(combination, { combination, scopeValues, reserved: known ? 0n : item.quanta });
  }
  return [...added.values()];
}
