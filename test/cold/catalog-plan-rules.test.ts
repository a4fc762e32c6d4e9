// What a plan and its quota rules must be: one bad one per rule, the field named as in the contract.
// Default quotas and overrides are held to the same rules. Prices: catalog-price-lists.test.ts.

import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import type { Change } from '../../src/ledger/ledger.js';
import { limits } from '../../src/limits.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { sharedService } from '../support/shared-service.js';

const { now, org, lastSequence } = sharedService({
  yaml: catalogueYaml(),
  clock: createTestClock(),
  change: { segmentBytes: 16 * 1024 * 1024 },
});
const call = (method: string, request: object = {}) => cold(now(), 'Catalog', method, request);
const invalid = (...fields: string[]) => ({ code: 'INVALID_ARGUMENT', fields });

const many = <T>(count: number, make: (i: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));
const feature = (key: string) => ({ features: { [key]: true } });

type PlanRow = readonly [what: string, plan: object, ...fields: string[]];
const badPlans: readonly PlanRow[] = [
  ['no id', { plan_id: '' }, 'plan.plan_id'],
  ['an id with a slash', { plan_id: 'a/b' }, 'plan.plan_id'],
  ['an id that is too long', { plan_id: 'a'.repeat(129) }, 'plan.plan_id'],
  ['a name that is too long', { name: 'a'.repeat(257) }, 'plan.name'],
  ['a name with a control character', { name: 'a\u0000' }, 'plan.name'],
  ['a currency that is none', { currency: 'usd' }, 'plan.currency'],
  ['an unknown interval', { base_interval: 9 }, 'plan.base_interval'],
  ['an unknown interval of usage', { usage_interval: 9 }, 'plan.usage_interval'],
  ['a negative base price', { base_price: '-1' }, 'plan.base_price'],
  ['a base price of 15 decimals', { base_price: `0.${'0'.repeat(14)}1` }, 'plan.base_price'],
  ['a seat price that is none', { seat_price: 'free' }, 'plan.seat_price'],
  ['negative seats', { included_seats: -1 }, 'plan.included_seats'],
  ['too many seats', { included_seats: 1_000_001 }, 'plan.included_seats'],
  ['a trial below nothing', { trial_days: -1 }, 'plan.trial_days'],
  ['a trial of years', { trial_days: 731 }, 'plan.trial_days'],
  ['a feature with capitals', feature('SSO'), 'plan.features["SSO"]'],
  ['a feature __proto__', { features: JSON.parse('{"__proto__": true}') }, 'plan.features'],
  [
    'too many features',
    { features: Object.fromEntries(many(101, (i) => [`f${i}`, true])) },
    'plan.features',
  ],
  ['an organisation with a slash', { org_id: 'a/b' }, 'plan.org_id'],
  ['a tax without a name', { tax_rates: [{ percent: '1' }] }, 'plan.tax_rates[0].name'],
  [
    'a tax above 100',
    {
      tax_rates: [
        { name: 'A', percent: '1' },
        { name: 'B', percent: '100.5' },
      ],
    },
    'plan.tax_rates[1].percent',
  ],
  [
    'a tax of 7 decimals',
    { tax_rates: [{ name: 'A', percent: '1.0000001' }] },
    'plan.tax_rates[0].percent',
  ],
  ['11 taxes', { tax_rates: many(11, () => ({ name: 'A', percent: '1' })) }, 'plan.tax_rates'],
  [
    '1001 prices',
    { prices: many(1001, () => ({ meter: 'tokens', unit_price: '1' })) },
    'plan.prices',
  ],
  ['several faults', { name: '\n', trial_days: -1 }, 'plan.name', 'plan.trial_days'],
];
const planRows = badPlans.map(([what, change, ...fields]) => ({ what, change, fields }));
test.each(planRows)('a plan is refused: $what', async ({ change, fields }) => {
  const sequence = lastSequence();
  const plan = { plan_id: 'bad', ...change };
  const answer = await refused(call('CreatePlan', { plan }));
  expect(answer).toMatchObject({ ...invalid(...fields), reason: 'FIELD_INVALID' });
  expect(lastSequence()).toBe(sequence);
});

test('a request needs its object', async () => {
  expect(await refused(call('CreatePlan'))).toMatchObject(invalid('plan'));
  expect(await refused(call('UpdatePlan'))).toMatchObject(invalid('plan'));
  const bad = refused(call('CreatePlan', { plan: { plan_id: 'x' }, request_id: 'é' }));
  expect(await bad).toMatchObject(invalid('request_id'));
});

const FIXED = 'QUOTA_WINDOW_FIXED_FROM_FIRST_USE';
const seconds = (count: number, nanos = 0) => ({ window_length: { seconds: count, nanos } });
type QuotaRow = readonly [what: string, rule: object, field: string];
const badQuotas: readonly QuotaRow[] = [
  ['no key', { key: '' }, 'key'],
  ['a key with a slash', { key: 'a/b' }, 'key'],
  ['no meter', { meter: '' }, 'meter'],
  ['a negative limit', { limit: '-1' }, 'limit'],
  ['an empty limit', { limit: '' }, 'limit'],
  ['a limit in words', { limit: 'unlimited' }, 'limit'],
  ['a limit with an exponent', { limit: '1e6' }, 'limit'],
  ['a limit finer than the meter', { limit: '0.5' }, 'limit'],
  ['an endless limit', { limit: '9'.repeat(65) }, 'limit'],
  ['an unknown window', { window: 99 }, 'window'],
  ['a window without its length', { window: FIXED }, 'window_length'],
  ['a length without its window', seconds(60), 'window_length'],
  ['a length of nothing', { window: FIXED, ...seconds(0) }, 'window_length'],
  ['a length of part of a millisecond', { window: FIXED, ...seconds(1, 500) }, 'window_length'],
  ['a length of a century', { window: FIXED, ...seconds(3_200_000_000) }, 'window_length'],
  ['an unknown mode', { mode: 99 }, 'mode'],
  ['a threshold of 0', { thresholds: [0] }, 'thresholds[0]'],
  ['a threshold above 100', { thresholds: [80, 101] }, 'thresholds[1]'],
  ['a threshold twice', { thresholds: [80, 80] }, 'thresholds'],
  ['17 thresholds', { thresholds: many(17, (i) => i + 1) }, 'thresholds'],
  ['thresholds and none', { thresholds: [80], no_thresholds: true }, 'no_thresholds'],
  ['a match on nothing', { match: { tool: '' } }, 'match["tool"]'],
  ['a match on a long key', { match: { ['k'.repeat(65)]: 'v' } }, `match["${'k'.repeat(65)}"]`],
  ['a match on 17 labels', { match: Object.fromEntries(many(17, (i) => [`k${i}`, 'v'])) }, 'match'],
  ['a match on __proto__', { match: JSON.parse('{"__proto__": "x"}') }, 'match'],
  ['a scope of 17 keys', { scope: many(17, (i) => `k${i}`) }, 'scope'],
  ['a scope twice', { scope: ['run', 'run'] }, 'scope'],
  ['an empty scope', { scope: [''] }, 'scope[0]'],
];
test.each(badQuotas)('a rule is refused: %s', async (_what, change, field) => {
  const sequence = lastSequence();
  const rule = { key: 'q', meter: 'tokens', ...change };
  const plan = { plan_id: 'bad', quotas: [{ key: 'good', meter: 'calls' }, rule] };
  expect(await refused(call('CreatePlan', { plan }))).toMatchObject(
    invalid(`plan.quotas[1].${field}`),
  );
  const settings = { default_quotas: [rule] };
  const update_mask = { paths: ['default_quotas'] };
  expect(await refused(call('UpdateCatalogSettings', { settings, update_mask }))).toMatchObject(
    invalid(`settings.default_quotas[0].${field}`),
  );
  const put = { quota_override: { org_id: org(), rule } };
  expect(await refused(cold(now(), 'Subscription', 'PutQuotaOverride', put))).toMatchObject(
    invalid(`quota_override.rule.${field}`),
  );
  expect(lastSequence()).toBe(sequence);
});

test('a rule on an unknown or archived meter is refused, with the name that was meant', async () => {
  const meter = { key: 'old', unit: 'x', aggregation: 'AGGREGATION_SUM' };
  await call('CreateMeter', { meter });
  await call('ArchiveMeter', { meter: 'old' });
  const plan = (key: string) => ({ plan_id: 'bad', quotas: [{ key: 'q', meter: key }] });
  const archived = await refused(call('CreatePlan', { plan: plan('old') }));
  expect(archived).toMatchObject(invalid('plan.quotas[0].meter'));
  const unknown = await refused(call('CreatePlan', { plan: plan('token') }));
  expect(unknown).toMatchObject(invalid('plan.quotas[0].meter'));
  expect(unknown.message).toContain('did you mean "tokens"?');
});

test('two rules of one key, or that count the same, are refused', async () => {
  const plan = (...quotas: object[]) =>
    refused(call('CreatePlan', { plan: { plan_id: 'bad', quotas } }));
  const rule = { key: 'a', meter: 'tokens', scope: ['run', 'user'] };
  const keys = await plan(rule, { ...rule, scope: [] });
  expect(keys).toMatchObject(invalid('plan.quotas[1].key'));
  const same = await plan(rule, { ...rule, key: 'b', scope: ['user', 'run'] });
  expect(same).toMatchObject(invalid('plan.quotas[1]'));
  expect(same.message).toContain('counts the same as plan.quotas[0]');
});

test('a plan has at most so many rules', async () => {
  const quotas = many(limits.quotasPerPlan + 1, (i) => ({
    key: `q${i}`,
    meter: 'tokens',
    scope: [`k${i}`],
  }));
  expect(await refused(call('CreatePlan', { plan: { plan_id: 'bad', quotas } }))).toMatchObject(
    invalid('plan.quotas'),
  );
  const plan = { plan_id: 'many', quotas: quotas.slice(1) };
  expect((await call('CreatePlan', { plan })).plan.quotas).toHaveLength(limits.quotasPerPlan);
});

test('an object that would not fit a transaction is refused', async () => {
  const tiers = many(100, (i) => (i === 99 ? {} : { up_to: `${i + 1}` }));
  const prices = many(200, (i) => ({
    meter: 'tokens',
    kind: 'PRICE_KIND_GRADUATED',
    tiers,
    match: { model: `m${i}` },
  }));
  const plan = { plan_id: 'large', prices };
  expect(await refused(call('CreatePlan', { plan }))).toMatchObject(invalid('plan'));
});

test('the catalogue has a bound on what is not archived', async () => {
  const meter = (key: string) => ({ key, unit: 'x', aggregation: 'AGGREGATION_SUM' });
  const { meters } = await call('ListMeters', { page_size: 1000 });
  await fill(limits.meters - meters.length);
  expect(await refused(call('CreateMeter', { meter: meter('one_more') }))).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'CATALOGUE_FULL',
  });
  await call('ArchiveMeter', { meter: 'filler.0' });
  expect((await call('CreateMeter', { meter: meter('one_more') })).meter.version).toBe(1);
});

/** Meters in one transaction: each call compiles the catalogue anew. */
async function fill(count: number): Promise<void> {
  const { ledger, clock } = now().core;
  const sample = await ledger.get('meter', '', 'tokens');
  const changes = many(count, (i): readonly Change[] => {
    const document = { ...present(sample, 'a meter').value.document, key: `filler.${i}` };
    const head = { ...present(sample, 'a meter').value, document };
    const version = { version: 1, document, created_ms: 0 };
    const id = document.key;
    return [
      { kind: 'meter', orgId: '', id, replaces: 0, value: head },
      { kind: 'meter_version', orgId: '', id: `${id}@1`, replaces: 0, value: version },
    ];
  });
  const common = { actor: 'test', action: 'test', orgId: '', reason: '' };
  await ledger.commit({ atMs: clock.wallMs(), ...common, changes: () => changes.flat() });
}
