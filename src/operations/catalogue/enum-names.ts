// Enums of the contract, by the names that documents and files have for their values.

import { UnknownOrgPolicy } from '../../../generated/ts/tollgate/v1/catalog_settings.js';
import { CatalogSource } from '../../../generated/ts/tollgate/v1/catalog_source.js';
import {
  LatePolicy,
  Aggregation as MeterAggregation,
  MeterFormula,
} from '../../../generated/ts/tollgate/v1/meter.js';
import { BillingInterval } from '../../../generated/ts/tollgate/v1/plan.js';
import type { Aggregation } from '../../domain/metering/meter.js';
import type { Head, MeterDocument, SettingsDocument } from '../../domain/plans/document.js';
import type { BillingInterval as Interval } from '../../domain/subscriptions/period.js';

export const AGGREGATION: Record<Aggregation, MeterAggregation> = {
  SUM: MeterAggregation.AGGREGATION_SUM,
  COUNT: MeterAggregation.AGGREGATION_COUNT,
  MAX: MeterAggregation.AGGREGATION_MAX,
  LAST: MeterAggregation.AGGREGATION_LAST,
  UNIQUE: MeterAggregation.AGGREGATION_UNIQUE,
};

export const FORMULA: Record<MeterDocument['formula'], MeterFormula> = {
  identity: MeterFormula.METER_FORMULA_IDENTITY,
  run_units: MeterFormula.METER_FORMULA_RUN_UNITS,
};

export const LATE_POLICY: Record<MeterDocument['late_policy'], LatePolicy> = {
  NEXT_INVOICE: LatePolicy.LATE_POLICY_NEXT_INVOICE,
  REJECT: LatePolicy.LATE_POLICY_REJECT,
};

export const INTERVAL: Record<Interval, BillingInterval> = {
  MONTH: BillingInterval.BILLING_INTERVAL_MONTH,
  QUARTER: BillingInterval.BILLING_INTERVAL_QUARTER,
  YEAR: BillingInterval.BILLING_INTERVAL_YEAR,
};

export const UNKNOWN_ORG: Record<SettingsDocument['unknown_org'], UnknownOrgPolicy> = {
  accept: UnknownOrgPolicy.UNKNOWN_ORG_POLICY_ACCEPT,
  reject: UnknownOrgPolicy.UNKNOWN_ORG_POLICY_REJECT,
};

export const CATALOG_SOURCE: Record<Head<never>['source'], CatalogSource> = {
  FILE: CatalogSource.CATALOG_SOURCE_FILE,
  API: CatalogSource.CATALOG_SOURCE_API,
};
