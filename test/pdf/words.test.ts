import { expect, test } from 'vitest';
import { createDates } from '../../src/pdf/dates.js';
import { groupDigits, takenOff } from '../../src/pdf/figures.js';
import { at } from './given.js';

const PERIODS: readonly [string, string, string, string][] = [
  ['UTC', '2026-07-01', '2026-08-01', '1–31 Jul 2026'],
  ['UTC', '2026-07-01', '2026-07-02', '1 Jul 2026'],
  ['UTC', '2026-07-01', '2026-07-01', '1 Jul 2026'],
  ['UTC', '2026-06-28', '2026-07-05', '28 Jun – 4 Jul 2026'],
  ['UTC', '2025-12-15', '2026-01-15', '15 Dec 2025 – 14 Jan 2026'],
  ['UTC', '2024-02-01', '2024-03-01', '1–29 Feb 2024'],
  ['UTC', '2026-07-01T09:30:00Z', '2026-08-01', '1 Jul 2026 09:30 – 1 Aug 2026 00:00'],
  ['UTC', '2026-07-01', '2026-07-01T00:00:07Z', '1 Jul 2026 00:00 – 1 Jul 2026 00:00:07'],
  ['Europe/Berlin', '2026-06-30T22:00:00Z', '2026-07-31T22:00:00Z', '1–31 Jul 2026'],
  ['Asia/Kolkata', '2026-06-30T18:30:00Z', '2026-07-31T18:30:00Z', '1–31 Jul 2026'],
  // Clocks go forward at midnight: the day begins at 01:00.
  ['America/Santiago', '2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z', '6 Sep 2026'],
];

test.each(PERIODS)('in %s the period from %s until %s is "%s"', (zone, start, end, text) => {
  expect(createDates(zone).period(at(start), at(end))).toBe(text);
});

test('a time that is not set is a dash', () => {
  const dates = createDates('UTC');
  expect([dates.day(undefined), dates.period(at('2026-07-01'), undefined)]).toEqual(['–', '–']);
});

const FIGURES: readonly [string, string][] = [
  ['0', '0'],
  ['999', '999'],
  ['1000', '1,000'],
  ['-1234567', '-1,234,567'],
  ['1234.5678', '1,234.5678'],
  ['0.00000000000025', '0.00000000000025'],
  ['9223372036854775807.123456789', '9,223,372,036,854,775,807.123456789'],
  ['1e5', '1e5'],
  ['', ''],
];

test.each(FIGURES)('"%s" is printed as "%s"', (text, grouped) => {
  expect(groupDigits(text)).toBe(grouped);
});

test('what is taken off is negative, but nothing is just nothing', () => {
  expect(['5.00', '-5.00', '0.00', '0', ''].map(takenOff)).toEqual([
    '-5.00',
    '-5.00',
    '0.00',
    '0',
    '',
  ]);
});
