// per_unit: quantity × unit price ÷ per, as an exact fraction: the division waits for the one
// rounding of the invoice line.

import { type Decimal, powerOfTen } from '../../base/decimal.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';

/** Amount of `quanta` of a meter of `scale`. */
export function ratePerUnit(
  { unitPrice, per }: { readonly unitPrice: Decimal; readonly per: Decimal },
  quanta: Quanta,
  scale: number,
): Fraction {
  return {
    numerator: quanta * unitPrice.units * powerOfTen(per.scale),
    denominator: per.units * powerOfTen(unitPrice.scale + scale),
  };
}
