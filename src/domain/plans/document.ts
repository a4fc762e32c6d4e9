// The catalogue as a document: plain JSON, normalised, every decimal a string. This is what the
// journal keeps, so a field may be added but none may change its meaning.

import type { Aggregation } from '../metering/meter.js';
import type { Mode, WindowKind } from '../quota/rule.js';

export interface CatalogueDocument {
  readonly default_plan: string;
  /** accept: the first use of an unknown organisation creates it on the default plan. */
  readonly unknown_org: 'accept' | 'reject';
  readonly meters: readonly MeterDocument[];
  readonly price_lists: readonly PriceListDocument[];
  readonly plans: readonly PlanDocument[];
  /** Rules for every organisation that no plan or override replaces. */
  readonly default_quotas: readonly QuotaDocument[];
  readonly organizations: readonly OrganisationDocument[];
  readonly run_units: RunUnitsDocument;
}

export interface MeterDocument {
  readonly key: string;
  readonly unit: string;
  readonly scale: number;
  readonly aggregation: Aggregation;
  readonly dimension: string;
  readonly source_keys: readonly string[];
  readonly formula: 'identity' | 'run_units';
  readonly rollup_keys: readonly string[];
  readonly label_sets_max: number;
  readonly late_policy: 'NEXT_INVOICE' | 'REJECT';
  readonly unpriced: 'zero' | 'reject' | { readonly default: string };
}

export interface QuotaDocument {
  readonly key: string;
  readonly meter: string;
  readonly match: Readonly<Record<string, string>>;
  /** A decimal, or null: unlimited. */
  readonly limit: string | null;
  readonly window: WindowKind;
  /** FIXED_FROM_FIRST_USE only, else 0. */
  readonly window_length_ms: number;
  readonly mode: Mode;
  readonly scope: readonly string[];
  readonly thresholds: readonly number[];
}

export interface OverrideDocument extends QuotaDocument {
  /** Key of the rule that this one stands in for, whatever its window; '' for none. */
  readonly replaces: string;
  /** RFC 3339, or null: never. */
  readonly expires: string | null;
  readonly reason: string;
}

export interface PriceDocument {
  readonly meter: string;
  readonly match: Readonly<Record<string, string>>;
  readonly kind: 'per_unit';
  readonly unit_price: string;
  readonly per: string;
  readonly included: string;
  /** RFC 3339; the epoch for "always". */
  readonly effective_from: string;
}

export interface PriceListDocument {
  readonly id: string;
  readonly currency: string;
  readonly prices: readonly PriceDocument[];
}

export interface PlanDocument {
  readonly id: string;
  readonly name: string;
  readonly currency: string;
  readonly quotas: readonly QuotaDocument[];
  readonly prices: readonly PriceDocument[];
}

export interface OrganisationDocument {
  readonly id: string;
  readonly plan: string;
  readonly suspended: boolean;
  readonly quota_overrides: readonly OverrideDocument[];
}

export interface RunUnitsDocument {
  readonly tiers: Readonly<Record<string, string>>;
  /** By tool; `default` for a missing or unknown one. */
  readonly overheads: Readonly<Record<string, string>>;
  readonly floor: string;
}
