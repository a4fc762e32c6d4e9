// Exact fractions, for amounts whose division must wait for the one rounding of an invoice line.

import type { Decimal } from './decimal.js';
import { powerOfTen } from './decimal.js';
import { divideHalfAway } from './division.js';

export interface Fraction {
  readonly numerator: bigint;
  /** Above 0. */
  readonly denominator: bigint;
}

export const NOTHING: Fraction = { numerator: 0n, denominator: 1n };

export function addFractions(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) {
    return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  }
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

export function subtractFractions(a: Fraction, b: Fraction): Fraction {
  return addFractions(a, { numerator: -b.numerator, denominator: b.denominator });
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
