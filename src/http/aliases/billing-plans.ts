// `/api/billing`: plans, and the subscriptions of a tenant to them.

import {
  CreatePlanRequest,
  ListPlansRequest,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import { BillingInterval, Plan } from '../../../generated/ts/tollgate/v1/plan.js';
import {
  type Subscription,
  SubscriptionState,
} from '../../../generated/ts/tollgate/v1/subscription.js';
import {
  CreateSubscriptionRequest,
  ListSubscriptionsRequest,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { present } from '../../base/assert.js';
import { formatMinor, isCurrency } from '../../domain/pricing/money.js';
import { limits } from '../../limits.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, created, ok } from './alias.js';
import {
  type Fields,
  fieldsOf,
  flagOf,
  listIn,
  oneOf,
  requiredText,
  textIn,
  wholeIn,
} from './fields.js';
import { toCents } from './figures.js';
import { collect, enumName, message } from './message.js';
import { ruleFrom, toQuota } from './quota-fields.js';
import { isoOf, parseWhen } from './times.js';

const PLANS = '/api/billing/plans';
const SUBSCRIPTIONS = '/api/billing/tenants/{tenant_id}/subscriptions';
const CURRENCY = 'USD';

export const CYCLES: readonly (readonly [name: string, interval: BillingInterval])[] = [
  ['MONTHLY', BillingInterval.BILLING_INTERVAL_MONTH],
  ['QUARTERLY', BillingInterval.BILLING_INTERVAL_QUARTER],
  ['YEARLY', BillingInterval.BILLING_INTERVAL_YEAR],
];

export function billingPlans(rpcs: Rpcs): readonly Alias[] {
  const { CatalogService: catalog, SubscriptionService: subscriptions } = rpcs;
  const access = 'credential';
  return [
    { verb: 'POST', template: PLANS, access, run: (call) => createPlan(catalog, call) },
    { verb: 'GET', template: PLANS, access, run: (call) => listPlans(catalog, call) },
    {
      verb: 'POST',
      template: SUBSCRIPTIONS,
      access,
      run: (call) => subscribe(subscriptions, call),
    },
    {
      verb: 'GET',
      template: SUBSCRIPTIONS,
      access,
      run: (call) => listSubscriptions(subscriptions, call),
    },
  ];
}

async function createPlan(
  { createPlan: create }: Rpcs['CatalogService'],
  call: AliasCall,
): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const currency = textIn(fields, 'currency') ?? CURRENCY;
  if (!isCurrency(currency)) throw invalidField('currency', 'must be an ISO 4217 code');
  const interval = cycleIn(fields);
  const plan = message(Plan, {
    planId: requiredText(fields, 'plan_code'),
    name: textIn(fields, 'display_name') ?? '',
    currency,
    baseInterval: interval,
    basePrice: formatMinor(BigInt(wholeIn(fields, 'price_cents') ?? 0), currency),
    quotas: listIn(fields, 'quotas').map((each, i) => ruleFrom(each, `quotas[${i}]`)),
  });
  const reply = await call.perform(create, message(CreatePlanRequest, { plan }));
  return created(toPlan(present(reply.plan, 'the new plan')));
}

function cycleIn(fields: Fields): BillingInterval {
  const text = textIn(fields, 'billing_cycle') ?? 'MONTHLY';
  const found = CYCLES.find(([name]) => name === text.toUpperCase());
  if (found !== undefined) return found[1];
  const names = CYCLES.map(([name]) => name).join(', ');
  throw invalidField('billing_cycle', `must be one of ${names}`);
}

async function listPlans(
  { listPlans: list }: Rpcs['CatalogService'],
  call: AliasCall,
): Promise<AliasReply> {
  const code = oneOf(call.query, 'plan_code');
  const isActive = flagOf(call.query, 'is_active');
  const request = message(ListPlansRequest, {
    includeArchived: isActive !== true,
    pageSize: limits.pageMax,
  });
  const plans = await collect(
    async (pageToken) => {
      const page = await call.perform(list, { ...request, pageToken });
      return { items: page.plans, next: page.nextPageToken };
    },
    {
      max: limits.plans,
      wanted: ({ planId, archived }) =>
        (code === undefined || planId === code) &&
        (isActive === undefined || archived !== isActive),
    },
  );
  return ok(plans.map(toPlan));
}

function toPlan({ planId, name, baseInterval, basePrice, currency, ...plan }: Plan) {
  return {
    plan_id: planId,
    plan_code: planId,
    display_name: name,
    billing_cycle: CYCLES.find(([, interval]) => interval === baseInterval)?.[0] ?? 'MONTHLY',
    price_cents: toCents(basePrice, currency),
    currency,
    is_active: !plan.archived,
    quotas: plan.quotas.map(toQuota),
  };
}

async function subscribe(
  { createSubscription }: Rpcs['SubscriptionService'],
  call: AliasCall,
): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const start = textIn(fields, 'starts_at');
  const { subscription } = await call.perform(
    createSubscription,
    message(CreateSubscriptionRequest, {
      orgId: call.values[0] ?? '',
      // They are one here.
      plan: textIn(fields, 'plan_code') ?? requiredText(fields, 'plan_id'),
      seats: wholeIn(fields, 'seats') ?? 0,
      startTime:
        start === undefined ? undefined : toTimestamp(parseWhen(start, 'starts_at', 'start')),
      requestId: call.header('idempotency-key'),
    }),
  );
  return created(toSubscription(present(subscription, 'the new subscription')));
}

async function listSubscriptions(
  { listSubscriptions: list }: Rpcs['SubscriptionService'],
  call: AliasCall,
): Promise<AliasReply> {
  const request = message(ListSubscriptionsRequest, {
    orgId: call.values[0] ?? '',
    pageSize: limits.pageMax,
  });
  const all = await collect(
    async (pageToken) => {
      const page = await call.perform(list, { ...request, pageToken });
      return { items: page.subscriptions, next: page.nextPageToken };
    },
    { max: limits.pageMax },
  );
  return ok(all.map(toSubscription));
}

const STATE_PREFIX = 'SUBSCRIPTION_STATE_';

function toSubscription(subscription: Subscription) {
  const { subscriptionId, orgId, plan, state, seats } = subscription;
  return {
    subscription_id: subscriptionId,
    tenant_id: orgId,
    plan_id: plan,
    plan_code: plan,
    status: enumName(SubscriptionState, state, STATE_PREFIX),
    seats,
    starts_at: isoOf(subscription.startTime),
    ends_at: isoOf(subscription.endTime),
    current_period_start: isoOf(subscription.currentPeriodStart),
    current_period_end: isoOf(subscription.currentPeriodEnd),
    created_at: isoOf(subscription.createTime),
  };
}
