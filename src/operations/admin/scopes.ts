// Which counters a rule has: one for the organisation, or one for each set of scope values that was
// used. Those that are far below what is asked for are left out before the rules are asked.

import { type Dimensions, matches, valuesOf } from '../../domain/metering/dimensions.js';
import type { Meter } from '../../domain/metering/meter.js';
import type { Rule } from '../../domain/quota/rule.js';
import { keys } from '../../state/tables.js';
import type { Core } from '../core.js';
import { usedHundredths } from './percent.js';
import type { Steps } from './steps.js';

export interface Scopes {
  /** Scope values of the counters that may be used to `leastHundredths`; '' without a scope. */
  readonly of: (
    orgId: string,
    meter: Meter,
    rule: Rule,
    leastHundredths: bigint,
  ) => AsyncIterable<string>;
}

/** Keys read from LMDB at a time. */
const CHUNK = 64;
const SEPARATOR = '\u0004';

export function openScopes(core: Core, steps: Steps): Scopes {
  const { counters, levels, organisations } = core.fold.tables;
  let remembered: Promise<InMemory> | undefined;

  async function* ofCounters(prefix: string): AsyncGenerator<string> {
    remembered ??= inMemory(core, steps);
    const own = (await remembered).get(prefix) ?? NONE;
    yield* own;
    for (let after = ''; ; ) {
      const found = counters.storedKeys(prefix, after, CHUNK);
      for (const key of found) {
        const scope = key.slice(prefix.length);
        if (!own.has(scope)) yield scope;
      }
      if (found.length < CHUNK) return;
      after = found.at(-1) ?? '';
      if (steps.due()) await steps.turn();
    }
  }

  /** Levels are no counter's: they are summed by the labels of their sources. */
  function ofLevels(number: number, meter: Meter, { match, scope }: Rule): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    const sources = levels.peek(keys.levels(number, meter.key))?.sources.values() ?? [];
    for (const { labels, quanta } of sources) {
      const own = new Map(labels);
      if (!matches(match, own)) continue;
      const values = valuesOf(scope, own);
      sums.set(values, (sums.get(values) ?? 0n) + quanta);
    }
    return sums;
  }

  return {
    async *of(orgId, meter, rule, leastHundredths) {
      const { scope, limit = 0n, combination } = rule;
      if (scope.length === 0) {
        yield '';
        return;
      }
      const number = organisations.peek(keys.organisation(orgId))?.number;
      if (number === undefined) return;
      const isNear = (used: bigint) => usedHundredths(used, limit) >= leastHundredths;
      if (meter.aggregation === 'LAST') {
        for (const [values, used] of ofLevels(number, meter, rule)) if (isNear(used)) yield values;
        return;
      }
      for await (const values of ofCounters(keys.counter(number, meter.key, combination, ''))) {
        const counter = counters.peek(keys.counter(number, meter.key, combination, values));
        if (counter?.windows.some(({ used }) => isNear(used))) yield values;
        if (steps.due()) await steps.turn();
      }
    },
  };
}

/** Scope values of the counters in memory, by the part of their keys before them. */
type InMemory = ReadonlyMap<string, ReadonlySet<string>>;
const NONE: ReadonlySet<string> = new Set();

/** A counter that is not in LMDB yet is in memory. */
async function inMemory(core: Core, steps: Steps): Promise<InMemory> {
  const found = new Map<string, Set<string>>();
  for (const { key } of core.fold.tables.counters.resident()) {
    const end = key.lastIndexOf(SEPARATOR) + 1;
    const prefix = key.slice(0, end);
    if (isScoped(prefix)) {
      const set = found.get(prefix) ?? new Set();
      found.set(prefix, set.add(key.slice(end)));
    }
    if (steps.due()) await steps.turn();
  }
  return found;
}

/** Of a combination: its window, its scope and its match are three parts. */
function isScoped(prefix: string): boolean {
  const [, scope = ''] = prefix.split('\u0003');
  return scope !== '';
}

/** Labels that have a counter's scope values and that its rule matches. */
export function labelsOfScope({ match, scope }: Rule, values: string): Dimensions {
  const parts = scope.length === 1 ? [values] : values.split('\u0001');
  const own = scope.map((key, i): [string, string] => [key, parts[i] ?? '']);
  return new Map([...match, ...own]);
}
