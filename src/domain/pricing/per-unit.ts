// per_unit: max(0, quantity − included) × unit price ÷ per, as an exact fraction: the division
// waits for the one rounding of the invoice line.

import { powerOfTen } from '../../base/decimal.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { PriceVersion } from './price.js';

/** Decimals that an unrounded amount is shown with: 14 of a price, 9 of a quantity, and some. */
export const AMOUNT_SCALE = 28;

/** Amount for `quantity` quanta of a meter of `scale`, from the start of the period. */
export function ratePerUnit(version: PriceVersion, quantity: Quanta, scale: number): Fraction {
  const billable = quantity > version.included ? quantity - version.included : 0n;
  const { unitPrice, per } = version;
  return {
    numerator: billable * unitPrice.units * powerOfTen(per.scale),
    denominator: per.units * powerOfTen(unitPrice.scale + scale),
  };
}
