// `/api/billing`: plans and subscriptions.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { older } from '../../support/older.js';
import { sharedService } from '../../support/shared-service.js';

const { now, org } = sharedService({ clock: createTestClock('2026-11-20T12:00:00Z') });
const { get, post } = older(now);

const PLANS = '/api/billing/plans';
const subscriptions = (tenant: string) => `/api/billing/tenants/${tenant}/subscriptions`;

const GOLD = {
  plan_code: 'gold',
  display_name: 'Gold',
  billing_cycle: 'YEARLY',
  price_cents: 4905,
  currency: 'EUR',
  quotas: [
    { quota_key: 'executions', quota_limit: 2 ** 40, enforcement_mode: 'SOFT' },
    { quota_key: 'run_units', quota_limit: null },
    { quota_key: 'storage_gb', quota_limit: 0.5, enforcement_mode: 'HARD' },
  ],
};

describe('a plan', () => {
  test('is made with its quotas, and listed as it was made', async () => {
    const { status, json } = await post(PLANS, GOLD);
    expect(status).toBe(201);
    expect(json).toEqual({
      plan_id: 'gold',
      ...GOLD,
      is_active: true,
      quotas: [
        { quota_key: 'executions', quota_limit: 1_099_511_627_776, enforcement_mode: 'SOFT' },
        { quota_key: 'run_units', quota_limit: null, enforcement_mode: 'HARD' },
        { quota_key: 'storage_gb', quota_limit: 0.5, enforcement_mode: 'HARD' },
      ],
    });
    expect((await get(`${PLANS}?plan_code=gold`)).json).toEqual([json]);
    expect((await post(PLANS, GOLD)).status).toBe(409);
    const { plan } = await cold(now(), 'Catalog', 'GetPlan', { plan_id: 'gold' });
    expect(plan).toMatchObject({
      base_price: '49.05',
      base_interval: 'BILLING_INTERVAL_YEAR',
      quotas: [{ meter: 'executions', window: 'QUOTA_WINDOW_CALENDAR_MONTH' }, {}, {}],
    });
  });

  test('has defaults: monthly, no price, USD', async () => {
    const { json } = await post(PLANS, { plan_code: 'plain' });
    expect(json).toEqual({
      plan_id: 'plain',
      plan_code: 'plain',
      display_name: 'plain',
      billing_cycle: 'MONTHLY',
      price_cents: 0,
      currency: 'USD',
      is_active: true,
      quotas: [],
    });
  });

  test('in yen has no decimals', async () => {
    await post(PLANS, { plan_code: 'yen', currency: 'JPY', price_cents: 500 });
    const { plan } = await cold(now(), 'Catalog', 'GetPlan', { plan_id: 'yen' });
    expect(plan.base_price).toBe('500');
    expect((await get(`${PLANS}?plan_code=yen`)).json[0].price_cents).toBe(500);
  });

  test('is active until it is archived', async () => {
    await post(PLANS, { plan_code: 'old' });
    await cold(now(), 'Catalog', 'ArchivePlan', { plan_id: 'old' });
    const codes = async (query: string) => {
      const { json } = await get(`${PLANS}${query}`);
      return json.map((plan: { plan_code: string }) => plan.plan_code);
    };
    expect(await codes('?is_active=false')).toEqual(['old']);
    expect(await codes('?is_active=true')).not.toContain('old');
    expect(await codes('')).toEqual(expect.arrayContaining(['old', 'free', 'team']));
    expect(await codes('?is_active=true&plan_code=old')).toEqual([]);
    expect(await codes('?plan_code=never')).toEqual([]);
  });

  test.each([
    ['no code', { plan_code: '' }, 'plan_code'],
    ['a cycle that is none', { billing_cycle: 'WEEKLY' }, 'billing_cycle'],
    ['a broken price', { price_cents: 1.5 }, 'price_cents'],
    ['a negative price', { price_cents: -1 }, 'base_price'],
    ['a currency that is none', { currency: 'dollars' }, 'currency'],
    ['quotas that are no list', { quotas: {} }, 'quotas'],
    ['a quota that is none', { quotas: [7] }, 'quotas[0]'],
    ['a quota without a key', { quotas: [{ quota_limit: 1 }] }, 'quota_key'],
    ['a quota without a limit', { quotas: [{ quota_key: 'executions' }] }, 'quota_limit'],
    ['a negative limit', { quotas: [{ quota_key: 'executions', quota_limit: -1 }] }, 'limit'],
    [
      'a mode that is none',
      { quotas: [{ quota_key: 'users', quota_limit: 1, enforcement_mode: 'toString' }] },
      'enforcement_mode',
    ],
    [
      'a quota of no meter',
      { quotas: [{ quota_key: 'wishes', quota_limit: 3 }] },
      'quotas[0].meter',
    ],
  ])('with %s is refused', async (_what, given, why) => {
    const { status, json } = await post(PLANS, { plan_code: 'bad', ...given });
    expect(status).toBe(400);
    expect(json).toEqual({ detail: expect.stringContaining(why) });
  });

  test('is not listed by a flag that is none', async () => {
    expect((await get(`${PLANS}?is_active=maybe`)).status).toBe(400);
  });
});

describe('a subscription', () => {
  test('is made, listed, and the only live one', async () => {
    const acme = org();
    const { status, json } = await post(subscriptions(acme), { plan_code: 'team', seats: 3 });
    expect(status).toBe(201);
    expect(json).toEqual({
      subscription_id: expect.stringMatching(/^sub_/),
      tenant_id: acme,
      plan_id: 'team',
      plan_code: 'team',
      status: 'ACTIVE',
      seats: 3,
      starts_at: '2026-11-20T12:00:00Z',
      ends_at: null,
      current_period_start: '2026-11-20T12:00:00Z',
      current_period_end: '2026-12-20T12:00:00Z',
      created_at: '2026-11-20T12:00:00Z',
    });
    const second = await post(subscriptions(acme), { plan_code: 'pro' });
    expect(second.status).toBe(409);
    expect(second.json).toEqual({ detail: expect.stringContaining(json.subscription_id) });
    expect((await get(subscriptions(acme))).json).toEqual([json]);
    await cold(now(), 'Subscription', 'CancelSubscription', {
      org_id: acme,
      timing: 'CHANGE_TIMING_NOW',
    });
    await post(subscriptions(acme), { plan_id: 'pro' });
    const all = (await get(subscriptions(acme))).json;
    expect(all).toMatchObject([
      { plan_code: 'pro', status: 'ACTIVE', ends_at: null },
      { plan_code: 'team', status: 'CANCELLED', ends_at: '2026-11-20T12:00:00Z' },
    ]);
  });

  test('may begin on a day that is over', async () => {
    const { json } = await post(subscriptions(org()), {
      plan_code: 'team',
      starts_at: '2026-11-10',
    });
    expect(json.starts_at).toBe('2026-11-10T00:00:00Z');
  });

  test.each([
    [{}, 400],
    [{ plan_code: 'never' }, 404],
    [{ plan_code: 'team', starts_at: '2027-01-01' }, 400],
    [{ plan_code: 'team', seats: 'two' }, 400],
  ])('from %j is refused with %i', async (body, status) => {
    expect(await post(subscriptions(org()), body)).toMatchObject({
      status,
      json: { detail: expect.any(String) },
    });
  });

  test('of nobody is an empty list', async () => {
    expect((await get(subscriptions(org()))).json).toEqual([]);
  });
});
