// An organisation and its quota overrides as the ledger keeps them.

import type { EpochMs } from '../../base/units.js';
import type { OverrideDocument, PartyDocument, TaxRateDocument } from '../plans/document.js';

export interface OrganisationRecord {
  readonly org_id: string;
  readonly display_name: string;
  readonly party: PartyDocument | null;
  /** IANA: of billing and of calendar windows. */
  readonly time_zone: string;
  /** Without a subscription; '' for the default plan. */
  readonly plan: string;
  readonly tax_rates: readonly TaxRateDocument[];
  readonly payment_method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly suspended: boolean;
  readonly suspend_reason: string;
  /** The live one, or ''. */
  readonly subscription_id: string;
  readonly provider_customer_id: string;
  readonly source: 'FILE' | 'API';
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

export interface OverrideRecord {
  readonly override: OverrideDocument;
  readonly source: 'FILE' | 'API';
  /** A call deleted it, and the file that still names it does not bring it back. */
  readonly deleted?: true;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

/** As the first use of an unknown organisation makes it. */
export function newOrganisation(orgId: string, atMs: EpochMs): OrganisationRecord {
  return {
    org_id: orgId,
    display_name: '',
    party: null,
    time_zone: 'UTC',
    plan: '',
    tax_rates: [],
    payment_method: '',
    metadata: {},
    suspended: false,
    suspend_reason: '',
    subscription_id: '',
    provider_customer_id: '',
    source: 'FILE',
    created_ms: atMs,
    updated_ms: atMs,
  };
}
