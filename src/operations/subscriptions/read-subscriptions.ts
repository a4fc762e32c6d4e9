// GetSubscription, ListSubscriptions.

import { SubscriptionState } from '../../../generated/ts/tollgate/v1/subscription.js';
import type {
  GetSubscriptionRequest,
  GetSubscriptionResponse,
  ListSubscriptionsRequest,
  ListSubscriptionsResponse,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { SUBSCRIPTION_STATES } from '../../domain/subscriptions/document.js';
import { readAccount } from '../billing/account-state.js';
import type { Answer, Core } from '../core.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkId, checkOrgId, createFaults, refuseFaults } from '../parse.js';
import { findSubscription } from './parts.js';
import { STATE, toSubscription } from './to-subscription.js';

export async function getSubscription(
  core: Core,
  { orgId, subscriptionId }: GetSubscriptionRequest,
): Promise<Answer<GetSubscriptionResponse>> {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  if (subscriptionId !== '') checkId(subscriptionId, 'subscription_id', faults);
  refuseFaults(faults);
  const stored = await findSubscription(core, await readAccount(core, orgId), subscriptionId);
  const subscription = toSubscription(stored, core.clock.wallMs());
  return { reply: { subscription }, after: core.journal.lastSequence() };
}

export async function listSubscriptions(
  core: Core,
  request: ListSubscriptionsRequest,
): Promise<Answer<ListSubscriptionsResponse>> {
  const { orgId, plan, state } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  if (plan !== '') checkId(plan, 'plan', faults);
  const wanted = SUBSCRIPTION_STATES.filter((each) => STATE[each] === state);
  if (wanted.length === 0 && state !== SubscriptionState.SUBSCRIPTION_STATE_UNSPECIFIED) {
    faults.add('state', 'is not a known state');
  }
  const list = `subscriptions/${orgId}/${plan}/${state}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const page = await core.ledger.list({
    kind: 'subscription',
    order: 'newest',
    ...paging,
    ...(orgId === '' ? {} : { orgId }),
    where: {
      ...(plan === '' ? {} : { plan: [plan] }),
      ...(wanted.length === 0 ? {} : { state: wanted }),
    },
  });
  const nowMs = core.clock.wallMs();
  const subscriptions = page.records.map((each) => toSubscription(each, nowMs));
  const reply = { subscriptions, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}
