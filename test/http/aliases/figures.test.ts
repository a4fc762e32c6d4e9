// Exact decimals as JSON numbers.

import { expect, test } from 'vitest';
import {
  rateOf,
  sumOf,
  sumsBy,
  toCents,
  toNumberOrNull,
} from '../../../src/http/aliases/figures.js';

test.each([
  ['0.002', '1000', 0.000002],
  ['0.1', '1', 0.1],
  ['0.1', '', 0.1],
  ['1', '3', 1 / 3],
  ['0.00000000000001', '1000000', 1e-20],
  ['12.5', '0.5', 25],
  ['', '1', null],
])('a price of %j for %j is a rate of %j', (price, per, rate) => {
  expect(rateOf(price, per)).toBe(rate);
});

test.each([
  ['49.00', 'USD', 4900],
  ['49.995', 'USD', 5000],
  ['-0.45', 'USD', -45],
  ['500', 'JPY', 500],
  ['1.234', 'KWD', 1234],
])('%s %s is %d cents', (text, currency, cents) => {
  expect(toCents(text, currency)).toBe(cents);
});

test('sums are exact until the end', () => {
  expect(sumOf(['0.1', '0.2', '-0.05'])).toBe(0.25);
  expect(sumOf([])).toBe(0);
  const rows = ['0.1', '0.2', '1'].map((text, i) => ({ text, name: i < 2 ? 'a' : 'b' }));
  expect(
    sumsBy(
      rows,
      ({ name }) => name,
      ({ text }) => text,
    ),
  ).toEqual({ a: 0.3, b: 1 });
});

test.each([undefined, ''])('what is not there (%j) is null', (text) => {
  expect(toNumberOrNull(text)).toBeNull();
});
