// A price over a part of its period: flat fees, included quantity, free events, minimum and maximum
// are multiplied by the part's share of the seconds, quantities floored to the meter's scale. Tier
// bounds stay as they are.

import { type Fraction, floorShare, multiplyFractions } from '../../base/fraction.js';
import type { PriceVersion, Tier } from './price.js';

/** `share` is at most 1. */
export function overPart(version: PriceVersion, share: Fraction): PriceVersion {
  if (!version.prorate || share.numerator === share.denominator) return version;
  const part = (amount: Fraction | undefined) => amount && multiplyFractions(amount, share);
  const common = {
    ...version,
    included: floorShare(version.included, share),
    minimum: part(version.minimum),
    maximum: part(version.maximum),
  };
  switch (common.kind) {
    case 'flat':
      return { ...common, amount: multiplyFractions(common.amount, share) };
    case 'graduated':
    case 'graduated_percentage':
    case 'volume':
      return { ...common, tiers: common.tiers.map((tier) => tierOverPart(tier, share)) };
    case 'percentage':
      return { ...common, freeEvents: Number(floorShare(BigInt(common.freeEvents), share)) };
    default:
      return common;
  }
}

function tierOverPart(tier: Tier, share: Fraction): Tier {
  return { ...tier, flatFee: multiplyFractions(tier.flatFee, share) };
}
