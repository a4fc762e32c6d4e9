// The life of a reservation: granted, extended, released, expired; each answer again and again.

import { describe, expect, test } from 'vitest';
import { type QuotaItem, Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { ReservationState } from '../../generated/ts/tollgate/v1/reservation.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { moveOn } from '../support/move-on.js';
import { refused } from '../support/refusals.js';
import { ask, duration, event, iso, item, nameIn, type Request } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  plans: freePlan(
    '{key: tokens, meter: tokens, limit: 100}',
    '{key: calls, meter: calls, limit: 5}',
  ),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

type Given = Partial<Request<'reserve'>>;
const TEN = [item('tokens', { quantity: '10' })];
const reserve = (orgId: string, given: Given = {}, running: Running = now()) =>
  ask(running, 'reserve', { orgId, reservationId: 'r', items: TEN, ...given });

async function read(orgId: string, running: Running = now()) {
  const { reservation } = await ask(running, 'getReservation', { orgId, reservationId: 'r' });
  return { ...reservation, state: nameIn(ReservationState, reservation?.state ?? 0) };
}
async function reservedOf(orgId: string, running: Running = now()) {
  const { quotas } = await ask(running, 'checkQuota', { orgId, items: [item('tokens')] });
  return quotas[0]?.reserved;
}
/** The pump that ends holds turns by real time. */
const expires = (orgId: string, running: Running = now()) =>
  expect.poll(async () => (await read(orgId, running)).state, { interval: 20 }).toBe('EXPIRED');

/** Else it would end in the middle of another test, which watches the journal. */
const release = (orgId: string) => ask(now(), 'release', { orgId, reservationId: 'r' });

const SETTLE = { events: [event({ quantity: '4' })] };
/** How a hold ends, and the state it is in then. */
const ENDINGS: readonly (readonly [state: string, end: (orgId: string) => Promise<unknown>])[] = [
  ['SETTLED', (orgId) => ask(now(), 'settle', { orgId, reservationId: 'r', ...SETTLE })],
  ['RELEASED', (orgId) => ask(now(), 'release', { orgId, reservationId: 'r' })],
  [
    'EXPIRED',
    async (orgId) => {
      await moveOn(now(), clock, 60_000);
      await expires(orgId);
    },
  ],
];

describe('Reserve', () => {
  test('holds, and says until when', async () => {
    const orgId = org();
    const at = clock.wallMs();
    const reply = await reserve(orgId);
    expect(reply).toMatchObject({ granted: true, plan: 'free' });
    expect(nameIn(Reason, reply.reason)).toBe('WITHIN_LIMIT');
    const held = {
      meter: 'tokens',
      quantity: '10',
      requestedQuantity: '10',
      dimensions: new Map(),
    };
    expect(reply.items).toEqual([held]);
    expect(iso(reply.expireTime)).toBe(new Date(at + 60_000).toISOString());
    expect(reply.quotas[0]).toMatchObject({ used: '0', reserved: '10', requested: '10' });
    expect(reply.quotas[0]).toMatchObject({ projected: '10', remaining: '90' });
    expect(await read(orgId)).toMatchObject({
      orgId,
      reservationId: 'r',
      state: 'OPEN',
      items: [held],
      expireTime: reply.expireTime,
      endTime: undefined,
      results: [],
      late: false,
    });
    expect(iso((await read(orgId)).createTime)).toBe(new Date(at).toISOString());
    await release(orgId);
  });

  const SAME: readonly (readonly [what: string, given: Given])[] = [
    ['the same', {}],
    ['the default ttl spelt out', { ttl: duration(60) }],
    ['the quantity in another form', { items: [item('tokens', { quantity: '010.0' })] }],
  ];
  test.each(SAME)('answers %s again with the same grant', async (_what, given) => {
    const orgId = org();
    const first = await reserve(orgId);
    const before = lastSequence();
    await moveOn(now(), clock, 30_000);
    const again = await reserve(orgId, given);
    expect(again).toMatchObject({
      granted: true,
      items: first.items,
      expireTime: first.expireTime,
      reason: first.reason,
    });
    expect(again.quotas[0]).toMatchObject({ reserved: '10', projected: '10', remaining: '90' });
    expect(lastSequence()).toBe(before);
    await release(orgId);
  });

  test('answers a grant of everything again, though nothing is left', async () => {
    const orgId = org();
    const items = [item('tokens', { quantity: '100' })];
    await reserve(orgId, { items });
    const again = await reserve(orgId, { items });
    expect([again.granted, nameIn(Reason, again.reason)]).toEqual([true, 'WITHIN_LIMIT']);
    expect(await reservedOf(orgId)).toBe('100');
  });

  const OTHER: readonly (readonly [what: string, given: Given])[] = [
    ['another quantity', { items: [item('tokens', { quantity: '11' })] }],
    ['another meter', { items: [item('calls')] }],
    ['another label', { items: [item('tokens', { quantity: '10', dimensions: { a: 'b' } })] }],
    ['one item more', { items: [...TEN, item('calls')] }],
    ['another ttl', { ttl: duration(61) }],
    ['allow_partial', { allowPartial: true }],
    ['more than there is', { items: [item('tokens', { quantity: '1000' })] }],
  ];
  test.each(OTHER)('refuses the id with %s', async (_what, given) => {
    const orgId = org();
    await reserve(orgId);
    const refusal = await refused(reserve(orgId, given));
    expect(refusal).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'RESERVATION_ID_REUSED' });
    expect(await reservedOf(orgId)).toBe('10');
  });

  test.each(ENDINGS)('after %s is RESERVATION_ENDED, whatever the body', async (_state, end) => {
    const orgId = org();
    await reserve(orgId);
    await end(orgId);
    for (const given of [{}, { ttl: duration(61) }]) {
      const refusal = await refused(reserve(orgId, given));
      expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESERVATION_ENDED' });
    }
    expect(await reservedOf(orgId)).toBe('0');
  });

  test('that is denied leaves the id free', async () => {
    const orgId = org();
    const denied = await reserve(orgId, { items: [item('tokens', { quantity: '101' })] });
    expect(denied).toMatchObject({ granted: false, items: [], expireTime: undefined });
    expect(denied.quotas[0]).toMatchObject({ reserved: '0', requested: '101', projected: '101' });
    expect((await refused(read(orgId))).reason).toBe('RESERVATION_NOT_FOUND');
    expect((await reserve(orgId)).granted).toBe(true);
  });

  test('of one id in two organisations is two holds', async () => {
    const [a, b] = [org(), org()];
    await reserve(a);
    await reserve(b, { items: [item('tokens', { quantity: '20' })] });
    expect([await reservedOf(a), await reservedOf(b)]).toEqual(['10', '20']);
  });

  test('of a hundred at once with one id is one hold', async () => {
    const orgId = org();
    const replies = await Promise.all(Array.from({ length: 100 }, () => reserve(orgId)));
    expect(replies.every(({ granted }) => granted)).toBe(true);
    expect(await reservedOf(orgId)).toBe('10');
  });

  test('takes a ttl of 24 h and of a millisecond', async () => {
    const [a, b] = [org(), org()];
    const long = await reserve(a, { ttl: duration(86_400) });
    expect(iso(long.expireTime)).toBe(new Date(clock.wallMs() + 86_400_000).toISOString());
    const short = await reserve(b, { ttl: duration(0, 1_000_000) });
    expect(iso(short.expireTime)).toBe(new Date(clock.wallMs() + 1).toISOString());
  });

  test('takes no amount of a COUNT meter for 1 when it comes again', async () => {
    const orgId = org();
    await reserve(orgId, { items: [item('calls')] });
    const again = await reserve(orgId, { items: [item('calls', { quantity: '1' })] });
    expect(again.granted).toBe(true);
  });

  const afterItsMeter = async (items: QuotaItem[]) => {
    let running = await start({ yaml, clock: createTestClock() });
    await reserve('o', { items }, running);
    const meters = '[{key: other, unit: o, scale: 0, aggregation: SUM}]';
    running = await running.restart({ yaml: catalogueYaml({ meters }) });
    return reserve('o', { items }, running).finally(() => running.stop());
  };

  test('answers again though the meter is gone', async () => {
    const again = await afterItsMeter(TEN);
    expect([again.granted, again.items[0]?.quantity, again.quotas]).toEqual([true, '10', []]);
  });

  test('answers again though the meter of no amount is gone', async () => {
    expect((await afterItsMeter([item('calls')])).granted).toBe(true);
  });
});

describe('ExtendReservation', () => {
  test.each([
    ['later', 120, 120_000],
    ['earlier', 10, 10_000],
    ['by default', undefined, 60_000],
  ])('sets the end %s: now and the ttl', async (_what, seconds, ms) => {
    const orgId = org();
    await reserve(orgId);
    await moveOn(now(), clock, 5_000);
    const ttl = seconds === undefined ? {} : { ttl: duration(seconds) };
    const given = { orgId, reservationId: 'r', ...ttl };
    const { reservation } = await ask(now(), 'extendReservation', given);
    const end = new Date(clock.wallMs() + ms).toISOString();
    expect(iso(reservation?.expireTime)).toBe(end);
    expect(iso((await read(orgId)).expireTime)).toBe(end);
    await moveOn(now(), clock, ms);
    await expires(orgId);
  });

  test('keeps a hold beyond its first end', async () => {
    const [orgId, other] = [org(), org()];
    await reserve(orgId);
    await reserve(other);
    await ask(now(), 'extendReservation', { orgId, reservationId: 'r', ttl: duration(3600) });
    await moveOn(now(), clock, 60_000);
    await expires(other);
    expect((await read(orgId)).state).toBe('OPEN');
    expect((await reserve(orgId)).granted).toBe(true);
  });

  test.each(ENDINGS)('of one that is %s is RESERVATION_ENDED', async (_state, end) => {
    const orgId = org();
    await reserve(orgId);
    await end(orgId);
    const refusal = await refused(ask(now(), 'extendReservation', { orgId, reservationId: 'r' }));
    expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESERVATION_ENDED' });
  });
});

describe('Release', () => {
  test('gives back what was held, once', async () => {
    const orgId = org();
    await reserve(orgId);
    const first = await ask(now(), 'release', { orgId, reservationId: 'r' });
    const before = lastSequence();
    await moveOn(now(), clock, 1000);
    const again = await ask(now(), 'release', { orgId, reservationId: 'r' });
    expect(again).toEqual(first);
    expect(nameIn(ReservationState, first.reservation?.state ?? 0)).toBe('RELEASED');
    expect(lastSequence()).toBe(before);
    expect(await reservedOf(orgId)).toBe('0');
  });

  test('of an expired one answers EXPIRED', async () => {
    const orgId = org();
    await reserve(orgId);
    await moveOn(now(), clock, 60_000);
    await expires(orgId);
    const { reservation } = await ask(now(), 'release', { orgId, reservationId: 'r' });
    expect(nameIn(ReservationState, reservation?.state ?? 0)).toBe('EXPIRED');
  });

  test('of a settled one is RESERVATION_ENDED', async () => {
    const orgId = org();
    await reserve(orgId);
    await ask(now(), 'settle', { orgId, reservationId: 'r', ...SETTLE });
    const refusal = await refused(ask(now(), 'release', { orgId, reservationId: 'r' }));
    expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'RESERVATION_ENDED' });
  });
});

describe('expiry', () => {
  test('frees the quota, and says when', async () => {
    const orgId = org();
    await reserve(orgId, { items: [item('tokens', { quantity: '100' })] });
    expect((await reserve(orgId, { reservationId: 's' })).granted).toBe(false);
    await moveOn(now(), clock, 59_999);
    expect((await read(orgId)).state).toBe('OPEN');
    await moveOn(now(), clock, 1);
    await expires(orgId);
    expect(iso((await read(orgId)).endTime)).toBe(new Date(clock.wallMs()).toISOString());
    expect((await reserve(orgId, { reservationId: 's' })).granted).toBe(true);
  });

  test('follows the monotonic clock: a wall clock set ahead ends nothing', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    const running = await start({ yaml, clock: own });
    await reserve('a', {}, running);
    own.setWall(Date.parse('2026-11-20T18:00:00Z'));
    await reserve('b', { ttl: duration(1) }, running);
    await moveOn(running, own, 1_000);
    await expires('b', running);
    expect((await read('a', running)).state).toBe('OPEN');
    await running.stop();
  });

  test('happens after a restart, by the wall clock', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml, clock: own });
    await reserve('a', {}, running);
    await reserve('b', { ttl: duration(3600) }, running);
    running = await running.restart();
    expect((await read('a', running)).state).toBe('OPEN');
    expect(await reservedOf('a', running)).toBe('10');
    expect((await reserve('a', {}, running)).granted).toBe(true);
    await moveOn(running, own, 60_000);
    running = await running.restart();
    await expires('a', running);
    expect(await reservedOf('a', running)).toBe('0');
    expect((await read('b', running)).state).toBe('OPEN');
    await running.stop();
  });
});

describe('what is not there', () => {
  test.each(['getReservation', 'release', 'extendReservation', 'settle'] as const)(
    '%s is RESERVATION_NOT_FOUND',
    async (name) => {
      const before = lastSequence();
      const refusal = await refused(ask(now(), name, { orgId: org(), reservationId: 'nothing' }));
      expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'RESERVATION_NOT_FOUND' });
      expect(lastSequence()).toBe(before);
    },
  );
});
