// The catalogue that a server starts from: the `catalogue` section of its file, validated and
// normalised, so that equal text gives equal bytes. compileCatalogue trusts what comes out of here.

import type {
  CatalogueDocument,
  OrganisationDocument,
  PlanDocument,
  PriceListDocument,
  QuotaDocument,
} from './domain/plans/document.js';
import { limits } from './limits.js';
import {
  checkDistinct,
  checkKnown,
  checkMeter,
  checkPrices,
  checkQuotas,
  checkReplaces,
  type Meters,
} from './seed/checks.js';
import { boundedItems, readPlan, readPriceList, readQuotas, valuesOf } from './seed/parts.js';
import { sellerShape } from './seed/plan-shape.js';
import { type Placed, type Problem, pathText } from './seed/problem.js';
import { openReader, type Reader } from './seed/reader.js';
import {
  catalogueShape,
  meterShape,
  organisationShape,
  overrideShape,
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
  const reader = openReader(file.root, (at, rule) => {
    problems.push(file.problemAt(at, pathText(at), rule));
  });
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
  const defaultQuotas = readDefaultQuotas(context);
  const organisations = readOrganisations(context, plans, ids, defaultQuotas);
  const runUnits = reader.part([ROOT, 'run_units'], runUnitsShape, {});
  const seller = isEmpty(nodeAt(file.root, [ROOT, 'seller']))
    ? undefined
    : reader.part([ROOT, 'seller'], sellerShape);
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
      ...(seller === undefined ? {} : { seller }),
    },
  };
}

interface Context extends Reader {
  readonly meters: Meters;
  readonly defaultPlan: string;
}

function readPriceLists(context: Context): readonly PriceListDocument[] {
  const { items, texts, report, meters } = context;
  const lists = items([ROOT, 'price_lists']);
  checkDistinct(texts(lists, 'id'), 'this id', report);
  const read = lists.flatMap((at): Placed<PriceListDocument>[] => {
    const { document, prices } = readPriceList(context, at);
    checkPrices(prices, meters, report);
    return document === undefined ? [] : [{ at, value: document }];
  });
  const currencies = read.map(({ at, value }) => ({
    at: [...at, 'currency'],
    value: value.currency,
  }));
  checkDistinct(currencies, 'one list per currency: this currency', report);
  return valuesOf(read);
}

function readPlans(context: Context) {
  const { items, texts, report, defaultPlan, meters } = context;
  const planItems = items([ROOT, 'plans']);
  const names = texts(planItems, 'id');
  const ids = new Set(names.map(({ value }) => value));
  checkDistinct(names, 'this id', report);
  const place = { at: [ROOT, 'default_plan'], value: defaultPlan };
  if (defaultPlan !== '') checkKnown(place, 'plan', ids, report);
  const plans = planItems.flatMap((at): PlanDocument[] => {
    const { document, quotas, prices } = readPlan(context, at);
    checkQuotas(quotas, meters, report);
    checkPrices(prices, meters, report);
    return document === undefined ? [] : [document];
  });
  const own = plans.find(({ id }) => id === defaultPlan)?.org_id;
  if (own !== undefined) report(place.at, `is a plan for the organisation ${own} alone`);
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
    const overrideItems = boundedItems(context, [...at, 'quota_overrides'], limits.overridesPerOrg);
    const overrides = overrideItems.flatMap((item) => placed(item, overrideShape));
    checkDistinct(texts(overrideItems, 'key'), 'this key', report);
    checkQuotas(overrides, meters, report);
    if (organisation === undefined) return [];
    const { id, suspended } = organisation;
    const plan = organisation.plan === '' ? defaultPlan : organisation.plan;
    if (organisation.plan !== '') {
      checkKnown({ at: [...at, 'plan'], value: plan }, 'plan', planIds, report);
    }
    const { quotas, org_id: owner } = plans.find((known) => known.id === plan) ?? {};
    if (owner !== undefined && owner !== id) {
      report([...at, 'plan'], `is a plan for the organisation ${owner} alone`);
    }
    const rules = new Set([...(quotas ?? []), ...defaultQuotas].map(({ key }) => key));
    if (quotas !== undefined) {
      for (const override of overrides) checkReplaces(override, rules, report);
    }
    return [{ id, plan, suspended, quota_overrides: valuesOf(overrides) }];
  });
}

function readDefaultQuotas(context: Context): readonly QuotaDocument[] {
  const quotas = readQuotas(context, [ROOT, 'default_quotas']);
  checkQuotas(quotas, context.meters, context.report);
  return valuesOf(quotas);
}

function isEmpty(node: YamlNode | undefined): boolean {
  return node === undefined || node === '' || (Array.isArray(node) && node.length === 0);
}
