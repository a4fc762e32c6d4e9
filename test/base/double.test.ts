import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalFromDouble, formatDecimal } from '../../src/base/decimal.js';
import { plainText } from './naive.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('a double', () => {
  test.each<[value: number, text: string]>([
    [0, '0'],
    [-0, '0'],
    [0.1, '0.1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [0.03125, '0.03125'],
    [0.333333, '0.333333'],
    [1e-7, '0.0000001'],
    [1.5e-7, '0.00000015'],
    [-1.5e-7, '-0.00000015'],
    [5e-324, `0.${'0'.repeat(323)}5`],
    [1e21, `1${'0'.repeat(21)}`],
    [1.5e21, `15${'0'.repeat(20)}`],
    [-1e21, `-1${'0'.repeat(21)}`],
    [123456789012345680000, '123456789012345680000'],
    [Number.MAX_VALUE, `17976931348623157${'0'.repeat(292)}`],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [-12.5, '-12.5'],
  ])('%d is the decimal that it shows as', (value, text) => {
    expect(formatDecimal(decimalFromDouble(value))).toBe(text);
  });

  test('the decimal is its shortest text with the exponent written out', () => {
    fc.assert(
      fc.property(finite, (value) => {
        const { units, scale } = decimalFromDouble(value);
        const text = formatDecimal({ units, scale });
        expect(text).toBe(
          plainText(value)
            .replace(/(\.\d*?)0+$/, '$1')
            .replace(/\.$/, ''),
        );
        expect(Number(text)).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});
