// `/api/billing`: effective quotas, overrides and checks.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { older } from '../../support/older.js';
import { ask, event } from '../../support/requests.js';
import { sharedService } from '../../support/shared-service.js';

const { now, org, lastSequence } = sharedService({
  clock: createTestClock('2026-11-20T12:00:00Z'),
});
const { get, post, put } = older(now);

const at = (tenant: string, rest: string) => `/api/billing/tenants/${tenant}/${rest}`;
const OVERRIDES = 'quotas/overrides';

function used(orgId: string, meter: string, quantity: string) {
  return ask(now(), 'record', { event: event({ orgId, meter, quantity }) });
}

describe('the quotas of a tenant', () => {
  test('are those of its plan, sorted by key', async () => {
    const acme = org();
    const { status, json } = await get(at(acme, 'quotas'));
    expect(status).toBe(200);
    const hard = { enforcement_mode: 'HARD', source: 'PLAN' };
    expect(json).toEqual({
      tenant_id: acme,
      subscription_id: null,
      plan_id: 'free',
      plan_code: 'free',
      computed_at: '2026-11-20T12:00:00Z',
      quotas: [
        { quota_key: 'agents', quota_limit: 10, ...hard },
        { quota_key: 'executions', quota_limit: 10_000, ...hard },
        { quota_key: 'run_units', quota_limit: 100, ...hard },
        { quota_key: 'users', quota_limit: 3, ...hard },
      ],
    });
  });

  test('name the subscription that they come with', async () => {
    const acme = org();
    const { subscription } = await cold(now(), 'Subscription', 'CreateSubscription', {
      org_id: acme,
      plan: 'team',
    });
    expect((await get(at(acme, 'quotas'))).json).toMatchObject({
      subscription_id: subscription.subscription_id,
      plan_code: 'team',
      quotas: [{ quota_key: 'run_units', quota_limit: 5000 }],
    });
  });
});

describe('overrides', () => {
  test('are merged by key, and beat the plan in its own window', async () => {
    const acme = org();
    await used(acme, 'users', '3');
    const first = await put(at(acme, OVERRIDES), {
      overrides: [
        { quota_key: 'users', quota_limit: 5, reason: 'a favour', expires_at: '2026-12-31' },
        { quota_key: 'run_units', quota_limit: 0, enforcement_mode: 'SOFT' },
      ],
    });
    expect(first.status).toBe(200);
    const updated_at = '2026-11-20T12:00:00Z';
    const [runUnits, users] = [
      {
        quota_key: 'run_units',
        quota_limit: 0,
        enforcement_mode: 'SOFT',
        reason: '',
        expires_at: null,
        updated_at,
      },
      {
        quota_key: 'users',
        quota_limit: 5,
        enforcement_mode: 'HARD',
        reason: 'a favour',
        expires_at: '2027-01-01T00:00:00Z',
        updated_at,
      },
    ];
    expect(first.json).toEqual([runUnits, users]);
    const second = await put(at(acme, OVERRIDES), [{ quota_key: 'users', quota_limit: 4 }]);
    expect(second.json).toMatchObject([runUnits, { quota_key: 'users', quota_limit: 4 }]);
    expect((await get(at(acme, OVERRIDES))).json).toEqual(second.json);
    expect((await get(at(acme, 'quotas'))).json.quotas).toEqual([
      { quota_key: 'agents', quota_limit: 10, enforcement_mode: 'HARD', source: 'PLAN' },
      { quota_key: 'executions', quota_limit: 10_000, enforcement_mode: 'HARD', source: 'PLAN' },
      { quota_key: 'run_units', quota_limit: 0, enforcement_mode: 'SOFT', source: 'OVERRIDE' },
      { quota_key: 'users', quota_limit: 4, enforcement_mode: 'HARD', source: 'OVERRIDE' },
    ]);
    // The three from before count: it is the same window.
    const check = await post(at(acme, 'quotas:check'), { meter_key: 'users', quantity: 2 });
    expect(check.json).toMatchObject({ allowed: false, used: 3, projected: 5, limit: 4 });
  });

  test('keep what is not said anew, and null takes the limit away', async () => {
    const acme = org();
    await put(at(acme, OVERRIDES), { quota_key: 'agents', enforcement_mode: 'SOFT' });
    expect((await get(at(acme, OVERRIDES))).json).toMatchObject([
      { quota_key: 'agents', quota_limit: 10, enforcement_mode: 'SOFT' },
    ]);
    await put(at(acme, OVERRIDES), [{ quota_key: 'agents', quota_limit: null }]);
    expect((await get(at(acme, OVERRIDES))).json).toMatchObject([
      { quota_key: 'agents', quota_limit: null, enforcement_mode: 'SOFT' },
    ]);
  });

  test.each([
    ['no body at all', { overrides: 7 }],
    ['no key', [{ quota_limit: 1 }]],
    ['another name', { quotas: [{ quota_key: 'users', quota_limit: 1 }] }],
    ['one that is new and has no limit', [{ quota_key: 'gateways' }]],
    [
      'one of two',
      [
        { quota_key: 'users', quota_limit: 1 },
        { quota_key: 'users', quota_limit: 'x' },
      ],
    ],
    ['a day that is none', [{ quota_key: 'users', quota_limit: 1, expires_at: 'never' }]],
  ])('of %s are refused', async (_what, body) => {
    const acme = org();
    expect((await put(at(acme, OVERRIDES), body)).status).toBe(400);
  });

  test('for a tenant without any are none', async () => {
    expect((await get(at(org(), OVERRIDES))).json).toEqual([]);
  });
});

describe('a check', () => {
  test.each([
    ['99', 1, true, 'within_limit', 100],
    ['95', 10, false, 'hard_limit_exceeded', 105],
    ['100', 1, false, 'hard_limit_exceeded', 101],
  ])('with %s of 100 used asks for %d', async (quantity, more, allowed, reason, projected) => {
    const acme = org();
    await used(acme, 'run_units', quantity);
    const before = lastSequence();
    const body = { meter_key: 'run_units', quantity: more };
    const { status, json } = await post(at(acme, 'quotas:check'), body);
    expect(status).toBe(200);
    expect(json).toEqual({
      allowed,
      reason,
      source: 'PLAN',
      used: Number(quantity),
      requested: more,
      projected,
      limit: 100,
    });
    expect(lastSequence()).toBe(before);
  });

  test('over an override of 50 with 55 used projects 56', async () => {
    const acme = org();
    await used(acme, 'executions', '55');
    await put(at(acme, OVERRIDES), [{ quota_key: 'executions', quota_limit: 50 }]);
    const { json } = await post(at(acme, 'quotas:check'), { meter_key: 'executions' });
    expect(json).toEqual({
      allowed: false,
      reason: 'hard_limit_exceeded',
      source: 'OVERRIDE',
      used: 55,
      requested: 1,
      projected: 56,
      limit: 50,
    });
  });

  test('over a soft limit is allowed, and says so', async () => {
    const acme = org();
    const soft = { quota_key: 'executions', quota_limit: 1, enforcement_mode: 'SOFT' };
    await put(at(acme, OVERRIDES), [soft]);
    const body = { meter_key: 'executions', quantity: 2 };
    expect((await post(at(acme, 'quotas:check'), body)).json).toMatchObject({
      allowed: true,
      reason: 'soft_limit_exceeded',
      source: 'OVERRIDE',
    });
  });

  test('of what no rule limits has no source', async () => {
    const { json } = await post(at(org(), 'quotas:check'), {
      meter_key: 'input_tokens',
      quantity: 7,
    });
    expect(json).toEqual({
      allowed: true,
      reason: 'quota_not_configured',
      source: 'NO_RULE',
      used: 0,
      requested: 7,
      projected: 7,
      limit: null,
    });
  });

  test('of a tenant that is suspended is refused for that', async () => {
    const acme = org();
    await cold(now(), 'Organization', 'CreateOrganization', { organization: { org_id: acme } });
    await cold(now(), 'Organization', 'SuspendOrganization', { org_id: acme, reason: 'unpaid' });
    const { json } = await post(at(acme, 'quotas:check'), { meter_key: 'executions' });
    expect(json).toMatchObject({ allowed: false, reason: 'suspended' });
  });

  test('as of a time in the present window is one of now, and of no other time', async () => {
    const check = (as_of: string) =>
      post(at('acme', 'quotas:check'), { meter_key: 'run_units', as_of });
    for (const as_of of ['2026-11-01', '2026-11-30T23:59:59Z']) {
      expect((await check(as_of)).json.allowed).toBe(true);
    }
    for (const as_of of ['2026-10-31T23:59:59Z', '2026-12-01T00:00:00+00:00', 'x']) {
      expect(await check(as_of)).toMatchObject({
        status: 400,
        json: { detail: expect.stringContaining('as_of') },
      });
    }
  });

  test.each([
    [{ meter_key: 'run_units', quantity: 0 }, 400],
    [{ meter_key: 'run_units', quantity: -1 }, 400],
    [{ meter_key: 'run_units', quantity: 1.00001 }, 400],
    [{ quantity: 1 }, 400],
    [{ meter_key: 'wishes' }, 404],
  ])('of %j is refused with %i', async (body, status) => {
    expect((await post(at('acme', 'quotas:check'), body)).status).toBe(status);
  });
});
