// volume: the tier that the whole quantity reaches prices all of it, with that tier's flat fee. A
// greater quantity may so cost less.

import { addFractions, type Fraction, NOTHING } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { Tiered } from './price.js';
import { rateInTier } from './tier.js';

export function rateVolume(tiered: Tiered, quanta: Quanta, scale: number): Fraction {
  const tier = tiered.tiers.find(({ upTo }) => upTo === undefined || quanta <= upTo);
  if (tier === undefined) return NOTHING;
  return addFractions(tier.flatFee, rateInTier(tiered, tier, quanta, scale));
}
