// The catalogue that a server starts from: the `catalogue` section of its file, validated and
// normalised, so that equal text gives equal bytes. compileCatalogue trusts what comes out of here.

import type {
  CatalogueDocument,
  OrganisationDocument,
  PlanDocument,
  PriceListDocument,
  QuotaDocument,
} from './domain/plans/document.js';
import {
  checkDistinct,
  checkKnown,
  checkMeter,
  checkPrices,
  checkQuotas,
  checkReplaces,
  type Meters,
} from './seed/checks.js';
import { priceShape } from './seed/price-shape.js';
import type { Path, Placed, Problem } from './seed/problem.js';
import { openReader, type Reader } from './seed/reader.js';
import {
  catalogueShape,
  meterShape,
  organisationShape,
  overrideShape,
  planShape,
  priceListShape,
  quotaShape,
  runUnitsShape,
} from './seed/shapes.js';
import { isMapping, nodeAt, type YamlFile, type YamlNode } from './seed/yaml.js';

export type Seed =
  | { readonly document: CatalogueDocument }
  | { readonly problems: readonly Problem[] };

const ROOT = 'catalogue';

/** `file` has a `catalogue`. */
export function readCatalogue(file: YamlFile): Seed {
  const problems: Problem[] = [];
  const reader = openReader(file, problems);
  const head = reader.part([ROOT], catalogueShape);
  const meterItems = reader.items([ROOT, 'meters']);
  const meters = meterItems.flatMap((at) => reader.placed(at, meterShape));
  for (const meter of meters) checkMeter(meter, reader.report);
  const meterNames = reader.texts(meterItems, 'key');
  checkDistinct(meterNames, 'this key', reader.report);
  const context: Context = {
    ...reader,
    defaultPlan: head?.default_plan ?? '',
    meters: {
      names: new Set(meterNames.map(({ value }) => value)),
      read: new Map(meters.map(({ value }) => [value.key, value])),
    },
  };
  if (isMapping(file.root[ROOT]) && isEmpty(nodeAt(file.root, [ROOT, 'meters']))) {
    reader.report([ROOT, 'meters'], 'must have at least one meter');
  }

  const priceLists = readPriceLists(context);
  const { plans, ids } = readPlans(context);
  const defaultQuotas = readQuotas(context, [ROOT, 'default_quotas']);
  const organisations = readOrganisations(context, plans, ids, defaultQuotas);
  const runUnits = reader.part([ROOT, 'run_units'], runUnitsShape, {});
  if (problems.length > 0 || head === undefined || runUnits === undefined) return { problems };
  return {
    document: {
      default_plan: head.default_plan,
      unknown_org: head.unknown_org,
      meters: meters.map(({ value }) => value),
      price_lists: priceLists,
      plans,
      default_quotas: defaultQuotas,
      organizations: organisations,
      run_units: runUnits,
    },
  };
}

interface Context extends Reader {
  readonly meters: Meters;
  readonly defaultPlan: string;
}

function readPriceLists(context: Context): readonly PriceListDocument[] {
  const { items, texts, part, report } = context;
  const lists = items([ROOT, 'price_lists']);
  checkDistinct(texts(lists, 'id'), 'this id', report);
  const read = lists.flatMap((at): Placed<PriceListDocument>[] => {
    const list = part(at, priceListShape);
    const prices = readPrices(context, at);
    return list === undefined ? [] : [{ at, value: { ...list, prices } }];
  });
  const currencies = read.map(({ at, value }) => ({
    at: [...at, 'currency'],
    value: value.currency,
  }));
  checkDistinct(currencies, 'one list per currency: this currency', report);
  return read.map(({ value }) => ({
    id: value.id,
    currency: value.currency,
    prices: value.prices,
  }));
}

function readPlans(context: Context) {
  const { items, texts, part, report, defaultPlan } = context;
  const planItems = items([ROOT, 'plans']);
  const names = texts(planItems, 'id');
  const ids = new Set(names.map(({ value }) => value));
  checkDistinct(names, 'this id', report);
  if (defaultPlan !== '') {
    checkKnown({ at: [ROOT, 'default_plan'], value: defaultPlan }, 'plan', ids, report);
  }
  const plans = planItems.flatMap((at): PlanDocument[] => {
    const plan = part(at, planShape);
    const quotas = readQuotas(context, [...at, 'quotas']);
    const prices = readPrices(context, at);
    if (plan === undefined) return [];
    const { id, name, currency } = plan;
    return [{ id, name: name === '' ? id : name, currency, quotas, prices }];
  });
  return { plans, ids };
}

function readOrganisations(
  context: Context,
  plans: readonly PlanDocument[],
  planIds: ReadonlySet<string>,
  defaultQuotas: readonly QuotaDocument[],
): readonly OrganisationDocument[] {
  const { items, texts, part, placed, report, meters, defaultPlan } = context;
  const organisations = items([ROOT, 'organizations']);
  checkDistinct(texts(organisations, 'id'), 'this id', report);
  return organisations.flatMap((at): OrganisationDocument[] => {
    const organisation = part(at, organisationShape);
    const overrideItems = items([...at, 'quota_overrides']);
    const overrides = overrideItems.flatMap((item) => placed(item, overrideShape));
    checkDistinct(texts(overrideItems, 'key'), 'this key', report);
    checkQuotas(overrides, meters, report);
    if (organisation === undefined) return [];
    const { id, suspended } = organisation;
    const plan = organisation.plan === '' ? defaultPlan : organisation.plan;
    if (organisation.plan !== '') {
      checkKnown({ at: [...at, 'plan'], value: plan }, 'plan', planIds, report);
    }
    const quotas = plans.find((known) => known.id === plan)?.quotas;
    const rules = new Set([...(quotas ?? []), ...defaultQuotas].map(({ key }) => key));
    if (quotas !== undefined) {
      for (const override of overrides) checkReplaces(override, rules, report);
    }
    return [{ id, plan, suspended, quota_overrides: overrides.map(({ value }) => value) }];
  });
}

function readQuotas(context: Context, at: Path): readonly QuotaDocument[] {
  const quotaItems = context.items(at);
  const quotas = quotaItems.flatMap((item) => context.placed(item, quotaShape));
  checkDistinct(context.texts(quotaItems, 'key'), 'this key', context.report);
  checkQuotas(quotas, context.meters, context.report);
  return quotas.map(({ value }) => value);
}

function readPrices(context: Context, owner: Path) {
  const priceItems = context.items([...owner, 'prices']);
  const prices = priceItems.flatMap((item) => context.placed(item, priceShape));
  checkPrices(prices, context.meters, context.report);
  return prices.map(({ value }) => value);
}

function isEmpty(node: YamlNode | undefined): boolean {
  return node === undefined || node === '' || (Array.isArray(node) && node.length === 0);
}
