// The kinds of records in the ledger, and what each is.

import type { ApiKeyRecord } from '../domain/access/api-key.js';
import type { BillingRecord, UsagePeriodRecord } from '../domain/invoicing/billing.js';
import type { CreditGrantRecord, CreditNoteRecord } from '../domain/invoicing/credit.js';
import type { InvoiceDocument } from '../domain/invoicing/document.js';
import type { SpendCorrectionRecord } from '../domain/invoicing/spend.js';
import type { CorrectionRecord } from '../domain/metering/correction.js';
import type {
  AlertsRecord,
  DeliveryRecord,
  KeptDeliveriesRecord,
  OutboxRecord,
  WebhookEndpointRecord,
} from '../domain/notifications/document.js';
import type { OrganisationRecord, OverrideRecord } from '../domain/organisations/document.js';
import type { FeatureFlagRecord } from '../domain/organisations/feature-flag.js';
import type {
  Head,
  MeterDocument,
  PlanDocument,
  PriceListDocument,
  SettingsDocument,
  VersionDocument,
} from '../domain/plans/document.js';
import type { SubscriptionRecord } from '../domain/subscriptions/document.js';
import type { TermsDocument } from '../domain/subscriptions/terms.js';

export interface RecordValues {
  meter: Head<MeterDocument>;
  meter_version: VersionDocument<MeterDocument>;
  price_list: Head<PriceListDocument>;
  price_list_version: VersionDocument<PriceListDocument>;
  plan: Head<PlanDocument>;
  /** Id `pro@3`. */
  plan_version: VersionDocument<PlanDocument>;
  /** A plan version that a subscription was ever on; id `pro@3`. */
  sold: Readonly<Record<string, never>>;
  settings: Head<SettingsDocument>;
  /** The organisations that the configuration file named last. */
  file: { readonly organizations: readonly string[] };
  organization: OrganisationRecord;
  /** What an organisation is on; id ''. */
  terms: TermsDocument;
  override: OverrideRecord;
  subscription: SubscriptionRecord;
  /** How far an organisation is invoiced; id ''. */
  billing: BillingRecord;
  /** A usage period that some invoice bills; id is its start. */
  usage_period: UsagePeriodRecord;
  invoice: InvoiceDocument;
  /** What an invoice's closing adds to budgets; id is the invoice's. */
  spend_correction: SpendCorrectionRecord;
  /** An event that is taken back; id is its sequence. */
  correction: CorrectionRecord;
  /** The event that another one took the place of; id is the sequence of that other one. */
  amendment: { readonly event_id: string };
  /** Of its organisation, or of ''; id is what the key begins with. */
  api_key: ApiKeyRecord;
  /** Whose an invoice, credit note or key is: its id, where only that is known. */
  locator: { readonly org_id: string };
  credit_note: CreditNoteRecord;
  credit_grant: CreditGrantRecord;
  /** Id is its key; of the organisation '' it holds for all. */
  feature_flag: FeatureFlagRecord;
  webhook_endpoint: WebhookEndpointRecord;
  delivery: DeliveryRecord;
  /** Id ''. */
  outbox: OutboxRecord;
  /** Id ''. */
  kept_deliveries: KeptDeliveriesRecord;
  /** Of an organisation; id ''. */
  alerts: AlertsRecord;
  /** The last number of a series; id `INV-2026`. */
  series: { readonly last: number };
}

export type RecordKind = keyof RecordValues;
