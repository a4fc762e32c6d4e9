// What a hold takes from the quotas: of every rule, of several meters at once, of levels, in part.

import { beforeAll, describe, expect, test } from 'vitest';
import { ReservationState } from '../../generated/ts/tollgate/v1/reservation.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { moveOn } from '../support/move-on.js';
import { refused } from '../support/refusals.js';
import {
  ask,
  duration,
  event,
  type GivenEvent,
  item,
  nameIn,
  type Request,
} from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  plans: `
    - id: free
      quotas:
        - {key: tokens, meter: tokens, limit: 100}
        - {key: day, meter: tokens, limit: 60, window: CALENDAR_DAY}
        - {key: run, meter: tokens, limit: 50, window: LIFETIME, scope: [run]}
        - {key: gpu, meter: tokens, limit: 20, match: {model: gpu}}
        - {key: calls, meter: calls, limit: 5}
        - {key: seats, meter: seats, limit: 10, window: LIFETIME}
        - {key: peak, meter: peak, limit: 10}
        - {key: users, meter: users, limit: 2}
        - {key: units, meter: run_units, limit: 1}`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

type Given = Partial<Request<'reserve'>>;
const reserve = (orgId: string, given: Given, running: Running = now()) =>
  ask(running, 'reserve', { orgId, reservationId: 'r', ...given });
const record = (given: GivenEvent, enforceQuota = false, running: Running = now()) =>
  ask(running, 'record', { event: event(given), enforceQuota });
const DAY = duration(86_400);
const tokens = (quantity: string, dimensions: GivenEvent['dimensions'] = {}) =>
  item('tokens', { quantity, dimensions });

async function reservedOf(orgId: string, meter: string, dimensions: GivenEvent['dimensions'] = {}) {
  const given = { orgId, items: [item(meter, { dimensions })] };
  const { quotas } = await ask(now(), 'checkQuota', given);
  return Object.fromEntries(quotas.map(({ quotaKey, reserved }) => [quotaKey, reserved]));
}

describe('a hold counts', () => {
  test('in every rule that it meets, and in those alone', async () => {
    const orgId = org();
    const labels = { run: 'a', model: 'gpu' };
    await reserve(orgId, { items: [tokens('15', labels)] });
    expect(await reservedOf(orgId, 'tokens', labels)).toEqual({
      tokens: '15',
      day: '15',
      run: '15',
      gpu: '15',
    });
    expect(await reservedOf(orgId, 'tokens', { run: 'b' })).toEqual({
      tokens: '15',
      day: '15',
      run: '0',
    });
    await ask(now(), 'release', { orgId, reservationId: 'r' });
    expect(await reservedOf(orgId, 'tokens', labels)).toEqual({
      tokens: '0',
      day: '0',
      run: '0',
      gpu: '0',
    });
  });

  test('against an enforced Record and another Reserve', async () => {
    const orgId = org();
    await reserve(orgId, { items: [tokens('40', { run: 'a' })] });
    const over = { orgId, quantity: '21', dimensions: { run: 'b' } };
    expect(nameIn(Outcome, (await record(over, true)).outcome)).toBe('DENIED');
    const other = { reservationId: 's', items: [tokens('21', { run: 'b' })] };
    expect((await reserve(orgId, other)).granted).toBe(false);
    const fits = { reservationId: 's', items: [tokens('20', { run: 'b' })] };
    expect((await reserve(orgId, fits)).granted).toBe(true);
  });

  test('of 23:59 still at 00:01, in the window that runs then', async () => {
    const own = createTestClock('2026-11-20T23:59:00Z');
    const running = await start({ yaml, clock: own });
    const items = [tokens('50')];
    await reserve('o', { items, ttl: duration(3600) }, running);
    await moveOn(running, own, 120_000);
    const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items: [tokens('1')] });
    const day = quotas.find(({ quotaKey }) => quotaKey === 'day');
    expect(day).toMatchObject({ used: '0', reserved: '50', remaining: '10' });
    expect(day?.windowStart?.seconds).toBe(BigInt(Date.parse('2026-11-21T00:00:00Z') / 1000));
    const over = await record(
      { orgId: 'o', quantity: '11', dimensions: { run: 'b' } },
      true,
      running,
    );
    expect(nameIn(Outcome, over.outcome)).toBe('DENIED');
    const at = '2026-11-20T23:59:30Z';
    await ask(running, 'settle', {
      orgId: 'o',
      reservationId: 'r',
      events: [event({ quantity: '50', at })],
    });
    const after = await ask(running, 'checkQuota', { orgId: 'o', items: [tokens('1')] });
    const settled = after.quotas.find(({ quotaKey }) => quotaKey === 'day');
    expect(settled).toMatchObject({ used: '0', reserved: '0' });
    await running.stop();
  });

  test('for several meters all or nothing', async () => {
    const orgId = org();
    const items = [tokens('10'), item('calls'), item('run_units', { run: { cpuSeconds: 0.5 } })];
    const first = await reserve(orgId, { items });
    expect(first.items.map(({ meter, quantity }) => [meter, quantity])).toEqual([
      ['tokens', '10'],
      ['calls', '1'],
      ['run_units', '0.6'],
    ]);
    const before = lastSequence();
    const again = await reserve(orgId, { items, reservationId: 's' });
    expect(again).toMatchObject({ granted: false, items: [] });
    expect(again.quotas[0]?.quotaKey).toBe('units');
    expect(lastSequence()).toBe(before);
    expect((await reservedOf(orgId, 'calls'))['calls']).toBe('1');
  });

  test('for items of one meter together', async () => {
    const orgId = org();
    const items = [tokens('30', { run: 'a' }), tokens('30', { run: 'b' })];
    expect((await reserve(orgId, { items: [...items, tokens('1')] })).granted).toBe(false);
    expect((await reserve(orgId, { items })).granted).toBe(true);
    expect(await reservedOf(orgId, 'tokens', { run: 'a' })).toMatchObject({ day: '60', run: '30' });
  });

  test('as one new value on UNIQUE, as nothing for a value seen', async () => {
    const orgId = org();
    await record({ orgId, meter: 'users', dimensions: { user: 'a' } });
    const held = (user: string) => [item('users', { dimensions: { user } })];
    expect((await reserve(orgId, { items: held('a') })).granted).toBe(true);
    expect(await reservedOf(orgId, 'users', { user: 'x' })).toEqual({ users: '0' });
    expect((await reserve(orgId, { reservationId: 's', items: held('b') })).granted).toBe(true);
    expect(await reservedOf(orgId, 'users', { user: 'x' })).toEqual({ users: '1' });
    expect((await reserve(orgId, { reservationId: 't', items: held('c') })).granted).toBe(false);
  });

  test('of MAX asks whether the level fits, and holds nothing', async () => {
    const orgId = org();
    const level = (value: string) => [item('peak', { level: value })];
    expect((await reserve(orgId, { items: level('10') })).granted).toBe(true);
    const other = await reserve(orgId, { reservationId: 's', items: level('10.01') });
    expect(other.granted).toBe(false);
  });

  test('of LAST adds to the level', async () => {
    const orgId = org();
    await record({ orgId, meter: 'seats', quantity: '7', dimensions: { team: 'a' } });
    const more = (quantity: string) => [item('seats', { quantity, dimensions: { team: 'b' } })];
    expect((await reserve(orgId, { items: more('4') })).granted).toBe(false);
    expect((await reserve(orgId, { items: more('3') })).granted).toBe(true);
    expect(await reservedOf(orgId, 'seats')).toEqual({ seats: '3' });
  });

  test('of a LAST level is the difference to the present one', async () => {
    const orgId = org();
    await record({ orgId, meter: 'seats', quantity: '3' });
    const reply = await reserve(orgId, { items: [item('seats', { level: '5' })] });
    expect(reply.items[0]).toMatchObject({ quantity: '2', requestedQuantity: '2' });
  });

  test('of one new value named twice is one', async () => {
    const orgId = org();
    await record({ orgId, meter: 'users', dimensions: { user: 'a' } });
    const twice = [1, 2].map(() => item('users', { dimensions: { user: 'b' } }));
    expect((await ask(now(), 'checkQuota', { orgId, items: twice })).allowed).toBe(true);
  });
});

describe('allow_partial', () => {
  type Row = readonly [asked: string, used: string, granted: string | undefined];
  const ROWS: readonly Row[] = [
    ['0.4', '0', '0.4'],
    ['1', '0', '1'],
    ['1.5', '0', '1'],
    ['0.4', '0.7', '0.3'],
    ['0.4', '0.9999', '0.0001'],
    ['0.4', '1', undefined],
    ['0.4', '2', undefined],
    ['0', '1', undefined],
  ];
  test.each(ROWS)('%s asked for, %s of 1 used: %s', async (asked, used, granted) => {
    const orgId = org();
    await record({ orgId, meter: 'run_units', quantity: used });
    const items = [item('run_units', { quantity: asked })];
    const reply = await reserve(orgId, { items, allowPartial: true });
    expect(reply.granted).toBe(granted !== undefined);
    const held = reply.items.map((each) => [each.quantity, each.requestedQuantity]);
    expect(held).toEqual(granted === undefined ? [] : [[granted, asked]]);
    expect(await reservedOf(orgId, 'run_units')).toEqual({ units: granted ?? '0' });
  });

  test('grants the least that any rule leaves', async () => {
    const orgId = org();
    const items = [tokens('55', { run: 'a', model: 'gpu' })];
    const reply = await reserve(orgId, { items, allowPartial: true });
    expect(reply.items[0]).toMatchObject({ quantity: '20', requestedQuantity: '55' });
  });

  test('cuts later items to what earlier ones leave', async () => {
    const orgId = org();
    const items = [tokens('40', { run: 'a' }), tokens('40', { run: 'b' })];
    const reply = await reserve(orgId, { items, allowPartial: true });
    expect(reply.items.map(({ quantity }) => quantity)).toEqual(['40', '20']);
  });

  test('answers the same part again', async () => {
    const orgId = org();
    const given = { items: [tokens('55')], allowPartial: true };
    const first = await reserve(orgId, given);
    const again = await reserve(orgId, given);
    expect(first.items[0]?.quantity).toBe('50');
    expect(again.items).toEqual(first.items);
    expect((await reservedOf(orgId, 'tokens'))['day']).toBe('50');
  });

  test('grants the other items where one has nothing left', async () => {
    const orgId = org();
    for (let i = 0; i < 5; i++) await record({ orgId, meter: 'calls' });
    const items = [tokens('10'), item('calls')];
    const reply = await reserve(orgId, { items, allowPartial: true });
    expect(reply.items.map(({ quantity }) => quantity)).toEqual(['10', '0']);
  });

  test('of a LAST level grants up to the limit', async () => {
    const orgId = org();
    await record({ orgId, meter: 'seats', quantity: '5' });
    const items = [item('seats', { level: '12' })];
    const reply = await reserve(orgId, { items, allowPartial: true });
    expect(reply.granted).toBe(true);
    expect(await reservedOf(orgId, 'seats')).toEqual({ seats: '5' });
  });
});

describe('many holds', () => {
  const unlimited = catalogueYaml();

  test('1000 may be open, one more is HOLDS_EXHAUSTED until one ends', async () => {
    const running = await start({ yaml: unlimited });
    const one = (n: number, orgId = 'o') =>
      reserve(
        orgId,
        { reservationId: `r${n}`, items: [item('tokens')], ttl: duration(3600) },
        running,
      );
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, n) => one(n)));
    expect(replies.every(({ granted }) => granted)).toBe(true);
    const before = running.core.journal.lastSequence();
    const refusal = await refused(one(1000));
    expect(refusal).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'HOLDS_EXHAUSTED' });
    expect(running.core.journal.lastSequence()).toBe(before);
    expect((await one(5)).granted).toBe(true);
    expect((await one(0, 'other')).granted).toBe(true);
    await ask(running, 'release', { orgId: 'o', reservationId: 'r0' });
    expect((await one(1000)).granted).toBe(true);
    await running.stop();
  });

  const PAGES: readonly (readonly [pageSize: number, sizes: number[]])[] = [
    [0, [100, 100, 50]],
    [100, [100, 100, 50]],
    [250, [250]],
    [249, [249, 1]],
    [1001, [250]],
    [90, [90, 90, 70]],
  ];
  const IDS = Array.from({ length: 250 }, (_, n) => `r${n}`);
  const listing = 'listing';
  // A level of MAX holds nothing, so there is room for any number of them.
  beforeAll(() =>
    Promise.all(
      IDS.map((reservationId) =>
        reserve(listing, { reservationId, items: [item('peak', { level: '1' })], ttl: DAY }),
      ),
    ),
  );

  test.each(PAGES)('are listed in pages of %s: %j', async (pageSize, sizes) => {
    const seen: string[] = [];
    const pages: number[] = [];
    for (let pageToken = ''; ; ) {
      const given = { orgId: listing, pageSize, pageToken };
      const { reservations, nextPageToken } = await ask(now(), 'listReservations', given);
      pages.push(reservations.length);
      seen.push(...reservations.map(({ reservationId }) => reservationId));
      pageToken = nextPageToken;
      if (pageToken === '') break;
    }
    expect(pages).toEqual(sizes);
    expect(seen.toSorted()).toEqual(IDS.toSorted());
  });

  test('a page size below 0 is 1', async () => {
    const orgId = org();
    for (const reservationId of ['a', 'b']) {
      await reserve(orgId, { reservationId, items: [item('calls')] });
    }
    const reply = await ask(now(), 'listReservations', { orgId, pageSize: -5 });
    expect(reply.reservations).toHaveLength(1);
    expect(reply.nextPageToken).not.toBe('');
  });

  const listed = async (orgId: string, state: ReservationState) => {
    const { reservations } = await ask(now(), 'listReservations', { orgId, state });
    return reservations.map(({ reservationId }) => reservationId);
  };
  const three = async () => {
    const orgId = org();
    for (const reservationId of ['b', 'c', 'a']) {
      await reserve(orgId, { reservationId, items: [item('calls')] });
      await moveOn(now(), clock, 1);
    }
    return orgId;
  };

  test('only open ones, by state OPEN and by none', async () => {
    const orgId = await three();
    await ask(now(), 'release', { orgId, reservationId: 'b' });
    const open = await listed(orgId, ReservationState.RESERVATION_STATE_OPEN);
    expect(open).toEqual(['a', 'c']);
    expect(await listed(orgId, ReservationState.RESERVATION_STATE_UNSPECIFIED)).toEqual(open);
  });

  test('newest first, those of one time by id', async () => {
    const orgId = await three();
    for (const reservationId of ['z', 'y']) {
      await reserve(orgId, { reservationId, items: [item('calls')] });
    }
    const ids = ['y', 'z', 'a', 'c', 'b'];
    expect(await listed(orgId, ReservationState.RESERVATION_STATE_OPEN)).toEqual(ids);
    const paged: string[] = [];
    for (let pageToken = ''; ; ) {
      const given = { orgId, pageSize: 2, pageToken };
      const reply = await ask(now(), 'listReservations', given);
      paged.push(...reply.reservations.map(({ reservationId }) => reservationId));
      pageToken = reply.nextPageToken;
      if (pageToken === '') break;
    }
    expect(paged).toEqual(ids);
  });

  test.each(['SETTLED', 'RELEASED', 'EXPIRED'] as const)('not by state %s', async (state) => {
    const given = { orgId: org(), state: ReservationState[`RESERVATION_STATE_${state}`] };
    const refusal = await refused(ask(now(), 'listReservations', given));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['state'] });
  });

  test('a page token of another organisation is refused', async () => {
    const orgId = await three();
    const { nextPageToken } = await ask(now(), 'listReservations', { orgId, pageSize: 1 });
    const given = { orgId: org(), pageSize: 1, pageToken: nextPageToken };
    const refusal = await refused(ask(now(), 'listReservations', given));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
  });
});
