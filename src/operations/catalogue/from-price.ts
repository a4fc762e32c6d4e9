// Prices and quota rules of a call as the trees that their shapes read.

import type { Price, PriceTier } from '../../../generated/ts/tollgate/v1/price.js';
import type { QuotaRule } from '../../../generated/ts/tollgate/v1/quota_rule.js';
import type { YamlMapping } from '../../seed/yaml.js';
import { PRICED_BY } from '../billing/to-invoice.js';
import type { Faults } from '../parse.js';
import { MODE, WINDOW } from '../quota-status.js';
import {
  enumTree,
  lengthTree,
  listTree,
  mapTree,
  quantityTree,
  timeTree,
  tree,
} from './message-tree.js';

export function priceTree(price: Price, at: string, faults: Faults): YamlMapping {
  const tiers = price.tiers.map(tierTree);
  return tree(
    {
      meter: price.meter,
      match: mapTree(price.match, `${at}.match`, faults),
      kind: enumTree(PRICED_BY, price.kind),
      amount: price.amount,
      unit_price: price.unitPrice,
      per: price.per,
      tiers: tiers.length === 0 ? undefined : tiers,
      percent: price.percent,
      fixed_fee: price.fixedFee,
      free_events: price.freeEvents === 0n ? undefined : `${price.freeEvents}`,
      factor: price.factor,
      included: price.included,
      minimum: price.minimum,
      discount_percent: price.discountPercent,
      prorate: price.prorate === undefined ? undefined : `${price.prorate}`,
      effective_from: timeTree(price.effectiveFrom, `${at}.effective_from`, faults),
    },
    { maximum: price.maximum },
  );
}

function tierTree(tier: PriceTier): YamlMapping {
  return tree({
    up_to: quantityTree(tier.upTo),
    unit_price: tier.unitPrice,
    flat_fee: tier.flatFee,
    percent: tier.percent,
    block_size: tier.blockSize,
  });
}

export function quotaTree(rule: QuotaRule, at: string, faults: Faults): YamlMapping {
  if (rule.noThresholds && rule.thresholds.length > 0) {
    faults.add(`${at}.no_thresholds`, 'must be false where there are thresholds');
  }
  return tree({
    key: rule.key,
    meter: rule.meter,
    match: mapTree(rule.match, `${at}.match`, faults),
    limit: quantityTree(rule.limit),
    window: enumTree(WINDOW, rule.window),
    window_length: lengthTree(rule.windowLength, `${at}.window_length`, faults),
    mode: enumTree(MODE, rule.mode),
    scope: listTree(rule.scope),
    thresholds: rule.noThresholds ? [] : listTree(rule.thresholds),
  });
}
