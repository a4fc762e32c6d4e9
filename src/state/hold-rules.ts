// An open hold counts in every rule that its labels meet, in one that a catalogue brings in later
// too. What it reserves there is all that it holds.

import { matches, valuesOf } from '../domain/metering/dimensions.js';
import type { Catalogue } from '../domain/plans/catalogue.js';
import type { HoldCounter, HoldItem } from '../journal/entry.js';

/** The counters of the catalogue that an item of a hold is not in yet. */
export function addedCounters(
  item: HoldItem,
  orgId: string,
  catalogue: Catalogue,
): readonly HoldCounter[] {
  if (item.aggregation === 'MAX') return [];
  const labels = new Map(item.labels);
  const common = catalogue.rulesByMeter.get(item.meter) ?? [];
  const own = catalogue.organisations.get(orgId)?.overrides.map(({ rule }) => rule) ?? [];
  const added = new Map<string, HoldCounter>();
  for (const { combination, meter, match, scope } of [...common, ...own]) {
    if (meter !== item.meter || !matches(match, labels)) continue;
    if (item.counters.some((each) => each.combination === combination)) continue;
    const scopeValues = valuesOf(scope, labels);
    added.set(combination, { combination, scopeValues, reserved: item.quanta });
  }
  return [...added.values()];
}
