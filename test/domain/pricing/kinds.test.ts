// Each kind of price by table: what a period of some quantity costs, to the last digit, and what
// its lines come to in currencies of 0, 2 and 3 digits.

import { describe, expect, test } from 'vitest';
import { PRICE_KINDS } from '../../../src/domain/pricing/price.js';
import { roundText } from '../../base/naive.js';
import { bill, CURRENCIES, cost, DIGITS, linesOf, termsOf, total, used, whole } from './given.js';

/** Of a meter with six decimals; one event, where there is any usage. */
type Row = [fields: string, quantity: string, amount: string, events?: number];

const THIRDS = `0.${'3'.repeat(28)}`;

const FLAT: readonly Row[] = [
  ['amount: 49', '0', '49', 0],
  ['amount: 49', '0', '49'],
  ['amount: 49', '1000000', '49'],
  ['amount: 0', '5', '0'],
  ['amount: 0.005', '5', '0.005'],
  ['amount: 49.99, discount_percent: 10', '5', '44.991'],
  ['amount: 49, included: 100', '101', '49'],
];

const PER_UNIT: readonly Row[] = [
  ['unit_price: 0.002, per: 1000', '100000', '0.2'],
  ['unit_price: 0.002, per: 1000', '1', '0.000002'],
  ['unit_price: 0.10', '5', '0.5'],
  ['unit_price: 5', '0', '0', 0],
  ['unit_price: 0', '1000000', '0'],
  ['unit_price: 10', '2.5', '25'],
  ['unit_price: 1, per: 0.5', '3', '6'],
  ['unit_price: 1, per: 3', '1', THIRDS],
  ['unit_price: 0.00000000000001', '0.000001', '0.00000000000000000001'],
  ['unit_price: 2, included: 100', '99.999999', '0'],
  ['unit_price: 2, included: 100', '100', '0'],
  ['unit_price: 2, included: 100', '100.5', '1'],
];

const PACKAGE: readonly Row[] = [
  ['unit_price: 5, per: 1000', '0', '0', 0],
  ['unit_price: 5, per: 1000', '0', '0'],
  ['unit_price: 5, per: 1000', '0.000001', '5'],
  ['unit_price: 5, per: 1000', '999.999999', '5'],
  ['unit_price: 5, per: 1000', '1000', '5'],
  ['unit_price: 5, per: 1000', '1000.000001', '10'],
  ['unit_price: 1', '2.1', '3'],
  ['unit_price: 1, per: 0.5', '1.2', '3'],
  ['unit_price: 1, per: 0.3', '0.9', '3'],
  ['unit_price: 1, per: 0.3', '0.900001', '4'],
  ['unit_price: 5, per: 1000, included: 100', '100', '0'],
  ['unit_price: 5, per: 1000, included: 100', '1100', '5'],
  ['unit_price: 5, per: 1000, included: 100', '1100.000001', '10'],
];

const HALVED = 'tiers: [{up_to: 100, unit_price: 1}, {unit_price: 0.5}]';
const FEES = tiersOf(
  'up_to: 10, unit_price: 10, flat_fee: 2',
  'up_to: 20, unit_price: 5, flat_fee: 3',
  'unit_price: 4, flat_fee: 5',
);
const MILLION = 'tiers: [{up_to: 1000000, unit_price: 2}, {unit_price: 1}], per: 1000';
const BLOCKS =
  'tiers: [{up_to: 1000, unit_price: 1, block_size: 100}, {unit_price: 1, block_size: 1000}]';
const CROOKED =
  'tiers: [{up_to: 250, unit_price: 1, block_size: 100}, {unit_price: 2, flat_fee: 7, block_size: 100}]';
const MIXED = 'tiers: [{up_to: 10, unit_price: 3}, {unit_price: 4, block_size: 0.5}], per: 2';

const GRADUATED: readonly Row[] = [
  [HALVED, '0', '0', 0],
  [HALVED, '99.5', '99.5'],
  [HALVED, '100', '100'],
  [HALVED, '100.000001', '100.0000005'],
  [HALVED, '300', '200'],
  [FEES, '0', '2', 0],
  [FEES, '0', '2'],
  [FEES, '10', '102'],
  [FEES, '10.000001', '105.000005'],
  [FEES, '10.5', '107.5'],
  [FEES, '20', '155'],
  [FEES, '20.1', '160.4'],
  [MILLION, '500000', '1000'],
  [MILLION, '1500000', '2500'],
  [MILLION, '1000000.5', '2000.0005'],
  // A part block rounds up in its tier, and the next tier begins with a block of its own.
  [BLOCKS, '0', '0', 0],
  [BLOCKS, '1', '1'],
  [BLOCKS, '100', '1'],
  [BLOCKS, '100.000001', '2'],
  [BLOCKS, '1000', '10'],
  [BLOCKS, '1001', '11'],
  [BLOCKS, '5325', '15'],
  [CROOKED, '250', '3'],
  [CROOKED, '251', '12'],
  [CROOKED, '350', '12'],
  [CROOKED, '351', '14'],
  // `per` is for tiers without blocks.
  [MIXED, '10', '15'],
  [MIXED, '10.5', '19'],
  [MIXED, '10.6', '23'],
  ['tiers: [{unit_price: 3}]', '7', '21'],
  ['tiers: [{flat_fee: 3}]', '7', '3'],
  // Tiers begin behind what is included.
  [`${HALVED}, included: 50`, '50', '0'],
  [`${HALVED}, included: 50`, '150', '100'],
  [`${HALVED}, included: 50`, '250', '150'],
  [`${FEES}, included: 5`, '5', '2'],
];

const SEVEN = 'tiers: [{up_to: 5, unit_price: 7}, {up_to: 10, unit_price: 6.5}, {unit_price: 6}]';
const FEE_FIRST =
  'tiers: [{up_to: 100, unit_price: 2, flat_fee: 10}, {up_to: 200, unit_price: 1}, {unit_price: 0.5, flat_fee: 50}]';
const TOP_BLOCKS =
  'tiers: [{up_to: 1000, unit_price: 1, block_size: 100}, {unit_price: 0.5, block_size: 1000}]';
const TEN_THOUSAND = 'tiers: [{up_to: 10000, unit_price: 5}, {unit_price: 4}], per: 1000';

const VOLUME: readonly Row[] = [
  [SEVEN, '0', '0', 0],
  [SEVEN, '5', '35'],
  [SEVEN, '5.5', '35.75'],
  [SEVEN, '10', '65'],
  [SEVEN, '11', '66'],
  [FEE_FIRST, '0', '10', 0],
  [FEE_FIRST, '100', '210'],
  // One more and it is less: that is what volume prices do.
  [FEE_FIRST, '100.5', '100.5'],
  [FEE_FIRST, '200', '200'],
  [FEE_FIRST, '210', '155'],
  [TOP_BLOCKS, '0', '0', 0],
  [TOP_BLOCKS, '901', '10'],
  [TOP_BLOCKS, '1000', '10'],
  [TOP_BLOCKS, '1001', '1'],
  [TOP_BLOCKS, '2000.000001', '1.5'],
  [TEN_THOUSAND, '10000', '50'],
  [TEN_THOUSAND, '10001', '40.004'],
  [`${SEVEN}, included: 5`, '10', '35'],
  [`${SEVEN}, included: 5`, '11', '39'],
];

const CARD = 'percent: 2.9, fixed_fee: 0.30';
const FREE = 'percent: 1.3, fixed_fee: 2, free_events: 2';

const PERCENTAGE: readonly Row[] = [
  [CARD, '0', '0', 0],
  [CARD, '0', '0.3'],
  [CARD, '100', '3.2'],
  [CARD, '100', '3.8', 3],
  ['percent: 2.9', '4', '0.116', 4],
  [FREE, '800', '10.4'],
  [FREE, '800', '10.4', 2],
  [FREE, '800', '12.4', 3],
  // Fees count all events, whatever part of the money is included.
  [`${FREE}, included: 250`, '800', '11.15', 4],
  [`${FREE}, included: 800`, '800', '4', 4],
  ['percent: 0, fixed_fee: 0.05', '1000', '0.5', 10],
  ['percent: 150', '10', '15'],
  ['percent: 0.00000000000001', '0.000001', '0.0000000000000000000001'],
];

const SLICES = tiersOf(
  'up_to: 10, percent: 1, flat_fee: 200',
  'up_to: 20, percent: 2, flat_fee: 300',
  'percent: 3, flat_fee: 400',
);

const GRADUATED_PERCENTAGE: readonly Row[] = [
  [SLICES, '0', '200', 0],
  [SLICES, '1', '200.01'],
  [SLICES, '10', '200.1'],
  [SLICES, '11', '500.12'],
  [SLICES, '20', '500.3'],
  [SLICES, '21', '900.33'],
  [`${SLICES}, included: 10`, '21', '500.12'],
  ['tiers: [{percent: 2.5}]', '0.000001', '0.000000025'],
];

const MULTIPLIER: readonly Row[] = [
  ['factor: 1.33333', '10', '13.3333'],
  ['factor: 1', '0.123456', '0.123456'],
  ['factor: 0', '5', '0'],
  ['factor: 1.5', '0', '0', 0],
  ['factor: 1.5, included: 4', '4.2', '0.3'],
];

const TABLES: Readonly<Record<(typeof PRICE_KINDS)[number], readonly Row[]>> = {
  flat: FLAT,
  per_unit: PER_UNIT,
  graduated: GRADUATED,
  volume: VOLUME,
  package: PACKAGE,
  percentage: PERCENTAGE,
  graduated_percentage: GRADUATED_PERCENTAGE,
  multiplier: MULTIPLIER,
};

const SCALE = 6;

describe.each(PRICE_KINDS)('a price of the kind %s', (kind) => {
  test.each(TABLES[kind])('with %s asks for %s: %s', (fields, quantity, amount, events = 1) => {
    const price = `kind: ${kind}, ${fields}`;
    expect(cost(price, quantity, { scale: SCALE, events })).toBe(amount);
    // A finer meter changes nothing.
    expect(cost(price, quantity, { scale: 9, events })).toBe(amount);
    const sums = CURRENCIES.map((currency) => {
      const terms = termsOf(price, { scale: SCALE, currency });
      const parts = events === 0 ? [] : [used(terms, quantity, events)];
      return total(linesOf(terms, whole(...parts)), terms);
    });
    const rounded = CURRENCIES.map((currency) => roundText(amount, DIGITS[currency] ?? 2, 'away'));
    expect(sums).toEqual(rounded);
  });
});

test('a price without a kind is one per unit', () => {
  expect(cost('unit_price: 0.25', '3')).toBe('0.75');
});

describe('a tie is rounded away from zero, once, to the minor unit', () => {
  test.each<[currency: string, amount: string, line: string]>([
    ['JPY', '0.49999999999999', '0'],
    ['JPY', '0.5', '1'],
    ['JPY', '1.5', '2'],
    ['JPY', '2.5', '3'],
    ['USD', '0.00499999999999', '0.00'],
    ['USD', '0.005', '0.01'],
    ['USD', '0.015', '0.02'],
    ['USD', '0.025', '0.03'],
    ['KWD', '0.00049999999999', '0.000'],
    ['KWD', '0.0005', '0.001'],
    ['KWD', '0.0015', '0.002'],
    ['KWD', '0.0025', '0.003'],
  ])('of %s: %s is %s', (currency, amount, line) => {
    expect(bill(`unit_price: ${amount}`, '1', { currency })).toEqual([`USAGE 1 ${line}`]);
    expect(bill(`kind: flat, amount: ${amount}`, '0', { currency })).toEqual([`USAGE 0 ${line}`]);
  });
});

function tiersOf(...tiers: readonly string[]): string {
  return `tiers: [${tiers.map((tier) => `{${tier}}`).join(', ')}]`;
}
