// What happens to a subscription by itself: its trial ends, a cancellation takes effect. What the
// organisation is on has changed on time already; here its state follows.

import type { EpochMs } from '../../base/units.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import type { Core } from '../core.js';
import { endedAt, endingChanges } from '../subscriptions/end-subscription.js';
import { type AccountState, readAccount } from './account-state.js';
import { planOf } from './base-bill.js';

const ACTOR = 'billing';

/** Resolves with when its state changes next; Infinity where it does not. */
export async function advanceSubscription(core: Core, orgId: string): Promise<EpochMs> {
  const account = await readAccount(core, orgId);
  const { subscription } = account;
  if (subscription === undefined) return Number.POSITIVE_INFINITY;
  const atMs = core.clock.wallMs();
  const next = nextState(core, account, subscription.value, atMs);
  if (next === undefined) return changesMs(subscription.value);
  await core.ledger.commit({
    atMs,
    actor: ACTOR,
    action: next.action,
    orgId,
    reason: '',
    changes: () => endingChanges(account, subscription, next, atMs),
  });
  // Also where somebody else was faster: what holds now is read anew.
  return atMs;
}

function changesMs({ state, trial_end_ms, cancel_at_ms }: SubscriptionRecord): EpochMs {
  const trialMs = state === 'TRIALING' ? (trial_end_ms ?? Infinity) : Infinity;
  return Math.min(trialMs, cancel_at_ms ?? Infinity);
}

function nextState(core: Core, account: AccountState, value: SubscriptionRecord, atMs: EpochMs) {
  const { terms } = account;
  const { cancel_at_ms: cancelMs, trial_end_ms: trialEndMs } = value;
  if (cancelMs !== null && cancelMs <= atMs) {
    const ended = { ...value, state: 'CANCELLED' as const, ended_ms: cancelMs };
    return { action: 'subscriptions.end', value: ended, terms };
  }
  if (value.state !== 'TRIALING' || trialEndMs === null || trialEndMs > atMs) return undefined;
  const paid = value.payment_method !== '' || !planOf(core, value).requires_payment_method;
  if (paid) return { action: 'trials.end', value: { ...value, state: 'ACTIVE' as const }, terms };
  const expired = { ...value, state: 'EXPIRED' as const, ended_ms: trialEndMs };
  return { action: 'trials.expire', value: expired, terms: endedAt(account, trialEndMs) };
}
