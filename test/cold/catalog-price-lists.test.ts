// CatalogService, price lists; and every rule of a price, which plans share.

import { expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, item } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml: catalogueYaml(), clock });
const call = (method: string, request: object = {}) => cold(now(), 'Catalog', method, request);
const invalid = (...fields: string[]) => ({ code: 'INVALID_ARGUMENT', fields });

const currencies = ['AUD', 'BRL', 'CAD', 'CHF', 'CNY', 'CZK', 'DKK', 'EUR', 'GBP', 'HKD', 'HUF'];
/** Each test has a currency of its own: there is one list in each. */
function newCurrency(): string {
  const currency = currencies.shift();
  if (currency === undefined) throw new Error('no currency is left');
  return currency;
}

test('a list is made with its defaults, read, and prices from then on', async () => {
  const currency = newCurrency();
  const price_list_id = 'made';
  const prices = [
    { meter: 'tokens', unit_price: '0.50', per: '1000' },
    { meter: 'tokens', match: { model: 'big' }, unit_price: '2', per: '1000' },
  ];
  const request = { price_list: { price_list_id, currency, prices }, request_id: 'made' };
  const reply = await call('CreatePriceList', request);
  expect(reply.price_list).toMatchObject({ price_list_id, currency, version: 1, etag: '1' });
  expect(reply.price_list.prices[0]).toEqual({
    meter: 'tokens',
    match: {},
    kind: 'PRICE_KIND_PER_UNIT',
    amount: '',
    unit_price: '0.5',
    per: '1000',
    tiers: [],
    percent: '',
    fixed_fee: '',
    free_events: 0,
    factor: '',
    included: '0',
    minimum: '0',
    discount_percent: '0',
    prorate: true,
    effective_from: null,
  });
  expect(await call('GetPriceList', { price_list_id })).toEqual(reply);
  expect(await call('CreatePriceList', request)).toEqual(reply);
  const orgId = org();
  await call('CreatePlan', { plan: { plan_id: 'in-currency', currency } });
  const organization = { org_id: orgId, plan: 'in-currency' };
  await cold(now(), 'Organization', 'CreateOrganization', { organization });
  const estimate = () =>
    ask(now(), 'estimateUsage', { orgId, items: [item('tokens', { quantity: '3000' })] });
  expect(await estimate()).toMatchObject({ estimatedAmount: '1.5', currency });
  await call('ArchivePriceList', { price_list_id });
  expect(await estimate()).toMatchObject({ estimatedAmount: '0', currency });
});

const tiers = [{ up_to: '10', unit_price: '3' }, { unit_price: '2' }];
const kinds: readonly (readonly [kind: string, price: object])[] = [
  ['FLAT', { amount: '10' }],
  ['PER_UNIT', { unit_price: '0.25', per: '100', included: '7', maximum: '0' }],
  ['GRADUATED', { tiers: [{ ...tiers[0], flat_fee: '1', block_size: '5' }, tiers[1]], per: '2' }],
  ['VOLUME', { tiers, minimum: '5', maximum: '50' }],
  ['PACKAGE', { unit_price: '9', per: '1000' }],
  ['PERCENTAGE', { percent: '2.5', fixed_fee: '0.1', free_events: 12 }],
  ['GRADUATED_PERCENTAGE', { tiers: [{ up_to: '5', percent: '3' }, { percent: '2' }] }],
  ['MULTIPLIER', { factor: '1.1', discount_percent: '10', prorate: false }],
];
test.each(kinds)(
  '%s comes back as it was given, and sent back it changes nothing',
  async (kind, given) => {
    const price = { meter: 'tokens', kind: `PRICE_KIND_${kind}`, ...given };
    const plan_id = `kind-${kind}`;
    const { plan } = await call('CreatePlan', { plan: { plan_id, prices: [price] } });
    expect(plan.prices[0]).toMatchObject(price);
    const sequence = lastSequence();
    expect((await call('UpdatePlan', { plan })).plan).toEqual(plan);
    expect(lastSequence()).toBe(sequence);
  },
);

const two = (a: object, b: object) => [
  { meter: 'tokens', unit_price: '1', ...a },
  { meter: 'tokens', unit_price: '1', ...b },
];
const one = (change: object) => [{ meter: 'tokens', unit_price: '1', ...change }];
const tiered = (...given: object[]) =>
  one({
    kind: 'PRICE_KIND_GRADUATED',
    unit_price: '',
    tiers: given,
  });
const risingTiers = (count: number) =>
  Array.from({ length: count }, (_, i) => (i === count - 1 ? {} : { up_to: `${i + 1}` }));
const percentage = { kind: 'PRICE_KIND_PERCENTAGE', unit_price: '', percent: '1' };
type Row = readonly [what: string, prices: object[], ...fields: string[]];
const bad: readonly Row[] = [
  ['no meter', one({ meter: '' }), 'prices[0].meter'],
  ['an unknown meter', one({ meter: 'token' }), 'prices[0].meter'],
  ['an unknown kind', one({ kind: 99 }), 'prices[0].kind'],
  ['no unit price', one({ unit_price: '' }), 'prices[0].unit_price'],
  ['a negative price', one({ unit_price: '-1' }), 'prices[0].unit_price'],
  ['15 decimals', one({ unit_price: '0.000000000000001' }), 'prices[0].unit_price'],
  ['an exponent', one({ unit_price: '1e3' }), 'prices[0].unit_price'],
  ['a price per nothing', one({ per: '0' }), 'prices[0].per'],
  ['a field of another kind', one({ percent: '5' }), 'prices[0].percent'],
  ['a factor of another kind', one({ factor: '5' }), 'prices[0].factor'],
  ['FLAT without amount', one({ kind: 'PRICE_KIND_FLAT', unit_price: '' }), 'prices[0].amount'],
  ['no tiers', tiered(), 'prices[0].tiers'],
  ['a last tier with an end', tiered({ up_to: '5' }), 'prices[0].tiers[0].up_to'],
  ['a tier without end before the last', tiered({}, {}), 'prices[0].tiers[0].up_to'],
  [
    'tiers that do not rise',
    tiered({ up_to: '5' }, { up_to: '5' }, {}),
    'prices[0].tiers[1].up_to',
  ],
  ['an empty end of a tier', tiered({ up_to: '' }, {}), 'prices[0].tiers[0].up_to'],
  ['the word for no end', tiered({ up_to: 'null' }, {}), 'prices[0].tiers[0].up_to'],
  ['an end finer than the meter', tiered({ up_to: '0.5' }, {}), 'prices[0].tiers[0].up_to'],
  ['a percent of a tier of units', tiered({ percent: '5' }), 'prices[0].tiers[0].percent'],
  ['101 tiers', tiered(...risingTiers(101)), 'prices[0].tiers'],
  [
    'more free events than may be',
    one({ ...percentage, free_events: -1 }),
    'prices[0].free_events',
  ],
  ['included finer than the meter', one({ included: '0.5' }), 'prices[0].included'],
  ['a minimum above the maximum', one({ minimum: '2', maximum: '1' }), 'prices[0].minimum'],
  ['an empty maximum', one({ maximum: '' }), 'prices[0].maximum'],
  ['a discount above 100', one({ discount_percent: '100.1' }), 'prices[0].discount_percent'],
  ['a match on no rollup key', one({ match: { tool: 'a' } }), 'prices[0].match["tool"]'],
  ['an empty value of a match', one({ match: { model: '' } }), 'prices[0].match["model"]'],
  [
    'a time before the year 1',
    one({ effective_from: { seconds: -99_999_999_999 } }),
    'prices[0].effective_from.seconds',
  ],
  ['the same version twice', two({}, {}), 'prices[1]'],
  [
    'a bad price does not hide the next',
    two({ unit_price: 'x' }, { unit_price: 'y' }),
    'prices[0].unit_price',
    'prices[1].unit_price',
  ],
];
const badPrices = bad.map(([what, prices, ...fields]) => ({ what, prices, fields }));
test.each(badPrices)('a price is refused: $what', async ({ prices, fields }) => {
  const sequence = lastSequence();
  const price_list = { price_list_id: 'bad', currency: 'XXX', prices };
  const list = refused(call('CreatePriceList', { price_list }));
  const inList = fields.map((field) => `price_list.${field}`);
  expect(await list).toMatchObject(invalid(...inList));
  const plan = refused(call('CreatePlan', { plan: { plan_id: 'bad', prices } }));
  expect(await plan).toMatchObject(invalid(...fields.map((field) => `plan.${field}`)));
  expect(lastSequence()).toBe(sequence);
});

test('prices that one event could match both are refused, versions of one are not', async () => {
  const meter = { key: 'two_keys', unit: 'x', aggregation: 'AGGREGATION_SUM' };
  await call('CreateMeter', { meter: { ...meter, rollup_keys: ['a', 'b'] } });
  const price = (match: object, more: object = {}) => ({
    meter: 'two_keys',
    unit_price: '1',
    match,
    ...more,
  });
  const plan = (...prices: object[]) =>
    call('CreatePlan', { plan: { plan_id: `tie-${lastSequence()}`, prices } });
  const tie = await refused(plan(price({ a: '1' }), price({ b: '1' })));
  expect(tie).toMatchObject(invalid('plan.prices[1].match'));
  expect(tie.message).toContain('ties with plan.prices[0]');
  const later = { effective_from: time('2027-01-01T00:00:00Z') };
  const made = await plan(price({ a: '1' }), price({ a: '1' }, later));
  expect(made.plan.prices[1].effective_from).toMatchObject({ seconds: 1_798_761_600 });
});

test('one currency has one list, until that is archived', async () => {
  const currency = newCurrency();
  const create = (price_list_id: string) =>
    call('CreatePriceList', { price_list: { price_list_id, currency } });
  await create('first');
  const second = await refused(create('second'));
  expect(second).toMatchObject(invalid('price_list.currency'));
  expect(second.message).toContain('already that of "first"');
  await call('ArchivePriceList', { price_list_id: 'first' });
  expect((await create('second')).price_list).toMatchObject({ version: 1 });
});

test('of two lists in one currency at once, one is made', async () => {
  const currency = newCurrency();
  const made = ['race-a', 'race-b', 'race-c'].map((price_list_id) =>
    call('CreatePriceList', { price_list: { price_list_id, currency } }).then(
      () => 'made',
      () => 'refused',
    ),
  );
  expect((await Promise.all(made)).sort()).toEqual(['made', 'refused', 'refused']);
});

test('an update replaces the prices and leaves the currency', async () => {
  const currency = newCurrency();
  const price_list_id = 'updated';
  const first = [{ meter: 'tokens', unit_price: '1' }];
  await call('CreatePriceList', { price_list: { price_list_id, currency, prices: first } });
  const update = (prices: object[], more: object = {}) =>
    call('UpdatePriceList', { price_list: { price_list_id, prices }, ...more });
  const { price_list } = await update([{ meter: 'tokens', unit_price: '2' }], { etag: '1' });
  expect(price_list).toMatchObject({ currency, version: 2, etag: '2' });
  expect(price_list.prices[0].unit_price).toBe('2');
  expect(await refused(update([], { etag: '1' }))).toMatchObject({ reason: 'ETAG_MISMATCH' });
  const masked = refused(update([], { update_mask: { paths: ['currency'] } }));
  expect(await masked).toMatchObject(invalid('update_mask'));
  const sequence = lastSequence();
  expect((await update(price_list.prices)).price_list).toEqual(price_list);
  expect(lastSequence()).toBe(sequence);
});

test('an archived list stays so, and its id is taken', async () => {
  const currency = newCurrency();
  const price_list_id = 'gone';
  const price_list = { price_list_id, currency };
  await call('CreatePriceList', { price_list });
  const archived = await call('ArchivePriceList', { price_list_id, etag: '1' });
  expect(archived.price_list).toMatchObject({ archived: true, etag: '2' });
  expect(await call('ArchivePriceList', { price_list_id })).toEqual(archived);
  expect(await refused(call('UpdatePriceList', { price_list }))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'PRICE_LIST_ARCHIVED',
  });
  expect(await refused(call('CreatePriceList', { price_list }))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'PRICE_LIST_EXISTS',
  });
  for (const method of ['GetPriceList', 'ArchivePriceList']) {
    const unknown = await refused(call(method, { price_list_id: 'never' }));
    expect(unknown).toMatchObject({ code: 'NOT_FOUND', reason: 'PRICE_LIST_NOT_FOUND' });
  }
});

test('lists are filtered by currency, oldest first, page by page', async () => {
  const currency = newCurrency();
  for (const id of ['old', 'mid', 'new']) {
    const price_list_id = `${id}-list`;
    await call('CreatePriceList', { price_list: { price_list_id, currency } });
    if (id !== 'new') await call('ArchivePriceList', { price_list_id });
  }
  const ids = (reply: Json) => reply.price_lists.map(({ price_list_id: id }: Json) => id);
  expect(ids(await call('ListPriceLists', { currency }))).toEqual(['new-list']);
  const all = { currency, include_archived: true, page_size: 2 };
  const first = await call('ListPriceLists', all);
  expect(ids(first)).toEqual(['old-list', 'mid-list']);
  const rest = await call('ListPriceLists', { ...all, page_token: first.next_page_token });
  expect([ids(rest), rest.next_page_token]).toEqual([['new-list'], '']);
  const bad = refused(call('ListPriceLists', { currency: 'euro' }));
  expect(await bad).toMatchObject(invalid('currency'));
});

test('a list needs its currency', async () => {
  const bare = (price_list: object) => refused(call('CreatePriceList', { price_list }));
  expect(await bare({ price_list_id: 'x' })).toMatchObject(invalid('price_list.currency'));
  expect(await bare({ price_list_id: 'x', currency: 'eur' })).toMatchObject(
    invalid('price_list.currency'),
  );
  expect(await bare({ price_list_id: 'a/b', currency: 'EUR' })).toMatchObject(
    invalid('price_list.price_list_id'),
  );
  expect(await refused(call('CreatePriceList'))).toMatchObject(invalid('price_list'));
});
