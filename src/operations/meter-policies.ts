// What a meter's own policies refuse: usage that no price covers, usage for a period that is
// invoiced. A settlement is a fact already: it is never refused.

import type { EpochMs } from '../base/units.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import { priceFor } from '../domain/pricing/price.js';
import type { Account } from '../state/account.js';

export type PolicyFault = 'late' | 'unpriced';

export function policyFault(
  meter: Meter,
  account: Account | undefined,
  plan: Plan,
  dimensions: Dimensions,
  eventTimeMs: EpochMs,
): PolicyFault | undefined {
  if (meter.latePolicy === 'REJECT' && account !== undefined) {
    if (eventTimeMs < account.organisation.closedToMs) return 'late';
  }
  if (meter.unpriced.kind !== 'reject') return undefined;
  const prices = plan.prices.get(meter.key) ?? [];
  return priceFor(prices, dimensions, eventTimeMs) === undefined ? 'unpriced' : undefined;
}
