// Plans, price lists and the settings of a call, read by the shapes of the file. Of an update only
// the fields of its mask are read: what it does not change is not judged again.

import type {
  CatalogSettings,
  RunUnitTable,
} from '../../../generated/ts/tollgate/v1/catalog_settings.js';
import type { Plan } from '../../../generated/ts/tollgate/v1/plan.js';
import type { PriceList } from '../../../generated/ts/tollgate/v1/price_list.js';
import type {
  PlanDocument,
  PriceListDocument,
  QuotaDocument,
  SettingsDocument,
} from '../../domain/plans/document.js';
import { type Parts, readPlan, readPriceList, readQuotas, valuesOf } from '../../seed/parts.js';
import type { Placed } from '../../seed/problem.js';
import { runUnitsShape } from '../../seed/shapes.js';
import type { YamlMapping, YamlNode } from '../../seed/yaml.js';
import { checkId, type Faults } from '../parse.js';
import { INTERVAL, UNKNOWN_ORG } from './enum-names.js';
import { priceTree, quotaTree } from './from-price.js';
import { enumTree, mapTree, messageReader, tree } from './message-tree.js';

type FieldTree<Message> = (message: Message, faults: Faults) => YamlNode | undefined;

/** By their names in the contract, in the file and in the document, which are the same. */
const PLAN_FIELDS = {
  name: ({ name }) => name,
  base_interval: ({ baseInterval }) => enumTree(INTERVAL, baseInterval),
  usage_interval: ({ usageInterval }) => enumTree(INTERVAL, usageInterval),
  base_price: ({ basePrice }) => basePrice,
  seat_price: ({ seatPrice }) => seatPrice,
  included_seats: ({ includedSeats }) => `${includedSeats}`,
  trial_days: ({ trialDays }) => `${trialDays}`,
  quotas: ({ quotas }, faults) =>
    quotas.map((rule, i) => quotaTree(rule, `plan.quotas[${i}]`, faults)),
  prices: ({ prices }, faults) =>
    prices.map((price, i) => priceTree(price, `plan.prices[${i}]`, faults)),
  features: ({ features }, faults) => mapTree(features, 'plan.features', faults),
  self_serve: ({ selfServe }) => `${selfServe}`,
  tax_rates: ({ taxRates }) => taxRates.map(({ name, percent }) => tree({ name, percent })),
  requires_payment_method: ({ requiresPaymentMethod }) => `${requiresPaymentMethod}`,
} satisfies Partial<Record<keyof PlanDocument, FieldTree<Plan>>>;

export const PLAN_CHANGEABLE: readonly string[] = Object.keys(PLAN_FIELDS);

/** `fields`: those to be read beside id, currency and organisation. */
export function readPlanMessage(
  plan: Plan,
  fields: ReadonlySet<string>,
  faults: Faults,
): Parts<PlanDocument> {
  const { planId: id, currency, orgId: org_id } = plan;
  const told = Object.entries<FieldTree<Plan>>(PLAN_FIELDS)
    .filter(([field]) => fields.has(field))
    .map(([field, read]) => [field, read(plan, faults)]);
  const root = { plan: tree({ id, currency, org_id, ...Object.fromEntries(told) }) };
  return readPlan(messageReader(root, faults), ['plan']);
}

export function readPriceListMessage(
  { priceListId: id, currency, prices }: PriceList,
  faults: Faults,
): Parts<PriceListDocument> {
  if (currency === '') faults.add('price_list.currency', 'is required');
  const all = prices.map((price, i) => priceTree(price, `price_list.prices[${i}]`, faults));
  const root = { price_list: tree({ id, currency, prices: all }) };
  return readPriceList(messageReader(root, faults), ['price_list']);
}

export const SETTINGS_CHANGEABLE = [
  'default_plan',
  'unknown_org_policy',
  'default_quotas',
  'run_units',
] as const;

export interface SettingsRead {
  readonly document: Partial<SettingsDocument>;
  readonly quotas: readonly Placed<QuotaDocument>[];
}

export function readSettingsMessage(
  settings: CatalogSettings,
  fields: ReadonlySet<string>,
  faults: Faults,
): SettingsRead {
  const { defaultPlan, unknownOrgPolicy, defaultQuotas, runUnits } = settings;
  const rules = fields.has('default_quotas') ? defaultQuotas : [];
  const table = runUnits !== undefined && fields.has('run_units') ? runUnits : undefined;
  const root = {
    settings: tree({
      default_quotas: rules.map((rule, i) => {
        return quotaTree(rule, `settings.default_quotas[${i}]`, faults);
      }),
      run_units: table && runUnitsTree(table, faults),
    }),
  };
  const reader = messageReader(root, faults);
  const quotas = readQuotas(reader, ['settings', 'default_quotas']);
  const run_units = reader.part(['settings', 'run_units'], runUnitsShape, {});
  if (fields.has('default_plan')) checkId(defaultPlan, 'settings.default_plan', faults);
  const document: Partial<SettingsDocument> = {
    ...(fields.has('default_plan') ? { default_plan: defaultPlan } : {}),
    ...(fields.has('unknown_org_policy') ? { unknown_org: policy(unknownOrgPolicy, faults) } : {}),
    ...(fields.has('default_quotas') ? { default_quotas: valuesOf(quotas) } : {}),
    ...(fields.has('run_units') && run_units !== undefined ? { run_units } : {}),
  };
  return { document, quotas };
}

function policy(
  value: CatalogSettings['unknownOrgPolicy'],
  faults: Faults,
): SettingsDocument['unknown_org'] {
  switch (enumTree(UNKNOWN_ORG, value)) {
    case '':
    case 'accept':
      return 'accept';
    case 'reject':
      return 'reject';
    default:
      faults.add('settings.unknown_org_policy', 'must be one of ACCEPT, REJECT');
      return 'accept';
  }
}

/** A map without entries is an empty table, not the built-in one. */
function runUnitsTree({ tiers, overheads, floor }: RunUnitTable, faults: Faults): YamlMapping {
  const at = 'settings.run_units';
  return tree({
    tiers: mapTree(tiers, `${at}.tiers`, faults) ?? {},
    overheads: mapTree(overheads, `${at}.overheads`, faults) ?? {},
    floor,
  });
}
