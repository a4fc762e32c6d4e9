// RecordBatch: an outcome for each event, in order; atomic or not.

import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import {
  ask,
  event,
  type GivenEvent,
  iso,
  item,
  nameIn,
  type Request,
} from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT}
    - {key: daily, unit: token, scale: 0, aggregation: SUM}
    - {key: peak, unit: MB, scale: 0, aggregation: MAX}
    - {key: seats, unit: seat, scale: 0, aggregation: LAST, source_keys: [team]}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: user}
    - {key: priced, unit: p, scale: 0, aggregation: SUM, rollup_keys: [sku], label_sets_max: 1}`,
  price_lists: `
    - {id: default, prices: [{meter: priced, match: {sku: a}, unit_price: 1}]}`,
  plans: freePlan(
    '{key: tokens, meter: tokens, limit: 10}',
    '{key: daily, meter: daily, limit: 10, window: CALENDAR_DAY}',
    '{key: peak, meter: peak, limit: 10}',
    '{key: seats, meter: seats, limit: 10, window: LIFETIME}',
    '{key: users, meter: users, limit: 1}',
  ),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const batch = (orgId: string, events: UsageEvent[], given: Partial<Request<'recordBatch'>> = {}) =>
  ask(now(), 'recordBatch', { orgId, events, ...given });
const outcomesOf = async (...given: Parameters<typeof batch>) =>
  (await batch(...given)).results.map(({ outcome }) => nameIn(Outcome, outcome));
const usedOf = async (orgId: string, meter = 'tokens') => {
  const { totals } = await ask(now(), 'getUsage', { orgId, meters: [meter] });
  return totals[0]?.quantity;
};
const one = (eventId: string, quantity = '1', rest: GivenEvent = {}) =>
  event({ eventId, quantity, ...rest });

/** One event of each outcome; `taken` was recorded before. */
const MIXED: readonly (readonly [outcome: string, given: UsageEvent])[] = [
  ['RECORDED', one('a')],
  ['INVALID', one('b', '-1')],
  ['DUPLICATE', one('taken')],
  ['CONFLICT', one('taken', '2')],
  ['TOO_OLD', one('c', '1', { at: '1970-01-01T00:00:00Z' })],
  ['IN_FUTURE', one('d', '1', { at: '2026-11-20T12:05:00.001Z' })],
  ['UNKNOWN_METER', one('e', '1', { meter: 'nothing' })],
  ['DUPLICATE', one('a')],
  ['CONFLICT', one('a', '2')],
  ['RECORDED', event({ quantity: '2' })],
];

describe('a batch', () => {
  test('answers for each event, in order', async () => {
    const orgId = org();
    const taken = await ask(now(), 'record', { event: { ...one('taken'), orgId } });
    const before = lastSequence();
    const { results } = await batch(
      orgId,
      MIXED.map(([, given]) => given),
    );
    expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(
      MIXED.map(([outcome]) => outcome),
    );
    expect(lastSequence()).toBe(before + 2);
    for (const [index, result] of results.entries()) {
      const [outcome, given] = MIXED[index] ?? ['', one('')];
      const counted = outcome === 'RECORDED' || outcome === 'DUPLICATE';
      expect(result.quantity !== '').toBe(counted);
      expect(result.sequence > 0n).toBe(counted);
      expect(result.recordedTime !== undefined).toBe(counted);
      expect(result.message === '').toBe(counted);
      expect(result.clientSequence).toBe(0n);
      if (given.eventId !== '') expect(result.eventId).toBe(given.eventId);
    }
    expect(results[2]).toMatchObject({ sequence: taken.sequence, quantity: '1' });
    expect(results[7]?.sequence).toBe(results[0]?.sequence);
    expect(results[9]?.eventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(iso(results[0]?.recordedTime)).toBe('2026-11-20T12:00:00.000Z');
    expect(await usedOf(orgId)).toBe('4');
  });

  test('sent again is all DUPLICATE', async () => {
    const orgId = org();
    const events = ['a', 'b', 'c'].map((id) => one(id));
    const first = await batch(orgId, events);
    const again = await batch(orgId, events);
    expect(again.results.map(({ sequence }) => sequence)).toEqual(
      first.results.map(({ sequence }) => sequence),
    );
    expect(await outcomesOf(orgId, events)).toEqual(Array(3).fill('DUPLICATE'));
    expect(await usedOf(orgId)).toBe('3');
  });

  test('takes 1000 events and more bytes than one sync’s usual share', async () => {
    const orgId = org();
    const text = 'v'.repeat(256);
    const dimensions = Array.from({ length: 12 }, (_, i): [string, string] => [`k${i}`, text]);
    const events = Array.from({ length: 1000 }, (_, i) => one(`e${i}`, '1', { dimensions }));
    const outcomes = await outcomesOf(orgId, events);
    expect(new Set(outcomes)).toEqual(new Set(['RECORDED']));
    expect(await usedOf(orgId)).toBe('1000');
  });

  test('over 4 MiB is RESOURCE_EXHAUSTED by the transport, and nothing is recorded', async () => {
    const orgId = org();
    const before = lastSequence();
    const text = 'v'.repeat(256);
    const dimensions = Array.from({ length: 16 }, (_, i): [string, string] => [`k${i}`, text]);
    const events = Array.from({ length: 1000 }, (_, i) => one(`e${i}`, '1', { dimensions }));
    expect(await refused(batch(orgId, events))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(lastSequence()).toBe(before);
  });

  test('enforced grants in order what is left, one after the other', async () => {
    const orgId = org();
    const events = ['6', '5', '4', '1'].map((quantity, i) => one(`e${i}`, quantity));
    const { results } = await batch(orgId, events, { enforceQuota: true });
    expect(
      results.map(({ outcome, reason }) => [nameIn(Outcome, outcome), nameIn(Reason, reason)]),
    ).toEqual([
      ['RECORDED', 'WITHIN_LIMIT'],
      ['DENIED', 'HARD_LIMIT_EXCEEDED'],
      ['RECORDED', 'WITHIN_LIMIT'],
      ['DENIED', 'HARD_LIMIT_EXCEEDED'],
    ]);
    expect(await outcomesOf(orgId, events.slice(1, 2))).toEqual(['RECORDED']);
  });
});

describe('org_id', () => {
  test('stands for the events that name none', async () => {
    const orgId = org();
    await batch(orgId, [one('a'), one('b', '1', { orgId })]);
    expect(await usedOf(orgId)).toBe('2');
  });

  test.each([false, true])(
    'refuses an event of another organisation (atomic: %s)',
    async (atomic) => {
      const orgId = org();
      const events = [one('a'), one('b', '1', { orgId: 'other' })];
      const { results } = await batch(orgId, events, { atomic });
      expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual([
        atomic ? 'NOT_APPLIED' : 'RECORDED',
        'INVALID',
      ]);
      expect(results[1]?.message).toContain('events[1].org_id');
      expect(await usedOf('other')).toBe('0');
    },
  );

  test('left out lets each event name its own', async () => {
    const [a, b] = [org(), org()];
    const events = [one('e', '1', { orgId: a }), one('e', '2', { orgId: b }), one('e')];
    expect(await outcomesOf('', events)).toEqual(['RECORDED', 'RECORDED', 'INVALID']);
    expect([await usedOf(a), await usedOf(b)]).toEqual(['1', '2']);
  });
});

describe('atomic', () => {
  test('records all where each is RECORDED or DUPLICATE', async () => {
    const orgId = org();
    await ask(now(), 'record', { event: { ...one('taken'), orgId } });
    const events = [one('a'), one('taken'), one('b'), one('a')];
    expect(await outcomesOf(orgId, events, { atomic: true })).toEqual([
      'RECORDED',
      'DUPLICATE',
      'RECORDED',
      'DUPLICATE',
    ]);
    expect(await usedOf(orgId)).toBe('3');
  });

  const FAULTS = MIXED.filter(([outcome]) => !['RECORDED', 'DUPLICATE'].includes(outcome));
  test.each(FAULTS)('records nothing where one is %s', async (outcome, bad) => {
    const orgId = org();
    await ask(now(), 'record', { event: { ...one('taken'), orgId } });
    const before = lastSequence();
    const events = [one('a'), bad, one('z')];
    const expected = bad.eventId === 'a' ? 'CONFLICT' : outcome;
    const { results } = await batch(orgId, events, { atomic: true });
    expect(results.map((result) => nameIn(Outcome, result.outcome))).toEqual([
      'NOT_APPLIED',
      expected,
      'NOT_APPLIED',
    ]);
    expect(results[1]?.message).not.toBe('');
    expect(results[0]).toMatchObject({ eventId: 'a', sequence: 0n, quantity: '' });
    expect(lastSequence()).toBe(before);
    const good = [one('a'), one('z')];
    expect(await outcomesOf(orgId, good, { atomic: true })).toEqual(['RECORDED', 'RECORDED']);
  });

  test('a failing batch of a new organisation leaves no trace', async () => {
    const orgId = org();
    const before = lastSequence();
    await batch(orgId, [one('a'), one('b', 'x')], { atomic: true });
    expect(lastSequence()).toBe(before);
  });

  const TOGETHER: readonly (readonly [quantities: string[], outcomes: string[]])[] = [
    [
      ['4', '6'],
      ['RECORDED', 'RECORDED'],
    ],
    [
      ['4', '7'],
      ['NOT_APPLIED', 'DENIED'],
    ],
    [
      ['11', '1'],
      ['DENIED', 'NOT_APPLIED'],
    ],
    [
      ['4', '4', '4'],
      ['NOT_APPLIED', 'NOT_APPLIED', 'DENIED'],
    ],
  ];
  test.each(TOGETHER)('enforced: %j of 10 are %j', async (quantities, outcomes) => {
    const orgId = org();
    const events = quantities.map((quantity, i) => one(`e${i}`, quantity));
    const given = { atomic: true, enforceQuota: true };
    expect(await outcomesOf(orgId, events, given)).toEqual(outcomes);
    const sum = quantities.reduce((total, quantity) => total + Number(quantity), 0);
    expect(await usedOf(orgId)).toBe(outcomes.includes('DENIED') ? '0' : `${sum}`);
  });

  test('enforced: levels of different sources add up', async () => {
    const orgId = org();
    const level = (team: string, quantity: string) =>
      event({ meter: 'seats', quantity, dimensions: { team } });
    const given = { atomic: true, enforceQuota: true };
    expect(await outcomesOf(orgId, [level('a', '6'), level('b', '5')], given)).toEqual([
      'NOT_APPLIED',
      'DENIED',
    ]);
    expect(await outcomesOf(orgId, [level('a', '6'), level('b', '4')], given)).toEqual([
      'RECORDED',
      'RECORDED',
    ]);
  });

  test('enforced: each level of MAX by itself', async () => {
    const events = ['6', '7'].map((quantity) => event({ meter: 'peak', quantity }));
    const given = { atomic: true, enforceQuota: true };
    expect(await outcomesOf(org(), events, given)).toEqual(['RECORDED', 'RECORDED']);
  });

  test('records nothing where the second new label set is one too many', async () => {
    const orgId = org();
    const events = ['a', 'b'].map((sku) => event({ meter: 'priced', dimensions: { sku } }));
    const before = lastSequence();
    expect(await outcomesOf(orgId, events, { atomic: true })).toEqual([
      'NOT_APPLIED',
      'LABEL_SETS_EXHAUSTED',
    ]);
    expect(lastSequence()).toBe(before);
  });

  const AGREE: readonly (readonly [what: string, events: UsageEvent[]])[] = [
    [
      'two levels of one source',
      ['6', '7'].map((quantity) => event({ meter: 'seats', quantity, dimensions: { team: 'a' } })),
    ],
    ['one new value twice', [1, 2].map(() => event({ meter: 'users', dimensions: { user: 'u' } }))],
    [
      'two windows with room for each',
      [
        event({ meter: 'daily', quantity: '6', at: '2026-11-19T12:00:00Z' }),
        event({ meter: 'daily', quantity: '6' }),
      ],
    ],
  ];
  test.each(AGREE)('enforced: %s are granted as one by one', async (_what, events) => {
    const given = { enforceQuota: true };
    const single = await outcomesOf(org(), events, given);
    expect(single).toEqual(['RECORDED', 'RECORDED']);
    expect(await outcomesOf(org(), events, { ...given, atomic: true })).toEqual(single);
  });
});

test('a batch is there after a restart, whole', async () => {
  let running = await start({ yaml, clock });
  const events = Array.from({ length: 500 }, (_, i) => one(`e${i}`));
  await ask(running, 'recordBatch', { orgId: 'o', events, atomic: true });
  running = await running.restart();
  const again = await ask(running, 'recordBatch', { orgId: 'o', events });
  expect(new Set(again.results.map(({ outcome }) => nameIn(Outcome, outcome)))).toEqual(
    new Set(['DUPLICATE']),
  );
  const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items: [item('tokens')] });
  expect(quotas[0]?.used).toBe('500');
  await running.stop();
});
