import { describe, expect, test } from 'vitest';
import { use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml();

/** Friday noon. */
async function service(act: (running: Running) => Promise<void>): Promise<void> {
  const running = await start({ yaml, clock: createTestClock('2026-11-20T12:00:00Z') });
  try {
    await act(running);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const trend = (running: Running, request: object) =>
  cold(running, 'Admin', 'GetUsageTrend', { meter: 'tokens', ...request });
const range = (start: string, end: string) => ({
  start_time: time(`${start}Z`),
  end_time: time(`${end}Z`),
});

/** "2026-11-18 a 10 after 4 (150.00 %) 3 events". */
function rowText(row: Json): string {
  const day = timeText(row.window_start).slice(0, 10);
  const label = row.dimension_value === '' ? '' : ` ${row.dimension_value}`;
  const change = row.change_percent === undefined ? '' : ` (${row.change_percent} %)`;
  const events = row.event_count === 1 ? '1 event' : `${row.event_count} events`;
  return `${day}${label} ${row.quantity} after ${row.previous_quantity}${change} ${events}`;
}

const tokens = (orgId: string, quantity: string, at: string, model = 'a') => ({
  orgId,
  meter: 'tokens',
  quantity,
  at: `${at}Z`,
  dimensions: { model },
});

async function someDays(running: Running): Promise<void> {
  await use(running, tokens('acme', '10', '2026-11-18T08:00:00'));
  await use(running, tokens('acme', '4', '2026-11-19T23:59:59'));
  await use(running, tokens('acme', '5', '2026-11-20T00:00:00'));
  await use(running, tokens('acme', '3', '2026-11-20T11:00:00', 'b'));
  await use(running, tokens('bolt', '8', '2026-11-18T08:00:00'));
  await use(running, tokens('bolt', '7', '2026-11-19T08:00:00'));
}

describe('one organisation', () => {
  test('by day, each beside the day before, days without usage at 0', () =>
    service(async (running) => {
      await someDays(running);
      const days = range('2026-11-17T15:00:00', '2026-11-20T12:00:00');
      const { rows, unit } = await trend(running, { org_id: 'acme', ...days });
      expect(unit).toBe('token');
      expect(rows.map(rowText)).toEqual([
        '2026-11-17 0 after 0 0 events',
        '2026-11-18 10 after 0 1 event',
        '2026-11-19 4 after 10 (-60.00 %) 1 event',
        '2026-11-20 8 after 4 (100.00 %) 2 events',
      ]);
      expect(timeText(rows[0].window_end)).toBe('2026-11-18T00:00:00.000Z');
    }));

  test('the window before the range is compared with, also where it is not shown', () =>
    service(async (running) => {
      await someDays(running);
      const day = range('2026-11-19T00:00:00', '2026-11-20T00:00:00');
      const { rows } = await trend(running, { org_id: 'acme', ...day });
      expect(rows.map(rowText)).toEqual(['2026-11-19 4 after 10 (-60.00 %) 1 event']);
    }));

  test('by a label: what was used before and is not now has fallen to 0', () =>
    service(async (running) => {
      await someDays(running);
      const days = range('2026-11-19T00:00:00', '2026-11-22T00:00:00');
      const { rows } = await trend(running, { org_id: 'acme', group_by: 'model', ...days });
      expect(rows.map(rowText)).toEqual([
        '2026-11-19 a 4 after 10 (-60.00 %) 1 event',
        '2026-11-20 a 5 after 4 (25.00 %) 1 event',
        '2026-11-20 b 3 after 0 1 event',
        '2026-11-21 a 0 after 5 (-100.00 %) 0 events',
        '2026-11-21 b 0 after 3 (-100.00 %) 0 events',
      ]);
    }));

  test('by week from Monday, and by month, each whole', () =>
    service(async (running) => {
      await someDays(running);
      await use(running, tokens('acme', '20', '2026-11-11T00:00:00'));
      await use(running, tokens('acme', '2', '2026-10-31T23:00:00'));
      const of = async (window: string) => {
        const ask = {
          window: `USAGE_WINDOW_${window}`,
          ...range('2026-11-12T00:00:00', '2026-11-17T00:00:00'),
        };
        return (await trend(running, { org_id: 'acme', ...ask })).rows.map(rowText);
      };
      expect(await of('WEEK')).toEqual([
        '2026-11-09 20 after 0 1 event',
        '2026-11-16 22 after 20 (10.00 %) 4 events',
      ]);
      expect(await of('MONTH')).toEqual(['2026-11-01 42 after 2 (2000.00 %) 5 events']);
    }));

  test('on the calendar of a zone', () =>
    service(async (running) => {
      await someDays(running);
      const { rows } = await trend(running, {
        org_id: 'acme',
        time_zone: 'America/New_York',
        ...range('2026-11-19T12:00:00', '2026-11-20T12:00:00'),
      });
      expect(rows.map(({ window_start }: Json) => timeText(window_start))).toEqual([
        '2026-11-19T05:00:00.000Z',
        '2026-11-20T05:00:00.000Z',
      ]);
      // What was used at midnight UTC is of the evening before.
      expect(rows.map(({ quantity }: Json) => quantity)).toEqual(['9', '3']);
    }));

  test.each([
    ['DAY', 30, '2026-10-22', '2026-11-20'],
    ['WEEK', 12, '2026-08-31', '2026-11-16'],
    ['MONTH', 12, '2025-12-01', '2026-11-01'],
  ])('without times: the latest by %s with the running one', (window, count, first, last) =>
    service(async (running) => {
      const { rows } = await trend(running, { org_id: 'acme', window: `USAGE_WINDOW_${window}` });
      const days = rows.map(({ window_start }: Json) => timeText(window_start).slice(0, 10));
      expect([days.length, days[0], days.at(-1)]).toEqual([count, first, last]);
    }),
  );

  test('levels hold until their source reports another one', () =>
    service(async (running) => {
      const seats = (team: string, quantity: string, at: string) =>
        use(running, {
          orgId: 'acme',
          meter: 'seats',
          quantity,
          at: `${at}Z`,
          dimensions: { team },
        });
      await seats('a', '3', '2026-11-10T09:00:00');
      await seats('b', '2', '2026-11-18T09:00:00');
      await seats('a', '1', '2026-11-20T09:00:00');
      const days = range('2026-11-17T00:00:00', '2026-11-21T00:00:00');
      const { rows } = await trend(running, { org_id: 'acme', meter: 'seats', ...days });
      expect(rows.map(rowText)).toEqual([
        '2026-11-17 3 after 3 (0.00 %) 0 events',
        '2026-11-18 5 after 3 (66.67 %) 1 event',
        '2026-11-19 5 after 5 (0.00 %) 0 events',
        '2026-11-20 3 after 5 (-40.00 %) 1 event',
      ]);
    }));

  test('an event that was taken back is in no window', () =>
    service(async (running) => {
      await someDays(running);
      await use(running, { ...tokens('acme', '90', '2026-11-19T10:00:00'), eventId: 'wrong' });
      const void_ = { org_id: 'acme', event_id: 'wrong', reason: 'test' };
      await cold(running, 'Correction', 'VoidEvent', void_);
      const day = range('2026-11-19T00:00:00', '2026-11-20T00:00:00');
      const { rows } = await trend(running, { org_id: 'acme', ...day });
      expect(rows.map(rowText)).toEqual(['2026-11-19 4 after 10 (-60.00 %) 1 event']);
    }));

  test('one without usage, or that nobody knows, has zeros', () =>
    service(async (running) => {
      const day = range('2026-11-19T00:00:00', '2026-11-20T00:00:00');
      const { rows } = await trend(running, { org_id: 'nobody', ...day });
      expect(rows.map(rowText)).toEqual(['2026-11-19 0 after 0 0 events']);
      const grouped = await trend(running, { org_id: 'nobody', group_by: 'model', ...day });
      expect(grouped.rows).toEqual([]);
    }));
});

describe('all organisations together', () => {
  test('are the sum of each, also from what is stored', async () => {
    const clock = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml, clock });
    try {
      await someDays(running);
      const days = range('2026-11-18T00:00:00', '2026-11-20T12:00:00');
      const expected = [
        '2026-11-18 18 after 0 2 events',
        '2026-11-19 11 after 18 (-38.89 %) 2 events',
        '2026-11-20 8 after 11 (-27.27 %) 2 events',
      ];
      expect((await trend(running, days)).rows.map(rowText)).toEqual(expected);
      running = await running.restart();
      expect((await trend(running, days)).rows.map(rowText)).toEqual(expected);
    } finally {
      await running.stop();
    }
  });

  const METERS: readonly [meter: string, key: string][] = [
    ['tokens', 'model'],
    ['calls', 'tool'],
    ['peak', 'region'],
    ['seats', ''],
    ['users', 'region'],
  ];

  test('whatever the aggregation, say what GetUsage says of each', () =>
    service(async (running) => {
      const orgIds = ['acme', 'bolt', 'cork'];
      await randomUsage(running, orgIds);
      for (const [meter, key] of METERS) {
        for (const window of ['DAY', 'WEEK']) {
          const asked = { meter, window: `USAGE_WINDOW_${window}`, group_by: key };
          const days = range('2026-11-12T00:00:00', '2026-11-20T00:00:00');
          const { rows } = await trend(running, { ...asked, ...days });
          expect(rows.length).toBeGreaterThan(0);
          for (const row of rows) await compare(running, orgIds, meter, key, row);
        }
      }
    }));
});

/** The same for the same seed: a linear congruential generator (Numerical Recipes). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
}

async function randomUsage(running: Running, orgIds: readonly string[]): Promise<void> {
  const random = randomOf(7);
  const startMs = Date.parse('2026-11-10T00:00:00Z');
  for (let i = 0; i < 200; i++) {
    const orgId = orgIds[random(orgIds.length)] ?? '';
    const at = new Date(startMs + random(10 * 24 * 60) * 60_000).toISOString();
    const label = `l${random(3)}`;
    const quantity = `${random(50)}`;
    const given = [
      { meter: 'tokens', quantity, dimensions: { model: label } },
      { meter: 'calls', dimensions: { tool: label } },
      { meter: 'peak', quantity, dimensions: { region: label } },
      { meter: 'seats', quantity, dimensions: { team: label } },
      { meter: 'users', dimensions: { user: quantity, region: label } },
    ][random(5)];
    if (given !== undefined) await use(running, { orgId, at, ...given });
  }
}

async function compare(
  running: Running,
  orgIds: readonly string[],
  meter: string,
  key: string,
  row: Json,
): Promise<void> {
  let quantity = 0;
  let events = 0;
  for (const orgId of orgIds) {
    const [from, to] = [row.window_start, row.window_end].map(({ seconds, nanos }) => {
      return { seconds: BigInt(seconds), nanos };
    });
    const { rows } = await ask(running, 'getUsage', {
      orgId,
      meters: [meter],
      startTime: from,
      endTime: to,
      groupBy: key === '' ? [] : [key],
    });
    for (const each of rows) {
      if ((each.dimensions.get(key) ?? '') !== row.dimension_value) continue;
      quantity += Number(each.quantity);
      events += Number(each.eventCount);
    }
  }
  expect([row.quantity, row.event_count, meter]).toEqual([`${quantity}`, events, meter]);
}

describe('a bad request', () => {
  test.each<[what: string, request: object, fields: string[]]>([
    ['meter', { meter: 'NO' }, ['meter']],
    ['organisation', { org_id: 'a b' }, ['org_id']],
    ['zone', { time_zone: 'Mars/Olympus' }, ['time_zone']],
    ['window', { window: 'USAGE_WINDOW_HOUR' }, ['window']],
    ['group', { group_by: 'team' }, ['group_by']],
    ['half a range', { start_time: time('2026-11-01T00:00:00Z') }, ['end_time']],
    ['an empty range', range('2026-11-02T00:00:00', '2026-11-02T00:00:00'), ['end_time']],
    ['too long a range', range('1990-01-01T00:00:00', '2026-01-01T00:00:00'), ['window']],
  ])('%s', (_, request, fields) =>
    service(async (running) => {
      const refusal = await refused(trend(running, request));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FIELD_INVALID', fields });
    }),
  );

  test('an unknown meter is not found', () =>
    service(async (running) => {
      const refusal = await refused(trend(running, { meter: 'none' }));
      expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'METER_NOT_FOUND' });
    }));

  test('10,000 rows are given, one more is refused', () =>
    service(async (running) => {
      const DAY_MS = 86_400_000;
      const endMs = Date.parse('2026-11-21T00:00:00Z');
      const days = (count: number) => {
        const start = new Date(endMs - count * DAY_MS).toISOString().slice(0, 19);
        return trend(running, range(start, '2026-11-21T00:00:00'));
      };
      expect((await days(10_000)).rows).toHaveLength(10_000);
      expect(await refused(days(10_001))).toMatchObject({ fields: ['window'] });
    }));
});
