// percentage: a percentage of metered money, and a fixed fee for each event beyond the free ones.

import { powerOfTen } from '../../base/decimal.js';
import { addFractions, type Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { Percentage } from './price.js';
import { ratePercent } from './tier.js';

export function ratePercentage(
  { percent, fixedFee, freeEvents }: Percentage,
  quanta: Quanta,
  events: number,
  scale: number,
): Fraction {
  const charged = BigInt(Math.max(0, events - freeEvents));
  const fees = { numerator: charged * fixedFee.units, denominator: powerOfTen(fixedFee.scale) };
  return addFractions(ratePercent(percent, quanta, scale), fees);
}
