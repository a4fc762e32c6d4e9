import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decimal, formatDecimal, formatFixed, parseDecimal } from '../../src/base/decimal.js';
import {
  addFractions,
  type Fraction,
  fractionOf,
  fractionToDecimal,
  NOTHING,
  roundFraction,
  subtractFractions,
} from '../../src/base/fraction.js';
import { roundText } from './naive.js';

const fraction: fc.Arbitrary<Fraction> = fc.record({
  numerator: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  denominator: fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 1n, max: 10n ** 15n })),
});
const decimal = fc.record({
  units: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  scale: fc.integer({ min: 0, max: 14 }),
});

function over(numerator: bigint, denominator: bigint): Fraction {
  return { numerator, denominator };
}

function same(a: Fraction, b: Fraction): boolean {
  return a.numerator * b.denominator === b.numerator * a.denominator;
}

describe('a fraction', () => {
  test.each<[fraction: Fraction, scale: number, shown: string]>([
    [NOTHING, 2, '0.00'],
    [over(1n, 3n), 2, '0.33'],
    [over(2n, 3n), 2, '0.67'],
    [over(-2n, 3n), 2, '-0.67'],
    [over(1n, 2n), 0, '1'],
    [over(-1n, 2n), 0, '-1'],
    [over(1n, 200n), 2, '0.01'],
    [over(-1n, 200n), 2, '-0.01'],
    [over(3n, 600n), 2, '0.01'],
    [over(10n ** 30n - 1n, 2n * 10n ** 32n), 2, '0.00'],
    [over(10n ** 30n, 2n * 10n ** 32n), 2, '0.01'],
    [over(1n, 3n), 28, `0.${'3'.repeat(28)}`],
  ])('%o at scale %i is %s, a tie away from zero', (fraction, scale, shown) => {
    expect(formatFixed(roundFraction(fraction, scale), scale)).toBe(shown);
    const { units } = fractionToDecimal(fraction, scale);
    expect(units).toBe(roundFraction(fraction, scale));
  });

  test('of a decimal is that decimal', () => {
    fc.assert(
      fc.property(decimal, (value) => {
        const again = fractionToDecimal(fractionOf(value), value.scale);
        expect(again).toEqual(value);
      }),
    );
  });

  test('of a decimal rounds as the digits of its text', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: 0, max: 4 }), (value, places) => {
        const expected = roundText(formatDecimal(value), places, 'away');
        expect(formatFixed(roundFraction(fractionOf(value), places), places)).toBe(expected);
      }),
    );
  });

  test('in a sum loses nothing: thirds make a whole, and a tie stays a tie', () => {
    const third = over(1n, 3n);
    expect(same(addFractions(addFractions(third, third), third), over(1n, 1n))).toBe(true);
    const price = (text: string) => fractionOf(parseDecimal(text, 14) as Decimal);
    const thirdOf = ({ numerator, denominator }: Fraction) => over(numerator, denominator * 3n);
    const sum = addFractions(thirdOf(price('0.001')), thirdOf(price('0.014')));
    expect(roundFraction(sum, 2)).toBe(1n);
  });

  test('is what is left of a sum less the other part', () => {
    fc.assert(
      fc.property(fraction, fraction, (a, b) => {
        expect(same(subtractFractions(addFractions(a, b), b), a)).toBe(true);
        expect(same(addFractions(a, b), addFractions(b, a))).toBe(true);
        expect(same(addFractions(a, NOTHING), a)).toBe(true);
        expect(addFractions(a, b).denominator > 0n).toBe(true);
      }),
    );
  });
});
