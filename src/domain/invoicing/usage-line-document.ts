// A rated usage line as it is kept on an invoice.

import { type Decimal, formatDecimal, formatUnits } from '../../base/decimal.js';
import { type Fraction, fractionToDecimal } from '../../base/fraction.js';
import { limits } from '../../limits.js';
import type { Interval } from '../metering/calendar.js';
import type { TierDocument } from '../plans/document.js';
import type { PriceVersion, Tier } from '../pricing/price.js';
import type { LineDocument, LinePrice } from './document.js';
import { periodName } from './period-name.js';
import { hashText } from './proof.js';
import type { UsageLine, UsageLineKind } from './usage-lines.js';

const SUFFIX: Record<UsageLineKind, string> = {
  USAGE: '',
  INCLUDED: ' (included)',
  DISCOUNT: ' (discount)',
  MAXIMUM: ' (over the maximum)',
  MINIMUM: ' (up to the minimum)',
};

/** `zone` is the one that the period's days are named in. */
export function usageLineDocument(line: UsageLine, zone: string): LineDocument {
  const { meter, proof, kind } = line;
  const isQuantity = kind === 'USAGE' || kind === 'INCLUDED';
  const isUsage = kind === 'USAGE';
  return {
    kind,
    key: line.key,
    description: descriptionOf(line, zone),
    meter: meter.key,
    unit: isQuantity ? meter.unit : '',
    quantity: isQuantity ? formatUnits(line.quanta, meter.scale) : '',
    price: priceOf(line),
    dimensions: Object.fromEntries(line.match),
    amount: `${line.amountMinor}`,
    start_ms: line.startMs,
    end_ms: line.endMs,
    first_sequence: isUsage ? proof.firstSequence : 0,
    last_sequence: isUsage ? proof.lastSequence : 0,
    events: isUsage ? proof.events : 0,
    hash: isUsage ? hashText(proof) : '',
    unpriced: line.version === undefined,
    reason: '',
    original_invoice_id: '',
  };
}

function descriptionOf({ kind, meter, match, startMs, endMs }: UsageLine, zone: string): string {
  const labels = match.map(([key, value]) => `${key} ${value}`).join(', ');
  const what = labels === '' ? meter.key : `${meter.key}: ${labels}`;
  const span: Interval = { startMs, endMs };
  return `${what}, ${periodName(span, zone)}${SUFFIX[kind]}`;
}

function priceOf({ version, defaultPrice, meter }: UsageLine): LinePrice | null {
  if (version !== undefined) return linePrice(version, meter.scale);
  if (defaultPrice === undefined) return null;
  const unit_price = formatDecimal(defaultPrice);
  return { kind: 'per_unit', unit_price, per: '1', tiers: [], effective_from_ms: null };
}

function linePrice(version: PriceVersion, scale: number): LinePrice {
  const common = { kind: version.kind, tiers: [], effective_from_ms: version.effectiveFromMs };
  const price = (unit: Decimal, per = '1') => ({
    ...common,
    unit_price: formatDecimal(unit),
    per,
  });
  switch (version.kind) {
    case 'flat':
      return { ...common, unit_price: amountText(version.amount), per: '' };
    case 'per_unit':
    case 'package':
      return price(version.unitPrice, formatDecimal(version.per));
    case 'percentage':
      return price(version.percent, '100');
    case 'multiplier':
      return price(version.factor);
    default: {
      const tiers = version.tiers.map((tier) => tierDocument(tier, scale));
      return { ...common, tiers, unit_price: '', per: formatDecimal(version.per) };
    }
  }
}

function tierDocument(tier: Tier, scale: number): TierDocument {
  return {
    up_to: tier.upTo === undefined ? null : formatUnits(tier.upTo, scale),
    unit_price: formatDecimal(tier.unitPrice),
    flat_fee: amountText(tier.flatFee),
    percent: formatDecimal(tier.percent),
    block_size: tier.block === undefined ? '' : formatUnits(tier.block, scale),
  };
}

function amountText(amount: Fraction): string {
  const { units, scale } = fractionToDecimal(amount, limits.priceScale);
  return formatUnits(units, scale);
}
