// `/api/billing`: plans and subscriptions.

import { SubscriptionState } from '../../../../generated/ts/tollgate/v1/subscription.js';
import { limits } from '../../../limits.js';
import { CYCLES } from '../../aliases/billing-plans.js';
import { reference } from '../values.js';
import type { OlderPath, OlderPaths } from './older-path.js';
import {
  among,
  body,
  flag,
  id,
  instant,
  list,
  namesOf,
  orNull,
  reply,
  text,
  whenText,
  whole,
} from './shapes.js';

const cycle = among(CYCLES.map(([name]) => name));
const currency = text('ISO 4217.', { pattern: '^[A-Z]{3}$' });
const cents = whole('Of the base price, in minor units of the currency.');

const paths: readonly OlderPath[] = [
  {
    verb: 'POST',
    template: '/api/billing/plans',
    id: 'CreatePlan',
    summary: 'Makes a plan',
    performs: ['CatalogService/CreatePlan'],
    body: {
      required: true,
      schema: reference('OlderNewPlan'),
      example: {
        plan_code: 'gold',
        display_name: 'Gold',
        billing_cycle: 'MONTHLY',
        price_cents: 4900,
        quotas: [{ quota_key: 'run_units', quota_limit: 1000, enforcement_mode: 'HARD' }],
      },
    },
    status: 201,
    answer: reference('OlderPlan'),
  },
  {
    verb: 'GET',
    template: '/api/billing/plans',
    id: 'ListPlans',
    summary: 'Lists plans, each in its latest version',
    performs: ['CatalogService/ListPlans'],
    query: {
      plan_code: text('This one alone.'),
      is_active: flag('Only those that are not archived, or only those that are.'),
    },
    status: 200,
    answer: list(reference('OlderPlan')),
  },
  {
    verb: 'POST',
    template: '/api/billing/tenants/{tenant_id}/subscriptions',
    id: 'CreateSubscription',
    summary: 'Subscribes a tenant to a plan',
    performs: ['SubscriptionService/CreateSubscription'],
    repeats: 'the id of the request, which makes a repeat the same one',
    body: {
      required: true,
      schema: reference('OlderNewSubscription'),
      example: { plan_code: 'team', seats: 3 },
    },
    status: 201,
    answer: reference('OlderSubscription'),
  },
  {
    verb: 'GET',
    template: '/api/billing/tenants/{tenant_id}/subscriptions',
    id: 'ListSubscriptions',
    summary: 'Lists the subscriptions of a tenant, newest first',
    performs: ['SubscriptionService/ListSubscriptions'],
    status: 200,
    answer: list(reference('OlderSubscription')),
  },
];

export const billingPlans: OlderPaths = {
  paths,
  schemas: {
    OlderNewPlan: body(
      { plan_code: id('The id of the plan.') },
      {
        display_name: text('The code where absent.', { maxLength: limits.nameChars }),
        billing_cycle: { ...cycle, default: 'MONTHLY' },
        price_cents: { ...cents, minimum: 0, default: 0 },
        currency: { ...currency, default: 'USD' },
        quotas: list(reference('OlderNewQuota'), { maxItems: limits.quotasPerPlan }),
      },
    ),
    OlderPlan: reply({
      plan_id: text('The code: they are one.'),
      plan_code: text(),
      display_name: text(),
      billing_cycle: cycle,
      price_cents: cents,
      currency,
      is_active: flag('Not archived.'),
      quotas: list(reference('OlderQuota')),
    }),
    OlderNewSubscription: {
      ...body(
        {},
        {
          plan_code: text('The plan; or `plan_id`, which is the same.'),
          plan_id: text(),
          seats: whole(undefined, { minimum: 0, maximum: limits.seats }),
          starts_at: whenText('Now where absent; not ahead.'),
        },
      ),
      anyOf: [{ required: ['plan_code'] }, { required: ['plan_id'] }],
    },
    OlderSubscription: reply({
      subscription_id: text(),
      tenant_id: text(),
      plan_id: text(),
      plan_code: text(),
      status: among(namesOf(SubscriptionState, 'SUBSCRIPTION_STATE_')),
      seats: whole(),
      starts_at: orNull(instant()),
      ends_at: orNull(instant()),
      current_period_start: orNull(instant()),
      current_period_end: orNull(instant()),
      created_at: orNull(instant()),
    }),
  },
};
