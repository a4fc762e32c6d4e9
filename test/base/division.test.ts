import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decimal, formatDecimal, multiply, parseDecimal } from '../../src/base/decimal.js';
import {
  divideCeiling,
  divideFloor,
  divideHalfAway,
  divideHalfEven,
} from '../../src/base/division.js';
import { sharedFile } from '../support/shared-files.js';

const dividend = fc.oneof(
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
);
const divisor = fc.oneof(fc.bigInt({ min: 1n, max: 12n }), fc.bigInt({ min: 1n, max: 10n ** 20n }));

describe('division of integers', () => {
  test.each<[a: bigint, b: bigint, floor: bigint, ceiling: bigint, even: bigint, away: bigint]>([
    [0n, 7n, 0n, 0n, 0n, 0n],
    [6n, 3n, 2n, 2n, 2n, 2n],
    [-6n, 3n, -2n, -2n, -2n, -2n],
    [7n, 3n, 2n, 3n, 2n, 2n],
    [-7n, 3n, -3n, -2n, -2n, -2n],
    [8n, 3n, 2n, 3n, 3n, 3n],
    [-8n, 3n, -3n, -2n, -3n, -3n],
    [1n, 2n, 0n, 1n, 0n, 1n],
    [-1n, 2n, -1n, 0n, 0n, -1n],
    [3n, 2n, 1n, 2n, 2n, 2n],
    [-3n, 2n, -2n, -1n, -2n, -2n],
    [5n, 2n, 2n, 3n, 2n, 3n],
    [-5n, 2n, -3n, -2n, -2n, -3n],
    [5n, 1n, 5n, 5n, 5n, 5n],
  ])('%s / %s is %s floor, %s ceiling, %s half-even, %s half-away', (a, b, ...expected) => {
    const divisions = [divideFloor, divideCeiling, divideHalfEven, divideHalfAway];
    expect(divisions.map((divide) => divide(a, b))).toEqual(expected);
  });

  test('the floor is the greatest and the ceiling the smallest integer on its side', () => {
    fc.assert(
      fc.property(dividend, divisor, (a, b) => {
        const [floor, ceiling] = [divideFloor(a, b), divideCeiling(a, b)];
        expect(floor * b <= a && a < (floor + 1n) * b).toBe(true);
        expect((ceiling - 1n) * b < a && a <= ceiling * b).toBe(true);
      }),
    );
  });

  test('both halves give the nearest integer, and differ in a tie only', () => {
    fc.assert(
      fc.property(dividend, divisor, (a, b) => {
        const [even, away] = [divideHalfEven(a, b), divideHalfAway(a, b)];
        expect(twiceOff(a, b, even) <= b && twiceOff(a, b, away) <= b).toBe(true);
        if (twiceOff(a, b, away) < b) expect(even).toBe(away);
        else expect([even % 2n, away * b * (a < 0n ? -1n : 1n) > size(a)]).toEqual([0n, true]);
      }),
    );
  });
});

interface Conversion {
  readonly operation: 'multiply' | 'divide';
  readonly factor: string;
  readonly rounding: 'none' | 'half_up' | 'ceiling' | 'floor';
  readonly precision: number;
  readonly raw: string;
  readonly invoiced: string;
}

const vectors = sharedFile('pricing-vectors/pricing_vectors.json');

test.skipIf(vectors.absent)(
  `unit conversions of another system come out alike${vectors.note}`,
  () => {
    const rows = vectors.read<{ readonly unit_conversion: readonly Conversion[] }>()
      .unit_conversion;
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map(convert)).toEqual(rows.map(({ invoiced }) => invoiced));
  },
);

function convert({ operation, factor, rounding, precision, raw }: Conversion): string {
  if (operation === 'multiply') return formatDecimal(multiply(read(raw), read(factor)));
  const a = read(raw).units * 10n ** BigInt(precision);
  const b = read(factor).units;
  const divide = {
    none: divideFloor,
    half_up: divideHalfAway,
    ceiling: divideCeiling,
    floor: divideFloor,
  };
  return formatDecimal({ units: divide[rounding](a, b), scale: precision });
}

function read(text: string): Decimal {
  return parseDecimal(text, 14) as Decimal;
}

function twiceOff(a: bigint, b: bigint, quotient: bigint): bigint {
  return size(a - quotient * b) * 2n;
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value;
}
