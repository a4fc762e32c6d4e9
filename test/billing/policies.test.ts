import { expect, test } from 'vitest';
import { closeAt, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';
import { start } from '../support/service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: t, scale: 0, aggregation: SUM, rollup_keys: [model], unpriced: reject}
    - {key: calls, unit: c, scale: 0, aggregation: COUNT, late_policy: REJECT}`,
  price_lists: `
    - {id: usd, prices: [{meter: tokens, match: {model: small}, unit_price: 1}]}`,
});

test('a meter may refuse usage that no price covers, but for what a reservation settles', async () => {
  const running = await start({ yaml });
  try {
    const given = { orgId: 'acme', meter: 'tokens', quantity: '5' };
    const small = { ...given, dimensions: { model: 'small' } };
    await use(running, small);
    const unpriced = refused(ask(running, 'record', { event: event(given) }));
    expect(await unpriced).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'USAGE_UNPRICED' });
    const batch = await ask(running, 'recordBatch', {
      orgId: 'acme',
      events: [event(given), event(small)],
    });
    expect(batch.results.map(({ outcome }) => outcome)).toEqual([4, 1]);
    const items = [{ meter: 'tokens', amount: undefined, dimensions: new Map() }];
    const reservationId = 'r1';
    await ask(running, 'reserve', { orgId: 'acme', reservationId, items });
    const settled = await ask(running, 'settle', {
      orgId: 'acme',
      reservationId,
      events: [event(given)],
    });
    expect(settled.results).toMatchObject([{ outcome: 1 }]);
  } finally {
    await running.stop();
  }
});

test('a meter may refuse usage for a period that is invoiced', async () => {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock });
  try {
    await use(running, { orgId: 'acme', meter: 'calls' });
    await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
    const late = event({ orgId: 'acme', meter: 'calls', at: '2026-11-25T00:00:00Z' });
    expect(await refused(ask(running, 'record', { event: late }))).toMatchObject({
      code: 'OUT_OF_RANGE',
      reason: 'EVENT_TOO_OLD',
    });
    await use(running, { orgId: 'acme', meter: 'calls', at: '2026-12-01T00:00:00Z' });
  } finally {
    await running.stop();
  }
});
