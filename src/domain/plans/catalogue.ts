// The catalogue, compiled for the hot path: immutable, one object per version. Whoever holds a
// reference sees one consistent set of meters, rules and prices.

import { present } from '../../base/assert.js';
import type { Decimal } from '../../base/decimal.js';
import type { EpochMs } from '../../base/units.js';
import { toMatch } from '../metering/dimensions.js';
import type { Meter, UnpricedPolicy } from '../metering/meter.js';
import type { RunUnitTable } from '../metering/run-units.js';
import { SPEND, SPEND_METER } from '../metering/spend.js';
import { inPrecedence, type Price } from '../pricing/price.js';
import { combinationOf, effectiveRules, type Rule, type RuleSource } from '../quota/rule.js';
import { compilePrices } from './compile-prices.js';
import type {
  CatalogueDocument,
  MeterDocument,
  OverrideDocument,
  PlanDocument,
  PriceListDocument,
  QuotaDocument,
  SettingsDocument,
} from './document.js';
import { decimal, quantity } from './validated.js';

export interface Plan {
  readonly id: string;
  readonly version: number;
  readonly currency: string;
  readonly quotas: readonly Rule[];
  /** By meter, in order of precedence: the plan's own, then the price list of its currency. */
  readonly prices: ReadonlyMap<string, readonly Price[]>;
  readonly document: PlanDocument;
}

/** What holds for one organisation at one time. */
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

/** The parts of a catalogue, with everything that is or was. */
export interface CatalogueParts {
  readonly settings: SettingsDocument;
  readonly meters: readonly Part<MeterDocument>[];
  readonly priceLists: readonly Part<PriceListDocument>[];
  /** Every version of every plan. */
  readonly plans: readonly Part<PlanDocument>[];
  /** Versions of plans, `pro@3`, that a subscription was ever on. */
  readonly sold: ReadonlySet<string>;
}

export interface Part<Document> {
  readonly document: Document;
  readonly version: number;
  /** Takes no new usage, prices nothing new, is sold to nobody new. */
  readonly archived: boolean;
}

export interface Catalogue {
  /** Of the transaction that made it; also of one that changed what an organisation is on. */
  readonly version: number;
  readonly acceptsUnknownOrganisations: boolean;
  /** With the one of money spent. */
  readonly meters: ReadonlyMap<string, Meter>;
  /** With those that take no new usage: what was recorded is priced all the same. */
  readonly everyMeter: ReadonlyMap<string, Meter>;
  readonly defaultPlan: Plan;
  readonly defaultQuotas: readonly Rule[];
  /**
   * The rules of all plans as they are now, of those that were sold, and the defaults: counted for
   * everybody. An archived plan is among them: the organisations on it stay on it.
   */
  readonly rulesByMeter: ReadonlyMap<string, readonly Rule[]>;
  readonly runUnits: RunUnitTable;
  /** Dimension keys that some price of a meter names, by meter. */
  readonly pricedKeys: ReadonlyMap<string, ReadonlySet<string>>;
  /** Version 0: the latest. Undefined: no such plan. */
  readonly plan: (id: string, version: number) => Plan | undefined;
  readonly settings: SettingsDocument;
}

/** The parts of a file alone: every object in its first version. */
export function partsOf(document: CatalogueDocument): CatalogueParts {
  const first = <T>(each: T): Part<T> => ({ document: each, version: 1, archived: false });
  return {
    settings: document,
    meters: document.meters.map(first),
    priceLists: document.price_lists.map(first),
    plans: document.plans.map(first),
    sold: new Set(),
  };
}

/** `parts` have been validated; a fault in them here is a bug. */
export function compileCatalogue(parts: CatalogueParts, version: number): Catalogue {
  const { settings } = parts;
  const everyMeter = new Map(parts.meters.map((m) => [m.document.key, compileMeter(m.document)]));
  everyMeter.set(SPEND, SPEND_METER);
  const archived = new Set(parts.meters.flatMap((m) => (m.archived ? [m.document.key] : [])));
  const rules = (quotas: readonly QuotaDocument[], source: RuleSource) =>
    quotas.map((quota) => compileRule(quota, source, everyMeter));
  const lists = parts.priceLists.filter((list) => !list.archived);
  const byVersion = new Map<string, Plan>();
  const latest = new Map<string, Plan>();
  for (const { document, version: number } of parts.plans) {
    const list = lists.filter(({ document: { currency } }) => currency === document.currency);
    const groups = [
      ...compilePrices(document.prices, 'plan', everyMeter),
      ...list.flatMap(({ document: { prices } }) => {
        return compilePrices(prices, 'price_list', everyMeter);
      }),
    ];
    const { id, currency } = document;
    const quotas = rules(document.quotas, 'PLAN');
    const plan = { id, version: number, currency, quotas, prices: byMeter(groups), document };
    byVersion.set(planKey(id, number), plan);
    if (number > (latest.get(id)?.version ?? 0)) latest.set(id, plan);
  }
  const sold = [...parts.sold].flatMap((key) => byVersion.get(key) ?? []);
  const defaultQuotas = rules(settings.default_quotas, 'DEFAULT');
  return {
    version,
    settings,
    acceptsUnknownOrganisations: settings.unknown_org === 'accept',
    everyMeter,
    meters: new Map([...everyMeter].filter(([key]) => !archived.has(key))),
    defaultPlan: present(latest.get(settings.default_plan), 'the default plan'),
    defaultQuotas,
    rulesByMeter: groupRules(
      [...new Set([...latest.values(), ...sold])].flatMap(({ quotas }) => quotas),
      defaultQuotas,
    ),
    runUnits: compileRunUnits(settings),
    pricedKeys: pricedKeys(parts),
    plan: (id, number) => (number === 0 ? latest.get(id) : byVersion.get(planKey(id, number))),
  };
}

export function planKey(id: string, version: number): string {
  return `${id}@${version}`;
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
  terms: Pick<OrganisationTerms, 'overrides'>,
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

export function compileOverride(
  override: OverrideDocument,
  meters: ReadonlyMap<string, Meter>,
): Override {
  return {
    rule: compileRule(override, 'OVERRIDE', meters),
    replaces: override.replaces,
    expiresMs: override.expires === null ? undefined : Date.parse(override.expires),
  };
}

function byMeter(prices: readonly Price[]): ReadonlyMap<string, readonly Price[]> {
  const groups = new Map<string, Price[]>();
  for (const price of prices) groups.set(price.meter, [...(groups.get(price.meter) ?? []), price]);
  return new Map([...groups].map(([meter, group]) => [meter, inPrecedence(group)]));
}

function compileRunUnits({ run_units }: SettingsDocument): RunUnitTable {
  const { default: rest, ...tools } = run_units.overheads;
  const overheads = Object.entries(tools).map(([k, v]): [string, Decimal] => [k, decimal(v)]);
  return {
    tiers: new Map(Object.entries(run_units.tiers).map(([key, value]) => [key, decimal(value)])),
    overheads: new Map([...overheads, ['', decimal(rest ?? '0')]]),
    floor: decimal(run_units.floor),
  };
}

function pricedKeys({ plans, priceLists }: CatalogueParts): Map<string, Set<string>> {
  const keys = new Map<string, Set<string>>();
  const prices = [...plans, ...priceLists].flatMap(({ document }) => document.prices);
  for (const { meter, match } of prices) {
    const set = keys.get(meter) ?? new Set();
    for (const key of Object.keys(match)) set.add(key);
    keys.set(meter, set);
  }
  return keys;
}
