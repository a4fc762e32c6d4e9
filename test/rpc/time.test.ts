// Event times: what is accepted, what they default to, and clocks that jump.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, item, nameIn, time } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const WALL = '2026-11-20T12:00:00.500Z';
const WALL_MS = Date.parse(WALL);
const DAY_MS = 86_400_000;
const clock = createTestClock(WALL);
const yaml = catalogueYaml();
const { now, org } = sharedService({ yaml, clock });

const record = (given: GivenEvent, running: Running = now()) =>
  ask(running, 'record', { event: event({ orgId: 'o', ...given }) });
const answer = async (given: GivenEvent, running: Running = now()) =>
  record(given, running).then(
    ({ outcome }) => nameIn(Outcome, outcome),
    async (error) => (await refused(Promise.reject(error))).reason,
  );

describe('the bounds', () => {
  const BOUNDS: readonly (readonly [what: string, ms: number, expected: string])[] = [
    ['35 days ago', WALL_MS - 35 * DAY_MS, 'RECORDED'],
    ['a millisecond more', WALL_MS - 35 * DAY_MS - 1, 'EVENT_TOO_OLD'],
    ['five minutes ahead', WALL_MS + 300_000, 'RECORDED'],
    ['a millisecond further', WALL_MS + 300_001, 'EVENT_IN_FUTURE'],
    ['now', WALL_MS, 'RECORDED'],
    ['the epoch, which is not now', 0, 'EVENT_TOO_OLD'],
    ['a millisecond before it', -1, 'EVENT_TOO_OLD'],
  ];
  test.each(BOUNDS)('%s', async (_what, ms, expected) => {
    expect(await answer({ at: time(ms) })).toBe(expected);
  });

  test('are settings', async () => {
    const flags = ['--late-days', '2', '--future-minutes', '0'];
    const running = await start({ yaml, clock, flags });
    const found: string[] = [];
    for (const ms of [-2 * DAY_MS, -2 * DAY_MS - 1, 0, 1]) {
      found.push(await answer({ at: time(WALL_MS + ms) }, running));
    }
    expect(found).toEqual(['RECORDED', 'EVENT_TOO_OLD', 'RECORDED', 'EVENT_IN_FUTURE']);
    await running.stop();
  });

  test('are those of the parts of a millisecond that count', async () => {
    const late = time(WALL_MS - 35 * DAY_MS - 1);
    const at = { seconds: late.seconds, nanos: late.nanos + 999_999 };
    expect(await answer({ at })).toBe('EVENT_TOO_OLD');
    const ahead = time(WALL_MS + 300_000);
    expect(await answer({ at: { ...ahead, nanos: ahead.nanos + 999_999 } })).toBe('RECORDED');
  });
});

describe('the time of an event', () => {
  const listed = async (orgId: string) => {
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    return events.map(({ eventTime, recordedTime }) => [iso(eventTime), iso(recordedTime)]);
  };

  test('is the time of receipt where none is given', async () => {
    const orgId = org();
    const reply = await record({ orgId });
    expect(iso(reply.recordedTime)).toBe(WALL);
    expect(await listed(orgId)).toEqual([[WALL, WALL]]);
  });

  test('is floored to the millisecond', async () => {
    const orgId = org();
    const at = { seconds: BigInt(Date.parse('2026-11-20T11:00:00Z') / 1000), nanos: 123_999_999 };
    await record({ orgId, at });
    expect(await listed(orgId)).toEqual([['2026-11-20T11:00:00.123Z', WALL]]);
  });

  test('may lie on both sides of a month', async () => {
    const orgId = org();
    await record({ orgId, quantity: '1', at: '2026-10-31T23:59:59.999Z' });
    await record({ orgId, quantity: '2', at: '2026-11-01T00:00:00.000Z' });
    for (const [period, quantity] of [
      ['2026-10', '1'],
      ['2026-11', '2'],
    ] as const) {
      const { totals } = await ask(now(), 'getUsage', { orgId, meters: ['tokens'], period });
      expect([period, totals[0]?.quantity]).toEqual([period, quantity]);
    }
  });

  test('two events of one time both count', async () => {
    const orgId = org();
    for (let i = 0; i < 2; i++) await record({ orgId, quantity: '5', at: '2026-11-20T11:00:00Z' });
    const { totals } = await ask(now(), 'getUsage', { orgId, meters: ['tokens'] });
    expect(totals[0]).toMatchObject({ quantity: '10', eventCount: 2n });
  });

  test('before this month is not late while nothing is invoiced', async () => {
    const orgId = org();
    await record({ orgId, at: '2026-10-31T00:00:00Z' });
    const { events } = await ask(now(), 'listUsageEvents', { orgId });
    expect(events.map(({ late }) => late)).toEqual([false]);
  });
});

describe('a clock that jumps', () => {
  const rule = rulesYaml('{key: r, meter: tokens, limit: 10, window: CALENDAR_DAY}');
  const enforced = async (running: Running) => {
    const given = event({ orgId: 'o', quantity: '6' });
    const { outcome } = await ask(running, 'record', { event: given, enforceQuota: true });
    return nameIn(Outcome, outcome);
  };

  test('back and forth over a window’s end counts everything once', async () => {
    const own = createTestClock('2026-11-20T23:59:00Z');
    let running = await start({ yaml: rule, clock: own });
    const outcomes: string[] = [];
    for (const at of ['20T23:59', '21T00:01', '20T23:58', '21T00:02', '19T12:00', '20T12:00']) {
      own.setWall(Date.parse(`2026-11-${at}:00Z`));
      outcomes.push(await enforced(running));
      if (at === '21T00:02') running = await running.restart();
    }
    expect(outcomes).toEqual([
      ...['RECORDED', 'RECORDED', 'DENIED', 'DENIED', 'RECORDED', 'DENIED'],
    ]);
    const { totals } = await ask(running, 'getUsage', { orgId: 'o', meters: ['tokens'] });
    expect(totals[0]).toMatchObject({ quantity: '18', eventCount: 3n });
    expect(running.fatal).toEqual([]);
    await running.stop();
  });

  test('back by two windows still enforces the window it is in', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    const running = await start({ yaml: rule, clock: own });
    const outcomes: string[] = [];
    for (const day of [20, 21, 19, 19]) {
      own.setWall(Date.parse(`2026-11-${day}T12:00:00Z`));
      outcomes.push(await enforced(running));
    }
    await running.stop();
    expect(outcomes).toEqual(['RECORDED', 'RECORDED', 'RECORDED', 'DENIED']);
  });

  test('back by a year loses no id and no usage', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml: rule, clock: own });
    const first = await record({ eventId: 'e', quantity: '6' }, running);
    own.setWall(Date.parse('2025-11-20T12:00:00Z'));
    for (let i = 0; i < 2; i++) {
      const again = await record({ eventId: 'e', quantity: '6' }, running);
      expect(nameIn(Outcome, again.outcome)).toBe('DUPLICATE');
      expect(again.sequence).toBe(first.sequence);
      running = await running.restart();
    }
    expect(await enforced(running)).toBe('RECORDED');
    own.setWall(Date.parse('2026-11-20T12:00:00Z'));
    const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items: [item('tokens')] });
    expect(quotas[0]?.used).toBe('6');
    await running.stop();
  });

  test('ahead by ten years and back again', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml: rule, clock: own });
    await record({ eventId: 'a', quantity: '6' }, running);
    own.setWall(Date.parse('2036-11-20T12:00:00Z'));
    expect(await enforced(running)).toBe('RECORDED');
    own.setWall(Date.parse('2026-11-20T12:00:01Z'));
    running = await running.restart();
    expect(nameIn(Outcome, (await record({ eventId: 'a', quantity: '6' }, running)).outcome)).toBe(
      'DUPLICATE',
    );
    expect(await enforced(running)).toBe('DENIED');
    expect(running.fatal).toEqual([]);
    await running.stop();
  });
});
