// Webhook endpoints, deliveries and what the outbox remembers, as the ledger keeps them.

import type { EpochMs, Sequence } from '../../base/units.js';

export const NOTIFICATION_TYPES = [
  'quota.threshold_reached',
  'quota.threshold_resolved',
  'invoice.created',
  'invoice.finalized',
  'invoice.paid',
  'invoice.voided',
  'invoice.uncollectible',
  'credit_note.created',
  'subscription.created',
  'subscription.changed',
  'subscription.trial_ended',
  'subscription.suspended',
  'subscription.resumed',
  'subscription.cancelled',
  'subscription.ended',
  'organization.suspended',
  'organization.resumed',
] as const;
export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

export interface WebhookEndpointRecord {
  readonly endpoint_id: string;
  readonly url: string;
  /** Empty: all. */
  readonly event_types: readonly string[];
  readonly description: string;
  readonly disabled: boolean;
  /** Newest first, at most two. */
  readonly secrets: readonly EndpointSecret[];
  /** The last entry before it was made: tells it from an earlier one of the same id. */
  readonly made_after: Sequence;
  /** Ascending; of those that are over, only what may not be turned into deliveries yet. */
  readonly spans: readonly EnabledSpan[];
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

/** `secret` is what `redacted` masks. */
export interface EndpointSecret {
  readonly secret: string;
  /** It signs before this time; null: until it is replaced. */
  readonly expire_ms: EpochMs | null;
}

/**
 * The entries that an endpoint is told of. By sequence and not by time: turning entries into
 * deliveries lags behind, and a clock that was set back must not hide anything.
 */
export interface EnabledSpan {
  readonly after: Sequence;
  /** Null: to this day. */
  readonly through: Sequence | null;
}

export const DELIVERY_STATES = ['PENDING', 'DELIVERED', 'DEAD'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface DeliveryRecord {
  readonly delivery_id: string;
  readonly notification_id: string;
  readonly endpoint_id: string;
  /** `made_after` of its endpoint. */
  readonly endpoint_made_after: Sequence;
  readonly event_type: NotificationType;
  /** '' where it is about none. */
  readonly org_id: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Those before its last replay: the schedule begins anew with one. */
  readonly attempts_before: number;
  /** Null unless PENDING. */
  readonly next_attempt_ms: EpochMs | null;
  /** 0: none, or no answer. */
  readonly last_status: number;
  readonly last_error: string;
  readonly delivered_ms: EpochMs | null;
  /** JSON text: the body. */
  readonly payload: string;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

/** How far the journal was turned into deliveries. */
export interface OutboxRecord {
  /** All of these entries … */
  readonly sequence: Sequence;
  /** … and so many notifications of the next one. */
  readonly part: number;
}

/** The place in the list of deliveries before which all were removed. */
export interface KeptDeliveriesRecord {
  readonly from: string;
}

/** Thresholds of an organisation that were told as reached and not as resolved. */
export interface AlertsRecord {
  readonly open: readonly AlertDocument[];
}

export interface AlertDocument {
  /** Of the notification that it was reached. */
  readonly notification_id: string;
  readonly meter: string;
  readonly scale: number;
  readonly quota_key: string;
  readonly percent: number;
  /** Quanta as decimal text. */
  readonly limit: string;
  readonly combination: string;
  readonly scope_values: string;
  readonly window_start_ms: EpochMs;
}
