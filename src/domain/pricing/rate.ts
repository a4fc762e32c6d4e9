// What a price asks for all usage of a period so far, unrounded. A part of the period is a
// difference of two of these; the one rounding is that of an invoice line.
//
//   gross = rate of (quantity − included)
//   net   = gross × (1 − discount)
//   due   = net, at most `maximum`; at least `minimum` once the period is over

import { unreachable } from '../../base/assert.js';
import { powerOfTen } from '../../base/decimal.js';
import {
  type Fraction,
  greaterFraction,
  lesserFraction,
  multiplyFractions,
} from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import { rateGraduated } from './graduated.js';
import { rateMultiplier } from './multiplier.js';
import { ratePackage } from './package.js';
import { ratePerUnit } from './per-unit.js';
import { ratePercentage } from './percentage.js';
import type { PriceVersion } from './price.js';
import { rateVolume } from './volume.js';

/** Decimals that an unrounded amount is shown with: 14 of a price, 9 of a quantity, and some. */
export const AMOUNT_SCALE = 28;

/** Usage of one meter under one price since its period began. */
export interface UsageSoFar {
  readonly quanta: Quanta;
  readonly events: number;
}

/** `scale` is the meter's. */
export function rateGross(version: PriceVersion, usage: UsageSoFar, scale: number): Fraction {
  const { included } = version;
  const quanta = usage.quanta > included ? usage.quanta - included : 0n;
  switch (version.kind) {
    case 'flat':
      return version.amount;
    case 'per_unit':
      return ratePerUnit(version, quanta, scale);
    case 'package':
      return ratePackage(version, quanta, scale);
    case 'graduated':
    case 'graduated_percentage':
      return rateGraduated(version, quanta, scale);
    case 'volume':
      return rateVolume(version, quanta, scale);
    case 'percentage':
      return ratePercentage(version, quanta, usage.events, scale);
    case 'multiplier':
      return rateMultiplier(version, quanta, scale);
    default:
      return unreachable(version);
  }
}

export function lessDiscount(gross: Fraction, { discountPercent }: PriceVersion): Fraction {
  const { units, scale } = discountPercent;
  if (units === 0n) return gross;
  const whole = powerOfTen(scale + 2);
  return multiplyFractions(gross, { numerator: whole - units, denominator: whole });
}

export function atMost(net: Fraction, maximum: Fraction | undefined): Fraction {
  return maximum === undefined ? net : lesserFraction(net, maximum);
}

export function atLeast(net: Fraction, minimum: Fraction | undefined): Fraction {
  return minimum === undefined ? net : greaterFraction(net, minimum);
}

/** What is due under one version before the period is over: without the minimum. */
export function rateDue(version: PriceVersion, usage: UsageSoFar, scale: number): Fraction {
  return atMost(lessDiscount(rateGross(version, usage, scale), version), version.maximum);
}

/** Whether more usage costs the same wherever the period stands: no position need be known. */
export function isLinear(version: PriceVersion): boolean {
  const plain = version.kind === 'per_unit' || version.kind === 'multiplier';
  return plain && version.included === 0n && version.maximum === undefined;
}
