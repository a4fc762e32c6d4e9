// Objects of the catalogue, as the ledger keeps them, as the contract's messages.

import type { CatalogSettings } from '../../../generated/ts/tollgate/v1/catalog_settings.js';
import { type Meter, UnpricedPolicy } from '../../../generated/ts/tollgate/v1/meter.js';
import type { Plan } from '../../../generated/ts/tollgate/v1/plan.js';
import type { PriceList } from '../../../generated/ts/tollgate/v1/price_list.js';
import type {
  Head,
  MeterDocument,
  PlanDocument,
  PriceListDocument,
  SettingsDocument,
  VersionDocument,
} from '../../domain/plans/document.js';
import { etagOf } from '../change.js';
import { toTimestamp } from '../parse.js';
import {
  AGGREGATION,
  CATALOG_SOURCE,
  FORMULA,
  INTERVAL,
  LATE_POLICY,
  UNKNOWN_ORG,
} from './enum-names.js';
import type { StoredHead } from './heads.js';
import { toPrice, toQuotaRule } from './to-price.js';

export function toMeter(stored: StoredHead<MeterDocument>): Meter {
  const { document, archived } = stored.value;
  return { ...toMeterFields(document), archived, ...marksOf(stored) };
}

/** What a caller says of a meter. */
export type MeterFields = Omit<Meter, keyof Marks | 'archived'>;

export function toMeterFields(meter: MeterDocument): MeterFields {
  const { unpriced } = meter;
  return {
    key: meter.key,
    unit: meter.unit,
    scale: meter.scale,
    aggregation: AGGREGATION[meter.aggregation],
    dimension: meter.dimension,
    sourceKeys: [...meter.source_keys],
    formula: FORMULA[meter.formula],
    rollupKeys: [...meter.rollup_keys],
    labelSetsMax: meter.label_sets_max,
    latePolicy: LATE_POLICY[meter.late_policy],
    unpricedPolicy: unpricedPolicyOf(unpriced),
    unpricedAmount: typeof unpriced === 'string' ? '' : unpriced.default,
  };
}

function unpricedPolicyOf(unpriced: MeterDocument['unpriced']): UnpricedPolicy {
  if (unpriced === 'zero') return UnpricedPolicy.UNPRICED_POLICY_ZERO;
  if (unpriced === 'reject') return UnpricedPolicy.UNPRICED_POLICY_REJECT;
  return UnpricedPolicy.UNPRICED_POLICY_DEFAULT_AMOUNT;
}

export function toPriceList(stored: StoredHead<PriceListDocument>): PriceList {
  const { document, archived } = stored.value;
  return {
    priceListId: document.id,
    currency: document.currency,
    prices: document.prices.map(toPrice),
    archived,
    ...marksOf(stored),
  };
}

export function toPlan(stored: StoredHead<PlanDocument>): Plan {
  const { document, archived } = stored.value;
  return { ...toPlanFields(document), archived, ...marksOf(stored) };
}

/** An older version: what may be changed by its etag is the plan. */
export function toPlanVersion(
  stored: StoredHead<PlanDocument>,
  { version, document, source, created_ms }: VersionDocument<PlanDocument>,
): Plan {
  return {
    ...toPlan(stored),
    ...toPlanFields(document),
    version,
    source: CATALOG_SOURCE[source ?? 'FILE'],
    updateTime: toTimestamp(created_ms),
  };
}

function toPlanFields(plan: PlanDocument): Omit<Plan, keyof Marks | 'archived'> {
  return {
    planId: plan.id,
    name: plan.name,
    currency: plan.currency,
    baseInterval: INTERVAL[plan.base_interval ?? 'MONTH'],
    usageInterval: INTERVAL[plan.usage_interval ?? 'MONTH'],
    basePrice: plan.base_price ?? '0',
    seatPrice: plan.seat_price ?? '0',
    includedSeats: plan.included_seats ?? 0,
    trialDays: plan.trial_days ?? 0,
    quotas: plan.quotas.map(toQuotaRule),
    prices: plan.prices.map(toPrice),
    features: new Map(Object.entries(plan.features ?? {})),
    orgId: plan.org_id ?? '',
    selfServe: plan.self_serve ?? false,
    taxRates: (plan.tax_rates ?? []).map(({ name, percent }) => ({ name, percent })),
    requiresPaymentMethod: plan.requires_payment_method ?? false,
  };
}

export function toSettings(stored: StoredHead<SettingsDocument>): CatalogSettings {
  const { default_plan, unknown_org, default_quotas, run_units } = stored.value.document;
  return {
    defaultPlan: default_plan,
    unknownOrgPolicy: UNKNOWN_ORG[unknown_org],
    defaultQuotas: default_quotas.map(toQuotaRule),
    runUnits: {
      tiers: new Map(Object.entries(run_units.tiers)),
      overheads: new Map(Object.entries(run_units.overheads)),
      floor: run_units.floor,
    },
    ...marksOf(stored),
  };
}

/** What the server says of every object. */
type Marks = Pick<Meter, 'version' | 'source' | 'etag' | 'createTime' | 'updateTime'>;

function marksOf<T>(stored: { readonly version: number; readonly value: Head<T> }): Marks {
  const { latest, source, created_ms, updated_ms } = stored.value;
  return {
    version: latest,
    source: CATALOG_SOURCE[source],
    etag: etagOf(stored),
    createTime: toTimestamp(created_ms),
    updateTime: toTimestamp(updated_ms),
  };
}
