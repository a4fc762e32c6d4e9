// The terms of an organisation and the rules and counters of its meters, resolved once per change
// of either and kept until a known moment ends them: an override expires, another tenure begins.

import type { EpochMs } from '../base/units.js';
import type { Interval } from '../domain/metering/calendar.js';
import { SPEND } from '../domain/metering/spend.js';
import {
  type Catalogue,
  type OrganisationTerms,
  type Plan,
  rulesFor,
  rulesSpan,
} from '../domain/plans/catalogue.js';
import {
  type Counted,
  countedOf,
  rememberingWindow,
  type Windows,
  windowsOf,
} from '../domain/quota/counted.js';
import type { Rule } from '../domain/quota/rule.js';
import {
  subscriptionWindowAt,
  type TermsDocument,
  tenureAt,
  usagePeriodAt,
} from '../domain/subscriptions/terms.js';
import type { CompiledTerms } from '../state/catalogue-state.js';
import type { Fold } from '../state/fold.js';

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
  readonly document: TermsDocument;
  readonly meter: (meter: string) => MeterRules;
  /** The usage period that holds a time; the last answer is remembered. */
  readonly periodAt: (atMs: EpochMs) => RatedPeriod;
  /** The rules on money spent; undefined where none counts it, so that it need not be known. */
  readonly spend: MeterRules | undefined;
  /** Meters that some rule of the organisation bounds. */
  readonly meters: () => readonly string[];
}

/** A stretch of usage that is rated together, and what by. */
export interface RatedPeriod extends Interval {
  readonly plan: Plan;
  /** Usage costs nothing. */
  readonly trial: boolean;
}

export interface TermsBook {
  readonly of: (orgId: string, nowMs: EpochMs) => Terms;
}

interface Remembered extends Terms {
  readonly compiled: CompiledTerms;
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
}

const NO_RULES: readonly Rule[] = [];

/** Organisations without terms of their own share one set of them. */
const COMMON = '';
const REMEMBERED_MAX = 50_000;

export function openTermsBook(fold: Fold): TermsBook {
  let known = new Map<string, Remembered>();
  let calendars = new Map<string, Windows>();

  function calendar(zone: string): Windows {
    const windows = calendars.get(zone) ?? windowsOf(zone);
    calendars.set(zone, windows);
    return windows;
  }

  function windowsFor(document: TermsDocument): Windows {
    const common = calendar(document.zone);
    const own = rememberingWindow((atMs) => subscriptionWindowAt(document, atMs));
    return (kind) => (kind === 'SUBSCRIPTION_PERIOD' ? own : common(kind));
  }

  return {
    of(orgId, nowMs) {
      const compiled = fold.terms(orgId);
      const place = compiled.isCommon ? COMMON : orgId;
      const remembered = known.get(place);
      // The terms are another object where anything that they rest on has changed.
      if (
        remembered?.compiled === compiled &&
        nowMs >= remembered.fromMs &&
        nowMs < remembered.untilMs
      ) {
        return remembered;
      }
      if (known.size >= REMEMBERED_MAX) {
        known = new Map();
        calendars = new Map();
      }
      const made = resolve(compiled, nowMs, windowsFor(compiled.document));
      known.set(place, made);
      return made;
    },
  };
}

/** The plan of `terms` at `atMs`. */
export function planAt(catalogue: Catalogue, document: TermsDocument, atMs: EpochMs) {
  const { plan, plan_version } = tenureAt(document, atMs).document;
  return catalogue.plan(plan, plan_version) ?? catalogue.defaultPlan;
}

function resolve(compiled: CompiledTerms, nowMs: EpochMs, windows: Windows): Remembered {
  const { catalogue, document, overrides } = compiled;
  const tenure = tenureAt(document, nowMs);
  const plan = planAt(catalogue, document, nowMs);
  const terms: OrganisationTerms = { plan, suspended: document.suspended, overrides };
  const effective = rulesFor(catalogue, terms, nowMs);
  const own = overrides.map(({ rule }) => rule);
  const byMeter = new Map<string, MeterRules>();
  const span = rulesSpan(terms, nowMs);
  function rulesOf(meter: string): MeterRules {
    const common = catalogue.rulesByMeter.get(meter) ?? NO_RULES;
    const all = [...common, ...own.filter((rule) => rule.meter === meter)];
    return meterRules(all, effective.get(meter) ?? NO_RULES, windows);
  }
  const spend = rulesOf(SPEND);
  if (spend.counted.length > 0) byMeter.set(SPEND, spend);
  return {
    terms,
    compiled,
    document,
    fromMs: Math.max(span.fromMs, tenure.startMs),
    untilMs: Math.min(span.untilMs, tenure.endMs),
    meter(meter) {
      let rules = byMeter.get(meter);
      if (rules === undefined) {
        rules = rulesOf(meter);
        byMeter.set(meter, rules);
      }
      return rules;
    },
    spend: byMeter.get(SPEND),
    periodAt: rememberingPeriod(catalogue, document),
    meters: () => [...effective.keys()],
  };
}

function rememberingPeriod(
  catalogue: Catalogue,
  document: TermsDocument,
): (atMs: EpochMs) => RatedPeriod {
  let last: RatedPeriod | undefined;
  return (atMs) => {
    if (last !== undefined && atMs >= last.startMs && atMs < last.endMs) return last;
    const { startMs, endMs, tenure } = usagePeriodAt(document, atMs);
    const plan = catalogue.plan(tenure.plan, tenure.plan_version) ?? catalogue.defaultPlan;
    last = { startMs, endMs, plan, trial: tenure.trial };
    return last;
  };
}

function meterRules(
  all: readonly Rule[],
  effective: readonly Rule[],
  windows: Windows,
): MeterRules {
  const counted = countedOf(all, windows);
  return {
    counted,
    effective: effective.map((rule) => ({
      rule,
      place: counted.findIndex(({ combination }) => combination === rule.combination),
    })),
  };
}
