import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  compare,
  type Decimal,
  type DecimalFault,
  formatDecimal,
  formatFixed,
  formatUnits,
  isFault,
  multiply,
  parseDecimal,
  parseUnits,
  powerOfTen,
  subtract,
  ZERO,
} from '../../src/base/decimal.js';
import { QUANTA_MAX } from '../../src/base/units.js';

const scale = fc.integer({ min: 0, max: 20 });
const units = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
const decimals: fc.Arbitrary<Decimal> = fc.record({ units, scale });

describe('reading a quantity', () => {
  test.each<[text: string, scale: number, units: bigint]>([
    ['0', 0, 0n],
    ['0', 4, 0n],
    ['0.0000', 4, 0n],
    ['1', 4, 10_000n],
    ['0.6', 4, 6_000n],
    ['99.9999', 4, 999_999n],
    ['007', 0, 7n],
    ['00.50', 2, 50n],
    ['0.000000001', 9, 1n],
    ['1099511627776', 0, 1_099_511_627_776n],
    ['999999999999999', 0, 999_999_999_999_999n],
    ['9999999999999999', 0, 9_999_999_999_999_999n],
    ['9007199254740993', 0, 9_007_199_254_740_993n],
    ['12345678.123456', 6, 12_345_678_123_456n],
    ['123456789.123456', 6, 123_456_789_123_456n],
    ['900719925474.0993', 4, 9_007_199_254_740_993n],
    ['9223372036854775807', 0, QUANTA_MAX],
    ['9'.repeat(64), 0, 10n ** 64n - 1n],
  ])('"%s" at scale %i is exactly %s units', (text, scale, units) => {
    expect(parseUnits(text, scale)).toBe(units);
  });

  test.each<[text: string, scale: number, fault: DecimalFault]>([
    ['', 4, 'empty'],
    ['.', 4, 'malformed'],
    ['.5', 4, 'malformed'],
    ['5.', 4, 'malformed'],
    ['1..2', 4, 'malformed'],
    ['1.2.3', 4, 'malformed'],
    ['-1', 4, 'malformed'],
    ['-0', 4, 'malformed'],
    ['+1', 4, 'malformed'],
    ['1e3', 4, 'malformed'],
    ['1E-3', 4, 'malformed'],
    ['NaN', 4, 'malformed'],
    ['Infinity', 4, 'malformed'],
    ['-Infinity', 4, 'malformed'],
    [' 1', 4, 'malformed'],
    ['1 ', 4, 'malformed'],
    ['1\n', 4, 'malformed'],
    ['0x10', 4, 'malformed'],
    ['1,5', 4, 'malformed'],
    ['1_000', 4, 'malformed'],
    ['１', 4, 'malformed'],
    ['٣', 4, 'malformed'],
    ['1.0', 0, 'too_many_decimals'],
    ['1.00001', 4, 'too_many_decimals'],
    ['1.00000', 4, 'too_many_decimals'],
    ['9'.repeat(65), 0, 'too_long'],
  ])('"%s" at scale %i is refused, never rounded: %s', (text, scale, fault) => {
    expect(parseUnits(text, scale)).toBe(fault);
  });

  test('any text is either digits with at most one dot inside, or a fault', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.\-+e]{0,70}$/));
    fc.assert(
      fc.property(text, scale, (text, scale) => {
        const value = parseUnits(text, scale);
        const sound = /^\d+(\.\d+)?$/.test(text) && text.length <= 64;
        const fits = sound && (text.split('.')[1] ?? '').length <= scale;
        expect(isFault(value)).toBe(!fits);
      }),
    );
  });

  test('what is written without trailing zeros reads back as the same units', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), scale, (units, scale) => {
        expect(parseUnits(formatUnits(units, scale), scale)).toBe(units);
        expect(parseUnits(formatFixed(units, scale), scale)).toBe(units);
      }),
    );
  });
});

describe('reading a decimal', () => {
  test.each<[text: string, units: bigint, scale: number]>([
    ['0', 0n, 0],
    ['-0', 0n, 0],
    ['0.002', 2n, 3],
    ['-12.50', -1250n, 2],
    ['0.00000000000001', 1n, 14],
  ])('"%s" keeps its own scale', (text, units, scale) => {
    expect(parseDecimal(text, 14)).toEqual({ units, scale });
  });

  test.each<[text: string, fault: DecimalFault]>([
    ['', 'empty'],
    ['-', 'empty'],
    ['--1', 'malformed'],
    ['+1', 'malformed'],
    ['1.', 'malformed'],
    ['1e-7', 'malformed'],
    ['0.000000000000001', 'too_many_decimals'],
  ])('"%s" is refused: %s', (text, fault) => {
    expect(parseDecimal(text, 14)).toBe(fault);
  });

  test('what is written reads back as the same value', () => {
    fc.assert(
      fc.property(decimals, (value) => {
        const again = parseDecimal(formatDecimal(value), 20);
        expect(typeof again).toBe('object');
        expect(compare(again as Decimal, value)).toBe(0);
      }),
    );
  });
});

describe('writing a decimal', () => {
  test.each<[units: bigint, scale: number, short: string, fixed: string]>([
    [0n, 0, '0', '0'],
    [0n, 4, '0', '0.0000'],
    [6_000n, 4, '0.6', '0.6000'],
    [10_000n, 4, '1', '1.0000'],
    [1_000_000n, 4, '100', '100.0000'],
    [100n, 0, '100', '100'],
    [581n, 2, '5.81', '5.81'],
    [50n, 2, '0.5', '0.50'],
    [5n, 2, '0.05', '0.05'],
    [-5n, 2, '-0.05', '-0.05'],
    [-1250n, 2, '-12.5', '-12.50'],
    [-581n, 0, '-581', '-581'],
    [1n, 9, '0.000000001', '0.000000001'],
  ])('%s at scale %i is "%s" short and "%s" fixed', (units, scale, short, fixed) => {
    expect([formatUnits(units, scale), formatFixed(units, scale)]).toEqual([short, fixed]);
  });

  test('the short text has no exponent, no trailing zero and no negative zero', () => {
    fc.assert(
      fc.property(units, scale, (units, scale) => {
        const text = formatUnits(units, scale);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
        expect(text).not.toBe('-0');
      }),
    );
  });
});

describe('arithmetic', () => {
  test.each<[a: string, b: string, sum: string, difference: string, product: string]>([
    ['0.1', '0.2', '0.3', '-0.1', '0.02'],
    ['1', '0.0001', '1.0001', '0.9999', '0.0001'],
    ['-2.5', '2.5', '0', '-5', '-6.25'],
    ['0', '-7', '-7', '7', '0'],
  ])('%s and %s are exact: sum %s, difference %s, product %s', (a, b, ...results) => {
    const [x, y] = [parseDecimal(a, 20) as Decimal, parseDecimal(b, 20) as Decimal];
    expect([add(x, y), subtract(x, y), multiply(x, y)].map(formatDecimal)).toEqual(results);
  });

  test('a sum less one part is the other part, and sums do not depend on order', () => {
    fc.assert(
      fc.property(decimals, decimals, (a, b) => {
        expect(compare(subtract(add(a, b), b), a)).toBe(0);
        expect(compare(add(a, b), add(b, a))).toBe(0);
        expect(compare(add(a, ZERO), a)).toBe(0);
        expect(compare(a, b)).toBe(0 - compare(b, a) + 0);
      }),
    );
  });

  test('a product spreads over a sum', () => {
    fc.assert(
      fc.property(decimals, decimals, decimals, (a, b, c) => {
        expect(compare(multiply(add(a, b), c), add(multiply(a, c), multiply(b, c)))).toBe(0);
      }),
    );
  });

  test('scale does not change value: 1.50 is 1.5', () => {
    expect(compare({ units: 150n, scale: 2 }, { units: 15n, scale: 1 })).toBe(0);
  });

  test.each([0, 1, 28, 63, 64, 400])('ten to the power %i is a one and that many zeros', (n) => {
    expect(powerOfTen(n).toString()).toBe(`1${'0'.repeat(n)}`);
  });
});
