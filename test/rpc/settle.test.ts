// Settle turns a hold into usage: once, whatever it comes to, also after its end.

import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { ReservationState } from '../../generated/ts/tollgate/v1/reservation.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { moveOn } from '../support/move-on.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, item, nameIn, type Reply } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT}
    - {key: priced, unit: p, scale: 0, aggregation: SUM, rollup_keys: [sku], label_sets_max: 1}`,
  price_lists: `
    - {id: default, prices: [{meter: priced, match: {sku: a}, unit_price: 1}]}`,
  plans: freePlan(
    '{key: tokens, meter: tokens, limit: 100}',
    '{key: calls, meter: calls, limit: 5}',
    '{key: per-run, meter: tokens, scope: [run], window: LIFETIME}',
  ),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const R = { reservationId: 'r' };
const hold = (orgId: string, dimensions: GivenEvent['dimensions'] = {}, running = now()) =>
  ask(running, 'reserve', { orgId, ...R, items: [item('tokens', { quantity: '10', dimensions })] });
const settle = (orgId: string, events: UsageEvent[], running: Running = now()) =>
  ask(running, 'settle', { orgId, ...R, events });
const outcomes = ({ results }: Pick<Reply<'settle'>, 'results'>) =>
  results.map(({ outcome }) => nameIn(Outcome, outcome));

async function stateOf(orgId: string, running: Running = now()) {
  const { reservation } = await ask(running, 'getReservation', { orgId, ...R });
  return nameIn(ReservationState, reservation?.state ?? 0);
}
async function quotaOf(orgId: string, running: Running = now()) {
  const { quotas } = await ask(running, 'checkQuota', { orgId, items: [item('tokens')] });
  const found = quotas.find(({ quotaKey }) => quotaKey === 'tokens');
  return { used: found?.used, reserved: found?.reserved };
}
async function expire(orgId: string, running: Running = now()) {
  await moveOn(running, clock, 60_000);
  await expect.poll(() => stateOf(orgId, running), { interval: 20 }).toBe('EXPIRED');
}

describe('a settlement', () => {
  const AMOUNTS: readonly (readonly [what: string, quantities: string[], used: string])[] = [
    ['less than was held', ['4'], '4'],
    ['as much', ['10'], '10'],
    ['more than was held and than the quota has', ['150'], '150'],
    ['several events', ['1', '2', '3'], '6'],
    ['nothing', [], '0'],
    ['a zero', ['0'], '0'],
  ];
  test.each(AMOUNTS)('of %s', async (_what, quantities, used) => {
    const orgId = org();
    await hold(orgId);
    const events = quantities.map((quantity) => event({ quantity }));
    const reply = await settle(orgId, events);
    expect(reply.late).toBe(false);
    expect(outcomes(reply)).toEqual(quantities.map(() => 'RECORDED'));
    expect(reply.results.map(({ eventId }) => eventId)).toEqual(
      quantities.map((_, n) => `rsv:r:${n}`),
    );
    expect(reply.results.map(({ quantity }) => quantity)).toEqual(quantities);
    expect(await quotaOf(orgId)).toEqual({ used, reserved: '0' });
    expect(await stateOf(orgId)).toBe('SETTLED');
  });

  test('of 16 events of several meters, ids of their own', async () => {
    const orgId = org();
    await hold(orgId);
    const events = Array.from({ length: 16 }, (_, i) =>
      i % 2 === 0 ? event({ eventId: `e${i}`, quantity: '1' }) : event({ meter: 'calls' }),
    );
    const { results } = await settle(orgId, events);
    const expected = events.map(({ eventId }, i) => eventId || `rsv:r:${i}`);
    expect(results.map(({ eventId }) => eventId)).toEqual(expected);
    expect((await quotaOf(orgId)).used).toBe('8');
  });

  test('says of each event where the quota stands after it', async () => {
    const orgId = org();
    await hold(orgId);
    const events = ['50', '40', '11'].map((quantity) => event({ quantity }));
    const { results } = await settle(orgId, events);
    expect(results.map(({ reason }) => nameIn(Reason, reason))).toEqual([
      'WITHIN_LIMIT',
      'WITHIN_LIMIT',
      'HARD_LIMIT_EXCEEDED',
    ]);
  });

  test('of all that there was, all of it held, stays within the limit', async () => {
    const orgId = org();
    const items = [item('tokens', { quantity: '100' })];
    await ask(now(), 'reserve', { orgId, ...R, items });
    const { results } = await settle(orgId, [event({ quantity: '100' })]);
    expect(results.map(({ reason }) => nameIn(Reason, reason))).toEqual(['WITHIN_LIMIT']);
  });

  test('is in the events with its reservation, and counts by event time', async () => {
    const orgId = org();
    await hold(orgId);
    const at = '2026-10-31T23:59:00Z';
    await settle(orgId, [event({ quantity: '3' }), event({ quantity: '4', at })]);
    expect((await quotaOf(orgId)).used).toBe('3');
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect(events.map((e) => [e.eventId, e.reservationId, iso(e.eventTime)?.slice(0, 7)])).toEqual([
      ['rsv:r:0', 'r', '2026-11'],
      ['rsv:r:1', 'r', '2026-10'],
    ]);
  });

  test('of a hundred at once counts once', async () => {
    const orgId = org();
    await hold(orgId);
    const events = [event({ quantity: '7' })];
    const replies = await Promise.all(Array.from({ length: 100 }, () => settle(orgId, events)));
    expect(new Set(replies.map(({ results }) => results[0]?.sequence)).size).toBe(1);
    expect(await quotaOf(orgId)).toEqual({ used: '7', reserved: '0' });
  });

  test('counts an event that was recorded before as DUPLICATE', async () => {
    const orgId = org();
    await hold(orgId);
    const given = event({ orgId, eventId: 'e', quantity: '7' });
    const first = await ask(now(), 'record', { event: given });
    const reply = await settle(orgId, [given, event({ quantity: '1' })]);
    expect(outcomes(reply)).toEqual(['DUPLICATE', 'RECORDED']);
    expect(reply.results[0]).toMatchObject({ sequence: first.sequence, quantity: '7' });
    expect((await quotaOf(orgId)).used).toBe('8');
    expect(outcomes(await settle(orgId, [given, event({ quantity: '1' })]))).toEqual([
      'DUPLICATE',
      'RECORDED',
    ]);
  });
});

describe('inheritance', () => {
  const RUN = { run: 'a' };
  const labelsOf = async (orgId: string) => {
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    return events.map(({ dimensions }) => Object.fromEntries(dimensions));
  };

  test('the organisation and the scope labels, and those alone', async () => {
    const orgId = org();
    await hold(orgId, { ...RUN, model: 'm' });
    await settle(orgId, [
      event({ quantity: '1' }),
      event({ orgId, quantity: '2', dimensions: { model: 'n' } }),
      event({ quantity: '3', dimensions: RUN }),
    ]);
    expect((await labelsOf(orgId)).reverse()).toEqual([RUN, { model: 'n', ...RUN }, RUN]);
    const items = [item('tokens', { dimensions: RUN })];
    const { quotas } = await ask(now(), 'checkQuota', { orgId, items });
    const perRun = quotas.find(({ quotaKey }) => quotaKey === 'per-run');
    expect(perRun).toMatchObject({ used: '6', reserved: '0' });
  });

  const FOREIGN: readonly (readonly [what: string, given: GivenEvent, field: string])[] = [
    ['another organisation', { orgId: 'other' }, 'events[0].org_id'],
    ['another value of a scope', { dimensions: { run: 'b' } }, 'events[0].dimensions["run"]'],
    ['an empty value of a scope', { dimensions: { run: '' } }, 'events[0].dimensions["run"]'],
  ];
  test.each(FOREIGN)('refuses %s', async (_what, given, field) => {
    const orgId = org();
    await hold(orgId, RUN);
    const before = lastSequence();
    const refusal = await refused(settle(orgId, [event({ quantity: '1', ...given })]));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    expect(lastSequence()).toBe(before);
    expect(await stateOf(orgId)).toBe('OPEN');
  });

  test('two items of one meter may hold for two runs', async () => {
    const orgId = org();
    const runs = [{ run: 'a' }, { run: 'b' }];
    const items = runs.map((dimensions) => item('tokens', { quantity: '1', dimensions }));
    await ask(now(), 'reserve', { orgId, ...R, items });
    const events = runs.map((dimensions) => event({ quantity: '1', dimensions }));
    expect(outcomes(await settle(orgId, events))).toEqual(['RECORDED', 'RECORDED']);
  });
});

describe('again', () => {
  const EVENTS = [event({ quantity: '4' }), event({ eventId: 'e', quantity: '5' })];

  test('with the same body, also after a restart: the first answer', async () => {
    let running = await start({ yaml, clock });
    await hold('o', {}, running);
    const first = await settle('o', EVENTS, running);
    for (const attempt of [0, 1]) {
      if (attempt === 1) running = await running.restart();
      const before = running.core.journal.lastSequence();
      const again = await settle('o', EVENTS, running);
      const bare = ({ results, late }: Reply<'settle'>) => ({
        late,
        results: results.map((result) => ({ ...result, reason: 0 })),
      });
      expect(bare(again)).toEqual(bare(first));
      expect(running.core.journal.lastSequence()).toBe(before);
    }
    await running.stop();
  });

  test('with the same body: every field of the first answer', async () => {
    const orgId = org();
    await hold(orgId);
    const first = await settle(orgId, EVENTS);
    expect(await settle(orgId, EVENTS)).toEqual(first);
  });

  const OTHER: readonly (readonly [what: string, events: UsageEvent[]])[] = [
    ['fewer events', EVENTS.slice(0, 1)],
    ['no events', []],
    ['another quantity', [event({ quantity: '9' }), event({ eventId: 'e', quantity: '5' })]],
    ['another id', [event({ quantity: '4' }), event({ eventId: 'f', quantity: '5' })]],
    ['another order', EVENTS.toReversed()],
  ];
  test.each(OTHER)('with %s is RESERVATION_ENDED', async (_what, events) => {
    const orgId = org();
    await hold(orgId);
    await settle(orgId, EVENTS);
    const before = lastSequence();
    const refusal = await refused(settle(orgId, events));
    expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESERVATION_ENDED' });
    expect(lastSequence()).toBe(before);
    expect((await quotaOf(orgId)).used).toBe('9');
  });
});

describe('late', () => {
  test.each(['EXPIRED', 'RELEASED'])('after it was %s, once, and says so', async (state) => {
    const orgId = org();
    await hold(orgId);
    if (state === 'EXPIRED') await expire(orgId);
    else await ask(now(), 'release', { orgId, ...R });
    const first = await settle(orgId, [event({ quantity: '150' })]);
    expect([first.late, ...outcomes(first)]).toEqual([true, 'RECORDED']);
    expect(await quotaOf(orgId)).toEqual({ used: '150', reserved: '0' });
    expect(await stateOf(orgId)).toBe('SETTLED');
    const again = await settle(orgId, [event({ quantity: '150' })]);
    expect([again.late, ...outcomes(again)]).toEqual([true, 'RECORDED']);
    const other = await refused(settle(orgId, [event({ quantity: '1' })]));
    expect(other.reason).toBe('RESERVATION_ENDED');
    const { reservation } = await ask(now(), 'getReservation', { orgId, ...R });
    expect(reservation?.late).toBe(true);
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect(events).toHaveLength(1);
  });

  test('and remembered over days, runs of the index and restarts', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml, clock: own });
    await hold('o', {}, running);
    await moveOn(running, own, 60_000);
    await expect.poll(() => stateOf('o', running), { interval: 20 }).toBe('EXPIRED');
    await settle('o', [event({ quantity: '4' })], running);
    for (const days of [1, 1, 30]) {
      await moveOn(running, own, days * 86_400_000);
      await ask(running, 'record', { event: event({ orgId: 'o', quantity: '1' }) });
      running = await running.restart();
      const again = await settle('o', [event({ quantity: '4' })], running);
      expect([again.late, ...outcomes(again)]).toEqual([true, 'RECORDED']);
      expect((await refused(hold('o', {}, running))).reason).toBe('RESERVATION_ENDED');
    }
    await running.stop();
  });

  test('and the event is marked late', async () => {
    const orgId = org();
    await hold(orgId);
    await ask(now(), 'release', { orgId, ...R });
    await settle(orgId, [event({ quantity: '1' })]);
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect(events.map(({ late }) => late)).toEqual([true]);
  });
});

describe('a settlement that is refused leaves the hold as it was', () => {
  const REFUSED: readonly (readonly [reason: string, bad: GivenEvent])[] = [
    ['METER_UNKNOWN', { meter: 'nothing' }],
    ['EVENT_TOO_OLD', { at: '1970-01-01T00:00:00Z' }],
    ['EVENT_IN_FUTURE', { at: '2027-01-01T00:00:00Z' }],
    ['EVENT_ID_REUSED', { eventId: 'taken', quantity: '2' }],
    ['FIELD_INVALID', { eventId: 'good' }],
  ];
  test.each(REFUSED)('%s', async (reason, bad) => {
    const orgId = org();
    await hold(orgId);
    await ask(now(), 'record', { event: event({ orgId, eventId: 'taken', quantity: '1' }) });
    const before = lastSequence();
    const good = event({ eventId: 'good', quantity: '1' });
    expect((await refused(settle(orgId, [good, event(bad)]))).reason).toBe(reason);
    expect(lastSequence()).toBe(before);
    expect(await quotaOf(orgId)).toEqual({ used: '1', reserved: '10' });
    expect(await stateOf(orgId)).toBe('OPEN');
    expect(outcomes(await settle(orgId, [good]))).toEqual(['RECORDED']);
  });

  test('LABEL_SETS_EXHAUSTED by the second of two new label sets', async () => {
    const orgId = org();
    await hold(orgId);
    const sold = (sku: string) => event({ meter: 'priced', dimensions: { sku } });
    const attempt = settle(orgId, [sold('a'), sold('b')]);
    expect((await refused(attempt)).reason).toBe('LABEL_SETS_EXHAUSTED');
    expect(await stateOf(orgId)).toBe('OPEN');
  });
});
