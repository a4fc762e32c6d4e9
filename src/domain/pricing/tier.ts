// What one tier asks for a quantity that lies in it: by unit, by begun block, or by percentage.

import { type Decimal, powerOfTen } from '../../base/decimal.js';
import { divideCeiling } from '../../base/division.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import { ratePerUnit } from './per-unit.js';
import type { Tier, Tiered } from './price.js';

/** Without the tier's flat fee. */
export function rateInTier(tiered: Tiered, tier: Tier, quanta: Quanta, scale: number): Fraction {
  if (tiered.kind === 'graduated_percentage') return ratePercent(tier.percent, quanta, scale);
  const { unitPrice, block } = tier;
  if (block === undefined) return ratePerUnit({ unitPrice, per: tiered.per }, quanta, scale);
  const blocks = divideCeiling(quanta, block);
  return { numerator: blocks * unitPrice.units, denominator: powerOfTen(unitPrice.scale) };
}

/** Percent of metered money. */
export function ratePercent(percent: Decimal, quanta: Quanta, scale: number): Fraction {
  return { numerator: quanta * percent.units, denominator: powerOfTen(percent.scale + scale + 2) };
}
