// GetUsage by hour, day, week and month, in zones with and without daylight saving.

import { beforeAll, describe, expect, test } from 'vitest';
import { UsageWindow } from '../../generated/ts/tollgate/v1/usage.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, iso, time } from '../support/requests.js';
import { sharedFile } from '../support/shared-files.js';
import { sharedService } from '../support/shared-service.js';

const HOUR_MS = 3_600_000;
const clock = createTestClock('2027-01-10T12:00:00Z');
const { now } = sharedService({
  yaml: catalogueYaml(),
  clock,
  flags: ['--late-days', '400', '--id-retention-days', '402'],
});

const ORG = { orgId: 'o', meters: ['tokens'] };

/** An event of 1 in the middle of every quarter hour of 2026: a window's sum is its length. */
beforeAll(async () => {
  const start = Date.parse('2026-01-01T00:00:00Z') + 450_000;
  const count = 365 * 24 * 4;
  for (let from = 0; from < count; from += 1000) {
    const events = Array.from({ length: Math.min(1000, count - from) }, (_, i) =>
      event({ quantity: '1', at: time(start + (from + i) * 900_000) }),
    );
    await ask(now(), 'recordBatch', { orgId: 'o', events });
  }
});

async function windows(window: keyof typeof WINDOWS, timeZone: string, from: string, to: string) {
  const { rows } = await ask(now(), 'getUsage', {
    ...ORG,
    window: WINDOWS[window],
    timeZone,
    startTime: time(from),
    endTime: time(to),
  });
  for (const { quantity, windowStart, windowEnd } of rows) {
    const seconds = Number((windowEnd?.seconds ?? 0n) - (windowStart?.seconds ?? 0n));
    expect(Number(quantity) * 900).toBe(seconds);
  }
  return rows.map((row) => iso(row.windowStart)?.slice(5, 16));
}

const WINDOWS = {
  NONE: UsageWindow.USAGE_WINDOW_NONE,
  HOUR: UsageWindow.USAGE_WINDOW_HOUR,
  DAY: UsageWindow.USAGE_WINDOW_DAY,
  WEEK: UsageWindow.USAGE_WINDOW_WEEK,
  MONTH: UsageWindow.USAGE_WINDOW_MONTH,
};

type Row = readonly [
  window: keyof typeof WINDOWS,
  zone: string,
  from: string,
  to: string,
  starts: readonly string[],
];
const ROWS: readonly Row[] = [
  ['NONE', 'UTC', '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z', ['03-01T00:00']],
  [
    'HOUR',
    'UTC',
    '2026-03-01T00:00:00Z',
    '2026-03-01T03:00:00Z',
    ['03-01T00:00', '03-01T01:00', '03-01T02:00'],
  ],
  ['HOUR', '', '2026-03-01T00:30:00Z', '2026-03-01T01:15:00Z', ['03-01T00:30', '03-01T01:00']],
  [
    'HOUR',
    'Asia/Kolkata',
    '2026-03-01T00:00:00Z',
    '2026-03-01T02:00:00Z',
    ['03-01T00:00', '03-01T00:30', '03-01T01:30'],
  ],
  [
    'HOUR',
    'Asia/Kathmandu',
    '2026-03-01T00:00:00Z',
    '2026-03-01T01:30:00Z',
    ['03-01T00:00', '03-01T00:15', '03-01T01:15'],
  ],
  [
    'DAY',
    'UTC',
    '2026-02-27T12:00:00Z',
    '2026-03-02T12:00:00Z',
    ['02-27T12:00', '02-28T00:00', '03-01T00:00', '03-02T00:00'],
  ],
  [
    'DAY',
    'Asia/Kolkata',
    '2026-02-28T18:30:00Z',
    '2026-03-02T18:30:00Z',
    ['02-28T18:30', '03-01T18:30'],
  ],
  [
    'DAY',
    'Europe/Berlin',
    '2026-03-27T23:00:00Z',
    '2026-03-30T22:00:00Z',
    ['03-27T23:00', '03-28T23:00', '03-29T22:00'],
  ],
  [
    'DAY',
    'Europe/Berlin',
    '2026-10-23T22:00:00Z',
    '2026-10-26T23:00:00Z',
    ['10-23T22:00', '10-24T22:00', '10-25T23:00'],
  ],
  [
    'DAY',
    'America/New_York',
    '2026-03-07T05:00:00Z',
    '2026-03-10T04:00:00Z',
    ['03-07T05:00', '03-08T05:00', '03-09T04:00'],
  ],
  [
    'DAY',
    'America/New_York',
    '2026-10-31T04:00:00Z',
    '2026-11-03T05:00:00Z',
    ['10-31T04:00', '11-01T04:00', '11-02T05:00'],
  ],
  [
    'HOUR',
    'America/New_York',
    '2026-03-08T06:00:00Z',
    '2026-03-08T08:00:00Z',
    ['03-08T06:00', '03-08T07:00'],
  ],
  [
    'HOUR',
    'America/New_York',
    '2026-11-01T05:00:00Z',
    '2026-11-01T07:00:00Z',
    ['11-01T05:00', '11-01T06:00'],
  ],
  [
    'HOUR',
    'Australia/Lord_Howe',
    '2026-04-04T13:30:00Z',
    '2026-04-04T17:00:00Z',
    ['04-04T13:30', '04-04T14:00', '04-04T15:00', '04-04T15:30', '04-04T16:30'],
  ],
  [
    'WEEK',
    'UTC',
    '2026-01-01T00:00:00Z',
    '2026-01-13T00:00:00Z',
    ['01-01T00:00', '01-05T00:00', '01-12T00:00'],
  ],
  [
    'WEEK',
    'Europe/Berlin',
    '2026-03-22T23:00:00Z',
    '2026-04-05T22:00:00Z',
    ['03-22T23:00', '03-29T22:00'],
  ],
  [
    'WEEK',
    'America/New_York',
    '2026-10-26T04:00:00Z',
    '2026-11-09T05:00:00Z',
    ['10-26T04:00', '11-02T05:00'],
  ],
  [
    'MONTH',
    'UTC',
    '2026-01-15T00:00:00Z',
    '2026-04-01T00:00:00Z',
    ['01-15T00:00', '02-01T00:00', '03-01T00:00'],
  ],
  [
    'MONTH',
    'Europe/Berlin',
    '2026-02-28T23:00:00Z',
    '2026-04-30T22:00:00Z',
    ['02-28T23:00', '03-31T22:00'],
  ],
];

describe('windows start', () => {
  test.each(ROWS)('by %s in %s from %s to %s', async (window, zone, from, to, starts) => {
    expect(await windows(window, zone, from, to)).toEqual(starts);
  });

  test('without a gap and add up to the total, whatever the zone', async () => {
    const ZONES = [
      'UTC',
      'Asia/Kolkata',
      'Europe/Berlin',
      'America/New_York',
      'Africa/Casablanca',
      'Pacific/Chatham',
    ];
    for (const timeZone of ZONES) {
      for (const window of ['DAY', 'WEEK', 'MONTH'] as const) {
        const given = {
          startTime: time('2026-02-10T03:45:00Z'),
          endTime: time('2026-11-20T13:15:00Z'),
        };
        const reply = await ask(now(), 'getUsage', {
          ...ORG,
          ...given,
          timeZone,
          window: WINDOWS[window],
        });
        const ends = reply.rows.map(({ windowEnd }) => iso(windowEnd));
        const starts = reply.rows.map(({ windowStart }) => iso(windowStart));
        expect(starts.slice(1)).toEqual(ends.slice(0, -1));
        expect(starts[0]).toBe('2026-02-10T03:45:00.000Z');
        expect(ends.at(-1)).toBe('2026-11-20T13:15:00.000Z');
        const sum = reply.rows.reduce((total, { quantity }) => total + Number(quantity), 0);
        expect(`${sum}`).toBe(reply.totals[0]?.quantity);
      }
    }
  });
});

describe('the period', () => {
  test.each([
    ['UTC', '2026-11-30T23:30:00Z', '2026-11-01T00:00', '2026-12-01T00:00'],
    ['Europe/Berlin', '2026-11-30T23:30:00Z', '2026-11-30T23:00', '2026-12-31T23:00'],
    ['America/New_York', '2026-12-01T04:59:59Z', '2026-11-01T04:00', '2026-12-01T05:00'],
    ['Asia/Kolkata', '2026-11-30T18:30:00Z', '2026-11-30T18:30', '2026-12-31T18:30'],
  ])('is the current month of %s at %s', async (timeZone, at, from, to) => {
    const before = clock.wallMs();
    clock.setWall(Date.parse(at));
    const { totals } = await ask(now(), 'getUsage', { ...ORG, timeZone });
    clock.setWall(before);
    expect([iso(totals[0]?.windowStart), iso(totals[0]?.windowEnd)]).toEqual([
      `${from}:00.000Z`,
      `${to}:00.000Z`,
    ]);
  });

  const boundaries = sharedFile('time/month_boundaries.json');
  type Boundary = readonly [month: string, start: number, end: number, hours: number];
  test.skipIf(boundaries.absent)(
    `is that of the zone’s own calendar${boundaries.note}`,
    async () => {
      const { periods } = JSON.parse(boundaries.text()) as {
        readonly periods: Readonly<Record<string, readonly Boundary[]>>;
      };
      let months = 0;
      for (const [timeZone, known] of Object.entries(periods)) {
        for (const [period, start, end, hours] of known) {
          const { totals } = await ask(now(), 'getUsage', { ...ORG, period, timeZone });
          const [total] = totals;
          expect([
            timeZone,
            period,
            total?.windowStart?.seconds,
            total?.windowEnd?.seconds,
          ]).toEqual([timeZone, period, BigInt(start), BigInt(end)]);
          if (!period.startsWith('2026') || ['2026-01', '2026-12'].includes(period)) continue;
          expect([timeZone, period, Number(total?.quantity)]).toEqual([
            timeZone,
            period,
            hours * 4,
          ]);
          months++;
        }
      }
      expect(months).toBeGreaterThan(0);
    },
  );
});

test('a report of a year by the hour has an hour in each row', async () => {
  const { rows } = await ask(now(), 'getUsage', {
    ...ORG,
    window: WINDOWS.HOUR,
    startTime: time('2026-01-01T00:00:00Z'),
    endTime: time('2027-01-01T00:00:00Z'),
  });
  expect(rows).toHaveLength(8760);
  expect(new Set(rows.map(({ quantity }) => quantity))).toEqual(new Set(['4']));
  for (const [i, { windowStart }] of rows.entries()) {
    expect(Number(windowStart?.seconds)).toBe((Date.parse('2026-01-01') + i * HOUR_MS) / 1000);
  }
});
