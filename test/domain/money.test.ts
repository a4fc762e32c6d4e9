import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../src/base/decimal.js';
import { fractionOf } from '../../src/base/fraction.js';
import { formatMinor, isCurrency, minorDigits, toMinor } from '../../src/domain/pricing/money.js';
import { roundText } from '../base/naive.js';
import { decimal } from './given.js';

const currency = fc.constantFrom('JPY', 'USD', 'KWD', 'CLF');
const amount = fc.record({
  units: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  scale: fc.integer({ min: 0, max: 28 }),
});

describe('a currency', () => {
  test.each<[currency: string, digits: number]>([
    ['JPY', 0],
    ['KRW', 0],
    ['CLP', 0],
    ['ISK', 0],
    ['USD', 2],
    ['EUR', 2],
    ['GBP', 2],
    ['MGA', 2],
    ['KWD', 3],
    ['BHD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['XYZ', 2],
  ])('%s has %i minor digits', (currency, digits) => {
    expect(minorDigits(currency)).toBe(digits);
  });

  test.each<[text: string, is: boolean]>([
    ['USD', true],
    ['usd', false],
    ['US', false],
    ['USDT', false],
    ['', false],
    ['U5D', false],
    ['USD\n', false],
  ])('"%s" has the form of one: %s', (text, is) => {
    expect(isCurrency(text)).toBe(is);
  });
});

describe('an amount of money', () => {
  test.each<[amount: string, currency: string, shown: string]>([
    ['5.8074795', 'USD', '5.81'],
    ['5.8074795', 'JPY', '6'],
    ['5.8074795', 'KWD', '5.807'],
    ['0.5', 'JPY', '1'],
    ['1.5', 'JPY', '2'],
    ['2.5', 'JPY', '3'],
    ['-0.5', 'JPY', '-1'],
    ['-2.5', 'JPY', '-3'],
    ['0.005', 'USD', '0.01'],
    ['0.015', 'USD', '0.02'],
    ['0.025', 'USD', '0.03'],
    ['-0.005', 'USD', '-0.01'],
    ['-0.025', 'USD', '-0.03'],
    ['0.0049999999', 'USD', '0.00'],
    ['-0.0049999999', 'USD', '0.00'],
    ['0.0005', 'KWD', '0.001'],
    ['0.0004', 'KWD', '0.000'],
    ['0', 'JPY', '0'],
    ['0', 'USD', '0.00'],
    ['0', 'KWD', '0.000'],
    ['1000000', 'USD', '1000000.00'],
  ])('%s in %s is %s, a tie away from zero', (amount, currency, shown) => {
    expect(formatMinor(toMinor(fractionOf(decimal(amount)), currency), currency)).toBe(shown);
  });

  test('agrees with rounding the digits of its text', () => {
    fc.assert(
      fc.property(amount, currency, (amount, currency) => {
        const expected = roundText(formatDecimal(amount), minorDigits(currency), 'away');
        const minor = toMinor(fractionOf(amount), currency);
        expect(formatMinor(minor, currency)).toBe(expected);
      }),
    );
  });
});
