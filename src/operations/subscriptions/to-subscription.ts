// A kept subscription as the contract's message.

import { BillingInterval } from '../../../generated/ts/tollgate/v1/plan.js';
import {
  type Subscription,
  SubscriptionState,
} from '../../../generated/ts/tollgate/v1/subscription.js';
import type { EpochMs } from '../../base/units.js';
import type {
  SubscriptionState as State,
  SubscriptionRecord,
} from '../../domain/subscriptions/document.js';
import { type BillingInterval as Every, periodAt } from '../../domain/subscriptions/period.js';
import type { Stored } from '../../ledger/ledger.js';
import { anchorOf, basePeriodAt } from '../billing/base-bill.js';
import { timeOf } from '../billing/to-invoice.js';
import { etagOf } from '../change.js';
import { toTimestamp } from '../parse.js';

export const STATE: Record<State, SubscriptionState> = {
  TRIALING: SubscriptionState.SUBSCRIPTION_STATE_TRIALING,
  ACTIVE: SubscriptionState.SUBSCRIPTION_STATE_ACTIVE,
  PAST_DUE: SubscriptionState.SUBSCRIPTION_STATE_PAST_DUE,
  SUSPENDED: SubscriptionState.SUBSCRIPTION_STATE_SUSPENDED,
  CANCELLED: SubscriptionState.SUBSCRIPTION_STATE_CANCELLED,
  EXPIRED: SubscriptionState.SUBSCRIPTION_STATE_EXPIRED,
};

export const INTERVAL: Record<Every, BillingInterval> = {
  MONTH: BillingInterval.BILLING_INTERVAL_MONTH,
  QUARTER: BillingInterval.BILLING_INTERVAL_QUARTER,
  YEAR: BillingInterval.BILLING_INTERVAL_YEAR,
};

/** The periods are those of `atMs`, or of its end where it has ended. */
export function toSubscription(stored: Stored<'subscription'>, atMs: EpochMs): Subscription {
  const { value } = stored;
  const base = basePeriod(value, atMs);
  const usage = usagePeriod(value, atMs);
  const { pending } = value;
  return {
    subscriptionId: value.subscription_id,
    orgId: value.org_id,
    plan: value.plan,
    planVersion: value.plan_version,
    state: STATE[value.state],
    seats: value.seats,
    startTime: toTimestamp(value.start_ms),
    trialEnd: timeOf(value.trial_end_ms),
    currentPeriodStart: toTimestamp(base.startMs),
    currentPeriodEnd: toTimestamp(base.endMs),
    usagePeriodStart: toTimestamp(usage.startMs),
    usagePeriodEnd: toTimestamp(usage.endMs),
    billingAnchorDay: value.anchor_day,
    baseInterval: INTERVAL[value.base_interval],
    usageInterval: INTERVAL[value.usage_interval],
    currency: value.currency,
    paymentMethod: value.payment_method,
    cancelAt: value.state === 'CANCELLED' ? undefined : timeOf(value.cancel_at_ms),
    cancelTime: timeOf(value.cancelled_ms),
    cancelReason: value.cancel_reason,
    endTime: timeOf(value.ended_ms),
    suspendReason: value.suspend_reason,
    pendingChange:
      pending === null
        ? undefined
        : {
            plan: pending.plan,
            planVersion: pending.plan_version,
            seats: pending.seats,
            effectiveTime: toTimestamp(pending.at_ms),
          },
    metadata: new Map(Object.entries(value.metadata)),
    providerId: value.provider_id,
    etag: etagOf(stored),
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
  };
}

/** In a trial the trial. */
export function basePeriod(value: SubscriptionRecord, nowMs: EpochMs) {
  const atMs = heldAt(value, nowMs);
  const { trial_end_ms: trialEndMs } = value;
  if (trialEndMs !== null && atMs < trialEndMs) {
    return { startMs: value.start_ms, endMs: trialEndMs };
  }
  return basePeriodAt(value, atMs);
}

function usagePeriod(value: SubscriptionRecord, nowMs: EpochMs) {
  const atMs = heldAt(value, nowMs);
  const grid = periodAt(anchorOf(value), value.usage_interval, atMs);
  const { trial_end_ms: trialEndMs, ended_ms: endedMs } = value;
  const inTrial = trialEndMs !== null && atMs < trialEndMs;
  const beganMs = inTrial || trialEndMs === null ? value.start_ms : trialEndMs;
  // A change at once begins a usage period.
  const fromMs = Math.max(beganMs, value.plan_since_ms ?? beganMs);
  const untilMs = Math.min(inTrial ? trialEndMs : Infinity, endedMs ?? Infinity);
  return { startMs: Math.max(grid.startMs, fromMs), endMs: Math.min(grid.endMs, untilMs) };
}

/** Now, or the last moment that it was live. */
function heldAt({ start_ms, ended_ms }: SubscriptionRecord, nowMs: EpochMs): EpochMs {
  return Math.max(start_ms, ended_ms === null ? nowMs : Math.min(nowMs, ended_ms - 1));
}
