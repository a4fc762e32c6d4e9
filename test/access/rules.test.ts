// What a credential may do beyond calling an RPC: which plans, how old usage, how many holds, how
// often; and that whoever is refused is on record.

import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time } from '../support/cold.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { refused } from '../support/refusals.js';
import { event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { openStream } from '../support/streams.js';

const yaml = catalogueYaml({
  meters: '\n    - {key: tokens, unit: token, scale: 0, aggregation: SUM}',
  plans: `
    - {id: free}
    - {id: open, self_serve: true, trial_days: 7}
    - {id: sold}
    - {id: bolts, org_id: bolt, self_serve: true}`,
});
const DAY_MS = 86_400_000;

async function service(
  act: (running: Running, clock: TestClock) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock, flags: [...AUTH_ON, ...flags] });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const keyOf = async (running: Running, role: string, org_id = 'acme') =>
  (await makeKey(running, { org_id, roles: [role] })).secret;

describe('a subscription', () => {
  const subscribe = (running: Running, key: string, request: object) =>
    cold(
      running,
      'Subscription',
      'CreateSubscription',
      { org_id: 'acme', ...request },
      bearer(key),
    );

  test('to a self-serve plan is for whoever has billing.write, to another for administrators', () =>
    service(async (running) => {
      const key = await keyOf(running, 'billing_admin');
      const refusal = await refused(subscribe(running, key, { plan: 'sold' }));
      expect(refusal).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'PERMISSION_MISSING' });
      expect(refusal.metadata.get('permission')).toBe('billing.admin');
      const longer = await refused(subscribe(running, key, { plan: 'open', trial_days: 60 }));
      expect(longer.reason).toBe('PERMISSION_MISSING');
      const { subscription } = await subscribe(running, key, { plan: 'open' });
      expect(subscription.plan).toBe('open');
      const change = (request: object, by: string) =>
        cold(
          running,
          'Subscription',
          'ChangeSubscription',
          { org_id: 'acme', ...request },
          bearer(by),
        );
      expect((await refused(change({ plan: 'sold' }, key))).reason).toBe('PERMISSION_MISSING');
      expect((await change({ plan: 'sold' }, bootstrapKey(running))).subscription.plan).toBe(
        'sold',
      );
      expect((await refused(change({ seats: 3 }, key))).reason).toBe('PERMISSION_MISSING');
    }));

  test('that is suspended is resumed by an administrator only', () =>
    service(async (running) => {
      const key = await keyOf(running, 'owner');
      await subscribe(running, key, { plan: 'open' });
      const request = { org_id: 'acme', reason: 'unpaid' };
      const platform = bearer(bootstrapKey(running));
      await cold(running, 'Subscription', 'SuspendSubscription', request, platform);
      const resume = (by: string) =>
        cold(running, 'Subscription', 'ResumeSubscription', { org_id: 'acme' }, bearer(by));
      expect((await refused(resume(key))).reason).toBe('PERMISSION_MISSING');
      await resume(bootstrapKey(running));
    }));
});

test('a plan for another organisation is not there, by name or in the list', () =>
  service(async (running) => {
    const key = bearer(await keyOf(running, 'viewer'));
    const { plans } = await cold(running, 'Catalog', 'ListPlans', {}, key);
    expect(plans.map((plan: Json) => plan.plan_id)).toEqual(['free', 'open', 'sold']);
    const read = (method: string, plan_id: string) =>
      refused(cold(running, 'Catalog', method, { plan_id }, key));
    for (const method of ['GetPlan', 'ListPlanVersions']) {
      const [hidden, absent] = [await read(method, 'bolts'), await read(method, 'nuts')];
      expect(hidden.message.replace('bolts', 'X')).toBe(absent.message.replace('nuts', 'X'));
      expect(hidden.reason).toBe('PLAN_NOT_FOUND');
    }
    const own = bearer(await keyOf(running, 'viewer', 'bolt'));
    expect((await cold(running, 'Catalog', 'GetPlan', { plan_id: 'bolts' }, own)).plan.org_id).toBe(
      'bolt',
    );
  }));

describe('usage from before the late bound', () => {
  const record = (running: Running, key: string, days: number, more: object = {}) => {
    const at = running.core.clock.wallMs() - days * DAY_MS;
    const given = event({ orgId: 'acme', quantity: '1' });
    const request = {
      event: {
        org_id: given.orgId,
        meter: given.meter,
        quantity: '1',
        event_time: time(new Date(at).toISOString()),
      },
      ...more,
    };
    return cold(running, 'Metering', 'Record', request, bearer(key));
  };

  test('is taken with usage.backfill, as long as ids are kept and nothing is invoiced', () =>
    service(
      async (running) => {
        const platform = bootstrapKey(running);
        const operator = await keyOf(running, 'operator');
        expect((await record(running, operator, 34)).outcome).toBe('OUTCOME_RECORDED');
        expect((await refused(record(running, operator, 36))).reason).toBe('EVENT_TOO_OLD');
        expect((await record(running, platform, 61)).outcome).toBe('OUTCOME_RECORDED');
        expect((await refused(record(running, platform, 63))).reason).toBe('EVENT_TOO_OLD');
        const enforced = await record(running, platform, 50, { enforce_quota: true });
        expect(enforced.outcome).toBe('OUTCOME_RECORDED');
      },
      ['--invoice-grace', '366d'],
    ));
});

test('a credential may have so many open holds, whichever organisations they are of', () =>
  service(async (running) => {
    const { secret } = await makeKey(running, { roles: ['orchestrator'], allowed_orgs: ['*'] });
    const { holders } = running.core;
    const name = `key:${secret.slice(0, 13)}`;
    const reserve = (org_id: string, reservation_id: string) =>
      cold(
        running,
        'Metering',
        'Reserve',
        { org_id, reservation_id, items: [{ meter: 'tokens', quantity: '1' }] },
        bearer(secret),
      );
    expect((await reserve('acme', 'a')).granted).toBe(true);
    expect((await reserve('bolt', 'a')).granted).toBe(true);
    expect(holders.count(name, 1)).toBe(2);
    const release = { org_id: 'acme', reservation_id: 'a' };
    await cold(running, 'Metering', 'Release', release, bearer(secret));
    expect(holders.count(name, 1)).toBe(1);
    expect(limits.openHoldsPerCredential).toBeGreaterThan(limits.openHoldsPerOrg);
  }));

describe('the rate of calls', () => {
  const check = (running: Running, key: string) =>
    cold(running, 'Metering', 'CheckQuota', { org_id: 'acme' }, bearer(key));
  const RATE = ['--rate-limit-per-second', '2', '--rate-limit-burst', '3'];

  test('of an organisation’s credential is bounded, and comes back with time', () =>
    service(async (running, clock) => {
      const key = await keyOf(running, 'operator');
      for (let i = 0; i < 3; i++) await check(running, key);
      const refusal = await refused(check(running, key));
      expect(refusal).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'RATE_LIMITED',
        retrySeconds: 0.5,
      });
      clock.advance(500);
      await check(running, key);
      expect((await refused(check(running, key))).reason).toBe('RATE_LIMITED');
      const other = await keyOf(running, 'operator');
      await check(running, other);
    }, RATE));

  test('of one for many organisations is not', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, { roles: ['orchestrator'], allowed_orgs: ['*'] });
      for (let i = 0; i < 10; i++) await check(running, secret);
    }, RATE));
});

describe('a refused access', () => {
  const denials = async (running: Running): Promise<string[]> => {
    const { entries } = await cold(
      running,
      'Admin',
      'ListAuditEntries',
      {},
      bearer(bootstrapKey(running)),
    );
    return entries
      .filter((entry: Json) => entry.outcome === 'AUDIT_OUTCOME_DENIED')
      .map(({ actor, action, org_id, reason }: Json) => `${actor} ${action} ${org_id} ${reason}`);
  };

  test('is in the audit log with who, what, of whom and why, repeats as one more entry', () =>
    service(async (running, clock) => {
      const { key_id, secret } = await makeKey(running, { org_id: 'acme', roles: ['viewer'] });
      const usage = (org_id: string) =>
        cold(running, 'Metering', 'GetUsage', { org_id }, bearer(secret));
      for (let i = 0; i < 5; i++) await refused(usage('bolt'));
      await refused(cold(running, 'Metering', 'Record', {}, bearer(secret)));
      await refused(cold(running, 'Metering', 'Record', {}, bearer('nonsense')));
      const first = [
        'unknown Record  CREDENTIAL_INVALID',
        `key:${key_id} Record  PERMISSION_MISSING`,
        `key:${key_id} GetUsage bolt ORG_MISMATCH`,
      ];
      while ((await denials(running)).length < 3);
      expect((await denials(running)).sort()).toEqual([...first].sort());
      clock.advance(60_000);
      while ((await denials(running)).length < 4);
      expect(await denials(running)).toContain(`key:${key_id} GetUsage bolt ORG_MISMATCH (4 more)`);
    }));
});

test('a stream ends when its credential is revoked, after what was taken is acknowledged', () =>
  service(async (running) => {
    const { key_id, secret } = await makeKey(running, { org_id: 'acme', roles: ['operator'] });
    const platform = bearer(bootstrapKey(running));
    const stream = openStream(running, Metadata.fromHttp2Headers(bearer(secret)));
    // The organisation is the credential's.
    const own = (eventId: string) => event({ orgId: '', eventId, quantity: '1' });
    stream.options();
    stream.item(1, own('a'));
    await stream.acked(1);
    await cold(running, 'Access', 'RevokeApiKey', { key_id }, platform);
    stream.item(2, own('b'));
    expect(await stream.end).toMatchObject({
      code: 'UNAUTHENTICATED',
      refused: { reason: 'CREDENTIAL_INVALID' },
    });
    const request = { org_id: 'acme', meters: ['tokens'] };
    const { totals } = await cold(running, 'Metering', 'GetUsage', request, platform);
    expect(totals[0].quantity).toBe('1');
  }));

test('a stream ends with the moment at which its credential does, and not before', () =>
  service(async (running, clock) => {
    const expire_time = time('2026-11-20T13:00:00Z');
    const fields = { org_id: 'acme', roles: ['operator'], expire_time };
    const { secret } = await makeKey(running, fields);
    const stream = openStream(running, Metadata.fromHttp2Headers(bearer(secret)));
    const own = (eventId: string) => event({ orgId: '', eventId, quantity: '1' });
    stream.options();
    clock.advance(3_599_999);
    stream.item(1, own('a'));
    await stream.acked(1);
    clock.advance(1);
    stream.item(2, own('b'));
    expect(await stream.end).toMatchObject({
      code: 'UNAUTHENTICATED',
      refused: { reason: 'CREDENTIAL_INVALID' },
    });
    const request = { org_id: 'acme', meters: ['tokens'] };
    const platform = bearer(bootstrapKey(running));
    const { totals } = await cold(running, 'Metering', 'GetUsage', request, platform);
    expect(totals[0].quantity).toBe('1');
  }));

test('a stream takes no event of another organisation', () =>
  service(async (running) => {
    const { secret } = await makeKey(running, { org_id: 'acme', roles: ['operator'] });
    const stream = openStream(running, Metadata.fromHttp2Headers(bearer(secret)));
    stream.options();
    stream.item(1, event({ orgId: 'bolt', eventId: 'a', quantity: '1' }));
    expect(await stream.end).toMatchObject({ refused: { reason: 'ORG_MISMATCH' } });
  }));
