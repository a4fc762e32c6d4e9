// SubscriptionService, quota overrides: put, listed, deleted; seen by the next check.

import { expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event, item } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  plans: `
    - {id: free, quotas: [{key: month, meter: tokens, limit: 100}]}`,
  default_quotas: '[{key: default-calls, meter: calls, limit: 10}]',
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({
  yaml,
  clock,
  change: { segmentBytes: 16 * 1024 * 1024 },
});
const call = (method: string, request: object) => cold(now(), 'Subscription', method, request);
const invalid = (...fields: string[]) => ({ code: 'INVALID_ARGUMENT', fields });

const put = (org_id: string, rule: object, more: object = {}, request: object = {}) =>
  call('PutQuotaOverride', {
    quota_override: { org_id, rule: { key: 'o', meter: 'tokens', ...rule }, ...more },
    ...request,
  });
const remove = (org_id: string, quota_key = 'o', more: object = {}) =>
  call('DeleteQuotaOverride', { org_id, quota_key, ...more });
const list = async (org_id: string, more: object = {}) =>
  (await call('ListQuotaOverrides', { org_id, ...more })).quota_overrides;
const keys = (overrides: Json) => overrides.map(({ rule }: Json) => rule.key);
const record = (orgId: string, quantity: string) =>
  ask(now(), 'record', { event: event({ orgId, quantity }) });

async function check(orgId: string, meter = 'tokens') {
  const { quotas, allowed } = await ask(now(), 'checkQuota', { orgId, items: [item(meter)] });
  const shown = quotas.map(({ quotaKey, limit, used, source }) => {
    return [quotaKey, limit, used, source];
  });
  return { allowed, quotas: shown };
}
const OVERRIDE = 1;
const PLAN = 2;

test('an override beats the rule of the plan at once, and counts what was used', async () => {
  const org_id = org();
  await record(org_id, '60');
  expect(await check(org_id)).toEqual({ allowed: true, quotas: [['month', '100', '60', PLAN]] });
  const { quota_override } = await put(org_id, { limit: '0050' }, { reason: 'pilot' });
  expect(quota_override).toMatchObject({
    org_id,
    rule: {
      key: 'o',
      meter: 'tokens',
      limit: '50',
      window: 'QUOTA_WINDOW_CALENDAR_MONTH',
      mode: 'QUOTA_MODE_HARD',
      thresholds: [80, 95],
    },
    replaces: '',
    expire_time: null,
    reason: 'pilot',
    etag: '1',
  });
  expect(timeText(quota_override.create_time)).toBe('2026-11-20T12:00:00.000Z');
  expect(await check(org_id)).toEqual({ allowed: false, quotas: [['o', '50', '60', OVERRIDE]] });
  const enforced = { event: event({ orgId: org_id, quantity: '1' }), enforceQuota: true };
  expect(await ask(now(), 'record', enforced)).toMatchObject({ outcome: 3 });
});

test('putting it again replaces it whole and keeps what was used', async () => {
  const org_id = org();
  await put(org_id, { limit: '50', mode: 'QUOTA_MODE_SOFT' }, { reason: 'pilot' });
  await record(org_id, '40');
  clock.advance(60_000);
  const { quota_override } = await put(org_id, { limit: '45' });
  expect(quota_override).toMatchObject({
    reason: '',
    rule: { mode: 'QUOTA_MODE_HARD' },
    etag: '2',
  });
  expect(quota_override.update_time.seconds - quota_override.create_time.seconds).toBe(60);
  expect(await check(org_id)).toEqual({ allowed: true, quotas: [['o', '45', '40', OVERRIDE]] });
  expect(await list(org_id)).toEqual([quota_override]);
});

test('putting the same changes nothing, and a request is done once', async () => {
  const org_id = org();
  const first = await put(org_id, { limit: '50' }, {}, { request_id: 'p' });
  const sequence = lastSequence();
  expect(await put(org_id, { limit: '50' })).toEqual(first);
  expect(await put(org_id, { limit: '50' }, {}, { request_id: 'p' })).toEqual(first);
  expect(lastSequence()).toBe(sequence);
  const other = refused(put(org_id, { limit: '51' }, {}, { request_id: 'p' }));
  expect(await other).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
  await put(org_id, { limit: '52' }, {}, { etag: '1' });
  const stale = refused(put(org_id, { limit: '53' }, {}, { etag: '1' }));
  expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  const absent = refused(put(org(), { limit: '53' }, {}, { etag: '1' }));
  expect(await absent).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
});

test('deleted, what it stood in for holds again, with all that was used', async () => {
  const org_id = org();
  const first = await put(org_id, { limit: '500' });
  await record(org_id, '120');
  expect((await check(org_id)).allowed).toBe(true);
  const request = { request_id: 'd', etag: first.quota_override.etag };
  expect(await remove(org_id, 'o', request)).toEqual({});
  expect(await remove(org_id, 'o', request)).toEqual({});
  expect(await check(org_id)).toEqual({ allowed: false, quotas: [['month', '100', '120', PLAN]] });
  expect(await list(org_id, { include_expired: true })).toEqual([]);
  const gone = { code: 'NOT_FOUND', reason: 'QUOTA_OVERRIDE_NOT_FOUND' };
  expect(await refused(remove(org_id))).toMatchObject(gone);
  expect(await refused(remove(org(), 'x'))).toMatchObject(gone);
  const { quota_override } = await put(org_id, { limit: '500' });
  expect(quota_override.etag).not.toBe(first.quota_override.etag);
});

test('it ends on time, and is listed then only where asked', async () => {
  const org_id = org();
  const endMs = clock.wallMs() + 3_600_000;
  const expire_time = time(new Date(endMs).toISOString());
  const { quota_override } = await put(org_id, { limit: '5' }, { expire_time });
  expect(timeText(quota_override.expire_time)).toBe(new Date(endMs).toISOString());
  clock.advance(3_599_999);
  expect((await check(org_id)).quotas).toMatchObject([['o', '5', '0', OVERRIDE]]);
  expect(await list(org_id)).toEqual([quota_override]);
  clock.advance(1);
  expect((await check(org_id)).quotas).toMatchObject([['month', '100', '0', PLAN]]);
  expect(await list(org_id)).toEqual([]);
  expect(await list(org_id, { include_expired: true })).toEqual([quota_override]);
  const past = refused(put(org_id, { limit: '6' }, { expire_time }));
  expect(await past).toMatchObject(invalid('quota_override.expire_time'));
  expect((await put(org_id, { key: 'next', limit: '6' })).quota_override.rule.key).toBe('next');
});

test('one that replaces a rule changes its window', async () => {
  const org_id = org();
  await record(org_id, '90');
  clock.advance(86_400_000);
  await put(org_id, { limit: '20', window: 'QUOTA_WINDOW_CALENDAR_DAY' }, { replaces: 'month' });
  expect(await check(org_id)).toEqual({ allowed: true, quotas: [['o', '20', '0', OVERRIDE]] });
  const unknown = await refused(put(org_id, { limit: '1' }, { replaces: 'moth' }));
  expect(unknown).toMatchObject(invalid('quota_override.replaces'));
  expect(unknown.message).toContain('did you mean "month"?');
  const calls = { key: 'c', meter: 'calls', window: 'QUOTA_WINDOW_CALENDAR_HOUR', limit: '1' };
  await put(org_id, calls, { replaces: 'default-calls' });
  expect((await check(org_id, 'calls')).quotas).toEqual([['c', '1', '0', OVERRIDE]]);
});

test('two of one organisation that count the same are refused', async () => {
  const org_id = org();
  await put(org_id, { limit: '5' });
  expect(await refused(put(org_id, { key: 'p', limit: '6' }))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'QUOTA_OVERRIDE_EXISTS',
  });
  await put(org_id, { key: 'p', limit: '6', scope: ['run'] });
  await put(org(), { key: 'p', limit: '6' });
  const both = ['q', 'r'].map((key) => put(org_id, { key, limit: '1', match: { model: 'a' } }));
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('bad fields are all named, an unknown meter is not found', async () => {
  const org_id = org();
  const none = refused(call('PutQuotaOverride', { quota_override: { org_id } }));
  expect(await none).toMatchObject(invalid('quota_override.rule'));
  expect(await refused(call('PutQuotaOverride', {}))).toMatchObject(invalid('quota_override'));
  const bad = { reason: '\n', replaces: 'a/b', expire_time: { seconds: 1, nanos: -1 } };
  expect(await refused(put('a/b', { limit: 'x' }, bad))).toMatchObject(
    invalid(
      'quota_override.org_id',
      'quota_override.expire_time.nanos',
      'quota_override.rule.limit',
      'quota_override.replaces',
      'quota_override.reason',
    ),
  );
  const unknown = { code: 'NOT_FOUND', reason: 'METER_NOT_FOUND' };
  expect(await refused(put(org_id, { meter: 'gone' }))).toMatchObject(unknown);
  const meter = { key: 'old', unit: 'x', aggregation: 'AGGREGATION_SUM' };
  await cold(now(), 'Catalog', 'CreateMeter', { meter });
  await cold(now(), 'Catalog', 'ArchiveMeter', { meter: 'old' });
  expect(await refused(put(org_id, { meter: 'old' }))).toMatchObject(unknown);
});

test('lists are by key, page by page', async () => {
  const org_id = org();
  for (const key of ['d', 'B', 'a', 'c']) await put(org_id, { key, scope: [key] });
  expect(keys(await list(org_id))).toEqual(['B', 'a', 'c', 'd']);
  const request = { org_id, page_size: 3 };
  const first = await call('ListQuotaOverrides', request);
  expect(keys(first.quota_overrides)).toEqual(['B', 'a', 'c']);
  await remove(org_id, 'c');
  const page_token = first.next_page_token;
  const rest = await call('ListQuotaOverrides', { ...request, page_token });
  expect([keys(rest.quota_overrides), rest.next_page_token]).toEqual([['d'], '']);
  const foreign = refused(call('ListQuotaOverrides', { org_id: org(), page_token }));
  expect(await foreign).toMatchObject(invalid('page_token'));
  expect(await list('nobody')).toEqual([]);
});

test('an unknown organisation is made as by its first use, unless such are refused', async () => {
  const org_id = org();
  await put(org_id, { limit: '5' });
  const made = await cold(now(), 'Organization', 'GetOrganization', { org_id });
  expect(made.organization).toMatchObject({ org_id, plan: '', etag: '1' });
  const strict = await start({ yaml: catalogueYaml({ unknown_org: 'reject' }), clock });
  const rule = { key: 'o', meter: 'tokens', limit: '5' };
  const answer = cold(strict, 'Subscription', 'PutQuotaOverride', {
    quota_override: { org_id, rule },
  });
  expect(await refused(answer)).toMatchObject({
    code: 'NOT_FOUND',
    reason: 'ORGANIZATION_NOT_FOUND',
  });
  await strict.stop();
});

test('an organisation has at most so many', async () => {
  const org_id = org();
  for (let i = 0; i < limits.overridesPerOrg; i++)
    await put(org_id, { key: `k${i}`, scope: [`${i}`] });
  expect(await refused(put(org_id, { limit: '1' }))).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'QUOTA_OVERRIDES_EXHAUSTED',
  });
  expect((await put(org_id, { key: 'k0', limit: '1' })).quota_override.etag).toBe('2');
  await remove(org_id, 'k1');
  await put(org_id, { key: 'one-more', match: { model: 'x' } });
});

test('they hold after a restart', async () => {
  const running = await start({ yaml, clock });
  const rule = { key: 'o', meter: 'tokens', limit: '7' };
  const quota_override = { org_id: 'acme', rule, reason: 'pilot' };
  await cold(running, 'Subscription', 'PutQuotaOverride', { quota_override });
  const before = await cold(running, 'Subscription', 'ListQuotaOverrides', { org_id: 'acme' });
  const again = await running.restart();
  expect(await cold(again, 'Subscription', 'ListQuotaOverrides', { org_id: 'acme' })).toEqual(
    before,
  );
  const checked = await ask(again, 'checkQuota', { orgId: 'acme', items: [item('tokens')] });
  expect(checked.quotas).toMatchObject([{ quotaKey: 'o', limit: '7' }]);
  await again.stop();
});
