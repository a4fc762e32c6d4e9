// multiplier: the metered money times a factor.

import { powerOfTen } from '../../base/decimal.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { Multiplier } from './price.js';

export function rateMultiplier({ factor }: Multiplier, quanta: Quanta, scale: number): Fraction {
  return { numerator: quanta * factor.units, denominator: powerOfTen(factor.scale + scale) };
}
