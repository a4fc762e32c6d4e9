// A period that began late or ended early: what scales with its share of the seconds, what does not.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addFractions, type Fraction, ratioOf, WHOLE } from '../../../src/base/fraction.js';
import { overPart } from '../../../src/domain/pricing/part-period.js';
import { rateDue } from '../../../src/domain/pricing/rate.js';
import {
  exactText,
  FROM_CHANGE,
  halves,
  KINDS,
  linesOf,
  shown,
  termsOf,
  used,
  versionOf,
  whole,
} from './given.js';

const DAY = 86_400n;
const HALF = ratioOf(15n * DAY, 30n * DAY);
const THIRD = ratioOf(10n * DAY, 30n * DAY);
const ALL = ratioOf(30n * DAY, 30n * DAY);
const NONE = ratioOf(0n, 30n * DAY);

const FEES =
  'kind: graduated, tiers: [{up_to: 10, unit_price: 10, flat_fee: 2}, {unit_price: 5, flat_fee: 3}]';

describe('a part of a period', () => {
  test.each<[fields: string, quantity: string, share: Fraction, lines: readonly string[]]>([
    ['kind: flat, amount: 49', '8', HALF, ['USAGE 8 24.50']],
    ['kind: flat, amount: 49', '8', THIRD, ['USAGE 8 16.33']],
    ['kind: flat, amount: 49', '8', NONE, ['USAGE 8 0.00']],
    ['kind: flat, amount: 49, prorate: false', '8', HALF, ['USAGE 8 49.00']],
    ['kind: flat, amount: 0.01', '8', HALF, ['USAGE 8 0.01']],
    ['kind: flat, amount: 0.01', '8', THIRD, ['USAGE 8 0.00']],
    // Quantities are floored: a third of 101 is 33.
    ['unit_price: 1, included: 101', '50', HALF, ['USAGE 50 0.00', 'INCLUDED 50 0.00']],
    ['unit_price: 1, included: 101', '50', THIRD, ['USAGE 50 17.00', 'INCLUDED 33 0.00']],
    ['unit_price: 1, included: 101', '50', NONE, ['USAGE 50 50.00']],
    [
      'unit_price: 1, included: 101, prorate: false',
      '50',
      THIRD,
      ['USAGE 50 0.00', 'INCLUDED 50 0.00'],
    ],
    ['unit_price: 1, included: 2', '8', THIRD, ['USAGE 8 8.00']],
    ['unit_price: 1, minimum: 100', '8', HALF, ['USAGE 8 8.00', 'MINIMUM 0 42.00']],
    ['unit_price: 1, minimum: 100', '8', THIRD, ['USAGE 8 8.00', 'MINIMUM 0 25.33']],
    ['unit_price: 1, minimum: 100, prorate: false', '8', HALF, ['USAGE 8 8.00', 'MINIMUM 0 92.00']],
    ['unit_price: 1, maximum: 10', '8', HALF, ['USAGE 8 8.00', 'MAXIMUM 0 -3.00']],
    ['unit_price: 1, maximum: 10', '8', NONE, ['USAGE 8 8.00', 'MAXIMUM 0 -8.00']],
    ['unit_price: 1, maximum: 10, prorate: false', '8', HALF, ['USAGE 8 8.00']],
    ['unit_price: 1, discount_percent: 50', '8', HALF, ['USAGE 8 8.00', 'DISCOUNT 0 -4.00']],
    // Fees of tiers are halved, their bounds and prices are not.
    [FEES, '5', HALF, ['USAGE 5 51.00']],
    [FEES, '11', HALF, ['USAGE 11 107.50']],
    [`${FEES}, prorate: false`, '11', HALF, ['USAGE 11 110.00']],
    [
      'kind: volume, tiers: [{up_to: 10, unit_price: 1}, {flat_fee: 9}]',
      '8',
      HALF,
      ['USAGE 8 8.00'],
    ],
    [
      'kind: volume, tiers: [{up_to: 7, unit_price: 1}, {flat_fee: 9}]',
      '8',
      HALF,
      ['USAGE 8 4.50'],
    ],
    [
      'kind: graduated_percentage, tiers: [{up_to: 10, percent: 100, flat_fee: 5}, {percent: 50}]',
      '8',
      HALF,
      ['USAGE 8 10.50'],
    ],
    ['kind: package, unit_price: 5, per: 6', '8', HALF, ['USAGE 8 10.00']],
    ['kind: multiplier, factor: 2', '8', HALF, ['USAGE 8 16.00']],
    // Five events: a half of three free ones is one.
    ['kind: percentage, percent: 100, fixed_fee: 1, free_events: 3', '8', HALF, ['USAGE 8 12.00']],
    ['kind: percentage, percent: 100, fixed_fee: 1, free_events: 3', '8', ALL, ['USAGE 8 10.00']],
    [
      'kind: percentage, percent: 100, fixed_fee: 1, free_events: 3, prorate: false',
      '8',
      HALF,
      ['USAGE 8 10.00'],
    ],
  ])('by %s, %s used, %o: %j', (fields, quantity, share, lines) => {
    const terms = termsOf(fields);
    const given = linesOf(terms, whole(used(terms, quantity, 5)), { isLast: true, share });
    expect(shown(given, terms)).toEqual(lines);
  });

  test('floors to the scale of the meter: a third of 1 is 0.3333', () => {
    const terms = termsOf('unit_price: 1, included: 1', { scale: 4 });
    const lines = linesOf(terms, whole(used(terms, '1')), { isLast: true, share: THIRD });
    expect(shown(lines, terms)).toEqual(['USAGE 1 0.67', 'INCLUDED 0.3333 0.00']);
  });

  test('has its share of each version, and one that says otherwise has all of it', () => {
    const price = 'unit_price: 1, included: 20';
    const terms = termsOf([price, `${price}, prorate: false, ${FROM_CHANGE}`]);
    const segments = halves([used(terms, '15')], [used(terms, '15')]);
    // From 15 to 30 by a version that includes 20: 5 of them are left.
    expect(shown(linesOf(terms, segments, { isLast: true, share: HALF }), terms)).toEqual([
      'USAGE 15 5.00',
      'INCLUDED 10 0.00',
      'USAGE 15 10.00',
      'INCLUDED 5 0.00',
    ]);
  });

  test.each(KINDS)('that is the whole changes nothing in %s', (fields) => {
    const conditions = 'included: 7, minimum: 3, maximum: 150, discount_percent: 5';
    const version = versionOf(termsOf(`${fields}, ${conditions}`));
    for (const share of [WHOLE, ALL]) expect(overPart(version, share)).toBe(version);
  });

  test.each(KINDS)('changes nothing in %s that is not to be prorated', (fields) => {
    const conditions = 'included: 7, minimum: 3, maximum: 150, prorate: false';
    const version = versionOf(termsOf(`${fields}, ${conditions}`));
    for (const share of [NONE, THIRD]) expect(overPart(version, share)).toBe(version);
  });
});

test('the parts of a flat fee add up to it, to the last digit', () => {
  const seconds = 30 * 86_400;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: seconds }),
      fc.integer({ min: 0, max: 10_000_000 }),
      (at, cents) => {
        const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
        const version = versionOf(termsOf(`kind: flat, amount: ${amount}`));
        const shares = [at, seconds - at].map((part) => ratioOf(BigInt(part), BigInt(seconds)));
        const [first, second] = shares.map((share) => {
          return rateDue(overPart(version, share), { quanta: 0n, events: 0 }, 0);
        });
        if (first === undefined || second === undefined) throw new Error('two parts');
        const whole = rateDue(version, { quanta: 0n, events: 0 }, 0);
        expect(exactText(addFractions(first, second))).toBe(exactText(whole));
      },
    ),
  );
});
