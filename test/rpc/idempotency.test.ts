// The same event sent again counts once, whatever happened in between.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const yaml = rulesYaml('{key: tokens, meter: tokens, limit: 100}');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent, running: Running = now(), enforceQuota = false) =>
  ask(running, 'record', { event: event(given), enforceQuota });
const usedOf = async (orgId: string, running = now()) =>
  (await ask(running, 'checkQuota', { orgId, items: [item('tokens')] })).quotas[0]?.used;

describe('a repeat is DUPLICATE', () => {
  const FIRST: GivenEvent = { eventId: 'e', quantity: '7', dimensions: { model: 'm', run: 'r' } };
  const SAME: readonly (readonly [what: string, again: GivenEvent])[] = [
    ['with the same body', {}],
    ['with another time', { at: '2026-11-01T00:00:00Z' }],
    ['with a time that would be too old', { at: '1970-01-01T00:00:00Z' }],
    ['with a time that would be in the future', { at: '2027-11-01T00:00:00Z' }],
    ['with the quantity in another form', { quantity: '007.0' }],
    ['with the labels in another order', { dimensions: { run: 'r', model: 'm' } }],
  ];
  test.each(SAME)('%s', async (_what, again) => {
    const orgId = org();
    const first = await record({ orgId, ...FIRST });
    const before = lastSequence();
    const second = await record({ orgId, ...FIRST, ...again });
    expect(nameIn(Outcome, second.outcome)).toBe('DUPLICATE');
    expect(second).toMatchObject({
      eventId: 'e',
      quantity: '7',
      sequence: first.sequence,
      recordedTime: first.recordedTime,
      plan: 'free',
    });
    expect(lastSequence()).toBe(before);
    expect(await usedOf(orgId)).toBe('7');
  });

  const EQUAL: readonly (readonly [what: string, meter: string, GivenEvent, GivenEvent])[] = [
    ['1.0 is 1', 'run_units', { quantity: '1.0' }, { quantity: '1' }],
    ['no amount is 1', 'tokens', {}, { quantity: '1' }],
    ['1 is no amount', 'tokens', { quantity: '1' }, {}],
    ['no amount of a COUNT meter is 1', 'calls', {}, { quantity: '1' }],
    [
      'no amount of a UNIQUE meter is 1',
      'users',
      { dimensions: { user: 'u' } },
      { dimensions: { user: 'u' }, quantity: '1.000' },
    ],
    ['0.50 is 0.5', 'run_units', { quantity: '0.50' }, { quantity: '0.5' }],
    ['a run is its figures', 'run_units', { run: { cpuSeconds: 1 } }, { run: { cpuSeconds: 1.0 } }],
  ];
  test.each(EQUAL)('%s', async (_what, meter, first, second) => {
    const orgId = org();
    const one = await record({ orgId, eventId: 'e', meter, ...first });
    const two = await record({ orgId, eventId: 'e', meter, ...second });
    expect(nameIn(Outcome, two.outcome)).toBe('DUPLICATE');
    expect(two.sequence).toBe(one.sequence);
  });

  test('with the quotas as they are now', async () => {
    const orgId = org();
    await record({ orgId, eventId: 'e', quantity: '7' });
    await record({ orgId, eventId: 'f', quantity: '90' });
    const again = await record({ orgId, eventId: 'e', quantity: '7' });
    expect(again.quotas[0]).toMatchObject({ used: '97', requested: '0', projected: '97' });
    expect(again.quotas[0]).toMatchObject({ remaining: '3', thresholdsCrossed: [80, 95] });
  });

  test('where enforce_quota would deny it now', async () => {
    const orgId = org();
    await record({ orgId, eventId: 'e', quantity: '100' });
    const again = await record({ orgId, eventId: 'e', quantity: '100' }, now(), true);
    expect(nameIn(Outcome, again.outcome)).toBe('DUPLICATE');
  });

  test('of a hundred at the same time, one of which is RECORDED', async () => {
    const orgId = org();
    const attempts = Array.from({ length: 100 }, () =>
      record({ orgId, eventId: 'e', quantity: '7' }),
    );
    const replies = await Promise.all(attempts);
    const outcomes = replies.map(({ outcome }) => nameIn(Outcome, outcome));
    expect(outcomes.filter((outcome) => outcome === 'RECORDED')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'DUPLICATE')).toHaveLength(99);
    expect(new Set(replies.map(({ sequence }) => sequence)).size).toBe(1);
    expect(await usedOf(orgId)).toBe('7');
  });
});

describe('another body under the same id is EVENT_ID_REUSED', () => {
  const FIRST: GivenEvent = { eventId: 'e', quantity: '7', dimensions: { model: 'm' } };
  const OTHER: readonly (readonly [what: string, again: GivenEvent])[] = [
    ['another quantity', { quantity: '8' }],
    ['another meter', { meter: 'run_units' }],
    ['a meter that does not exist', { meter: 'nothing' }],
    ['a run', { run: { cpuSeconds: 7 } }],
    ['more decimals than the meter keeps', { quantity: '7.5' }],
    ['another value', { dimensions: { model: 'n' } }],
    ['another key', { dimensions: { tool: 'm' } }],
    ['one label more', { dimensions: { model: 'm', tool: '' } }],
    ['no labels', { dimensions: {} }],
    ['a key like a prototype', { dimensions: [['__proto__', 'm']] }],
  ];
  test.each(OTHER)('%s', async (_what, again) => {
    const orgId = org();
    await record({ orgId, ...FIRST });
    const before = lastSequence();
    const attempt = record({ orgId, ...FIRST, ...again });
    expect(await refused(attempt)).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'EVENT_ID_REUSED',
      domain: 'tollgate.dev',
    });
    expect(lastSequence()).toBe(before);
    expect(await usedOf(orgId)).toBe('7');
  });

  test('labels that would be equal if they were joined', async () => {
    const orgId = org();
    await record({ orgId, eventId: 'e', dimensions: { a: 'b=c', d: 'e' } });
    const again = record({ orgId, eventId: 'e', dimensions: { 'a=b': 'c', d: 'e' } });
    expect((await refused(again)).reason).toBe('EVENT_ID_REUSED');
  });

  test('__proto__ with another value', async () => {
    const orgId = org();
    const given: GivenEvent = { orgId, eventId: 'e', dimensions: [['__proto__', 'x']] };
    await record(given);
    expect(nameIn(Outcome, (await record(given)).outcome)).toBe('DUPLICATE');
    const again = record({ ...given, dimensions: [['__proto__', 'y']] });
    expect((await refused(again)).reason).toBe('EVENT_ID_REUSED');
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect([...(events[0]?.dimensions ?? [])]).toEqual([['__proto__', 'x']]);
  });
});

describe('only RECORDED uses an id up', () => {
  test('a denied event can be sent again with another body', async () => {
    const orgId = org();
    await record({ orgId, quantity: '100' });
    const denied = await record({ orgId, eventId: 'e', quantity: '1' }, now(), true);
    expect(nameIn(Outcome, denied.outcome)).toBe('DENIED');
    expect(denied).toMatchObject({ sequence: 0n, quantity: '1', recordedTime: undefined });
    const again = await record({ orgId, eventId: 'e', quantity: '2' });
    expect(nameIn(Outcome, again.outcome)).toBe('RECORDED');
  });

  test('nor does a refused event', async () => {
    const orgId = org();
    const REFUSED: readonly GivenEvent[] = [
      { quantity: '-1' },
      { quantity: '0.5' },
      { meter: 'nothing' },
      { at: '1970-01-01T00:00:00Z' },
      { at: '2027-01-01T00:00:00Z' },
    ];
    for (const given of REFUSED) await refused(record({ orgId, eventId: 'e', ...given }));
    const reply = await record({ orgId, eventId: 'e', quantity: '3' });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
  });

  test('nor does validate_only', async () => {
    const orgId = org();
    const given = event({ orgId, eventId: 'e', quantity: '3' });
    const before = lastSequence();
    const reply = await ask(now(), 'record', { event: given, validateOnly: true });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    expect(reply).toMatchObject({ sequence: 0n, quantity: '3', recordedTime: undefined });
    expect(reply.quotas[0]).toMatchObject({ used: '0', requested: '3', projected: '3' });
    expect(lastSequence()).toBe(before);
    expect(nameIn(Outcome, (await record({ orgId, eventId: 'e' })).outcome)).toBe('RECORDED');
  });

  test('validate_only says DUPLICATE and DENIED as Record would', async () => {
    const orgId = org();
    await record({ orgId, eventId: 'e', quantity: '100' });
    const outcome = async (eventId: string, quantity: string) => {
      const given = event({ orgId, eventId, quantity });
      const options = { event: given, validateOnly: true, enforceQuota: true };
      const reply = await ask(now(), 'record', options);
      return nameIn(Outcome, reply.outcome);
    };
    expect(await outcome('e', '100')).toBe('DUPLICATE');
    expect(await outcome('f', '1')).toBe('DENIED');
  });
});

describe('the id belongs to the organisation', () => {
  test('one id in two organisations is two events', async () => {
    const [a, b] = [org(), org()];
    const first = await record({ orgId: a, eventId: 'e', quantity: '1' });
    const second = await record({ orgId: b, eventId: 'e', quantity: '2' });
    expect(nameIn(Outcome, second.outcome)).toBe('RECORDED');
    expect(second.sequence).toBeGreaterThan(first.sequence);
    expect([await usedOf(a), await usedOf(b)]).toEqual(['1', '2']);
  });

  test('an event and a reservation may share one', async () => {
    const orgId = org();
    await record({ orgId, eventId: 'x', quantity: '1' });
    const hold = { orgId, reservationId: 'x' };
    const { granted } = await ask(now(), 'reserve', { ...hold, items: [item('tokens')] });
    expect(granted).toBe(true);
    await ask(now(), 'release', hold);
    expect(nameIn(Outcome, (await record({ orgId, eventId: 'x' })).outcome)).toBe('DUPLICATE');
  });

  test('without an id every attempt is an event with a UUIDv7 of its own', async () => {
    const orgId = org();
    const replies = [await record({ orgId }), await record({ orgId })];
    for (const { eventId, outcome } of replies) {
      expect(eventId).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(nameIn(Outcome, outcome)).toBe('RECORDED');
    }
    expect(replies[0]?.eventId).not.toBe(replies[1]?.eventId);
    expect(await usedOf(orgId)).toBe('2');
  });
});

describe('over time', () => {
  test('a retry that crosses the late bound and a restart is still DUPLICATE', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml, clock: own });
    const given = { orgId: 'o', eventId: 'e', quantity: '5', at: '2026-10-16T12:00:00Z' };
    const first = await record(given, running);
    expect(nameIn(Outcome, first.outcome)).toBe('RECORDED');
    own.advance(1);
    const late = record({ ...given, eventId: 'f' }, running);
    expect((await refused(late)).reason).toBe('EVENT_TOO_OLD');
    for (const days of [0, 1, 20, 40]) {
      own.advance(days * 86_400_000);
      running = await running.restart();
      const again = await record(given, running);
      expect(nameIn(Outcome, again.outcome)).toBe('DUPLICATE');
      expect(again.sequence).toBe(first.sequence);
      expect(iso(again.recordedTime)).toBe('2026-11-20T12:00:00.000Z');
      const other = record({ ...given, quantity: '6' }, running);
      expect((await refused(other)).reason).toBe('EVENT_ID_REUSED');
    }
    await running.stop();
  });

  test('an event of a meter that is gone, and of one with other decimals, is DUPLICATE', async () => {
    let running = await start({ yaml, clock: createTestClock() });
    const given = { orgId: 'o', eventId: 'e', quantity: '5' };
    await record(given, running);
    const meters = '[{key: other, unit: o, scale: 0, aggregation: SUM}]';
    running = await running.restart({ yaml: catalogueYaml({ meters }) });
    const again = await record(given, running);
    expect(nameIn(Outcome, again.outcome)).toBe('DUPLICATE');
    expect(again.quantity).toBe('5');
    const fresh = record({ ...given, eventId: 'f' }, running);
    expect((await refused(fresh)).reason).toBe('METER_UNKNOWN');
    await running.stop();
  });
});
