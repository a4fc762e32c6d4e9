// A subscription as the ledger keeps it.

import type { EpochMs } from '../../base/units.js';
import type { LineDocument } from '../invoicing/document.js';
import type { BillingInterval } from './period.js';

/** CANCELLED: ended by a cancellation. EXPIRED: a trial that nothing followed. */
export const SUBSCRIPTION_STATES = [
  'TRIALING',
  'ACTIVE',
  'PAST_DUE',
  'SUSPENDED',
  'CANCELLED',
  'EXPIRED',
] as const;
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number];

export const LIVE_STATES: readonly SubscriptionState[] = [
  'TRIALING',
  'ACTIVE',
  'PAST_DUE',
  'SUSPENDED',
];

export interface SubscriptionRecord {
  readonly subscription_id: string;
  readonly org_id: string;
  readonly state: SubscriptionState;
  readonly plan: string;
  readonly plan_version: number;
  readonly seats: number;
  readonly currency: string;
  readonly start_ms: EpochMs;
  /** Null where there was none. */
  readonly trial_end_ms: EpochMs | null;
  readonly anchor_ms: EpochMs;
  readonly anchor_day: number;
  readonly zone: string;
  readonly base_interval: BillingInterval;
  readonly usage_interval: BillingInterval;
  /** Since when it is on its plan; absent: since its start. */
  readonly plan_since_ms?: EpochMs;
  readonly payment_method: string;
  /** Base price and seats are invoiced up to here. */
  readonly base_billed_to_ms: EpochMs;
  /** How often base price was charged: the last charge holds up to there. */
  readonly base_charges: number;
  /** What invoices before that had and were voided with: due again where somebody asks. */
  readonly base_voided: readonly VoidedBase[];
  /** When a cancellation takes effect; null where none is planned. */
  readonly cancel_at_ms: EpochMs | null;
  /** When it was asked for. */
  readonly cancelled_ms: EpochMs | null;
  readonly cancel_reason: string;
  readonly ended_ms: EpochMs | null;
  /** A change that waits for the end of the base period. */
  readonly pending: PendingChange | null;
  readonly suspend_reason: string;
  /** SUSPENDED in its trial: it goes on, and ends as any. */
  readonly suspended_in_trial?: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly provider_id: string;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

/** Base price on a voided invoice, line by line. */
export interface VoidedBase {
  /** End of the invoice's period: asked for anew, it is on that one. */
  readonly due_ms: EpochMs;
  readonly lines: readonly LineDocument[];
}

export interface PendingChange {
  readonly plan: string;
  readonly plan_version: number;
  readonly seats: number;
  readonly at_ms: EpochMs;
}
