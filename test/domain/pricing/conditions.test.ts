// What every kind of price can have besides: an included quantity, a discount, a maximum, a minimum.

import { describe, expect, test } from 'vitest';
import { AGGREGATIONS } from '../../../src/domain/metering/meter.js';
import { bill, cost, KINDS, linesOf, shown, termsOf, used, whole } from './given.js';

describe.each(KINDS)('a price of %s, which asks for %s', (fields, rate) => {
  test.each<[conditions: string, lines: readonly string[]]>([
    ['minimum: 0, discount_percent: 0', []],
    ['minimum: 200', []],
    ['minimum: 200.01', ['MINIMUM 0 0.01']],
    ['minimum: 350', ['MINIMUM 0 150.00']],
    ['maximum: 200', []],
    ['maximum: 199.99', ['MAXIMUM 0 -0.01']],
    ['maximum: 0', ['MAXIMUM 0 -200.00']],
    ['discount_percent: 12.5', ['DISCOUNT 0 -25.00']],
    ['discount_percent: 100', ['DISCOUNT 0 -200.00']],
    ['discount_percent: 0.00000000000001', []],
    // The discount comes before the bounds: 180 is neither above 190 nor below 170.
    ['discount_percent: 10, minimum: 170, maximum: 190', ['DISCOUNT 0 -20.00']],
    ['discount_percent: 10, maximum: 150', ['DISCOUNT 0 -20.00', 'MAXIMUM 0 -30.00']],
    ['discount_percent: 10, minimum: 190', ['DISCOUNT 0 -20.00', 'MINIMUM 0 10.00']],
    ['discount_percent: 100, minimum: 5', ['DISCOUNT 0 -200.00', 'MINIMUM 0 5.00']],
    ['minimum: 150, maximum: 150', ['MAXIMUM 0 -50.00']],
    ['minimum: 250, maximum: 250', ['MINIMUM 0 50.00']],
  ])('has with %s the lines %j', (conditions, lines) => {
    const given = bill(`${fields}, ${conditions}`, '8', { events: 2 });
    expect(given).toEqual([`USAGE 8 ${rate}`, ...lines]);
  });
});

describe('what is included', () => {
  test.each<[fields: string, quantity: string, lines: readonly string[]]>([
    ['unit_price: 2, included: 100', '250', ['USAGE 250 300.00', 'INCLUDED 100 0.00']],
    ['unit_price: 2, included: 100', '99', ['USAGE 99 0.00', 'INCLUDED 99 0.00']],
    ['unit_price: 2, included: 100', '0', ['USAGE 0 0.00']],
    [
      'kind: package, unit_price: 5, per: 10, included: 1',
      '12',
      ['USAGE 12 10.00', 'INCLUDED 1 0.00'],
    ],
    [
      'unit_price: 2, included: 100, discount_percent: 50, minimum: 9, maximum: 10',
      '103',
      ['USAGE 103 6.00', 'INCLUDED 100 0.00', 'DISCOUNT 0 -3.00', 'MINIMUM 0 6.00'],
    ],
    [
      'unit_price: 2, included: 100, discount_percent: 50, minimum: 9, maximum: 10',
      '120',
      ['USAGE 120 40.00', 'INCLUDED 100 0.00', 'DISCOUNT 0 -20.00', 'MAXIMUM 0 -10.00'],
    ],
  ])('by %s is no part of %s: %j', (fields, quantity, lines) => {
    expect(bill(fields, quantity)).toEqual(lines);
  });

  test.each(AGGREGATIONS)('counts for a meter of %s', (aggregation) => {
    expect(cost('unit_price: 2, included: 3', '5', { aggregation })).toBe('4');
  });
});

describe('what nobody used', () => {
  test.each<[fields: string, plan: readonly string[]]>([
    ['kind: flat, amount: 49', ['USAGE 0 49.00']],
    ['kind: graduated, tiers: [{flat_fee: 3}]', ['USAGE 0 3.00']],
    ['kind: volume, tiers: [{flat_fee: 3}]', ['USAGE 0 3.00']],
    ['kind: graduated_percentage, tiers: [{flat_fee: 3}]', ['USAGE 0 3.00']],
    ['kind: per_unit, unit_price: 1', []],
    ['kind: per_unit, unit_price: 1, minimum: 100', ['MINIMUM 0 100.00']],
    ['kind: package, unit_price: 1, minimum: 100', ['MINIMUM 0 100.00']],
    ['kind: percentage, percent: 1, fixed_fee: 1', []],
    ['kind: multiplier, factor: 2', []],
    ['match: {model: large}, kind: flat, amount: 7', ['USAGE 0 7.00']],
  ])('costs by %s, where it is of the plan, %j, and nothing in a price list', (fields, plan) => {
    expect(bill(fields, '0', { events: 0 })).toEqual(plan);
    const terms = termsOf([], { list: [fields] });
    expect(linesOf(terms, whole())).toEqual([]);
  });

  test('is owed for each price of the plan by itself', () => {
    const terms = termsOf([
      'match: {model: large}, unit_price: 2, minimum: 10',
      'match: {model: small}, unit_price: 1, minimum: 5',
      'kind: flat, amount: 3',
    ]);
    const lines = linesOf(terms, whole(used(terms, '4', 1, { model: 'large' })));
    expect(shown(lines, terms)).toEqual([
      'USAGE 4 8.00',
      'MINIMUM 0 2.00',
      'MINIMUM 0 5.00',
      'USAGE 0 3.00',
    ]);
  });

  test('is owed by a price of the list once something is used', () => {
    const terms = termsOf([], { list: ['kind: flat, amount: 49, minimum: 60'] });
    const lines = linesOf(terms, whole(used(terms, '0')));
    expect(shown(lines, terms)).toEqual(['USAGE 0 49.00', 'MINIMUM 0 11.00']);
  });
});
