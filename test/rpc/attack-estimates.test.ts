// Hostile cases on estimated amounts: what an event adds to the invoice is what its estimate says.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, item } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

// Whole cents and no fractions of them: the invoice rounds nothing.
const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: t, scale: 0, aggregation: SUM, rollup_keys: [region]}
    - {key: calls, unit: c, scale: 0, aggregation: COUNT, rollup_keys: [region]}
    - {key: peak, unit: MB, scale: 0, aggregation: MAX, rollup_keys: [region]}
    - {key: seats, unit: s, scale: 0, aggregation: LAST, source_keys: [team], rollup_keys: [region]}
    - {key: users, unit: u, scale: 0, aggregation: UNIQUE, dimension: user, rollup_keys: [region]}
    - {key: dtokens, unit: t, scale: 0, aggregation: SUM, unpriced: default(0.03)}
    - {key: dcalls, unit: c, scale: 0, aggregation: COUNT, unpriced: default(0.05)}
    - {key: dpeak, unit: MB, scale: 0, aggregation: MAX, rollup_keys: [region],
       unpriced: default(0.07)}
    - {key: dseats, unit: s, scale: 0, aggregation: LAST, source_keys: [team],
       rollup_keys: [region], unpriced: default(0.11)}
    - {key: dusers, unit: u, scale: 0, aggregation: UNIQUE, dimension: user,
       rollup_keys: [region], unpriced: default(0.13)}
    - {key: versions, unit: MB, scale: 0, aggregation: MAX}`,
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.02, included: 10}
        - {meter: tokens, match: {region: eu}, unit_price: 0.03}
        - {meter: calls, unit_price: 0.05, included: 2}
        - {meter: peak, unit_price: 0.07, included: 3}
        - {meter: peak, match: {region: eu}, unit_price: 0.08}
        - {meter: seats, unit_price: 0.11, included: 2}
        - {meter: seats, match: {region: eu}, unit_price: 0.13}
        - {meter: users, unit_price: 0.17, included: 1}
        - {meter: users, match: {region: eu}, unit_price: 0.19}
        - {meter: dseats, match: {region: eu}, unit_price: 1}
        - {meter: versions, unit_price: 1}
        - {meter: versions, unit_price: 2, effective_from: 2026-11-25T00:00:00Z}`,
  plans: freePlan(),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
// Nothing is closed by itself: past months stay previews.
const { now, org } = sharedService({ yaml, clock, flags: ['--invoice-grace', '366d'] });

const cents = (text: string) => Math.round(Number(text) * 100);
const estimateOf = async (given: GivenEvent) =>
  cents((await ask(now(), 'record', { event: event(given) })).estimatedAmount);
const subtotalOf = async (orgId: string) =>
  cents((await ask(now(), 'getInvoice', { orgId })).invoice?.subtotal ?? '0');

const METERS = ['tokens', 'calls', 'peak', 'seats', 'users'];
const ALL = METERS.flatMap((meter) => [meter, `d${meter}`]);

const usage = (meters: readonly string[], regions: readonly string[], late: boolean) =>
  fc.record({
    meter: fc.constantFrom(...meters),
    amount: fc.nat({ max: 12 }),
    minutesAgo: late ? fc.constantFrom(0, 0, 30, 90, 600, 3000) : fc.constant(0),
    who: fc.constantFrom('x', 'y'),
    region: fc.constantFrom(...regions),
  });
type Usage = ReturnType<typeof usage> extends fc.Arbitrary<infer T> ? T : never;

function toGiven(orgId: string, { meter, amount, minutesAgo, who, region }: Usage): GivenEvent {
  const at = new Date(clock.wallMs() - minutesAgo * 60_000).toISOString();
  const counts = meter.endsWith('calls') || meter.endsWith('users');
  const dimensions = { team: who, user: who, region };
  return { orgId, meter, at, dimensions, ...(counts ? {} : { quantity: `${amount}` }) };
}

/** Each event's estimate is what the running invoice grows by. */
async function agree(meters: readonly string[], regions: readonly string[], late: boolean) {
  const events = fc.array(usage(meters, regions, late), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(events, async (list) => {
      const orgId = org();
      for (const each of list) {
        const before = await subtotalOf(orgId);
        const estimated = await estimateOf(toGiven(orgId, each));
        expect(estimated).toBe((await subtotalOf(orgId)) - before);
      }
    }),
    { numRuns: 20, seed: 7, endOnFailure: false },
  );
}

describe('an event’s estimate is what the invoice grows by', () => {
  test('for every aggregation, priced or not, in one region', () => agree(ALL, ['us'], true));

  test('for what adds up, peaks and values, in several regions', () =>
    agree(['tokens', 'calls', 'peak', 'users', 'dtokens'], ['eu', 'us', ''], true));

  test('for unpriced peaks and values in several regions', () =>
    agree(['dpeak', 'dusers'], ['eu', 'us'], true));

  test('for levels that stay in their region', () => agree(['seats', 'dseats'], ['eu'], true));

  test('for levels that change their region', () =>
    agree(['seats', 'dseats'], ['eu', 'us'], false));

  test('for late levels that change their region', () =>
    agree(['seats', 'dseats'], ['eu', 'us'], true));
});

test('a peak is estimated by the price that its month ends with', async () => {
  const orgId = org();
  const estimated = await estimateOf({ orgId, meter: 'versions', quantity: '3' });
  expect(estimated).toBe(await subtotalOf(orgId));
});

test('a level of last month is what last month’s invoice grows by', async () => {
  const orgId = org();
  const given = { orgId, meter: 'seats', dimensions: { region: 'eu' } };
  await estimateOf({ ...given, quantity: '5', at: '2026-10-20T00:00:00Z' });
  await estimateOf({ ...given, quantity: '7', at: '2026-11-10T00:00:00Z' });
  const october = async () => {
    const { invoice } = await ask(now(), 'getInvoice', { orgId, period: '2026-10' });
    return cents(invoice?.subtotal ?? '0');
  };
  const before = await october();
  const late = await estimateOf({ ...given, quantity: '9', at: '2026-10-31T00:00:00Z' });
  expect(late).toBe((await october()) - before);
});

describe('levels under several prices', () => {
  const level = (orgId: string, region: string, quantity: string, at = '12:00') => ({
    orgId,
    meter: 'seats',
    quantity,
    at: `2026-11-20T${at}:00Z`,
    dimensions: { team: 'x', region },
  });

  test('a late level under another price costs nothing', async () => {
    const orgId = org();
    await estimateOf(level(orgId, 'us', '5'));
    expect(await estimateOf(level(orgId, 'eu', '9', '11:00'))).toBe(0);
  });

  test('a level that moves to another price gives back what it cost before', async () => {
    const orgId = org();
    expect(await estimateOf(level(orgId, 'us', '5'))).toBe(33);
    expect(await estimateOf(level(orgId, 'eu', '5'))).toBe(65 - 33);
  });
});

describe('EstimateUsage', () => {
  const estimate = async (orgId: string, items: ReturnType<typeof item>[]) =>
    cents((await ask(now(), 'estimateUsage', { orgId, items })).estimatedAmount);
  const W = { dimensions: { team: 'x', user: 'x' } };
  const ITEMS: readonly (readonly [item: ReturnType<typeof item>, cents: number])[] = [
    [item('dtokens', { quantity: '5' }), 15],
    [item('dcalls'), 5],
    [item('dpeak', { quantity: '4' }), 28],
    [item('dseats', { level: '3', ...W }), 33],
    [item('dusers', W), 13],
  ];

  test.each(ITEMS)('of one unpriced item %#', async (one, expected) => {
    expect(await estimate(org(), [one])).toBe(expected);
  });

  test('of unpriced items of two meters is the sum of them', async () => {
    const found: number[] = [];
    const wanted: number[] = [];
    for (const [first, costs] of ITEMS) {
      for (const [second, more] of ITEMS) {
        if (first === second) continue;
        found.push(await estimate(org(), [first, second]));
        wanted.push(costs + more);
      }
    }
    expect(found).toEqual(wanted);
  });

  test('of priced and unpriced items is what the invoice then says', async () => {
    const meters = fc.array(usage(METERS, ['us'], false), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(meters, meters, async (first, second) => {
        const orgId = org();
        for (const each of first) await estimateOf(toGiven(orgId, each));
        const before = await subtotalOf(orgId);
        const items = second.map((each) => {
          const { meter = '', quantity, dimensions } = toGiven(orgId, each);
          const labels = dimensions === undefined ? {} : { dimensions };
          if (quantity === undefined) return item(meter, labels);
          if (meter === 'seats') return item(meter, { level: quantity, ...labels });
          return item(meter, { quantity, ...labels });
        });
        const estimated = await estimate(orgId, items);
        for (const each of second) await estimateOf(toGiven(orgId, each));
        expect(estimated).toBe((await subtotalOf(orgId)) - before);
      }),
      { numRuns: 20, seed: 11 },
    );
  });
});
