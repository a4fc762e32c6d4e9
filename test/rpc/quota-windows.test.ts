// Which window an event counts in, when it resets, and that backdating evades nothing.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { rulesYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

async function withRule(
  rule: string,
  wall: string,
  body: (running: Running, clock: TestClock) => Promise<void>,
): Promise<void> {
  const clock = createTestClock(wall);
  const running = await start({ yaml: rulesYaml(`{key: rule, meter: tokens, ${rule}}`), clock });
  await body(running, clock);
  expect(running.fatal).toEqual([]);
  await running.stop();
}

async function record(running: Running, given: GivenEvent, enforceQuota = true) {
  const given_ = event({ orgId: 'o', ...given });
  const reply = await ask(running, 'record', { event: given_, enforceQuota });
  return `${nameIn(Outcome, reply.outcome)} ${reply.quotas[0]?.used}`;
}

async function status(running: Running) {
  const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items: [item('tokens')] });
  const [quota] = quotas;
  return {
    used: quota?.used,
    start: iso(quota?.windowStart),
    reset: iso(quota?.resetTime),
    length: quota?.windowLength,
  };
}

type Calendar = readonly [window: string, at: string, start: string, reset: string];
const CALENDAR: readonly Calendar[] = [
  ['CALENDAR_HOUR', '2026-11-20T12:59:59.999Z', '2026-11-20T12:00', '2026-11-20T13:00'],
  ['CALENDAR_DAY', '2026-11-20T23:59:59.999Z', '2026-11-20T00:00', '2026-11-21T00:00'],
  ['CALENDAR_DAY', '2028-02-29T23:59:59.999Z', '2028-02-29T00:00', '2028-03-01T00:00'],
  ['CALENDAR_MONTH', '2026-11-30T23:59:59.999Z', '2026-11-01T00:00', '2026-12-01T00:00'],
  ['CALENDAR_MONTH', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00', '2026-03-01T00:00'],
  ['CALENDAR_MONTH', '2028-02-29T23:59:59.999Z', '2028-02-01T00:00', '2028-03-01T00:00'],
  ['CALENDAR_YEAR', '2026-12-31T23:59:59.999Z', '2026-01-01T00:00', '2027-01-01T00:00'],
  ['SUBSCRIPTION_PERIOD', '2026-11-30T23:59:59.999Z', '2026-11-01T00:00', '2026-12-01T00:00'],
];

describe('calendar windows', () => {
  test.each(CALENDAR)('%s ends after %s', async (window, at, from, reset) => {
    await withRule(`limit: 10, window: ${window}`, at, async (running, clock) => {
      expect(await record(running, { quantity: '10' })).toBe('RECORDED 10');
      expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
      expect(await status(running)).toEqual({
        used: '10',
        start: `${from}:00.000Z`,
        reset: `${reset}:00.000Z`,
        length: undefined,
      });
      clock.advance(1);
      expect(await status(running)).toMatchObject({ used: '0', start: `${reset}:00.000Z` });
      expect(await record(running, { quantity: '10' })).toBe('RECORDED 10');
    });
  });

  test('LIFETIME never resets', async () => {
    await withRule(
      'limit: 10, window: LIFETIME',
      '2026-12-31T23:59:59Z',
      async (running, clock) => {
        await record(running, { quantity: '10' });
        clock.advance(400 * 86_400_000);
        expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
        expect((await status(running)).reset).toBeUndefined();
      },
    );
  });

  test('LIFETIME has no start', async () => {
    await withRule('limit: 10, window: LIFETIME', '2026-11-20T12:00:00Z', async (running) => {
      await record(running, { quantity: '10' });
      expect((await status(running)).start).toBeUndefined();
    });
  });
});

describe('FIXED_FROM_FIRST_USE', () => {
  const FIVE_HOURS = 'limit: 10, window: FIXED_FROM_FIRST_USE, window_length: 5h';

  test('opens at the first use and lasts its length', async () => {
    await withRule(FIVE_HOURS, '2026-11-20T12:34:56.789Z', async (running, clock) => {
      expect(await record(running, { quantity: '4' })).toBe('RECORDED 4');
      clock.advance(3 * 3_600_000);
      expect(await record(running, { quantity: '6' })).toBe('RECORDED 10');
      expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
      expect(await status(running)).toEqual({
        used: '10',
        start: '2026-11-20T12:34:56.789Z',
        reset: '2026-11-20T17:34:56.789Z',
        length: { seconds: 18_000n, nanos: 0 },
      });
      clock.advance(2 * 3_600_000 - 1);
      expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
      clock.advance(1);
      expect(await record(running, { quantity: '1' })).toBe('RECORDED 1');
      expect((await status(running)).start).toBe('2026-11-20T17:34:56.789Z');
    });
  });

  test('the next window opens at the next use, not at the end of the last', async () => {
    await withRule(FIVE_HOURS, '2026-11-20T00:00:00Z', async (running, clock) => {
      await record(running, { quantity: '10' });
      clock.advance(7 * 3_600_000);
      expect(await record(running, { quantity: '9' })).toBe('RECORDED 9');
      expect((await status(running)).reset).toBe('2026-11-20T12:00:00.000Z');
    });
  });

  test('opens by recorded time, so a backdated event counts now', async () => {
    await withRule(FIVE_HOURS, '2026-11-20T12:00:00Z', async (running) => {
      expect(await record(running, { quantity: '10', at: '2026-11-01T00:00:00Z' })).toBe(
        'RECORDED 10',
      );
      expect(await record(running, { quantity: '1', at: '2026-10-20T00:00:00Z' })).toBe(
        'DENIED 10',
      );
      expect((await status(running)).start).toBe('2026-11-20T12:00:00.000Z');
    });
  });

  test('a denied event opens nothing; a window survives a restart', async () => {
    const clock = createTestClock('2026-11-20T12:00:00Z');
    const yaml = rulesYaml(`{key: rule, meter: tokens, ${FIVE_HOURS}}`);
    let running = await start({ yaml, clock });
    expect(await record(running, { quantity: '11' })).toBe('DENIED 0');
    clock.advance(60_000);
    await record(running, { quantity: '10' });
    clock.advance(4 * 3_600_000);
    running = await running.restart();
    expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
    expect((await status(running)).reset).toBe('2026-11-20T17:01:00.000Z');
    await running.stop();
  });

  test('has neither start nor reset before its first use', async () => {
    await withRule(FIVE_HOURS, '2026-11-20T12:00:00Z', async (running) => {
      expect(await status(running)).toMatchObject({ start: undefined, reset: undefined });
    });
  });
});

describe('the event time', () => {
  const DAILY = 'limit: 10, window: CALENDAR_DAY';

  test('late usage counts in the window of its event time', async () => {
    await withRule(DAILY, '2026-11-20T12:00:00Z', async (running, clock) => {
      expect(await record(running, { quantity: '8', at: '2026-11-19T23:59:59.999Z' })).toBe(
        'RECORDED 0',
      );
      expect((await status(running)).used).toBe('0');
      expect(await record(running, { quantity: '3', at: '2026-11-20T00:00:00Z' })).toBe(
        'RECORDED 3',
      );
      clock.setWall(Date.parse('2026-11-19T12:00:00Z'));
      expect((await status(running)).used).toBe('8');
    });
  });

  test('the window of now and the one before must both have room', async () => {
    await withRule(DAILY, '2026-11-20T12:00:00Z', async (running) => {
      const yesterday = '2026-11-19T12:00:00Z';
      expect(await record(running, { quantity: '8', at: yesterday })).toBe('RECORDED 0');
      const denied = await ask(running, 'record', {
        event: event({ orgId: 'o', quantity: '3', at: yesterday }),
        enforceQuota: true,
      });
      expect(nameIn(Outcome, denied.outcome)).toBe('DENIED');
      expect(denied.quotas.map(({ used, windowStart }) => [used, iso(windowStart)])).toEqual([
        ['8', '2026-11-19T00:00:00.000Z'],
        ['0', '2026-11-20T00:00:00.000Z'],
      ]);
      expect(await record(running, { quantity: '10' })).toBe('RECORDED 10');
      expect(await record(running, { quantity: '1', at: yesterday })).toBe('DENIED 10');
    });
  });

  test('an older one is EVENT_TOO_OLD where it is enforced, and recorded where not', async () => {
    await withRule(DAILY, '2026-11-20T12:00:00Z', async (running) => {
      const at = '2026-11-18T23:59:59.999Z';
      const before = running.core.journal.lastSequence();
      const given = event({ orgId: 'o', eventId: 'e', quantity: '1', at });
      const refusal = await refused(ask(running, 'record', { event: given, enforceQuota: true }));
      expect(refusal).toMatchObject({ code: 'OUT_OF_RANGE', reason: 'EVENT_TOO_OLD' });
      expect(running.core.journal.lastSequence()).toBe(before);
      expect(await record(running, { eventId: 'e', quantity: '1', at }, false)).toBe('RECORDED 0');
    });
  });

  test('an older one is recorded under enforce_quota where no rule applies', async () => {
    await withRule(DAILY, '2026-11-20T12:00:00Z', async (running) => {
      const given = event({ orgId: 'o', meter: 'calls', at: '2026-10-20T00:00:00Z' });
      const reply = await ask(running, 'record', { event: given, enforceQuota: true });
      expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    });
  });

  test('a few minutes ahead count in the window they fall in, which must have room', async () => {
    await withRule(DAILY, '2026-11-20T23:58:00Z', async (running, clock) => {
      const tomorrow = '2026-11-21T00:01:00Z';
      expect(await record(running, { quantity: '10', at: tomorrow })).toBe('RECORDED 0');
      expect(await record(running, { quantity: '1', at: tomorrow })).toBe('DENIED 10');
      expect(await record(running, { quantity: '10' })).toBe('RECORDED 10');
      clock.advance(3 * 60_000);
      expect(await record(running, { quantity: '1' })).toBe('DENIED 10');
    });
  });

  test('an event ahead leaves the window before now as it is', async () => {
    await withRule(DAILY, '2026-11-20T23:58:00Z', async (running) => {
      const yesterday = '2026-11-19T12:00:00Z';
      expect(await record(running, { quantity: '10', at: yesterday })).toBe('RECORDED 0');
      expect(await record(running, { quantity: '1' })).toBe('RECORDED 1');
      expect(await record(running, { quantity: '1', at: '2026-11-21T00:01:00Z' })).toBe(
        'RECORDED 1',
      );
      expect(await record(running, { quantity: '5', at: yesterday })).toBe('DENIED 10');
    });
  });

  test('counters of windows survive a restart', async () => {
    const clock = createTestClock('2026-11-20T12:00:00Z');
    const yaml = rulesYaml(`{key: rule, meter: tokens, ${DAILY}}`);
    let running = await start({ yaml, clock });
    await record(running, { quantity: '8', at: '2026-11-19T12:00:00Z' });
    await record(running, { quantity: '7' });
    running = await running.restart();
    expect(await record(running, { quantity: '4' })).toBe('DENIED 7');
    expect(await record(running, { quantity: '3', at: '2026-11-19T12:00:00Z' })).toBe('DENIED 8');
    await running.stop();
  });
});

test('the counter of an idle scope starts again after scope_idle_days', async () => {
  const clock = createTestClock('2026-11-01T00:00:00Z');
  const yaml = rulesYaml('{key: rule, meter: tokens, limit: 10, scope: [run], window: LIFETIME}');
  const running = await start({ yaml, clock, flags: ['--scope-idle-days', '2'] });
  const dimensions = { run: 'a' };
  expect(await record(running, { quantity: '10', dimensions })).toBe('RECORDED 10');
  clock.advance(2 * 86_400_000);
  expect(await record(running, { quantity: '1', dimensions })).toBe('DENIED 10');
  clock.advance(1);
  expect(await record(running, { quantity: '4', dimensions })).toBe('RECORDED 4');
  expect(await record(running, { quantity: '7', dimensions })).toBe('DENIED 4');
  await running.stop();
});
