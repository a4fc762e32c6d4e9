import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anchorOf } from '../../../src/domain/subscriptions/anchor.js';
import { CALENDAR, monthsOf, periodAt } from '../../../src/domain/subscriptions/period.js';
import { sharedFile } from '../../support/shared-files.js';
import { utc } from '../given.js';
import {
  anchor,
  DAY_MS,
  instant,
  interval,
  QUARTER_HOUR_MS,
  shown,
  startsFrom,
  tilingFaults,
  wallClock,
  zone,
} from './given.js';

type MonthRow = readonly [month: string, startUnix: number, endUnix: number, hours: number];
interface Change {
  readonly zone: string;
  readonly unix: number;
}

const months = sharedFile('time/month_boundaries.json');
const changes = sharedFile('time/offset_changes.json');

function readMonths(): readonly (readonly [string, readonly MonthRow[]])[] {
  const file = months.read<{ readonly periods: Readonly<Record<string, readonly MonthRow[]>> }>();
  return Object.entries(file.periods);
}

describe('billing months of 14 zones', () => {
  test.skipIf(months.absent)(
    `are those of the zone data, from whichever is the anchor${months.note}`,
    () => {
      expect(readMonths()).toHaveLength(14);
      for (const [of, rows] of readMonths()) {
        const bounds = rows.map(([, start, end]) => [start, end]);
        for (const [place, within] of [
          [0, 0],
          [17, 1],
        ] as const) {
          const own = { atMs: (rows[place] as MonthRow)[1] * 1000, day: 1, zone: of };
          const found = rows.map(([, start, end]) => {
            const at = within === 0 ? start * 1000 : end * 1000 - 1;
            const { startMs, endMs } = periodAt(own, 'MONTH', at);
            return [startMs / 1000, endMs / 1000];
          });
          expect(found, `${of}, anchored in ${rows[place]?.[0]}`).toEqual(bounds);
        }
      }
    },
  );

  test.skipIf(months.absent)(
    `are the same for a start within one, anchored on day 1${months.note}`,
    () => {
      for (const [of, rows] of readMonths()) {
        const found = rows.map(([, start]) => {
          const own = anchorOf(start * 1000 + 17 * DAY_MS, 1, of);
          const { startMs, endMs } = periodAt(own, 'MONTH', start * 1000 + 20 * DAY_MS);
          return [startMs / 1000, endMs / 1000, (endMs - startMs) / 3_600_000];
        });
        expect(found, of).toEqual(rows.map(([, start, end, hours]) => [start, end, hours]));
      }
    },
  );

  test.skipIf(months.absent)(`make quarters and years${months.note}`, () => {
    for (const [of, rows] of readMonths()) {
      const own = { atMs: (rows[0] as MonthRow)[1] * 1000, day: 1, zone: of };
      for (const every of ['QUARTER', 'YEAR'] as const) {
        const size = monthsOf(every);
        const whole = rows
          .filter((_, i) => i % size === 0)
          .map(([, start], i) => {
            return [start, (rows[(i + 1) * size - 1] as MonthRow)[2]];
          });
        const found = rows.map(([, start]) => {
          const { startMs, endMs } = periodAt(own, every, start * 1000);
          return [startMs / 1000, endMs / 1000];
        });
        expect(found, `${of}, ${every}`).toEqual(rows.map((_, i) => whole[Math.floor(i / size)]));
      }
    }
  });

  test.skipIf(changes.absent)(
    `tile time where clocks change, at and around the hour${changes.note}`,
    () => {
      const all = changes.read<readonly Change[]>();
      expect(all.length).toBeGreaterThan(40);
      const shifts = [-24.25, -1, -0.25, 0, 0.5, 1, 24];
      const wrong = all.flatMap(({ zone: of, unix }, i) => {
        const startHours = shifts[i % shifts.length] as number;
        const own = anchorOf(unix * 1000 + startHours * 3_600_000, 0, of);
        return shifts.flatMap((hours) => {
          const atMs = unix * 1000 + hours * 3_600_000;
          const faults = tilingFaults((ms) => periodAt(own, 'MONTH', ms), atMs);
          return faults.map(
            (fault) => `${of} ${startHours} ${new Date(atMs).toISOString()} ${fault}`,
          );
        });
      });
      expect(wrong).toEqual([]);
    },
  );
});

describe('a period begins on the anchor day, or on the last day of a shorter month', () => {
  test.each([
    ['2026-01-31', 31, ['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31']],
    ['2024-01-31', 31, ['2024-01-31', '2024-02-29', '2024-03-31', '2024-04-30', '2024-05-31']],
    ['2026-01-30', 30, ['2026-01-30', '2026-02-28', '2026-03-30', '2026-04-30', '2026-05-30']],
    ['2026-01-29', 29, ['2026-01-29', '2026-02-28', '2026-03-29', '2026-04-29', '2026-05-29']],
    ['2024-01-29', 29, ['2024-01-29', '2024-02-29', '2024-03-29', '2024-04-29', '2024-05-29']],
    ['2100-01-29', 29, ['2100-01-29', '2100-02-28', '2100-03-29', '2100-04-29', '2100-05-29']],
    ['2000-01-30', 30, ['2000-01-30', '2000-02-29', '2000-03-30', '2000-04-30', '2000-05-30']],
  ])('monthly from %s on day %i', (from, day, expected) => {
    expect(startsFrom(anchorOf(utc(from), 0, 'UTC'), 'MONTH', from, 5)).toEqual(expected);
    // The day is kept through a short month: it is that of the anchor, not of the last period.
    const inShort = anchorOf(utc(`${from.slice(0, 4)}-02-15`), day, 'UTC');
    expect(startsFrom(inShort, 'MONTH', from, 5)).toEqual(expected);
  });

  test('quarterly and yearly', () => {
    const last = anchorOf(utc('2023-11-30'), 31, 'UTC');
    expect(startsFrom(last, 'QUARTER', '2023-11-30', 5)).toEqual([
      '2023-11-30',
      '2024-02-29',
      '2024-05-31',
      '2024-08-31',
      '2024-11-30',
    ]);
    const leap = anchorOf(utc('2024-02-29'), 0, 'UTC');
    expect(startsFrom(leap, 'YEAR', '2024-03-01', 5)).toEqual([
      '2024-02-29',
      '2025-02-28',
      '2026-02-28',
      '2027-02-28',
      '2028-02-29',
    ]);
  });

  test('long before the anchor, before 1970 and far ahead', () => {
    const own = anchorOf(utc('2026-01-31T10:07:00Z'), 0, 'UTC');
    const at = (text: string) => shown(periodAt(own, 'MONTH', utc(text)));
    expect(at('1969-12-31T23:59:59.999Z')).toBe('1969-12-31T10:00/1970-01-31T10:00');
    expect(at('1970-01-01T00:00:00Z')).toBe('1969-12-31T10:00/1970-01-31T10:00');
    expect(at('1900-02-28T10:00:00Z')).toBe('1900-02-28T10:00/1900-03-31T10:00');
    expect(at('1900-02-28T09:59:59Z')).toBe('1900-01-31T10:00/1900-02-28T10:00');
    expect(at('9999-02-27T00:00:00Z')).toBe('9999-01-31T10:00/9999-02-28T10:00');
    expect(shown(periodAt(CALENDAR, 'YEAR', utc('1969-06-01')))).toBe(
      '1969-01-01T00:00/1970-01-01T00:00',
    );
  });

  test.each([
    [
      'a skipped midnight, Sao Paulo',
      'America/Sao_Paulo',
      '2018-10-04T03:00:00Z',
      '2018-11-04T03:00',
      '2018-12-04T02:00',
    ],
    [
      'a midnight that comes twice, Havana',
      'America/Havana',
      '2026-10-01T04:00:00Z',
      '2026-11-01T04:00',
      '2026-12-01T05:00',
    ],
    [
      'an hour that comes twice, New York',
      'America/New_York',
      '2026-10-01T05:30:00Z',
      '2026-11-01T05:30',
      '2026-12-01T06:30',
    ],
    [
      'a skipped day, Apia',
      'Pacific/Apia',
      '2011-11-30T10:00:00Z',
      '2011-12-30T10:00',
      '2012-01-29T10:00',
    ],
    [
      'half an hour, Lord Howe',
      'Australia/Lord_Howe',
      '2026-09-03T13:30:00Z',
      '2026-10-03T13:30',
      '2026-11-03T13:00',
    ],
  ])('on %s', (_what, of, from, start, end) => {
    const own = anchorOf(utc(from), 0, of);
    const period = periodAt(own, 'MONTH', utc(`${start}:00Z`));
    expect(shown(period)).toBe(`${start}/${end}`);
    expect(tilingFaults((ms) => periodAt(own, 'MONTH', ms), period.startMs)).toEqual([]);
  });
});

describe('periods, whatever the anchor, the zone and the time', () => {
  test('tile time: no gap, no overlap, the same one from its start to its end', () => {
    fc.assert(
      fc.property(anchor, interval, instant, (own, every, atMs) => {
        expect(tilingFaults((ms) => periodAt(own, every, ms), atMs)).toEqual([]);
      }),
      { numRuns: 250 },
    );
  });

  test('begin at the anchor and, on the wall, on its day', () => {
    fc.assert(
      fc.property(anchor, instant, (own, atMs) => {
        const { startMs } = periodAt(own, 'MONTH', atMs);
        const [date = ''] = wallClock(startMs, own.zone).split(' ');
        const [year, month, day] = date.split('-').map(Number) as [number, number, number];
        const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
        // A time of day that is skipped may name the day after.
        expect([Math.min(own.day, days), Math.min(own.day, days) + 1, 1]).toContain(day);
        if (own.zone === 'UTC') expect(day).toBe(Math.min(own.day, days));
      }),
      { numRuns: 300 },
    );
  });

  test('of a quarter are three months, of a year four quarters', () => {
    fc.assert(
      fc.property(anchor, instant, (own, atMs) => {
        const { startMs, endMs } = periodAt(own, 'YEAR', atMs);
        const cut = (every: 'MONTH' | 'QUARTER') => {
          const starts: number[] = [];
          for (let ms = startMs; ms < endMs; ms = periodAt(own, every, ms).endMs) starts.push(ms);
          return starts;
        };
        const [byMonth, byQuarter] = [cut('MONTH'), cut('QUARTER')];
        expect(byMonth).toHaveLength(12);
        expect(byQuarter).toEqual(byMonth.filter((_, i) => i % 3 === 0));
      }),
      { numRuns: 40 },
    );
  });
});

describe('the anchor of a new subscription', () => {
  test('on the day of its start lies less than a quarter of an hour before it', () => {
    fc.assert(
      fc.property(instant, (startMs) => {
        const { atMs } = anchorOf(startMs, 0, 'UTC');
        expect(startMs - atMs).toBeGreaterThanOrEqual(0);
        expect(startMs - atMs).toBeLessThan(QUARTER_HOUR_MS);
        expect(periodAt(anchorOf(startMs, 0, 'UTC'), 'MONTH', startMs).startMs).toBe(atMs);
      }),
    );
  });

  test('on another day holds the start in a part period', () => {
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: 1, max: 31 }),
        zone,
        interval,
        (startMs, day, of, every) => {
          const { startMs: fromMs, endMs } = periodAt(anchorOf(startMs, day, of), every, startMs);
          expect(fromMs).toBeLessThanOrEqual(startMs);
          expect(endMs).toBeGreaterThan(startMs);
        },
      ),
    );
  });

  test('in an hour that comes twice is the one in which it starts', () => {
    const startMs = utc('2026-11-01T06:30:00Z');
    expect(anchorOf(startMs, 0, 'America/New_York').atMs).toBe(startMs);
  });

  test('on another day begins at midnight, also where one midnight was skipped', () => {
    const own = anchorOf(utc('2023-10-15T12:00:00Z'), 1, 'America/Asuncion');
    const { startMs } = periodAt(own, 'MONTH', utc('2023-12-15T12:00:00Z'));
    expect(wallClock(startMs, 'America/Asuncion')).toBe('2023-12-01 00:00');
  });
});
