// A meter's cap on distinct label sets: `other` beyond it, a refusal where a price needs the label.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';
import { openStream } from '../support/streams.js';

const yaml = catalogueYaml({
  meters: `
    - {key: free, unit: u, scale: 0, aggregation: SUM, rollup_keys: [k], label_sets_max: 2}
    - {key: priced, unit: u, scale: 0, aggregation: SUM, rollup_keys: [k, l], label_sets_max: 2}`,
  price_lists: `
    - {id: default, prices: [{meter: priced, match: {k: a}, unit_price: 1}]}`,
  plans: `
    - id: free
      quotas: [{key: free, meter: free, limit: 1000}]`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent, running: Running = now()) =>
  ask(running, 'record', { event: event({ quantity: '1', ...given }) });
const free = (orgId: string, k: string, rest: GivenEvent = {}, running = now()) =>
  record({ orgId, meter: 'free', dimensions: { k }, ...rest }, running);
const priced = (orgId: string, dimensions: GivenEvent['dimensions'], running = now()) =>
  record({ orgId, meter: 'priced', dimensions: dimensions ?? {} }, running);

async function rows(orgId: string, running = now(), groupBy = ['k'], period = '2026-11') {
  const given = { orgId, meters: ['free'], groupBy, period };
  const reply = await ask(running, 'getUsage', given);
  const shown = reply.rows.map((row) => `${[...row.dimensions.values()].join()}=${row.quantity}`);
  return { rows: shown, total: reply.totals[0]?.quantity };
}

describe('without a price on the label', () => {
  test('label sets beyond the cap are counted as other', async () => {
    const orgId = org();
    for (const k of ['a', 'b', 'c', 'd', 'a', 'c']) await free(orgId, k);
    expect(await rows(orgId)).toEqual({ rows: ['a=2', 'b=1', 'other=3'], total: '6' });
    const check = await ask(now(), 'checkQuota', { orgId, items: [item('free')] });
    expect(check.quotas[0]?.used).toBe('6');
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect(events.map(({ dimensions }) => dimensions.get('k'))).toEqual([
      ...['c', 'a', 'd', 'c', 'b', 'a'],
    ]);
  });

  test('an absent label is a label set, too', async () => {
    const orgId = org();
    await record({ orgId, meter: 'free' });
    for (const k of ['a', 'b']) await free(orgId, k);
    expect((await rows(orgId)).rows).toEqual(['=1', 'a=1', 'other=1']);
  });

  test('each organisation has its own', async () => {
    const [a, b] = [org(), org()];
    for (const orgId of [a, b]) for (const k of ['x', 'y']) await free(orgId, `${k}${orgId}`);
    for (const orgId of [a, b]) {
      expect((await rows(orgId)).rows).toEqual([`x${orgId}=1`, `y${orgId}=1`]);
    }
  });

  test('each month has its own, and the overflow is counted in a metric', async () => {
    const own = createTestClock('2026-11-30T23:59:00Z');
    let running = await start({ yaml, clock: own });
    const { labelOverflow } = running.core.metrics;
    for (const k of ['a', 'b', 'c']) await free('o', k, {}, running);
    expect(labelOverflow.value()).toBe(1);
    own.advance(60_000);
    running = await running.restart();
    for (const k of ['c', 'd', 'a']) await free('o', k, {}, running);
    expect((await rows('o', running)).rows).toEqual(['a=1', 'b=1', 'other=1']);
    expect((await rows('o', running, ['k'], '2026-12')).rows).toEqual(['c=1', 'd=1', 'other=1']);
    await running.stop();
  });

  test('the cap holds after a restart', async () => {
    let running = await start({ yaml, clock });
    for (const k of ['a', 'b']) await free('o', k, {}, running);
    running = await running.restart();
    for (const k of ['c', 'b']) await free('o', k, {}, running);
    expect((await rows('o', running)).rows).toEqual(['a=1', 'b=2', 'other=1']);
    await running.stop();
  });
});

describe('with a price on the label', () => {
  test('one more label set is LABEL_SETS_EXHAUSTED on every way in', async () => {
    const orgId = org();
    await priced(orgId, { k: 'a' });
    await priced(orgId, { k: 'b' });
    const before = lastSequence();
    const given = { orgId, eventId: 'e', meter: 'priced', quantity: '1', dimensions: { k: 'c' } };
    expect(await refused(record(given))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'LABEL_SETS_EXHAUSTED',
      retrySeconds: undefined,
    });
    const { results } = await ask(now(), 'recordBatch', { events: [event(given)] });
    expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual([
      'LABEL_SETS_EXHAUSTED',
    ]);
    const stream = openStream(now());
    stream.options();
    stream.item(1, event(given));
    stream.halfClose();
    await stream.end;
    const [reply] = stream.replies;
    expect(nameIn(Outcome, reply?.results[0]?.outcome ?? 0)).toBe('LABEL_SETS_EXHAUSTED');
    expect(lastSequence()).toBe(before);
    const again = await record({ ...given, dimensions: { k: 'a' } });
    expect(nameIn(Outcome, again.outcome)).toBe('RECORDED');
  });

  test('a key beside it without a price fills the cap as well', async () => {
    const orgId = org();
    await priced(orgId, { k: 'a', l: '1' });
    await priced(orgId, { k: 'a', l: '2' });
    const refusal = await refused(priced(orgId, { k: 'a', l: '3' }));
    expect(refusal.reason).toBe('LABEL_SETS_EXHAUSTED');
    expect(nameIn(Outcome, (await priced(orgId, { k: 'a', l: '2' })).outcome)).toBe('RECORDED');
  });

  test('the invoice prices what it has to the last unit', async () => {
    const orgId = org();
    for (const k of ['a', 'b', 'a']) await priced(orgId, { k });
    await refused(priced(orgId, { k: 'c' }));
    const { invoice } = await ask(now(), 'getInvoice', { orgId });
    expect(
      invoice?.lines.map(({ quantity, amount, unpriced }) => [quantity, amount, unpriced]),
    ).toEqual([
      ['2', '2.00', false],
      ['1', '0.00', true],
    ]);
  });
});

describe('all or nothing over the turn of a month', () => {
  const sold = (k: string, eventId = k) =>
    event({ orgId: 'o', eventId, meter: 'priced', quantity: '1', dimensions: { k } });
  /** In November `a` and `b` fill the cap; in December `x` leaves room for one of them. */
  const december = async (): Promise<Running> => {
    const own = createTestClock('2026-11-30T23:59:00Z');
    const running = await start({ yaml, clock: own });
    for (const k of ['a', 'b']) await ask(running, 'record', { event: sold(k) });
    const given = { orgId: 'o', reservationId: 'r', items: [item('priced')] };
    await ask(running, 'reserve', { ...given, ttl: { seconds: 3600n, nanos: 0 } });
    own.advance(60_000);
    await ask(running, 'record', { event: sold('x') });
    return running;
  };

  test('an atomic batch', async () => {
    const running = await december();
    const events = [sold('a', 'a2'), sold('b', 'b2')];
    const { results } = await ask(running, 'recordBatch', { events, atomic: true });
    await running.stop();
    expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual([
      'NOT_APPLIED',
      'LABEL_SETS_EXHAUSTED',
    ]);
  });

  test('a settlement', async () => {
    const running = await december();
    const events = [sold('a', 'a2'), sold('b', 'b2')];
    const given = { orgId: 'o', reservationId: 'r', events };
    const answer = await ask(running, 'settle', given).then(
      () => 'settled',
      async (error: Error) => (await refused(Promise.reject(error))).reason,
    );
    await running.stop();
    expect(answer).toBe('LABEL_SETS_EXHAUSTED');
  });
});
