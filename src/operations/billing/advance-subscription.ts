// What happens to a subscription by itself: its trial ends, a cancellation takes effect. What the
// organisation is on has changed on time already; here its state follows.

import type { EpochMs } from '../../base/units.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import type { Core } from '../core.js';
import { chargeNow } from '../subscriptions/charge.js';
import { endedAt, endingChanges } from '../subscriptions/end-subscription.js';
import type { AccountState } from './account-state.js';
import { planOf, settledBase, soldPlanOf } from './base-bill.js';

const ACTOR = 'billing';

/** Resolves with when its state changes next; Infinity where it does not. */
export async function advanceSubscription(core: Core, account: AccountState): Promise<EpochMs> {
  const { orgId, subscription } = account;
  if (subscription === undefined) return Number.POSITIVE_INFINITY;
  const atMs = core.clock.wallMs();
  const next = nextState(core, account, subscription.value, atMs);
  if (next === undefined) return changesMs(subscription.value);
  const changes = endingChanges(account, subscription, next, atMs);
  const plan = soldPlanOf(core, next.value);
  const { lines } = next;
  const charge = { kind: 'RECURRING' as const, lines, plan, atMs, changes };
  const planned = await chargeNow(core, account, charge);
  const common = { atMs, actor: ACTOR, action: next.action, orgId, reason: '' };
  await core.ledger.commit({ ...common, ...planned });
  // Also where somebody else was faster: what holds now is read anew.
  return atMs;
}

/** Also while it is suspended. */
function isTrialing({ state, suspended_in_trial }: SubscriptionRecord): boolean {
  return state === 'TRIALING' || (state === 'SUSPENDED' && suspended_in_trial === true);
}

function changesMs(value: SubscriptionRecord): EpochMs {
  const { trial_end_ms, cancel_at_ms } = value;
  const trialMs = isTrialing(value) ? (trial_end_ms ?? Infinity) : Infinity;
  return Math.min(trialMs, cancel_at_ms ?? Infinity);
}

function nextState(core: Core, account: AccountState, value: SubscriptionRecord, atMs: EpochMs) {
  const { terms } = account;
  const { cancel_at_ms: cancelMs, trial_end_ms: trialEndMs } = value;
  if (cancelMs !== null && cancelMs <= atMs) {
    // What began before it and was not charged yet: the server may have been down.
    const { value: charged, lines } = settledBase(core, value, cancelMs);
    const ended = { ...charged, state: 'CANCELLED' as const, ended_ms: cancelMs };
    return { action: 'subscriptions.end', value: ended, terms, lines };
  }
  if (!isTrialing(value) || trialEndMs === null || trialEndMs > atMs) return undefined;
  const paid = value.payment_method !== '' || !planOf(core, value).requires_payment_method;
  if (paid) {
    const state = value.state === 'TRIALING' ? ('ACTIVE' as const) : value.state;
    const active = { ...value, state, suspended_in_trial: false };
    return { action: 'trials.end', value: active, terms, lines: [] };
  }
  const expired = { ...value, state: 'EXPIRED' as const, ended_ms: trialEndMs };
  return {
    action: 'trials.expire',
    value: expired,
    terms: endedAt(account, trialEndMs),
    lines: [],
  };
}
