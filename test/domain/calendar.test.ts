import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CalendarUnit,
  intervalAt,
  isZone,
  monthInterval,
  monthName,
  rememberingInterval,
  UTC,
} from '../../src/domain/metering/calendar.js';
import { utc } from './given.js';

const UNITS: readonly CalendarUnit[] = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR'];
const timeMs = fc.integer({ min: utc('1900-01-01'), max: utc('2200-01-01') });

function shown(unit: CalendarUnit, at: string): string[] {
  const { startMs, endMs } = intervalAt(unit, utc(at), UTC);
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().replace('T00:00:00.000Z', ''));
}

describe('an interval in UTC', () => {
  test.each<[unit: CalendarUnit, at: string, start: string, end: string]>([
    ['HOUR', '2026-11-20T14:00:00Z', '2026-11-20T14:00:00.000Z', '2026-11-20T15:00:00.000Z'],
    ['HOUR', '2026-11-20T13:59:59.999Z', '2026-11-20T13:00:00.000Z', '2026-11-20T14:00:00.000Z'],
    ['DAY', '2026-11-20', '2026-11-20', '2026-11-21'],
    ['DAY', '2026-11-20T23:59:59.999Z', '2026-11-20', '2026-11-21'],
    ['DAY', '1969-12-31T23:59:59.999Z', '1969-12-31', '1970-01-01'],
    ['WEEK', '2026-11-16', '2026-11-16', '2026-11-23'],
    ['WEEK', '2026-11-22T23:59:59.999Z', '2026-11-16', '2026-11-23'],
    ['WEEK', '2026-11-23', '2026-11-23', '2026-11-30'],
    ['WEEK', '1970-01-01', '1969-12-29', '1970-01-05'],
    ['WEEK', '1969-12-28T12:00:00Z', '1969-12-22', '1969-12-29'],
    ['WEEK', '2027-01-01', '2026-12-28', '2027-01-04'],
    ['MONTH', '2026-01-31T23:59:59.999Z', '2026-01-01', '2026-02-01'],
    ['MONTH', '2026-02-28T23:59:59.999Z', '2026-02-01', '2026-03-01'],
    ['MONTH', '2024-02-29T12:00:00Z', '2024-02-01', '2024-03-01'],
    ['MONTH', '2100-02-28T12:00:00Z', '2100-02-01', '2100-03-01'],
    ['MONTH', '2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01'],
    ['MONTH', '1969-12-15', '1969-12-01', '1970-01-01'],
    ['YEAR', '2026-01-01', '2026-01-01', '2027-01-01'],
    ['YEAR', '2024-12-31T23:59:59.999Z', '2024-01-01', '2025-01-01'],
  ])('%s at %s is [%s, %s)', (unit, at, start, end) => {
    expect(shown(unit, at)).toEqual([start, end]);
  });

  test('of the years 0 to 99 does not turn into 1900 to 1999', () => {
    const year = intervalAt('YEAR', Date.parse('0050-06-01T00:00:00Z'), UTC);
    expect(year.startMs).toBe(Date.parse('0050-01-01T00:00:00Z'));
    expect(year.endMs).toBe(Date.parse('0051-01-01T00:00:00Z'));
  });

  test.each(UNITS)('%s holds its time, and every time in it gives the same one', (unit) => {
    fc.assert(
      fc.property(timeMs, fc.double({ min: 0, max: 1, noNaN: true }), (at, within) => {
        const interval = intervalAt(unit, at, UTC);
        const { startMs, endMs } = interval;
        expect(startMs <= at && at < endMs).toBe(true);
        const other = Math.floor(startMs + within * (endMs - 1 - startMs));
        expect(intervalAt(unit, other, UTC)).toEqual(interval);
        expect(intervalAt(unit, endMs, UTC).startMs).toBe(endMs);
      }),
    );
  });

  test.each(UNITS)('of %s, remembered, is the one that is asked for', (unit) => {
    fc.assert(
      fc.property(
        fc.array(timeMs),
        fc.array(fc.integer({ min: 0, max: 7_200_000 })),
        (far, near) => {
          const at = rememberingInterval(unit);
          const times = [0, ...far, ...near, ...near.map((ms) => (far[0] ?? 0) + ms)];
          for (const time of times) expect(at(time)).toEqual(intervalAt(unit, time, UTC));
        },
      ),
    );
  });
});

describe('the name of a month', () => {
  test.each<[period: string, start: string, end: string]>([
    ['2026-11', '2026-11-01', '2026-12-01'],
    ['2026-12', '2026-12-01', '2027-01-01'],
    ['2024-02', '2024-02-01', '2024-03-01'],
    ['2026-02', '2026-02-01', '2026-03-01'],
    ['1970-01', '1970-01-01', '1970-02-01'],
  ])('"%s" is [%s, %s)', (period, start, end) => {
    expect(monthInterval(period, UTC)).toEqual({ startMs: utc(start), endMs: utc(end) });
  });

  test.each([
    '',
    '2026',
    '2026-0',
    '2026-00',
    '2026-13',
    '2026-1',
    '26-11',
    '2026-11-01',
    ' 2026-11',
    '2026-11\n',
    '2026/11',
    '-2026-11',
    '２０２６-11',
  ])('is not "%s"', (period) => {
    expect(monthInterval(period, UTC)).toBeUndefined();
  });

  test('is that of the UTC month that holds a time, and names the same interval', () => {
    fc.assert(
      fc.property(timeMs, (at) => {
        expect(monthInterval(monthName(at), UTC)).toEqual(intervalAt('MONTH', at, UTC));
      }),
    );
    expect(monthName(utc('2026-11-30T23:59:59.999Z'))).toBe('2026-11');
  });
});

describe('a zone', () => {
  test.each<[zone: string, known: boolean]>([
    ['UTC', true],
    ['Europe/Berlin', true],
    ['Asia/Kathmandu', true],
    ['america/new_york', true],
    ['', false],
    ['Mars/Olympus_Mons', false],
    ['Europe', false],
    ['Europe/Berlin ', false],
  ])('"%s" is known: %s', (zone, known) => {
    expect(isZone(zone)).toBe(known);
  });
});
