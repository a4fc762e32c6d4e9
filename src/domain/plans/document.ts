// The catalogue as a document: plain JSON, normalised, every decimal a string. This is what the
// journal keeps, so a field may be added but none may change its meaning.

import type { Aggregation } from '../metering/meter.js';
import type { PriceKind } from '../pricing/price.js';
import type { Mode, WindowKind } from '../quota/rule.js';
import type { BillingInterval } from '../subscriptions/period.js';

/** What a file says: the settings, and the objects of each kind. */
export interface CatalogueDocument extends SettingsDocument {
  readonly meters: readonly MeterDocument[];
  readonly price_lists: readonly PriceListDocument[];
  readonly plans: readonly PlanDocument[];
  readonly organizations: readonly OrganisationDocument[];
}

export interface SettingsDocument {
  readonly default_plan: string;
  /** accept: the first use of an unknown organisation creates it on the default plan. */
  readonly unknown_org: 'accept' | 'reject';
  /** Rules for every organisation that no plan or override replaces. */
  readonly default_quotas: readonly QuotaDocument[];
  readonly run_units: RunUnitsDocument;
  /** Who issues the invoices; absent where nobody said. */
  readonly seller?: PartyDocument;
}

export interface PartyDocument {
  readonly legal_name: string;
  /** Lines separated by "\n". */
  readonly address: string;
  readonly tax_id: string;
  readonly email: string;
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

/** What a kind of price has no use for is absent, and so are conditions that say nothing. */
export interface PriceDocument {
  readonly meter: string;
  readonly match: Readonly<Record<string, string>>;
  readonly kind: PriceKind;
  /** flat. */
  readonly amount?: string;
  /** per_unit, package. */
  readonly unit_price?: string;
  /** Of per_unit, package, graduated and volume. */
  readonly per: string;
  /** graduated, volume, graduated_percentage. */
  readonly tiers?: readonly TierDocument[];
  /** percentage. */
  readonly percent?: string;
  readonly fixed_fee?: string;
  readonly free_events?: number;
  /** multiplier. */
  readonly factor?: string;
  readonly included: string;
  readonly minimum?: string;
  readonly maximum?: string;
  readonly discount_percent?: string;
  /** Present where it is false. */
  readonly prorate?: false;
  /** RFC 3339; the epoch for "always". */
  readonly effective_from: string;
}

export interface TierDocument {
  /** Null: no upper end. */
  readonly up_to: string | null;
  readonly unit_price: string;
  readonly flat_fee: string;
  readonly percent: string;
  /** '' for no blocks. */
  readonly block_size: string;
}

export interface PriceListDocument {
  readonly id: string;
  readonly currency: string;
  readonly prices: readonly PriceDocument[];
}

/** What a plan can do without is absent where it says nothing. */
export interface PlanDocument {
  readonly id: string;
  readonly name: string;
  readonly currency: string;
  readonly quotas: readonly QuotaDocument[];
  readonly prices: readonly PriceDocument[];
  /** Of base price and seats, billed in advance; MONTH where absent. */
  readonly base_interval?: BillingInterval;
  /** Of usage, billed in arrears; MONTH where absent. */
  readonly usage_interval?: BillingInterval;
  /** Per base interval. */
  readonly base_price?: string;
  /** Per seat beyond the included ones, and base interval. */
  readonly seat_price?: string;
  readonly included_seats?: number;
  readonly trial_days?: number;
  readonly features?: Readonly<Record<string, boolean>>;
  /** The one organisation that can have it. */
  readonly org_id?: string;
  /** An organisation's own administrator may choose it. */
  readonly self_serve?: true;
  readonly tax_rates?: readonly TaxRateDocument[];
  /** A trial goes on only with a payment method. */
  readonly requires_payment_method?: true;
}

export interface TaxRateDocument {
  readonly name: string;
  /** Decimal text. */
  readonly percent: string;
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

/** An object of the catalogue as the ledger keeps it: its latest version, and where it stands. */
export interface Head<Document> {
  /** Counts the versions of the document, from 1. */
  readonly latest: number;
  readonly document: Document;
  /** FILE: as the file said; API: changed by a call since. */
  readonly source: 'FILE' | 'API';
  readonly archived: boolean;
  readonly created_ms: number;
  readonly updated_ms: number;
}

/** One version of an object; never changes. */
export interface VersionDocument<Document> {
  readonly version: number;
  readonly document: Document;
  /** Present where a call wrote it, not the file. */
  readonly source?: 'API';
  readonly created_ms: number;
}
