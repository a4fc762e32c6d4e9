// CatalogService, plans: made, read, changed, archived.

import { expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event, item } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml: catalogueYaml(), clock });
const call = (method: string, request: object = {}) => cold(now(), 'Catalog', method, request);
const ids = (reply: Json) => reply.plans.map(({ plan_id: id }: Json) => id);
const invalid = (...fields: string[]) => ({ code: 'INVALID_ARGUMENT', fields });

let made = 0;
async function newPlan(given: object = {}): Promise<Json> {
  return (await call('CreatePlan', { plan: { plan_id: `plan-${++made}`, ...given } })).plan;
}
async function onPlan(plan: string): Promise<string> {
  const org_id = org();
  await cold(now(), 'Organization', 'CreateOrganization', { organization: { org_id, plan } });
  return org_id;
}
async function limitOf(orgId: string): Promise<string | undefined> {
  const { quotas } = await ask(now(), 'checkQuota', { orgId, items: [item('tokens')] });
  return quotas[0]?.limit;
}
const tokens = (limit: string, more: object = {}) => ({
  key: 't',
  meter: 'tokens',
  limit,
  ...more,
});

const FULL = {
  plan_id: 'full',
  name: 'Full',
  currency: 'EUR',
  base_interval: 'BILLING_INTERVAL_QUARTER',
  usage_interval: 'BILLING_INTERVAL_YEAR',
  base_price: '99.5',
  seat_price: '10',
  included_seats: 3,
  trial_days: 14,
  features: { sso: true, 'audit.log': false },
  self_serve: true,
  tax_rates: [{ name: 'VAT', percent: '8.875' }],
  requires_payment_method: true,
};

test('a plan is made with all that it can have, and read', async () => {
  const rule = {
    key: 'five-hours',
    meter: 'calls',
    match: { tool: 'gpu' },
    limit: '20',
    window: 'QUOTA_WINDOW_FIXED_FROM_FIRST_USE',
    window_length: { seconds: 18_000, nanos: 500_000_000 },
    mode: 'QUOTA_MODE_SOFT',
    scope: ['run'],
    thresholds: [50, 90],
    no_thresholds: false,
  };
  const prices = [{ meter: 'tokens', unit_price: '0.002', included: '100' }];
  const plan = { ...FULL, quotas: [rule], prices, base_price: '99.50' };
  const reply = await call('CreatePlan', { plan, request_id: 'full' });
  expect(reply.plan).toMatchObject({
    ...FULL,
    quotas: [rule],
    org_id: '',
    version: 1,
    archived: false,
    source: 'CATALOG_SOURCE_API',
    etag: '1',
  });
  expect(await call('GetPlan', { plan_id: 'full' })).toEqual(reply);
  expect(await call('GetPlan', { plan_id: 'full', version: 1 })).toEqual(reply);
  expect(await call('CreatePlan', { plan, request_id: 'full' })).toEqual(reply);
  expect(await refused(call('CreatePlan', { plan }))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'PLAN_EXISTS',
  });
});

test('a plan that says nothing has its defaults', async () => {
  expect(await newPlan({ plan_id: 'bare', quotas: [{ key: 'q', meter: 'tokens' }] })).toMatchObject(
    {
      name: 'bare',
      currency: 'USD',
      base_interval: 'BILLING_INTERVAL_MONTH',
      usage_interval: 'BILLING_INTERVAL_MONTH',
      base_price: '0',
      seat_price: '0',
      quotas: [
        {
          window: 'QUOTA_WINDOW_CALENDAR_MONTH',
          window_length: null,
          mode: 'QUOTA_MODE_HARD',
          thresholds: [80, 95],
          no_thresholds: false,
        },
      ],
      features: {},
      tax_rates: [],
      self_serve: false,
    },
  );
  const silent = { key: 'q', meter: 'tokens', no_thresholds: true };
  const { quotas } = await newPlan({ quotas: [silent] });
  expect(quotas[0]).toMatchObject({ thresholds: [], no_thresholds: true });
  expect('limit' in quotas[0]).toBe(false);
});

test('the plan of another start has its source', async () => {
  expect((await call('GetPlan', { plan_id: 'free' })).plan).toMatchObject({
    source: 'CATALOG_SOURCE_FILE',
    version: 1,
  });
});

test('a change is a version; the ones before it stay as they were', async () => {
  const first = await newPlan({ base_price: '10', quotas: [tokens('5')], features: { a: true } });
  const { plan_id } = first;
  clock.advance(60_000);
  const { plan: second } = await call('UpdatePlan', {
    plan: { plan_id, base_price: '12', currency: 'EUR', org_id: 'other' },
    update_mask: { paths: ['base_price'] },
    etag: first.etag,
  });
  expect(second).toMatchObject({ base_price: '12', currency: 'USD', org_id: '', version: 2 });
  expect(second).toMatchObject({ quotas: first.quotas, features: { a: true }, etag: '2' });
  clock.advance(60_000);
  const { plan: third } = await call('UpdatePlan', { plan: { plan_id, quotas: [tokens('9')] } });
  expect(third).toMatchObject({ version: 3, base_price: '0', features: {}, name: plan_id });

  const versions = await call('ListPlanVersions', { plan_id });
  expect(versions.plans.map(({ version, base_price }: Json) => [version, base_price])).toEqual([
    [3, '0'],
    [2, '12'],
    [1, '10'],
  ]);
  expect(
    versions.plans.map(({ update_time }: Json) => timeText(update_time).slice(14, 16)),
  ).toEqual(['02', '01', '00']);
  const old = await call('GetPlan', { plan_id, version: 1 });
  expect(old.plan).toEqual({ ...first, etag: '3' });
  const page = await call('ListPlanVersions', { plan_id, page_size: 2 });
  expect(page.plans).toEqual(versions.plans.slice(0, 2));
  const { next_page_token: page_token } = page;
  const rest = await call('ListPlanVersions', { plan_id, page_size: 2, page_token });
  expect(rest).toMatchObject({ plans: versions.plans.slice(2), next_page_token: '' });
});

test('a change that changes nothing makes no version', async () => {
  const plan = await newPlan({ base_price: '10', quotas: [tokens('5')], features: { a: true } });
  const sequence = lastSequence();
  const reply = await call('UpdatePlan', { plan, request_id: 'nothing' });
  expect(reply).toEqual({ plan, moved_subscription_count: 0 });
  const masked = { plan: { plan_id: plan.plan_id }, update_mask: { paths: ['trial_days'] } };
  expect(await call('UpdatePlan', masked)).toEqual(reply);
  expect(lastSequence()).toBe(sequence);
});

test('what a mask does not name is not looked at, and it names only what can change', async () => {
  const { plan_id } = await newPlan();
  const update = (plan: object, ...paths: string[]) =>
    call('UpdatePlan', { plan: { plan_id, ...plan }, update_mask: { paths } });
  const bad = { quotas: [{ key: '' }], base_price: 'x' };
  expect((await update({ ...bad, name: 'N' }, 'name')).plan).toMatchObject({ name: 'N' });
  expect(await refused(update(bad, 'name', 'currency'))).toMatchObject(invalid('update_mask'));
});

test('an etag of before is refused, also where the change would be the same', async () => {
  const { plan_id, etag } = await newPlan();
  const update = () => call('UpdatePlan', { plan: { plan_id, name: 'N' }, etag });
  await update();
  expect(await refused(update())).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  const archive = refused(call('ArchivePlan', { plan_id, etag }));
  expect(await archive).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
});

test('changes of one plan at once are all made, one after the other', async () => {
  const { plan_id } = await newPlan();
  const names = ['a', 'b', 'c', 'd'];
  const update = (name: string) =>
    call('UpdatePlan', { plan: { plan_id, name }, update_mask: { paths: ['name'] } });
  await Promise.all(names.map(update));
  const { plans } = await call('ListPlanVersions', { plan_id });
  expect(plans.map(({ version }: Json) => version)).toEqual([5, 4, 3, 2, 1]);
  expect(
    plans
      .slice(0, 4)
      .map(({ name }: Json) => name)
      .sort(),
  ).toEqual(names);
});

test('a new rule holds for the next call, and what was used counts', async () => {
  const { plan_id } = await newPlan({ quotas: [tokens('100')] });
  const orgId = await onPlan(plan_id);
  const record = () => ask(now(), 'record', { event: event({ orgId, quantity: '60' }) });
  await record();
  expect(await limitOf(orgId)).toBe('100');
  await call('UpdatePlan', { plan: { plan_id, quotas: [tokens('50')] } });
  const checked = await ask(now(), 'checkQuota', { orgId, items: [item('tokens')] });
  expect(checked).toMatchObject({ allowed: false, quotas: [{ used: '60', limit: '50' }] });
});

test('an organisation that changes its plan keeps what it used', async () => {
  const small = await newPlan({ quotas: [tokens('10')] });
  const large = await newPlan({ quotas: [{ ...tokens('500'), key: 'other-key' }] });
  const org_id = await onPlan(small.plan_id);
  await ask(now(), 'record', { event: event({ orgId: org_id, quantity: '10' }) });
  for (const [plan, limit, allowed] of [
    [large.plan_id, '500', true],
    [small.plan_id, '10', false],
  ]) {
    const organization = { org_id, plan };
    const update_mask = { paths: ['plan'] };
    await cold(now(), 'Organization', 'UpdateOrganization', { organization, update_mask });
    const checked = await ask(now(), 'checkQuota', { orgId: org_id, items: [item('tokens')] });
    expect(checked).toMatchObject({ allowed, quotas: [{ used: '10', limit }] });
  }
});

test('a plan for one organisation is listed for that one', async () => {
  const owner = await onPlan('');
  const { plan_id } = await newPlan({ org_id: owner, self_serve: true });
  const list = async (request: object) =>
    ids(await call('ListPlans', { page_size: 1000, ...request }));
  expect(await list({})).toContain(plan_id);
  expect(await list({ org_id: owner })).toContain(plan_id);
  expect(await list({ org_id: owner })).toContain('free');
  expect(await list({ org_id: 'somebody' })).not.toContain(plan_id);
  expect(await list({ self_serve: true })).toContain(plan_id);
  expect(await list({ self_serve: false })).not.toContain(plan_id);
  const unknown = refused(newPlan({ org_id: 'nobody-knows' }));
  expect(await unknown).toMatchObject({ code: 'NOT_FOUND', reason: 'ORGANIZATION_NOT_FOUND' });
});

test('lists are oldest first, page by page, archived ones only where asked', async () => {
  const first = await newPlan();
  const second = await newPlan();
  await call('ArchivePlan', { plan_id: first.plan_id });
  const all: string[] = [];
  for (let page_token = ''; ; ) {
    const page = await call('ListPlans', { page_size: 3, page_token });
    all.push(...ids(page));
    page_token = page.next_page_token;
    if (page_token === '') break;
    expect(page.plans).toHaveLength(3);
  }
  expect(all[0]).toBe('free');
  expect(all).toContain(second.plan_id);
  expect(all).not.toContain(first.plan_id);
  const archived = await call('ListPlans', { include_archived: true, page_size: 1000 });
  expect(ids(archived).slice(-2)).toEqual([first.plan_id, second.plan_id]);
});

test('a page is no larger than a client takes', async () => {
  const change = { segmentBytes: 16 * 1024 * 1024 };
  const running = await start({ yaml: catalogueYaml(), clock, change });
  const at = (method: string, request: object) => cold(running, 'Catalog', method, request);
  const pages = async (method: string, request: object): Promise<Json[][]> => {
    const found: Json[][] = [];
    for (let page_token = ''; ; ) {
      const page = await at(method, { ...request, page_token, page_size: 1000 });
      found.push(page.plans);
      page_token = page.next_page_token;
      if (page_token === '') return found;
    }
  };
  const prices = Array.from({ length: 1000 }, (_, i) => ({
    meter: 'tokens',
    match: { model: `${i}`.padStart(200, 'm') },
    unit_price: '1',
  }));
  const large = Array.from({ length: 8 }, (_, i) => `large-${i}`);
  for (const plan_id of large) await at('CreatePlan', { plan: { plan_id, prices } });
  const plans = await pages('ListPlans', {});
  expect(plans.length).toBeGreaterThan(1);
  expect(plans.flat().map(({ plan_id }) => plan_id)).toEqual(['free', ...large]);

  const plan_id = 'large-0';
  const update_mask = { paths: ['name'] };
  for (let i = 0; i < 8; i++)
    await at('UpdatePlan', { plan: { plan_id, name: `n${i}` }, update_mask });
  const versions = await pages('ListPlanVersions', { plan_id });
  expect(versions.length).toBeGreaterThan(1);
  expect(versions.flat().map(({ version }) => version)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  await running.stop();
});

test('an archived plan is read for ever and never changes again', async () => {
  const plan = await newPlan();
  const { plan_id } = plan;
  const archived = await call('ArchivePlan', { plan_id, request_id: `a-${plan_id}` });
  expect(archived.plan).toMatchObject({ archived: true, version: 1, etag: '2' });
  expect(await call('ArchivePlan', { plan_id })).toEqual(archived);
  expect(await call('GetPlan', { plan_id })).toEqual(archived);
  expect(await refused(call('UpdatePlan', { plan: { plan_id } }))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'PLAN_ARCHIVED',
  });
  expect(await refused(newPlan({ plan_id }))).toMatchObject({ reason: 'PLAN_EXISTS' });
});

test('a plan that somebody is on without a subscription, or the default one, stays', async () => {
  const { plan_id } = await newPlan();
  const org_id = await onPlan(plan_id);
  const inUse = { code: 'FAILED_PRECONDITION', reason: 'PLAN_IN_USE' };
  const taken = await refused(call('ArchivePlan', { plan_id }));
  expect(taken).toMatchObject(inUse);
  expect(taken.message).toContain(org_id);
  expect(await refused(call('ArchivePlan', { plan_id: 'free' }))).toMatchObject(inUse);
  const update_mask = { paths: ['plan'] };
  await cold(now(), 'Organization', 'UpdateOrganization', {
    organization: { org_id },
    update_mask,
  });
  expect((await call('ArchivePlan', { plan_id })).plan.archived).toBe(true);
});

test('what is not there is not found', async () => {
  const notFound = { code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND' };
  const calls: readonly (readonly [string, object])[] = [
    ['GetPlan', { plan_id: 'gone' }],
    ['GetPlan', { plan_id: 'free', version: 99 }],
    ['ListPlanVersions', { plan_id: 'gone' }],
    ['UpdatePlan', { plan: { plan_id: 'gone' } }],
    ['ArchivePlan', { plan_id: 'gone' }],
  ];
  for (const [method, request] of calls) {
    expect(await refused(call(method, request))).toMatchObject(notFound);
  }
  const below = refused(call('GetPlan', { plan_id: 'free', version: -1 }));
  expect(await below).toMatchObject(invalid('version'));
});

test('plans and their versions are there after a restart, and so are the rules', async () => {
  const running = await start({ yaml: catalogueYaml(), clock });
  const plan_id = 'kept';
  const at = (method: string, request: object) => cold(running, 'Catalog', method, request);
  await at('CreatePlan', { plan: { plan_id, quotas: [tokens('5')] } });
  await at('UpdatePlan', { plan: { plan_id, quotas: [tokens('7')] } });
  const organization = { org_id: 'o', plan: plan_id };
  await cold(running, 'Organization', 'CreateOrganization', { organization });
  const before = await at('ListPlanVersions', { plan_id });
  const again = await running.restart();
  expect(await cold(again, 'Catalog', 'ListPlanVersions', { plan_id })).toEqual(before);
  const checked = await ask(again, 'checkQuota', { orgId: 'o', items: [item('tokens')] });
  expect(checked.quotas[0]?.limit).toBe('7');
  await again.stop();
});
