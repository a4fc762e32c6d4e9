// per_unit: max(0, quantity − included) × unit price ÷ per, exact: the division is carried as a
// fraction until the one rounding of the invoice line.

import { type Decimal, powerOfTen } from '../../base/decimal.js';
import { divideHalfAway } from '../../base/division.js';
import type { Quanta } from '../../base/units.js';
import type { PriceVersion } from './price.js';

/** Decimals of an unrounded amount: 14 of a price, 9 of a quantity, and 1 ÷ `per` beyond that. */
export const AMOUNT_SCALE = 28;

/**
 * Amount for `quantity` quanta of a meter of `scale`, from the start of the period. Exact unless
 * `per` has a prime factor other than 2 and 5; then it is cut at the 28th decimal.
 */
export function ratePerUnit(version: PriceVersion, quantity: Quanta, scale: number): Decimal {
  const billable = quantity > version.included ? quantity - version.included : 0n;
  const { unitPrice, per } = version;
  const numerator = billable * unitPrice.units * powerOfTen(per.scale + AMOUNT_SCALE);
  const denominator = per.units * powerOfTen(unitPrice.scale + scale);
  return { units: divideHalfAway(numerator, denominator), scale: AMOUNT_SCALE };
}
