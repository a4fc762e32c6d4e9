// Prices of a document, compiled: prices of equal meter and match are versions of one price.

import { present, unreachable } from '../../base/assert.js';
import { type Fraction, fractionOf } from '../../base/fraction.js';
import { toMatch } from '../metering/dimensions.js';
import type { Meter } from '../metering/meter.js';
import type { Price, PriceTerms, PriceVersion, Tier, Tiered } from '../pricing/price.js';
import type { PriceDocument, TierDocument } from './document.js';
import { decimal, quantity } from './validated.js';

export function compilePrices(
  prices: readonly PriceDocument[],
  source: Price['source'],
  meters: ReadonlyMap<string, Meter>,
): readonly Price[] {
  const groups = new Map<string, { document: PriceDocument; versions: PriceVersion[] }>();
  for (const document of prices) {
    const place = `${document.meter}\u0003${JSON.stringify(toMatch(document.match))}`;
    const { scale } = present(meters.get(document.meter), `meter ${document.meter}`);
    const group = groups.get(place) ?? { document, versions: [] };
    group.versions.push(compileVersion(document, scale));
    groups.set(place, group);
  }
  return [...groups.values()].map(({ document, versions }) => ({
    meter: document.meter,
    match: toMatch(document.match),
    source,
    versions: versions.sort((a, b) => a.effectiveFromMs - b.effectiveFromMs),
  }));
}

function compileVersion(document: PriceDocument, scale: number): PriceVersion {
  return {
    ...compileTerms(document, scale),
    included: quantity(document.included, scale),
    minimum: optionalAmount(document.minimum),
    maximum: optionalAmount(document.maximum),
    discountPercent: decimal(document.discount_percent ?? '0'),
    prorate: document.prorate ?? true,
    effectiveFromMs: Date.parse(document.effective_from),
  };
}

function compileTerms(document: PriceDocument, scale: number): PriceTerms {
  const { kind } = document;
  switch (kind) {
    case 'flat':
      return { kind, amount: amount(document.amount) };
    case 'per_unit':
    case 'package':
      return { kind, unitPrice: decimal(document.unit_price ?? '0'), per: decimal(document.per) };
    case 'graduated':
    case 'volume':
    case 'graduated_percentage':
      return compileTiers(kind, document, scale);
    case 'percentage':
      return {
        kind,
        percent: decimal(document.percent ?? '0'),
        fixedFee: decimal(document.fixed_fee ?? '0'),
        freeEvents: document.free_events ?? 0,
      };
    case 'multiplier':
      return { kind, factor: decimal(document.factor ?? '0') };
    default:
      return unreachable(kind);
  }
}

function compileTiers(kind: Tiered['kind'], document: PriceDocument, scale: number): Tiered {
  const tiers = (document.tiers ?? []).map((tier) => compileTier(tier, scale));
  return { kind, tiers, per: decimal(document.per) };
}

function compileTier(tier: TierDocument, scale: number): Tier {
  return {
    upTo: tier.up_to === null ? undefined : quantity(tier.up_to, scale),
    unitPrice: decimal(tier.unit_price),
    block: tier.block_size === '' ? undefined : quantity(tier.block_size, scale),
    percent: decimal(tier.percent),
    flatFee: amount(tier.flat_fee),
  };
}

function amount(text = '0'): Fraction {
  return fractionOf(decimal(text));
}

function optionalAmount(text: string | undefined): Fraction | undefined {
  return text === undefined ? undefined : amount(text);
}
