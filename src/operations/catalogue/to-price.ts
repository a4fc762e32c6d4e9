// Prices and quota rules of documents as the contract's messages.

import type { Duration } from '../../../generated/ts/google/protobuf/duration.js';
import type { Price, PriceTier } from '../../../generated/ts/tollgate/v1/price.js';
import type { QuotaRule } from '../../../generated/ts/tollgate/v1/quota_rule.js';
import type { PriceDocument, QuotaDocument, TierDocument } from '../../domain/plans/document.js';
import { PRICED_PER } from '../../seed/price-shape.js';
import { PRICED_BY } from '../billing/to-invoice.js';
import { toDuration, toTimestamp } from '../parse.js';
import { MODE, WINDOW } from '../quota-status.js';

/** Every default is filled in; what does not belong to the kind is empty. */
export function toPrice(price: PriceDocument): Price {
  const { kind } = price;
  const fromMs = Date.parse(price.effective_from);
  return {
    meter: price.meter,
    match: new Map(Object.entries(price.match)),
    kind: PRICED_BY[kind],
    amount: price.amount ?? '',
    unitPrice: price.unit_price ?? '',
    per: PRICED_PER.has(kind) ? price.per : '',
    tiers: (price.tiers ?? []).map((tier) => toTier(tier, kind)),
    percent: price.percent ?? '',
    fixedFee: kind === 'percentage' ? (price.fixed_fee ?? '0') : '',
    freeEvents: BigInt(price.free_events ?? 0),
    factor: price.factor ?? '',
    included: price.included,
    minimum: price.minimum ?? '0',
    maximum: price.maximum,
    discountPercent: price.discount_percent ?? '0',
    prorate: price.prorate ?? true,
    // The epoch stands for "always".
    effectiveFrom: fromMs === 0 ? undefined : toTimestamp(fromMs),
  };
}

function toTier(tier: TierDocument, kind: PriceDocument['kind']): PriceTier {
  const isPercentage = kind === 'graduated_percentage';
  return {
    upTo: tier.up_to ?? undefined,
    unitPrice: isPercentage ? '' : tier.unit_price,
    flatFee: tier.flat_fee,
    percent: isPercentage ? tier.percent : '',
    blockSize: tier.block_size,
  };
}

export function toQuotaRule(quota: QuotaDocument): QuotaRule {
  return {
    key: quota.key,
    meter: quota.meter,
    match: new Map(Object.entries(quota.match)),
    limit: quota.limit ?? undefined,
    window: WINDOW[quota.window],
    windowLength: lengthOf(quota),
    mode: MODE[quota.mode],
    scope: [...quota.scope],
    thresholds: [...quota.thresholds],
    noThresholds: quota.thresholds.length === 0,
  };
}

function lengthOf({ window_length_ms: ms }: QuotaDocument): Duration | undefined {
  return ms === 0 ? undefined : toDuration(ms);
}
