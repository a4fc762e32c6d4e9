import { describe, expect, test } from 'vitest';
import {
  type CalendarUnit,
  intervalAt,
  monthInterval,
} from '../../src/domain/metering/calendar.js';
import { sharedFile } from '../support/shared-files.js';
import { utc } from './given.js';

const HOUR_MS = 3_600_000;
const SHIFTS_MS = [-24, -1.25, -0.25, 0, 0.25, 1.25, 24].map((hours) => hours * HOUR_MS);

type MonthRow = readonly [month: string, startUnix: number, endUnix: number, hours: number];
interface Change {
  readonly zone: string;
  readonly unix: number;
  readonly offset_before_s: number;
  readonly offset_after_s: number;
}

const months = sharedFile('time/month_boundaries.json');
const changes = sharedFile('time/offset_changes.json');

function shown(unit: CalendarUnit, at: string, zone: string) {
  const { startMs, endMs } = intervalAt(unit, utc(at), zone);
  const [start, end] = [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16));
  return [start, end, (endMs - startMs) / HOUR_MS];
}

/** What is wrong with the interval at a time; '' for nothing. */
function faultAt(unit: CalendarUnit, atMs: number, zone: string): string {
  const { startMs, endMs } = intervalAt(unit, atMs, zone);
  const faults = [
    startMs <= atMs && atMs < endMs ? '' : 'does not hold its time',
    intervalAt(unit, startMs, zone).endMs === endMs ? '' : 'is another one at its start',
    intervalAt(unit, endMs - 1, zone).startMs === startMs ? '' : 'is another one at its end',
    intervalAt(unit, endMs, zone).startMs === endMs ? '' : 'does not meet the next one',
  ].filter(Boolean);
  return faults.map((fault) => `${unit} at ${new Date(atMs).toISOString()} ${fault}`).join('; ');
}

describe('a month in a zone', () => {
  test.skipIf(months.absent)(`is that of the zone data, by time and by name${months.note}`, () => {
    const { periods } = months.read<{
      readonly periods: Readonly<Record<string, readonly MonthRow[]>>;
    }>();
    expect(Object.keys(periods).length).toBeGreaterThan(0);
    for (const [zone, rows] of Object.entries(periods)) {
      const expected = rows.map(([month, start, end, hours]) => ({
        month,
        byTime: [start, end, hours],
        byName: [start, end],
      }));
      const actual = rows.map(([month, start, end]) => ({
        month,
        byTime: monthHolding([start * 1000, (start + end) * 500, end * 1000 - 1], zone),
        byName: secondsOf(monthInterval(month, zone)),
      }));
      expect(actual, zone).toEqual(expected);
    }
  });

  test('of March 2026 has 743 hours in New York', () => {
    const expected = ['2026-03-01T05:00', '2026-04-01T04:00', 743];
    expect(shown('MONTH', '2026-03-31T12:00:00Z', 'America/New_York')).toEqual(expected);
  });
});

describe('a day, week or year in a zone', () => {
  test.each<[what: string, unit: CalendarUnit, zone: string, at: string, shown: unknown[]]>([
    [
      'a day of 23 hours',
      'DAY',
      'Europe/Berlin',
      '2026-03-29T12:00:00Z',
      ['2026-03-28T23:00', '2026-03-29T22:00', 23],
    ],
    [
      'a day of 25 hours',
      'DAY',
      'Europe/Berlin',
      '2026-10-25T12:00:00Z',
      ['2026-10-24T22:00', '2026-10-25T23:00', 25],
    ],
    [
      'a day of 23 and a half hours',
      'DAY',
      'Australia/Lord_Howe',
      '2026-10-03T20:00:00Z',
      ['2026-10-03T13:30', '2026-10-04T13:00', 23.5],
    ],
    [
      'a day that begins at 01:00, for midnight is skipped',
      'DAY',
      'America/Sao_Paulo',
      '2018-11-04T12:00:00Z',
      ['2018-11-04T03:00', '2018-11-05T02:00', 23],
    ],
    [
      'the day before it, which ends where midnight would have been',
      'DAY',
      'America/Sao_Paulo',
      '2018-11-04T02:59:59.999Z',
      ['2018-11-03T03:00', '2018-11-04T03:00', 24],
    ],
    [
      'a day whose last hour comes twice',
      'DAY',
      'America/Sao_Paulo',
      '2019-02-17T02:30:00Z',
      ['2019-02-16T02:00', '2019-02-17T03:00', 25],
    ],
    [
      'a day whose first hour comes twice',
      'DAY',
      'America/Havana',
      '2026-11-01T05:30:00Z',
      ['2026-11-01T04:00', '2026-11-02T05:00', 25],
    ],
    [
      'the day before the one that Apia skipped',
      'DAY',
      'Pacific/Apia',
      '2011-12-30T09:59:59.999Z',
      ['2011-12-29T10:00', '2011-12-30T10:00', 24],
    ],
    [
      'the day after the one that Apia skipped',
      'DAY',
      'Pacific/Apia',
      '2011-12-30T10:00:00Z',
      ['2011-12-30T10:00', '2011-12-31T10:00', 24],
    ],
    [
      'the week of six days in Apia',
      'WEEK',
      'Pacific/Apia',
      '2011-12-30T12:00:00Z',
      ['2011-12-26T10:00', '2012-01-01T10:00', 144],
    ],
    [
      'a week from Monday, an hour short',
      'WEEK',
      'America/New_York',
      '2026-03-08T12:00:00Z',
      ['2026-03-02T05:00', '2026-03-09T04:00', 167],
    ],
    [
      'a Monday that is still Sunday in UTC',
      'WEEK',
      'Asia/Kolkata',
      '2026-11-22T20:00:00Z',
      ['2026-11-22T18:30', '2026-11-29T18:30', 168],
    ],
    [
      'a year that has begun already',
      'YEAR',
      'Pacific/Kiritimati',
      '2026-12-31T10:00:00Z',
      ['2026-12-31T10:00', '2027-12-31T10:00', 8760],
    ],
    [
      'a year that is still the old one',
      'YEAR',
      'Pacific/Pago_Pago',
      '2027-01-01T10:59:59Z',
      ['2026-01-01T11:00', '2027-01-01T11:00', 8760],
    ],
  ])('%s', (_, unit, zone, at, expected) => {
    expect(shown(unit, at, zone)).toEqual(expected);
  });

  test.skipIf(changes.absent)(`is as long as its offsets say${changes.note}`, () => {
    const rows = changes
      .read<readonly Change[]>()
      .filter(({ zone, unix }) => !skipsDay(zone, unix));
    const lengths = rows.map(({ zone, unix }) => {
      const { startMs, endMs } = intervalAt('DAY', unix * 1000, zone);
      return [zone, unix, endMs - startMs];
    });
    expect(lengths).toEqual(
      rows.map(({ zone, unix, offset_before_s, offset_after_s }) => [
        zone,
        unix,
        24 * HOUR_MS - (offset_after_s - offset_before_s) * 1000,
      ]),
    );
  });

  test.skipIf(changes.absent)(
    `holds its time and meets the next, around each change${changes.note}`,
    () => {
      const units: readonly CalendarUnit[] = ['DAY', 'WEEK', 'MONTH', 'YEAR'];
      expect(faultsAround(changes.read<readonly Change[]>(), units)).toEqual([]);
    },
  );
});

describe('an hour in a zone', () => {
  test.each<[what: string, zone: string, at: string, start: string, end: string]>([
    ['at :30 UTC', 'Asia/Kolkata', '2026-11-20T14:29:59Z', '2026-11-20T13:30', '2026-11-20T14:30'],
    [
      'at :15 UTC',
      'Asia/Kathmandu',
      '2026-11-20T14:15:00Z',
      '2026-11-20T14:15',
      '2026-11-20T15:15',
    ],
    [
      'before a gap',
      'Europe/Berlin',
      '2026-03-29T00:59:59Z',
      '2026-03-29T00:00',
      '2026-03-29T01:00',
    ],
    [
      'after a gap',
      'Europe/Berlin',
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:00',
      '2026-03-29T02:00',
    ],
    [
      'the first of two',
      'Europe/Berlin',
      '2026-10-25T00:30:00Z',
      '2026-10-25T00:00',
      '2026-10-25T01:00',
    ],
    [
      'the second of two',
      'Europe/Berlin',
      '2026-10-25T01:30:00Z',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
    ],
  ])('%s, %s', (_, zone, at, start, end) => {
    expect(shown('HOUR', at, zone)).toEqual([start, end, 1]);
  });

  test.each<[what: string, zone: string, at: string, start: string, end: string, hours: number]>([
    [
      'before clocks go half an hour back',
      'Australia/Lord_Howe',
      '2026-04-04T14:59:59Z',
      '2026-04-04T14:00',
      '2026-04-04T15:00',
      1,
    ],
    [
      'the half that comes again',
      'Australia/Lord_Howe',
      '2026-04-04T15:00:00Z',
      '2026-04-04T15:00',
      '2026-04-04T15:30',
      0.5,
    ],
    [
      'the half that is left when clocks go half an hour on',
      'Australia/Lord_Howe',
      '2026-10-03T15:30:00Z',
      '2026-10-03T15:30',
      '2026-10-03T16:00',
      0.5,
    ],
  ])('ends and begins where the clock is changed: %s', (_, zone, at, start, end, hours) => {
    expect(shown('HOUR', at, zone)).toEqual([start, end, hours]);
  });

  test.skipIf(changes.absent)(
    `holds its time and meets the next, around each change${changes.note}`,
    () => {
      expect(faultsAround(changes.read<readonly Change[]>(), ['HOUR'])).toEqual([]);
    },
  );
});

test.each<[zone: string, change: string]>([
  ['America/St_Johns', '2009-11-01T02:31:00Z'],
  ['America/St_Johns', '2009-03-08T03:31:00Z'],
  ['Antarctica/Casey', '2010-03-04T15:00:00Z'],
  ['America/Caracas', '2016-05-01T07:00:00Z'],
  ['Asia/Pyongyang', '2015-08-14T15:00:00Z'],
  ['Antarctica/Troll', '2026-10-25T01:00:00Z'],
  ['America/Nuuk', '2026-03-29T01:00:00Z'],
])('around the change of clocks in %s at %s no time is lost or comes twice', (zone, change) => {
  const units: readonly CalendarUnit[] = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR'];
  expect(faultsAround([{ zone, unix: utc(change) / 1000 }], units)).toEqual([]);
});

test('a time that comes back after midnight is in the day that has begun', () => {
  const day = ['2009-11-01T02:30', '2009-11-02T03:30', 25];
  expect(shown('DAY', '2009-11-01T02:30:00Z', 'America/St_Johns')).toEqual(day);
  expect(shown('DAY', '2009-11-01T02:45:00Z', 'America/St_Johns')).toEqual(day);
});

function monthHolding(times: readonly number[], zone: string): unknown {
  const found = times.map((atMs) => intervalAt('MONTH', atMs, zone));
  const [first] = found;
  if (first === undefined || found.some(({ startMs }) => startMs !== first.startMs)) return found;
  return [...secondsOf(first), (first.endMs - first.startMs) / HOUR_MS];
}

function secondsOf(interval: ReturnType<typeof monthInterval>): number[] {
  return interval === undefined ? [] : [interval.startMs / 1000, interval.endMs / 1000];
}

function skipsDay(zone: string, unix: number): boolean {
  return zone === 'Pacific/Apia' && unix === utc('2011-12-30T10:00:00Z') / 1000;
}

function faultsAround(
  rows: readonly Pick<Change, 'zone' | 'unix'>[],
  units: readonly CalendarUnit[],
): readonly string[] {
  return rows.flatMap(({ zone, unix }) =>
    units
      .flatMap((unit) => SHIFTS_MS.map((ms) => faultAt(unit, unix * 1000 + ms, zone)))
      .filter(Boolean)
      .map((fault) => `${zone}: ${fault}`),
  );
}
