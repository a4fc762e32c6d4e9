// What a call would cost, and what it would use: unrounded, before it is done.

import { describe, expect, test } from 'vitest';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model, region]}
    - {key: run_units, unit: run_unit, scale: 4, aggregation: SUM, formula: run_units}
    - {key: peak, unit: MB, scale: 2, aggregation: MAX}
    - {key: seats, unit: seat, scale: 0, aggregation: LAST}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: user}
    - {key: free, unit: f, scale: 0, aggregation: SUM}
    - {key: rooms, unit: r, scale: 0, aggregation: LAST, unpriced: default(0.01)}
    - {key: fallback, unit: f, scale: 0, aggregation: SUM, unpriced: default(0.01)}`,
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.002, per: 1000}
        - {meter: tokens, match: {model: big}, unit_price: 3, per: 1000, included: 100}
        - {meter: tokens, match: {model: big, region: eu}, unit_price: 4, per: 1000}
        - {meter: peak, unit_price: 1}
        - {meter: seats, unit_price: 10}
        - {meter: users, unit_price: 3}`,
  plans: freePlan('{key: units, meter: run_units, limit: 5}'),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent) => ask(now(), 'record', { event: event(given) });
const BIG = { model: 'big' };

describe('the amount', () => {
  const AMOUNTS: readonly (readonly [what: string, given: GivenEvent, amount: string])[] = [
    ['per thousand', { quantity: '1' }, '0.000002'],
    ['most specific', { quantity: '1', dimensions: { model: 'big', region: 'eu' } }, '0.004'],
    ['included', { quantity: '100', dimensions: BIG }, '0'],
    ['partly included', { quantity: '150', dimensions: BIG }, '0.15'],
    ['not priced', { meter: 'free', quantity: '5' }, '0'],
    ['default', { meter: 'fallback', quantity: '5' }, '0.05'],
  ];
  test.each(AMOUNTS)(
    '%s: Record and EstimateUsage name the unrounded amount',
    async (_what, given, amount) => {
      const orgId = org();
      const items = [item(given.meter ?? 'tokens', given)];
      const estimate = await ask(now(), 'estimateUsage', { orgId, items });
      expect([estimate.estimatedAmount, estimate.currency]).toEqual([amount, 'USD']);
      const reply = await record({ orgId, ...given });
      expect([reply.estimatedAmount, reply.currency]).toEqual([amount, 'USD']);
    },
  );

  test('of what is included count what was used before', async () => {
    const orgId = org();
    await record({ orgId, quantity: '90', dimensions: BIG });
    const reply = await record({ orgId, quantity: '20', dimensions: BIG });
    expect(reply.estimatedAmount).toBe('0.03');
  });

  test('of nothing are zero', async () => {
    const reply = await ask(now(), 'estimateUsage', { orgId: org() });
    expect(reply).toEqual({
      quantities: [],
      totals: [],
      estimatedAmount: '0',
      currency: 'USD',
      wouldExceed: false,
    });
  });

  test('of several items use up what is included once', async () => {
    const items = [1, 2].map(() => item('tokens', { quantity: '100', dimensions: BIG }));
    const reply = await ask(now(), 'estimateUsage', { orgId: org(), items });
    expect(reply.estimatedAmount).toBe('0.3');
  });

  const LEVELS: readonly (readonly [
    meter: string,
    first: string,
    second: string,
    amount: string,
  ])[] = [
    ['seats', '5', '6', '10'],
    ['seats', '5', '5', '0'],
    ['peak', '5', '6', '1'],
    ['peak', '5', '3', '0'],
  ];
  test.each(LEVELS)('of %s after %s at %s are %s', async (meter, first, second, amount) => {
    const orgId = org();
    await record({ orgId, meter, quantity: first });
    const reply = await record({ orgId, meter, quantity: second });
    expect(reply.estimatedAmount).toBe(amount);
  });

  test('of a level that comes late are zero', async () => {
    const orgId = org();
    await record({ orgId, meter: 'seats', quantity: '5' });
    const late = { orgId, meter: 'seats', quantity: '9', at: '2026-11-20T11:00:00Z' };
    expect((await record(late)).estimatedAmount).toBe('0');
  });

  test('of an unpriced level with a default amount are those of the difference', async () => {
    const orgId = org();
    await record({ orgId, meter: 'rooms', quantity: '5' });
    const reply = await record({ orgId, meter: 'rooms', quantity: '6' });
    expect(reply.estimatedAmount).toBe('0.01');
  });

  test('of a value seen are zero', async () => {
    const given = { orgId: org(), meter: 'users', dimensions: { user: 'u' } };
    await record(given);
    expect((await record(given)).estimatedAmount).toBe('0');
  });
});

describe('the quantities', () => {
  const run = (latencyMs: number, tool?: string) =>
    item('run_units', { run: { latencyMs }, dimensions: tool === undefined ? {} : { tool } });
  const CALLS = [run(200), run(1500, 'sandbox_execute'), run(3000, 'build_module')];

  test('are rounded call by call and added up by meter, in order of meters', async () => {
    const before = lastSequence();
    const items = [item('tokens', { quantity: '7' }), ...CALLS, item('peak'), item('seats')];
    const reply = await ask(now(), 'estimateUsage', { orgId: org(), items });
    expect(reply.quantities).toEqual(['7', '0.3', '1.7', '3.5', '0', '1']);
    expect(reply.totals).toEqual([
      { meter: 'peak', unit: 'MB', quantity: '0' },
      { meter: 'run_units', unit: 'run_unit', quantity: '5.5' },
      { meter: 'seats', unit: 'seat', quantity: '1' },
      { meter: 'tokens', unit: 'token', quantity: '7' },
    ]);
    expect(lastSequence()).toBe(before);
  });

  test('say whether all of them would fit', async () => {
    const orgId = org();
    const wouldExceed = async (items: typeof CALLS) =>
      (await ask(now(), 'estimateUsage', { orgId, items })).wouldExceed;
    expect(await wouldExceed(CALLS.slice(0, 2))).toBe(false);
    expect(await wouldExceed(CALLS)).toBe(true);
  });

  test('of 1000 items are answered', async () => {
    const items = Array.from({ length: 1000 }, () => item('tokens', { quantity: '3' }));
    const reply = await ask(now(), 'estimateUsage', { orgId: org(), items });
    expect(reply.quantities).toHaveLength(1000);
    expect(reply.totals[0]?.quantity).toBe('3000');
  });

  test('of a meter that does not exist are METER_UNKNOWN', async () => {
    const given = { orgId: org(), items: [...CALLS, item('nothing')] };
    const refusal = await refused(ask(now(), 'estimateUsage', given));
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'METER_UNKNOWN' });
  });
});
