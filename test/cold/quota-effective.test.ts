// GetEffectiveQuotas: the rules that hold now, and where each comes from.

import { expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  plans: `
    - {id: free, quotas: [{key: month, meter: tokens, limit: 100}, {key: calls, meter: calls}]}
    - id: team
      quotas:
        - {key: hour, meter: tokens, limit: 0.0, window: CALENDAR_HOUR, mode: SHADOW, thresholds: []}`,
  default_quotas: '[{key: default, meter: calls, limit: 9}, {key: zz, meter: peak, limit: 2.5}]',
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org } = sharedService({ yaml, clock });
const call = (method: string, request: object) => cold(now(), 'Subscription', method, request);
const effective = (org_id: string): Promise<Json> => call('GetEffectiveQuotas', { org_id });
const sources = ({ quotas }: Json) =>
  quotas.map(({ rule, source }: Json) => [rule.key, source.slice('QUOTA_SOURCE_'.length)]);
const put = (org_id: string, rule: object, more: object = {}) =>
  call('PutQuotaOverride', {
    quota_override: { org_id, rule: { meter: 'tokens', ...rule }, ...more },
  });

test('somebody unknown has those of the default plan and the defaults, by key', async () => {
  const reply = await effective(org());
  expect(reply).toMatchObject({ plan: 'free', plan_version: 1, subscription_id: '' });
  expect(timeText(reply.compute_time)).toBe(new Date(clock.wallMs()).toISOString());
  expect(sources(reply)).toEqual([
    ['calls', 'PLAN'],
    ['month', 'PLAN'],
    ['zz', 'DEFAULT'],
  ]);
  const [calls, month] = reply.quotas;
  expect('limit' in calls.rule).toBe(false);
  expect(month).toMatchObject({
    rule: { meter: 'tokens', limit: '100', thresholds: [80, 95], no_thresholds: false },
    expire_time: null,
    reason: '',
    replaces: '',
  });
});

test('overrides are among them until they end, with who put them for what', async () => {
  const org_id = org();
  const expire_time = time('2026-11-21T00:00:00Z');
  const hour = { key: 'o', limit: '3', window: 'QUOTA_WINDOW_CALENDAR_HOUR' };
  await put(org_id, hour, { replaces: 'month', expire_time, reason: 'trial' });
  await put(org_id, { key: 'month', limit: '1', scope: ['run'] });
  const reply = await effective(org_id);
  expect(sources(reply)).toEqual([
    ['calls', 'PLAN'],
    ['month', 'OVERRIDE'],
    ['o', 'OVERRIDE'],
    ['zz', 'DEFAULT'],
  ]);
  expect(reply.quotas[2]).toMatchObject({
    rule: { limit: '3', window: 'QUOTA_WINDOW_CALENDAR_HOUR' },
    replaces: 'month',
    reason: 'trial',
    expire_time: { seconds: Date.parse('2026-11-21T00:00:00Z') / 1000 },
  });
  clock.setWall(Date.parse('2026-11-21T00:00:00Z'));
  expect(sources(await effective(org_id))).toEqual([
    ['calls', 'PLAN'],
    ['month', 'OVERRIDE'],
    ['month', 'PLAN'],
    ['zz', 'DEFAULT'],
  ]);
});

test('another plan has other rules at once, in the version of now', async () => {
  const org_id = org();
  const organization = { org_id, plan: 'team' };
  await cold(now(), 'Organization', 'CreateOrganization', { organization });
  const before = await effective(org_id);
  expect(before).toMatchObject({ plan: 'team', plan_version: 1 });
  expect(before.quotas[1]).toMatchObject({
    rule: {
      key: 'hour',
      limit: '0',
      mode: 'QUOTA_MODE_SHADOW',
      thresholds: [],
      no_thresholds: true,
    },
  });
  const quotas = [{ key: 'fixed', meter: 'tokens', window: 'QUOTA_WINDOW_FIXED_FROM_FIRST_USE' }];
  const length = { window_length: { seconds: 5 } };
  const plan = { plan_id: 'team', quotas: [{ ...quotas[0], ...length }] };
  await cold(now(), 'Catalog', 'UpdatePlan', { plan, update_mask: { paths: ['quotas'] } });
  const after = await effective(org_id);
  expect(after).toMatchObject({ plan: 'team', plan_version: 2 });
  expect(sources(after)).toEqual([
    ['default', 'DEFAULT'],
    ['fixed', 'PLAN'],
    ['zz', 'DEFAULT'],
  ]);
  expect(after.quotas[1].rule.window_length).toMatchObject({ seconds: 5 });
});

test('a subscription keeps its version, and is named', async () => {
  const org_id = org();
  const plan_id = 'sold';
  const rule = (limit: string) => ({ key: 't', meter: 'tokens', limit });
  await cold(now(), 'Catalog', 'CreatePlan', { plan: { plan_id, quotas: [rule('1')] } });
  const { subscription } = await call('CreateSubscription', { org_id, plan: plan_id });
  await cold(now(), 'Catalog', 'UpdatePlan', { plan: { plan_id, quotas: [rule('2')] } });
  const { subscription_id } = subscription;
  const reply = await effective(org_id);
  expect(reply).toMatchObject({ plan: plan_id, plan_version: 1, subscription_id });
  expect(reply.quotas.find(({ rule: { key } }: Json) => key === 't').rule.limit).toBe('1');
});

test('a bad id is refused, an unknown organisation where such are', async () => {
  expect(await refused(effective('a/b'))).toMatchObject({ fields: ['org_id'] });
  const strict = await start({ yaml: catalogueYaml({ unknown_org: 'reject' }), clock });
  const answer = cold(strict, 'Subscription', 'GetEffectiveQuotas', { org_id: 'o' });
  expect(await refused(answer)).toMatchObject({
    code: 'NOT_FOUND',
    reason: 'ORGANIZATION_NOT_FOUND',
  });
  const organization = { org_id: 'o' };
  await cold(strict, 'Organization', 'CreateOrganization', { organization });
  const known = await cold(strict, 'Subscription', 'GetEffectiveQuotas', { org_id: 'o' });
  expect(known).toMatchObject({ quotas: [], plan: 'free' });
  await strict.stop();
});
