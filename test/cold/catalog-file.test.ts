// The catalogue of the file beside the one of calls: each start imports the file again.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { ask, event, item } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const plans = (...items: string[]) => ({ plans: `[{id: free}, ${items.join(', ')}]` });
const team = (limit: number) => `{id: team, quotas: [{key: t, meter: tokens, limit: ${limit}}]}`;
const METER = '{key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}';
const LIST = '{id: usd, currency: USD, prices: [{meter: tokens, unit_price: 1}]}';

let running: Running;
const FIRST = catalogueYaml(plans(team(5)));
beforeEach(async () => {
  running = await start({ yaml: FIRST, clock: createTestClock() });
});
afterEach(() => running.stop());

const call = (method: string, request: object = {}) => cold(running, 'Catalog', method, request);
const subscriptions = (method: string, request: object) =>
  cold(running, 'Subscription', method, request);
const organizations = (method: string, request: object) =>
  cold(running, 'Organization', method, request);
const restart = async (sections?: Readonly<Record<string, string>>) => {
  const yaml = sections === undefined ? FIRST : catalogueYaml(sections);
  running = await running.restart({ yaml });
};
const plan = async (plan_id: string) => (await call('GetPlan', { plan_id })).plan;
const kept = (): readonly string[] => {
  const line = running.logLines.find((each) => each.includes('catalogue_kept'));
  return line === undefined ? [] : JSON.parse(line).objects;
};
const limitOf = async (orgId: string) => {
  const { quotas } = await ask(running, 'checkQuota', { orgId, items: [item('tokens')] });
  return quotas[0]?.limit;
};
const lastSequence = () => running.core.journal.lastSequence();

test('an unchanged file changes nothing', async () => {
  const before = await plan('team');
  const sequence = lastSequence();
  await restart();
  expect(lastSequence()).toBe(sequence);
  expect(await plan('team')).toEqual(before);
  expect(running.logLines.join()).not.toContain('catalogue_changed');
});

test('nor does it after calls made objects of their own', async () => {
  const meter = { key: 'own', unit: 'x', aggregation: 'AGGREGATION_SUM' };
  await call('CreateMeter', { meter });
  await call('CreatePlan', { plan: { plan_id: 'own', quotas: [{ key: 'q', meter: 'own' }] } });
  const rule = { key: 'o', meter: 'own', limit: '3' };
  await subscriptions('PutQuotaOverride', { quota_override: { org_id: 'o', rule } });
  const sequence = lastSequence();
  await restart();
  expect(lastSequence()).toBe(sequence);
  expect(kept()).toEqual([]);
  expect(await plan('own')).toMatchObject({ archived: false, source: 'CATALOG_SOURCE_API' });
});

test('a changed file adds versions of what it changed', async () => {
  const free = await plan('free');
  await restart(plans(team(6), '{id: new}'));
  expect(await plan('team')).toMatchObject({ version: 2, source: 'CATALOG_SOURCE_FILE' });
  const { plans: versions } = await call('ListPlanVersions', { plan_id: 'team' });
  expect(versions.map(({ quotas }: Json) => quotas[0].limit)).toEqual(['6', '5']);
  expect(await plan('new')).toMatchObject({ version: 1 });
  expect(await plan('free')).toEqual(free);
});

test('what a call changed stays so, and the log says that the file differs', async () => {
  const quotas = [{ key: 't', meter: 'tokens', limit: '7' }];
  await call('UpdatePlan', { plan: { plan_id: 'team', quotas } });
  const changed = await plan('team');
  expect(changed).toMatchObject({ version: 2, source: 'CATALOG_SOURCE_API' });
  const first = await call('GetPlan', { plan_id: 'team', version: 1 });
  expect(first.plan).toMatchObject({ source: 'CATALOG_SOURCE_FILE' });
  for (const sections of [plans(team(5)), plans(team(6)), { plans: '[{id: free}]' }]) {
    await restart(sections);
    expect(await plan('team')).toEqual(changed);
    const isNamed = sections.plans.includes('team');
    expect(kept()).toEqual(isNamed ? ['plan "team"'] : []);
  }
});

test('what is not in the file any more is archived, and back with the file', async () => {
  await restart({ plans: '[{id: free}]' });
  expect(await plan('team')).toMatchObject({ archived: true, version: 1 });
  await restart();
  expect(await plan('team')).toMatchObject({ archived: false, version: 1 });
});

test('what a call archived is not brought back by the file', async () => {
  await call('ArchivePlan', { plan_id: 'team' });
  await restart();
  expect(await plan('team')).toMatchObject({ archived: true });
  expect(kept()).toEqual(['plan "team"']);
});

test('nor what a call archived after the file did', async () => {
  await restart({ plans: '[{id: free}]' });
  await call('ArchivePlan', { plan_id: 'team' });
  await restart();
  expect(await plan('team')).toMatchObject({ archived: true });
});

test('an organisation on a plan that left the file stays on it, with its limits', async () => {
  const organization = { org_id: 'o', plan: 'team' };
  await organizations('CreateOrganization', { organization });
  await restart({ plans: '[{id: free}]' });
  expect(await limitOf('o')).toBe('5');
  const over = { event: event({ orgId: 'o', quantity: '6' }), enforceQuota: true };
  expect(await ask(running, 'record', over)).toMatchObject({ outcome: 3 });
});

describe('overrides', () => {
  const override = '{key: o, meter: tokens, limit: 3}';
  const withOverride = (given = override) => ({
    organizations: `[{id: acme, quota_overrides: [${given}]}]`,
  });
  const rule = (limit: string) => ({ key: 'o', meter: 'tokens', limit });
  const put = (limit: string) =>
    subscriptions('PutQuotaOverride', { quota_override: { org_id: 'acme', rule: rule(limit) } });

  test('of the file change with it and go with it', async () => {
    await restart(withOverride());
    expect(await limitOf('acme')).toBe('3');
    await restart(withOverride('{key: o, meter: tokens, limit: 4}'));
    expect(await limitOf('acme')).toBe('4');
    await restart({});
    expect(await limitOf('acme')).toBeUndefined();
  });

  test('that a call changed stay so', async () => {
    await restart(withOverride());
    await put('9');
    await restart(withOverride());
    expect(await limitOf('acme')).toBe('9');
    expect(kept()).toEqual(['override "o" of "acme"']);
    await restart({});
    expect(await limitOf('acme')).toBe('9');
  });

  test('that a call deleted stay gone, until a call puts one again', async () => {
    await restart(withOverride());
    await subscriptions('DeleteQuotaOverride', { org_id: 'acme', quota_key: 'o' });
    expect(await limitOf('acme')).toBeUndefined();
    await restart(withOverride());
    expect(await limitOf('acme')).toBeUndefined();
    expect(kept()).toEqual(['override "o" of "acme"']);
    const request = { org_id: 'acme', include_expired: true };
    const { quota_overrides } = await subscriptions('ListQuotaOverrides', request);
    expect(quota_overrides).toEqual([]);
    await put('8');
    expect(await limitOf('acme')).toBe('8');
    await restart(withOverride());
    expect(await limitOf('acme')).toBe('8');
  });
});

describe('a file that does not go together with what calls made is refused', () => {
  const refusal = async (sections: Readonly<Record<string, string>>): Promise<string> => {
    const { directory } = running;
    const error = await running.restart({ yaml: catalogueYaml(sections) }).then(
      () => undefined,
      (reason: Error) => reason,
    );
    running = await start({ yaml: FIRST, clock: createTestClock(), directory });
    expect(error).toMatchObject({ code: 'CATALOGUE_INCOMPATIBLE' });
    return present(error, 'a refusal').message;
  };

  test('a second list in one currency', async () => {
    await call('CreatePriceList', { price_list: { price_list_id: 'api', currency: 'USD' } });
    expect(await refusal({ price_lists: `[${LIST}]` })).toContain('the list "api", made by a call');
    await call('ArchivePriceList', { price_list_id: 'api' });
    await restart({ price_lists: `[${LIST}]` });
    const { price_list } = await call('GetPriceList', { price_list_id: 'usd' });
    expect(price_list).toMatchObject({ archived: false, source: 'CATALOG_SOURCE_FILE' });
  });

  test('a meter that means something else', async () => {
    const meter = { key: 'own', unit: 'x', scale: 2, aggregation: 'AGGREGATION_SUM' };
    await call('CreateMeter', { meter });
    const own = '{key: own, unit: x, scale: 0, aggregation: SUM}';
    const message = await refusal({ meters: `[${METER}, ${own}]` });
    expect(message).toContain('meter "own" was SUM of scale 2 and cannot become SUM of scale 0');
  });
});

test('the file has all fields of a plan, and who sells', async () => {
  const full = `{id: full, base_interval: YEAR, base_price: 99.50, seat_price: 10,
      included_seats: 3, trial_days: 14, features: {sso: true, audit: false}, self_serve: true,
      tax_rates: [{name: VAT, percent: 20}], requires_payment_method: true, org_id: acme}`;
  const seller = '{legal_name: Acme GmbH, address: "Weg 1\\nBerlin", email: a@b.de}';
  await restart({ ...plans(full), seller });
  expect(await plan('full')).toMatchObject({
    base_interval: 'BILLING_INTERVAL_YEAR',
    usage_interval: 'BILLING_INTERVAL_MONTH',
    base_price: '99.5',
    seat_price: '10',
    included_seats: 3,
    trial_days: 14,
    features: { audit: false, sso: true },
    self_serve: true,
    tax_rates: [{ name: 'VAT', percent: '20' }],
    requires_payment_method: true,
    org_id: 'acme',
  });
  const settings = { unknown_org_policy: 'UNKNOWN_ORG_POLICY_REJECT' };
  const update_mask = { paths: ['unknown_org_policy'] };
  await call('UpdateCatalogSettings', { settings, update_mask });
  const stored = present(await running.core.ledger.get('settings', '', ''), 'settings');
  expect(stored.value.document.seller).toEqual({
    legal_name: 'Acme GmbH',
    address: 'Weg 1\nBerlin',
    tax_id: '',
    email: 'a@b.de',
  });
});
