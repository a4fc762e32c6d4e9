// EstimateUsage: what intended calls would use, cost, and whether they would fit. Changes nothing.

import type {
  EstimateUsageRequest,
  EstimateUsageResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { formatDecimal, formatUnits } from '../base/decimal.js';
import { addFractions, type Fraction, NOTHING } from '../base/fraction.js';
import type { Quanta } from '../base/units.js';
import { limits } from '../limits.js';
import { checkItems } from './check-items.js';
import { type Answer, advisory, type Core, catalogueOf } from './core.js';
import { beginEstimate, marginalAmount, toAmount } from './estimate-amount.js';
import { intendedOf, type MeasuredItem, measureItem, parseItem } from './item.js';
import { checkOrgId, createFaults, refuseFaults } from './parse.js';

export function estimateUsage(
  core: Core,
  request: EstimateUsageRequest,
): Answer<EstimateUsageResponse> {
  const { orgId } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  if (request.items.length > limits.estimateItems) {
    faults.add('items', `must hold at most ${limits.estimateItems} items`);
  }
  refuseFaults(faults);
  const catalogue = catalogueOf(core);
  const items = request.items.flatMap((item, index) => {
    const parsed = parseItem(item, `items[${index}]`, faults);
    return (parsed && measureItem(parsed, catalogue, faults)) ?? [];
  });
  refuseFaults(faults);
  const nowMs = core.clock.wallMs();
  const terms = core.terms.of(orgId, nowMs);
  const estimate = beginEstimate(core, core.fold.account(orgId), terms, nowMs);
  const totals = totalsOf(items);
  let amount: Fraction = NOTHING;
  for (const each of items) {
    amount = addFractions(amount, marginalAmount(estimate, intendedOf(each)));
  }
  const { decision } = checkItems(core, orgId, items, nowMs, 'with what they cost');
  const wouldExceed = items.length > 0 && !decision.allowed;
  return advisory({
    quantities: items.map(({ meter, quanta }) => formatUnits(quanta, meter.scale)),
    totals: [...totals.values()].map(({ meter, quanta }) => ({
      meter: meter.key,
      unit: meter.unit,
      quantity: formatUnits(quanta, meter.scale),
    })),
    estimatedAmount: formatDecimal(toAmount(amount)),
    currency: terms.terms.plan.currency,
    wouldExceed,
  });
}

function totalsOf(
  items: readonly MeasuredItem[],
): Map<string, { meter: MeasuredItem['meter']; quanta: Quanta }> {
  const totals = new Map<string, { meter: MeasuredItem['meter']; quanta: Quanta }>();
  for (const { meter, quanta } of [...items].sort((a, b) => (a.meter.key < b.meter.key ? -1 : 1))) {
    const total = totals.get(meter.key) ?? { meter, quanta: 0n };
    total.quanta += quanta;
    totals.set(meter.key, total);
  }
  return totals;
}
