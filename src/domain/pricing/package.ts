// package: a begun package counts whole: ceil(quantity ÷ size) × its price.

import { powerOfTen } from '../../base/decimal.js';
import { divideCeiling } from '../../base/division.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { PerUnit } from './price.js';

export function ratePackage({ unitPrice, per }: PerUnit, quanta: Quanta, scale: number): Fraction {
  const packages = divideCeiling(quanta * powerOfTen(per.scale), per.units * powerOfTen(scale));
  return { numerator: packages * unitPrice.units, denominator: powerOfTen(unitPrice.scale) };
}
