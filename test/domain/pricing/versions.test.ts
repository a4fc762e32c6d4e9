// A period in parts: versions of a price that take over within it, invoices before it is over, and
// usage that comes late. What is billed is always the rounded whole so far, less what was billed.

import { describe, expect, test } from 'vitest';
import { WHOLE } from '../../../src/base/fraction.js';
import {
  changesWithin,
  type Segment,
  usageLines,
} from '../../../src/domain/invoicing/usage-lines.js';
import { compilePrices } from '../../../src/domain/plans/compile-prices.js';
import { inPrecedence } from '../../../src/domain/pricing/price.js';
import { exampleCatalogue } from '../../../src/seed/example.js';
import { decimal, givenMeter } from '../given.js';
import {
  CHANGE,
  END,
  FROM_CHANGE,
  halves,
  linesOf,
  START,
  shown,
  sumOf,
  type Terms,
  termsOf,
  total,
  used,
  whole,
} from './given.js';

const HALVED = 'kind: graduated, tiers: [{up_to: 100, unit_price: 1}, {unit_price: 0.5}]';
const DOUBLED = 'kind: graduated, tiers: [{up_to: 100, unit_price: 2}, {unit_price: 1}]';
const FEES =
  'kind: graduated, tiers: [{up_to: 10, unit_price: 10, flat_fee: 2}, {unit_price: 5, flat_fee: 3}]';

/** The lines where `first` was used before the change and `second` after it; '' for nothing. */
function over(terms: Terms, first: string, second: string): readonly Segment[] {
  return halves(
    first === '' ? [] : [used(terms, first)],
    second === '' ? [] : [used(terms, second, 1, {}, 2)],
  );
}

describe('a version that takes over within a period', () => {
  test.each<
    [first: string, second: string, used: readonly [string, string], lines: readonly string[]]
  >([
    // 80 at 1; then from 80 to 160 by the new tiers: 20 at 2 and 60 at 1.
    [HALVED, DOUBLED, ['80', '80'], ['USAGE 80 80.00', 'USAGE 80 100.00']],
    [HALVED, DOUBLED, ['100', '10'], ['USAGE 100 100.00', 'USAGE 10 10.00']],
    [HALVED, DOUBLED, ['0', '101'], ['USAGE 0 0.00', 'USAGE 101 201.00']],
    [HALVED, DOUBLED, ['', '101'], ['USAGE 101 201.00']],
    [HALVED, DOUBLED, ['101', ''], ['USAGE 101 100.50']],
    // The first tier's fee is due once, with the first part; the second's when it is reached.
    [FEES, FEES, ['5', '7'], ['USAGE 5 52.00', 'USAGE 7 63.00']],
    [FEES, FEES, ['', '12'], ['USAGE 0 2.00', 'USAGE 12 113.00']],
    [FEES, FEES, ['12', '1'], ['USAGE 12 115.00', 'USAGE 1 5.00']],
    ['unit_price: 1', FEES, ['5', '7'], ['USAGE 5 5.00', 'USAGE 7 63.00']],
    [FEES, 'unit_price: 1', ['5', '7'], ['USAGE 5 52.00', 'USAGE 7 7.00']],
    // A flat fee is due with the first part, by the version in force then.
    [
      'kind: flat, amount: 10',
      'kind: flat, amount: 20',
      ['5', '7'],
      ['USAGE 5 10.00', 'USAGE 7 0.00'],
    ],
    ['kind: flat, amount: 10', 'unit_price: 3', ['5', '7'], ['USAGE 5 10.00', 'USAGE 7 21.00']],
    // A package begun before the change is paid.
    [
      'kind: package, unit_price: 15, per: 10',
      'kind: package, unit_price: 20, per: 10',
      ['17', '5'],
      ['USAGE 17 30.00', 'USAGE 5 20.00'],
    ],
    // More volume may cost less, and then the later part is negative.
    [
      'kind: volume, tiers: [{up_to: 15, unit_price: 10}, {unit_price: 5}]',
      'kind: volume, tiers: [{up_to: 15, unit_price: 10}, {unit_price: 5}]',
      ['15', '1'],
      ['USAGE 15 150.00', 'USAGE 1 -70.00'],
    ],
    [
      'unit_price: 1, included: 100',
      'unit_price: 2, included: 100',
      ['80', '80'],
      ['USAGE 80 0.00', 'INCLUDED 80 0.00', 'USAGE 80 120.00', 'INCLUDED 20 0.00'],
    ],
    [
      'unit_price: 1, discount_percent: 50',
      'unit_price: 1, discount_percent: 10',
      ['10', '10'],
      ['USAGE 10 10.00', 'DISCOUNT 0 -5.00', 'USAGE 10 10.00', 'DISCOUNT 0 -1.00'],
    ],
    [
      'unit_price: 1, maximum: 15',
      'unit_price: 1, maximum: 15',
      ['10', '10'],
      ['USAGE 10 10.00', 'USAGE 10 10.00', 'MAXIMUM 0 -5.00'],
    ],
    [
      'unit_price: 1, minimum: 100',
      'unit_price: 1, minimum: 100',
      ['10', '20'],
      ['USAGE 10 10.00', 'USAGE 20 20.00', 'MINIMUM 0 70.00'],
    ],
    [
      'kind: percentage, percent: 10, fixed_fee: 1, free_events: 1',
      'kind: percentage, percent: 20, fixed_fee: 2, free_events: 1',
      ['10', '10'],
      ['USAGE 10 1.00', 'USAGE 10 4.00'],
    ],
  ])('from %s to %s with %j used has the lines %j', (first, second, [a, b], lines) => {
    const terms = termsOf([first, `${second}, ${FROM_CHANGE}`]);
    expect(shown(linesOf(terms, over(terms, a, b)), terms)).toEqual(lines);
  });

  test('counts tiers over the whole period: 80 and 80 are 180', () => {
    const terms = termsOf([HALVED, `${DOUBLED}, ${FROM_CHANGE}`]);
    expect(changesWithin(terms.prices, terms.meter, START, END)).toEqual([CHANGE]);
    expect(total(linesOf(terms, over(terms, '80', '80')), terms)).toBe('180.00');
  });

  test('may be written before the one it follows', () => {
    const terms = termsOf([`${DOUBLED}, ${FROM_CHANGE}`, HALVED]);
    expect(total(linesOf(terms, over(terms, '80', '80')), terms)).toBe('180.00');
  });

  test.each(['MAX', 'LAST', 'UNIQUE'] as const)(
    'prices %s whole, by its own tiers',
    (aggregation) => {
      const terms = termsOf([HALVED, `${DOUBLED}, ${FROM_CHANGE}`], { aggregation });
      expect(changesWithin(terms.prices, terms.meter, START, END)).toEqual([]);
      expect(shown(linesOf(terms, whole(used(terms, '160'))), terms)).toEqual(['USAGE 160 260.00']);
    },
  );

  test.each<[what: string, second: string]>([
    ['minimum', 'unit_price: 1, minimum: 100'],
    ['maximum', 'unit_price: 1, maximum: 5'],
  ])('bounds the period by its %s whether or not an event of 0 comes after it', (_, second) => {
    const terms = termsOf(['unit_price: 1', `${second}, ${FROM_CHANGE}`]);
    const amounts = ['', '0'].map((last) => total(linesOf(terms, over(terms, '10', last)), terms));
    expect(amounts[0]).toBe(amounts[1]);
  });

  test('of another price does not shorten what a line without usage is for', () => {
    const terms = termsOf([
      'match: {model: large}, kind: flat, amount: 5',
      'match: {model: small}, unit_price: 1',
      `match: {model: small}, unit_price: 2, ${FROM_CHANGE}`,
    ]);
    const [flat] = linesOf(terms, halves([], []));
    expect(flat).toMatchObject({ amountMinor: 500n, startMs: START, endMs: END });
  });
});

describe('an invoice before the period is over', () => {
  const parts: readonly (readonly [
    fields: string,
    used: readonly string[],
    billed: readonly string[],
  ])[] = [
    [FEES, ['5', '12', '12'], ['52.00', '115.00', '115.00']],
    ['unit_price: 10, maximum: 100', ['7', '12', '15'], ['70.00', '100.00', '100.00']],
    ['unit_price: 1, minimum: 100', ['0', '10', '30'], ['0.00', '10.00', '100.00']],
    ['unit_price: 0.005', ['1', '2', '3'], ['0.01', '0.01', '0.02']],
    [
      'unit_price: 10, discount_percent: 50, maximum: 100',
      ['7', '27', '27'],
      ['35.00', '100.00', '100.00'],
    ],
  ];

  test.each(parts)('by %s, with %j used so far, stands at %j', (fields, quantities, billed) => {
    const terms = termsOf(fields);
    const standings = quantities.map((quantity, i) => {
      const isLast = i === quantities.length - 1;
      return total(linesOf(terms, whole(used(terms, quantity)), { isLast, share: WHOLE }), terms);
    });
    expect(standings).toEqual(billed);
  });
});

describe('usage that comes late is the whole period anew, less what was billed', () => {
  test.each<[fields: string, before: string, late: string, difference: bigint]>([
    ['unit_price: 1, minimum: 100', '10', '20', 0n],
    ['unit_price: 1, minimum: 100', '10', '95', 500n],
    ['unit_price: 1, maximum: 100', '90', '95', 1000n],
    ['unit_price: 0.005', '1', '1', 0n],
    ['unit_price: 0.005', '2', '1', 1n],
    ['kind: volume, tiers: [{up_to: 15, unit_price: 10}, {unit_price: 5}]', '15', '1', -7000n],
    [HALVED, '90', '20', 1500n],
    [FEES, '0', '1', 1000n],
    ['kind: package, unit_price: 5, per: 10', '9', '1', 0n],
  ])('%s, %s billed, %s late: %s', (fields, before, late, difference) => {
    const terms = termsOf(fields);
    const billed = sumOf(linesOf(terms, whole(used(terms, before))));
    const parts = [used(terms, before), used(terms, late, 1, { region: 'eu' })];
    expect(sumOf(linesOf(terms, whole(...parts))) - billed).toBe(difference);
  });
});

test('three lines of 0.005 are 0.01 each: their sum is 0.03', () => {
  const models = ['a', 'b', 'c'];
  const terms = termsOf(models.map((model) => `match: {model: ${model}}, unit_price: 0.005`));
  const lines = linesOf(terms, whole(...models.map((model) => used(terms, '1', 1, { model }))));
  expect(shown(lines, terms)).toEqual(['USAGE 1 0.01', 'USAGE 1 0.01', 'USAGE 1 0.01']);
  expect(total(lines, terms)).toBe('0.03');
});

test('a price per 1000: 100,000 at 0.002 are 0.20', () => {
  const terms = termsOf('unit_price: 0.002, per: 1000');
  expect(total(linesOf(terms, whole(used(terms, '100000'))), terms)).toBe('0.20');
});

describe('the built-in price list', () => {
  const meter = givenMeter({
    key: 'service_usage',
    scale: 6,
    rollupKeys: ['service', 'usage_type'],
    unpriced: { kind: 'default', amount: decimal('0.01') },
  });
  const documents = exampleCatalogue().price_lists.flatMap(({ prices }) => prices);
  const compiled = compilePrices(documents, 'price_list', new Map([[meter.key, meter]]));
  const terms: Terms = { meter, prices: inPrecedence(compiled), currency: 'USD' };

  test.each<[service: string, usageType: string, quantity: string, amount: string]>([
    ['marketplace', 'wpk_upload', '5', '0.50'],
    ['marketplace', 'wpk_review', '5', '0.25'],
    ['analytics', 'query', '5', '0.05'],
    ['analytics', 'report', '5', '1.25'],
    ['storage', 'gb_hour', '5.25', '0.11'],
    ['compute', 'cpu_hour', '0.333333', '0.17'],
    ['compute', 'memory_gb_hour', '0.05', '0.01'],
    ['compute', 'gpu_hour', '5', '0.05'],
    ['', '', '0.5', '0.01'],
  ])('asks for %s %s, %s times, %s', (service, usage_type, quantity, amount) => {
    const part = used(terms, quantity, 1, { service, usage_type });
    const lines = usageLines(meter, terms.prices, whole(part), 'USD');
    expect(total(lines, terms)).toBe(amount);
  });
});
