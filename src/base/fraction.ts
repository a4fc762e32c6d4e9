// Exact fractions, for amounts whose division must wait for the one rounding of an invoice line.

import type { Decimal } from './decimal.js';
import { powerOfTen } from './decimal.js';
import { divideFloor, divideHalfAway } from './division.js';

export interface Fraction {
  readonly numerator: bigint;
  /** Above 0. */
  readonly denominator: bigint;
}

export const NOTHING: Fraction = { numerator: 0n, denominator: 1n };
export const WHOLE: Fraction = { numerator: 1n, denominator: 1n };

export function addFractions(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) {
    return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  }
  // The least common denominator, so that a long sum does not grow without need.
  const common = greatestCommonDivisor(a.denominator, b.denominator);
  const toA = b.denominator / common;
  const toB = a.denominator / common;
  return { numerator: a.numerator * toA + b.numerator * toB, denominator: a.denominator * toA };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [greater, lesser] = a > b ? [a, b] : [b, a];
  while (lesser !== 0n) [greater, lesser] = [lesser, greater % lesser];
  return greater;
}

export function subtractFractions(a: Fraction, b: Fraction): Fraction {
  return addFractions(a, { numerator: -b.numerator, denominator: b.denominator });
}

export function multiplyFractions(a: Fraction, b: Fraction): Fraction {
  return {
    numerator: a.numerator * b.numerator,
    denominator: a.denominator * b.denominator,
  };
}

export function compareFractions(a: Fraction, b: Fraction): -1 | 0 | 1 {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function lesserFraction(a: Fraction, b: Fraction): Fraction {
  return compareFractions(a, b) <= 0 ? a : b;
}

export function greaterFraction(a: Fraction, b: Fraction): Fraction {
  return compareFractions(a, b) >= 0 ? a : b;
}

/** a / b; b > 0. */
export function ratioOf(a: bigint, b: bigint): Fraction {
  return { numerator: a, denominator: b };
}

/** `units` × `share`, towards 0 where both are positive. */
export function floorShare(units: bigint, { numerator, denominator }: Fraction): bigint {
  return divideFloor(units * numerator, denominator);
}

/** Units of 10^−scale, a tie away from zero. */
export function roundFraction({ numerator, denominator }: Fraction, scale: number): bigint {
  return divideHalfAway(numerator * powerOfTen(scale), denominator);
}

export function fractionToDecimal(fraction: Fraction, scale: number): Decimal {
  return { units: roundFraction(fraction, scale), scale };
}

export function fractionOf({ units, scale }: Decimal): Fraction {
  return { numerator: units, denominator: powerOfTen(scale) };
}
