// The catalogue, compiled for the hot path: immutable, one object per version. Whoever holds a
// reference sees one consistent set of meters, rules and prices.

import { assert, present } from '../../base/assert.js';
import { type Decimal, isFault, parseDecimal, parseUnits } from '../../base/decimal.js';
import type { EpochMs, Quanta } from '../../base/units.js';
import { limits } from '../../limits.js';
import { toMatch } from '../metering/dimensions.js';
import type { Meter, UnpricedPolicy } from '../metering/meter.js';
import type { RunUnitTable } from '../metering/run-units.js';
import { inPrecedence, type Price, type PriceVersion } from '../pricing/price.js';
import { combinationOf, effectiveRules, type Rule, type RuleSource } from '../quota/rule.js';
import type {
  CatalogueDocument,
  MeterDocument,
  OrganisationDocument,
  OverrideDocument,
  PriceDocument,
  QuotaDocument,
} from './document.js';

export interface Plan {
  readonly id: string;
  readonly currency: string;
  readonly quotas: readonly Rule[];
  /** By meter, in order of precedence: the plan's own, then the price list of its currency. */
  readonly prices: ReadonlyMap<string, readonly Price[]>;
}

export interface OrganisationTerms {
  readonly plan: Plan;
  readonly suspended: boolean;
  readonly overrides: readonly Override[];
}

export interface Override {
  readonly rule: Rule;
  readonly replaces: string;
  readonly expiresMs: EpochMs | undefined;
}

export interface Catalogue {
  readonly version: number;
  readonly acceptsUnknownOrganisations: boolean;
  readonly meters: ReadonlyMap<string, Meter>;
  readonly defaultPlan: Plan;
  readonly defaultQuotas: readonly Rule[];
  readonly organisations: ReadonlyMap<string, OrganisationTerms>;
  /** The rules of all plans and the defaults, by meter: what is counted for everybody. */
  readonly rulesByMeter: ReadonlyMap<string, readonly Rule[]>;
  readonly runUnits: RunUnitTable;
  /** Dimension keys that some price of a meter names, by meter. */
  readonly pricedKeys: ReadonlyMap<string, ReadonlySet<string>>;
}

/** `document` has been validated; a fault in it here is a bug. */
export function compileCatalogue(document: CatalogueDocument, version: number): Catalogue {
  const meters = new Map(document.meters.map((meter) => [meter.key, compileMeter(meter)]));
  const rules = (quotas: readonly QuotaDocument[], source: RuleSource) =>
    quotas.map((quota) => compileRule(quota, source, meters));
  const plans = new Map(
    document.plans.map((plan): [string, Plan] => {
      const list = document.price_lists.filter(({ currency }) => currency === plan.currency);
      const groups = [
        ...compilePrices(plan.prices, 'plan', meters),
        ...list.flatMap(({ prices }) => compilePrices(prices, 'price_list', meters)),
      ];
      const quotas = rules(plan.quotas, 'PLAN');
      return [plan.id, { id: plan.id, currency: plan.currency, quotas, prices: byMeter(groups) }];
    }),
  );
  const defaultQuotas = rules(document.default_quotas, 'DEFAULT');
  const defaultPlan = present(plans.get(document.default_plan), 'the default plan');
  const terms = (organisation: OrganisationDocument): OrganisationTerms => ({
    plan: plans.get(organisation.plan) ?? defaultPlan,
    suspended: organisation.suspended,
    overrides: organisation.quota_overrides.map((o) => compileOverride(o, meters)),
  });
  return {
    version,
    acceptsUnknownOrganisations: document.unknown_org === 'accept',
    meters,
    defaultPlan,
    defaultQuotas,
    rulesByMeter: groupRules(
      [...plans.values()].flatMap(({ quotas }) => quotas),
      defaultQuotas,
    ),
    organisations: new Map(document.organizations.map((o) => [o.id, terms(o)])),
    runUnits: compileRunUnits(document),
    pricedKeys: pricedKeys(document),
  };
}

export function termsOf(catalogue: Catalogue, orgId: string): OrganisationTerms {
  return (
    catalogue.organisations.get(orgId) ?? {
      plan: catalogue.defaultPlan,
      suspended: false,
      overrides: [],
    }
  );
}

/** The rules that hold for an organisation at `atMs`, by meter. */
export function rulesFor(
  catalogue: Catalogue,
  terms: OrganisationTerms,
  atMs: EpochMs,
): ReadonlyMap<string, readonly Rule[]> {
  const live = terms.overrides.filter(
    ({ expiresMs }) => expiresMs === undefined || atMs < expiresMs,
  );
  const replaced = new Set(live.map(({ replaces }) => replaces).filter((key) => key !== ''));
  const layers = [live.map(({ rule }) => rule), terms.plan.quotas, catalogue.defaultQuotas];
  return groupRules(effectiveRules(layers, replaced));
}

function groupRules(...lists: readonly (readonly Rule[])[]): ReadonlyMap<string, readonly Rule[]> {
  const groups = new Map<string, Rule[]>();
  for (const rule of lists.flat()) {
    const group = groups.get(rule.meter);
    if (group === undefined) groups.set(rule.meter, [rule]);
    else group.push(rule);
  }
  return groups;
}

/** Between which changes the rules of `terms` stand as they do at `atMs`: overrides expire. */
export function rulesSpan(
  terms: OrganisationTerms,
  atMs: EpochMs,
): { readonly fromMs: EpochMs; readonly untilMs: EpochMs } {
  let fromMs = Number.NEGATIVE_INFINITY;
  let untilMs = Number.POSITIVE_INFINITY;
  for (const { expiresMs } of terms.overrides) {
    if (expiresMs === undefined) continue;
    if (expiresMs > atMs) untilMs = Math.min(untilMs, expiresMs);
    else fromMs = Math.max(fromMs, expiresMs);
  }
  return { fromMs, untilMs };
}

function compileMeter(meter: MeterDocument): Meter {
  return {
    key: meter.key,
    unit: meter.unit,
    scale: meter.scale,
    aggregation: meter.aggregation,
    dimension: meter.dimension,
    sourceKeys: meter.source_keys,
    formula: meter.formula,
    rollupKeys: meter.rollup_keys,
    labelSetsMax: meter.label_sets_max,
    latePolicy: meter.late_policy,
    unpriced: compileUnpriced(meter.unpriced),
  };
}

function compileUnpriced(unpriced: MeterDocument['unpriced']): UnpricedPolicy {
  if (unpriced === 'zero' || unpriced === 'reject') return { kind: unpriced };
  return { kind: 'default', amount: decimal(unpriced.default) };
}

function compileRule(
  quota: QuotaDocument,
  source: RuleSource,
  meters: ReadonlyMap<string, Meter>,
): Rule {
  const { scale } = present(meters.get(quota.meter), `meter ${quota.meter}`);
  const rule = {
    key: quota.key,
    meter: quota.meter,
    match: toMatch(quota.match),
    limit: quota.limit === null ? undefined : quantity(quota.limit, scale),
    window: quota.window,
    windowLengthMs: quota.window_length_ms,
    mode: quota.mode,
    scope: quota.scope,
    thresholds: [...quota.thresholds].sort((a, b) => a - b),
  };
  return { ...rule, source, combination: combinationOf(rule) };
}

function compileOverride(override: OverrideDocument, meters: ReadonlyMap<string, Meter>): Override {
  return {
    rule: compileRule(override, 'OVERRIDE', meters),
    replaces: override.replaces,
    expiresMs: override.expires === null ? undefined : Date.parse(override.expires),
  };
}

/** Prices of equal meter and match are versions of one price. */
function compilePrices(
  prices: readonly PriceDocument[],
  source: Price['source'],
  meters: ReadonlyMap<string, Meter>,
): readonly Price[] {
  const groups = new Map<string, { document: PriceDocument; versions: PriceVersion[] }>();
  for (const document of prices) {
    const place = `${document.meter}\u0003${JSON.stringify(toMatch(document.match))}`;
    const { scale } = present(meters.get(document.meter), `meter ${document.meter}`);
    const group = groups.get(place) ?? { document, versions: [] };
    group.versions.push(compileVersion(document, scale));
    groups.set(place, group);
  }
  return [...groups.values()].map(({ document, versions }) => ({
    meter: document.meter,
    match: toMatch(document.match),
    source,
    versions: versions.sort((a, b) => a.effectiveFromMs - b.effectiveFromMs),
  }));
}

function compileVersion(document: PriceDocument, scale: number): PriceVersion {
  return {
    kind: document.kind,
    unitPrice: decimal(document.unit_price),
    per: decimal(document.per),
    included: quantity(document.included, scale),
    effectiveFromMs: Date.parse(document.effective_from),
  };
}

function byMeter(prices: readonly Price[]): ReadonlyMap<string, readonly Price[]> {
  const groups = new Map<string, Price[]>();
  for (const price of prices) groups.set(price.meter, [...(groups.get(price.meter) ?? []), price]);
  return new Map([...groups].map(([meter, group]) => [meter, inPrecedence(group)]));
}

function compileRunUnits({ run_units }: CatalogueDocument): RunUnitTable {
  const { default: rest, ...tools } = run_units.overheads;
  const overheads = Object.entries(tools).map(([k, v]): [string, Decimal] => [k, decimal(v)]);
  return {
    tiers: new Map(Object.entries(run_units.tiers).map(([key, value]) => [key, decimal(value)])),
    overheads: new Map([...overheads, ['', decimal(rest ?? '0')]]),
    floor: decimal(run_units.floor),
  };
}

function pricedKeys(document: CatalogueDocument): Map<string, Set<string>> {
  const keys = new Map<string, Set<string>>();
  const prices = [...document.plans, ...document.price_lists].flatMap((owner) => owner.prices);
  for (const { meter, match } of prices) {
    const set = keys.get(meter) ?? new Set();
    for (const key of Object.keys(match)) set.add(key);
    keys.set(meter, set);
  }
  return keys;
}

function decimal(text: string): Decimal {
  const value = parseDecimal(text, limits.priceScale);
  assert(typeof value !== 'string', `a validated decimal: ${text}`);
  return value;
}

function quantity(text: string, scale: number): Quanta {
  const value = parseUnits(text, scale);
  assert(!isFault(value), `a validated quantity: ${text}`);
  return value;
}
