// UpdatePlan with apply_to_existing: live subscriptions on older versions move with it.

import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import type { SubscriptionRecord } from '../../src/domain/subscriptions/document.js';
import type { Change } from '../../src/ledger/ledger.js';
import { limits } from '../../src/limits.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event, item } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({
  yaml: catalogueYaml(),
  clock,
  change: { segmentBytes: 16 * 1024 * 1024 },
});
const catalog = (method: string, request: object = {}) => cold(now(), 'Catalog', method, request);
const call = (method: string, request: object = {}) => cold(now(), 'Subscription', method, request);

const tokens = (limit: string) => [{ key: 't', meter: 'tokens', limit }];
let made = 0;
async function newPlan(given: object = {}): Promise<string> {
  const plan_id = `plan-${++made}`;
  await catalog('CreatePlan', { plan: { plan_id, quotas: tokens('10'), ...given } });
  return plan_id;
}
const subscribe = async (plan: string, more: object = {}): Promise<string> => {
  const org_id = org();
  await call('CreateSubscription', { org_id, plan, ...more });
  return org_id;
};
const update = (plan: object, more: object = {}): Promise<Json> =>
  catalog('UpdatePlan', { plan, apply_to_existing: true, ...more });
const subscriptionOf = async (org_id: string) =>
  (await call('GetSubscription', { org_id })).subscription;
async function limitOf(orgId: string): Promise<unknown> {
  const { quotas } = await ask(now(), 'checkQuota', { orgId, items: [item('tokens')] });
  return [quotas[0]?.limit, quotas[0]?.used];
}

test('a new version without it leaves subscriptions where they are', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  const reply = await catalog('UpdatePlan', { plan: { plan_id, quotas: tokens('20') } });
  expect(reply).toMatchObject({ plan: { version: 2 }, moved_subscription_count: 0 });
  expect(await limitOf(org_id)).toEqual(['10', '0']);
  expect(await subscriptionOf(org_id)).toMatchObject({ plan_version: 1 });
});

test('with it they move at once, keep what was used, and the rest of their lives', async () => {
  const plan_id = await newPlan({ base_price: '30' });
  const ids = [await subscribe(plan_id, { seats: 5 }), await subscribe(plan_id)];
  const elsewhere = await subscribe(await newPlan());
  const first = present(ids[0], 'a subscriber');
  await ask(now(), 'record', { event: event({ orgId: first, quantity: '8' }) });
  const before = await subscriptionOf(first);
  clock.advance(60_000);
  const request = { request_id: `move-${plan_id}` };
  const reply = await update({ plan_id, base_price: '40', quotas: tokens('20') }, request);
  expect(reply).toMatchObject({ plan: { version: 2 }, moved_subscription_count: 2 });
  expect(await update({ plan_id, base_price: '40', quotas: tokens('20') }, request)).toEqual(reply);
  for (const id of ids) expect(await subscriptionOf(id)).toMatchObject({ plan_version: 2 });
  expect(await limitOf(first)).toEqual(['20', '8']);
  const { etag, update_time, ...kept } = before;
  expect(await subscriptionOf(first)).toMatchObject({ ...kept, plan_version: 2 });
  expect(await subscriptionOf(elsewhere)).toMatchObject({ plan_version: 1 });
  const { quotas } = await call('GetEffectiveQuotas', { org_id: first });
  expect(quotas[0]).toMatchObject({ rule: { limit: '20' }, source: 'QUOTA_SOURCE_PLAN' });
});

test('without another version it moves those that are behind', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  await catalog('UpdatePlan', { plan: { plan_id, quotas: tokens('20') } });
  const reply = await update({ plan_id, quotas: tokens('20') });
  expect(reply).toMatchObject({ plan: { version: 2, etag: '3' }, moved_subscription_count: 1 });
  expect(await limitOf(org_id)).toEqual(['20', '0']);
  const sequence = lastSequence();
  const again = await update({ plan_id, quotas: tokens('20') });
  expect(again).toMatchObject({ plan: { version: 2, etag: '3' }, moved_subscription_count: 0 });
  expect(lastSequence()).toBe(sequence);
});

test('a trial goes on with the new version, and so does what follows it', async () => {
  const plan_id = await newPlan({ trial_days: 10 });
  const org_id = await subscribe(plan_id);
  await update({ plan_id, trial_days: 10, quotas: tokens('20') });
  expect(await subscriptionOf(org_id)).toMatchObject({
    state: 'SUBSCRIPTION_STATE_TRIALING',
    plan_version: 2,
  });
  expect(await limitOf(org_id)).toEqual(['20', '0']);
  clock.advance(11 * 86_400_000);
  expect(await limitOf(org_id)).toEqual(['20', '0']);
});

test('one that is to be cancelled moves, and still ends', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  await call('CancelSubscription', { org_id });
  expect(await update({ plan_id, quotas: tokens('20') })).toMatchObject({
    moved_subscription_count: 1,
  });
  expect(await limitOf(org_id)).toEqual(['20', '0']);
  clock.advance(32 * 86_400_000);
  expect(await call('GetEffectiveQuotas', { org_id })).toMatchObject({ plan: 'free' });
});

test('a change to another plan that waits is kept, one of the seats is on the new version', async () => {
  const plan_id = await newPlan({ base_price: '50', seat_price: '10' });
  const smaller = await newPlan({ base_price: '1', quotas: tokens('3') });
  const leaving = await subscribe(plan_id);
  const shrinking = await subscribe(plan_id, { seats: 5 });
  await call('ChangeSubscription', { org_id: leaving, plan: smaller });
  await call('ChangeSubscription', { org_id: shrinking, seats: 2 });
  await update({ plan_id, base_price: '50', seat_price: '10', quotas: tokens('20') });
  expect(await subscriptionOf(leaving)).toMatchObject({
    plan_version: 2,
    pending_change: { plan: smaller, plan_version: 1 },
  });
  expect(await subscriptionOf(shrinking)).toMatchObject({
    plan_version: 2,
    pending_change: { plan: plan_id, plan_version: 2, seats: 2 },
  });
  expect(await limitOf(leaving)).toEqual(['20', '0']);
  clock.advance(32 * 86_400_000);
  expect(await limitOf(leaving)).toEqual(['3', '0']);
  expect(await limitOf(shrinking)).toEqual(['20', '0']);
});

test('another interval of usage holds from the next base period on', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  const change = { plan_id, quotas: tokens('20'), usage_interval: 'BILLING_INTERVAL_QUARTER' };
  await update(change);
  const stored = await now().core.ledger.get('terms', org_id, '');
  const tenures = present(stored, 'the terms').value.tenures.filter(({ plan }) => plan === plan_id);
  expect(tenures.map(({ plan_version, interval }) => [plan_version, interval])).toEqual([
    [2, 'MONTH'],
    [2, 'QUARTER'],
  ]);
  const { current_period_end } = await subscriptionOf(org_id);
  expect(tenures[1]?.from_ms).toBe(current_period_end.seconds * 1000);
});

test('ended subscriptions stay where they are', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  const { subscription_id } = await subscriptionOf(org_id);
  await call('CancelSubscription', { org_id, timing: 'CHANGE_TIMING_NOW' });
  const reply = await update({ plan_id, quotas: tokens('20') });
  expect(reply.moved_subscription_count).toBe(0);
  const { subscription } = await call('GetSubscription', { org_id, subscription_id });
  expect(subscription.plan_version).toBe(1);
});

test('more than fit one transaction are refused, and nothing is changed', async () => {
  const plan_id = await newPlan();
  const org_id = await subscribe(plan_id);
  const { ledger } = now().core;
  const { subscription_id } = await subscriptionOf(org_id);
  const { value } = present(await ledger.get('subscription', org_id, subscription_id), 'it');
  await addCopies(value, limits.movedSubscriptions);
  expect(await refused(update({ plan_id, quotas: tokens('20') }))).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'SUBSCRIPTIONS_EXHAUSTED',
  });
  const alone = await catalog('UpdatePlan', { plan: { plan_id, quotas: tokens('20') } });
  expect(alone.plan.version).toBe(2);
});

async function addCopies(value: SubscriptionRecord, count: number): Promise<void> {
  const { ledger } = now().core;
  const copies = Array.from({ length: count }, (_, i): Change => {
    const own = { org_id: `copy-${i}`, subscription_id: `sub-${i}` };
    const { org_id: orgId, subscription_id: id } = own;
    return { kind: 'subscription', orgId, id, replaces: 0, value: { ...value, ...own } };
  });
  const common = { actor: 'test', action: 'test', orgId: '', reason: '' };
  await ledger.commit({ atMs: clock.wallMs(), ...common, changes: () => copies });
}
