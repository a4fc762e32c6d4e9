import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decimal,
  formatDecimal,
  formatFixed,
  parseDecimal,
  roundHalfAway,
  roundHalfEven,
} from '../../src/base/decimal.js';
import { roundText } from './naive.js';

const places = fc.integer({ min: 0, max: 6 });
const any = fc.record({
  units: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
  scale: fc.integer({ min: 0, max: 9 }),
});
/** A random decimal is almost never a tie, so half of them are made to be one. */
const tie = fc
  .tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.integer({ min: 0, max: 3 }), places)
  .map(([kept, zeros, place]): Decimal => {
    return { units: BigInt(`${kept}5${'0'.repeat(zeros)}`), scale: place + 1 + zeros };
  });
const decimals = fc.oneof(any, tie);

describe('rounding', () => {
  test.each<[text: string, places: number, even: string, away: string]>([
    ['0.5', 0, '0', '1'],
    ['1.5', 0, '2', '2'],
    ['2.5', 0, '2', '3'],
    ['3.5', 0, '4', '4'],
    ['-0.5', 0, '0', '-1'],
    ['-1.5', 0, '-2', '-2'],
    ['-2.5', 0, '-2', '-3'],
    ['2.4999999', 0, '2', '2'],
    ['2.5000001', 0, '3', '3'],
    ['-2.4999999', 0, '-2', '-2'],
    ['-2.5000001', 0, '-3', '-3'],
    ['0.005', 2, '0.00', '0.01'],
    ['0.015', 2, '0.02', '0.02'],
    ['0.025', 2, '0.02', '0.03'],
    ['-0.005', 2, '0.00', '-0.01'],
    ['-0.025', 2, '-0.02', '-0.03'],
    ['0.00499999', 2, '0.00', '0.00'],
    ['0.53125', 4, '0.5312', '0.5313'],
    ['0.53135', 4, '0.5314', '0.5314'],
    ['99.99995', 4, '100.0000', '100.0000'],
    ['0.99995', 4, '1.0000', '1.0000'],
    ['1.2', 4, '1.2000', '1.2000'],
    ['7', 2, '7.00', '7.00'],
  ])('%s to %i places is %s half-even and %s half away from zero', (text, places, even, away) => {
    const value = parseDecimal(text, 14) as Decimal;
    expect(formatFixed(roundHalfEven(value, places), places)).toBe(even);
    expect(formatFixed(roundHalfAway(value, places), places)).toBe(away);
  });

  test('half-even agrees with rounding the digits of the text', () => {
    fc.assert(
      fc.property(decimals, places, (value, places) => {
        const expected = roundText(formatDecimal(value), places, 'even');
        expect(formatFixed(roundHalfEven(value, places), places)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('half away from zero agrees with rounding the digits of the text', () => {
    fc.assert(
      fc.property(decimals, places, (value, places) => {
        const expected = roundText(formatDecimal(value), places, 'away');
        expect(formatFixed(roundHalfAway(value, places), places)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('a value and its negative round to opposite values', () => {
    fc.assert(
      fc.property(decimals, places, ({ units, scale }, places) => {
        for (const round of [roundHalfEven, roundHalfAway]) {
          expect(round({ units: -units, scale }, places)).toBe(-round({ units, scale }, places));
        }
      }),
    );
  });
});
