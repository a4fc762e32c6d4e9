// graduated, graduated_percentage: each tier prices the part of the quantity that lies in it. A
// tier's flat fee is due as soon as the tier is reached, the first one's even without usage. Where
// tiers count in blocks, a part block rounds up in its tier.

import { addFractions, type Fraction, NOTHING } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { Tiered } from './price.js';
import { rateInTier } from './tier.js';

export function rateGraduated(tiered: Tiered, quanta: Quanta, scale: number): Fraction {
  let amount = NOTHING;
  let from = 0n;
  for (const tier of tiered.tiers) {
    const reached = from === 0n || quanta > from;
    if (!reached) break;
    const end = tier.upTo === undefined || quanta < tier.upTo ? quanta : tier.upTo;
    amount = addFractions(amount, tier.flatFee);
    amount = addFractions(amount, rateInTier(tiered, tier, end - from, scale));
    if (tier.upTo === undefined || quanta <= tier.upTo) break;
    from = tier.upTo;
  }
  return amount;
}
