// The rules and counters of an organisation and meter, resolved once per catalogue version and kept
// until an override expires.

import type { EpochMs } from '../base/units.js';
import { UTC } from '../domain/metering/calendar.js';
import {
  type Catalogue,
  type OrganisationTerms,
  rulesFor,
  rulesSpan,
  termsOf,
} from '../domain/plans/catalogue.js';
import { type Counted, countedOf } from '../domain/quota/counted.js';
import type { Rule } from '../domain/quota/rule.js';

export interface MeterRules {
  readonly counted: readonly Counted[];
  /** By combination, in the order of precedence; at most one rule per combination. */
  readonly effective: readonly EffectiveRule[];
}

export interface EffectiveRule {
  readonly rule: Rule;
  /** Index of its combination in `counted`. */
  readonly place: number;
}

export interface Terms {
  readonly terms: OrganisationTerms;
  readonly meter: (meter: string) => MeterRules;
  /** Meters that some rule of the organisation bounds. */
  readonly meters: () => readonly string[];
}

export interface TermsBook {
  readonly of: (catalogue: Catalogue, orgId: string, nowMs: EpochMs) => Terms;
}

interface Remembered extends Terms {
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
}

const NO_RULES: readonly Rule[] = [];

/** Organisations without an entry of their own share one set of terms. */
const COMMON = '';

export function openTermsBook(): TermsBook {
  let version = -1;
  let known = new Map<string, Remembered>();
  return {
    of(catalogue, orgId, nowMs) {
      if (catalogue.version !== version) {
        known = new Map();
        version = catalogue.version;
      }
      const place = catalogue.organisations.has(orgId) ? orgId : COMMON;
      const remembered = known.get(place);
      const holds =
        remembered !== undefined && nowMs >= remembered.fromMs && nowMs < remembered.untilMs;
      if (holds) return remembered;
      const made = resolve(catalogue, termsOf(catalogue, orgId), nowMs);
      known.set(place, made);
      return made;
    },
  };
}

function resolve(catalogue: Catalogue, terms: OrganisationTerms, nowMs: EpochMs): Remembered {
  const effective = rulesFor(catalogue, terms, nowMs);
  const overrides = terms.overrides.map(({ rule }) => rule);
  const byMeter = new Map<string, MeterRules>();
  return {
    terms,
    ...rulesSpan(terms, nowMs),
    meter(meter) {
      let rules = byMeter.get(meter);
      if (rules === undefined) {
        const common = catalogue.rulesByMeter.get(meter) ?? NO_RULES;
        const own = overrides.filter((rule) => rule.meter === meter);
        rules = meterRules([...common, ...own], effective.get(meter) ?? NO_RULES);
        byMeter.set(meter, rules);
      }
      return rules;
    },
    meters: () => [...effective.keys()],
  };
}

function meterRules(all: readonly Rule[], effective: readonly Rule[]): MeterRules {
  const counted = countedOf(all, UTC);
  return {
    counted,
    effective: effective.map((rule) => ({
      rule,
      place: counted.findIndex(({ combination }) => combination === rule.combination),
    })),
  };
}
