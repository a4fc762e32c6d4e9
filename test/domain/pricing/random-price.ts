// Prices at random, and how they are written in YAML.

import fc from 'fast-check';
import { formatUnits } from '../../../src/base/decimal.js';
import type { PriceKind } from '../../../src/domain/pricing/price.js';
import type { NaivePrice, NaiveTier } from './naive.js';

export const QUANTA_MAX = 250;

const cents = fc.integer({ min: 0, max: 500 });
const quanta = fc.integer({ min: 1, max: QUANTA_MAX });
const block = fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined });
const percent = fc.integer({ min: 0, max: 150 });

const rates = fc.record({ cents, feeCents: cents, block, percent });
const tiers: fc.Arbitrary<readonly NaiveTier[]> = fc
  .uniqueArray(quanta, { maxLength: 4 })
  .chain((ends) => {
    const bounds = [...ends.sort((a, b) => a - b), undefined];
    return fc
      .array(rates, { minLength: bounds.length, maxLength: bounds.length })
      .map((list) => list.map((tier, i) => ({ ...tier, end: bounds[i] })));
  });

/** Unbounded: without discount, minimum and maximum. */
export function plainPrice(kind: PriceKind): fc.Arbitrary<NaivePrice> {
  return fc.record({
    kind: fc.constant(kind),
    cents,
    per: hasPer(kind) ? fc.integer({ min: 1, max: 12 }) : fc.constant(1),
    tiers,
    percent,
    freeEvents: fc.integer({ min: 0, max: 5 }),
    included: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: QUANTA_MAX })),
    discountPercent: fc.constant(0),
    minimumCents: fc.constant(undefined),
    maximumCents: fc.constant(undefined),
  });
}

export function anyPrice(kind: PriceKind): fc.Arbitrary<NaivePrice> {
  const bound = fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined });
  const discount = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100 }));
  return fc
    .tuple(plainPrice(kind), bound, bound, discount)
    .map(([price, a, b, discountPercent]) => {
      const [minimumCents, maximumCents] =
        a !== undefined && b !== undefined && a > b ? [b, a] : [a, b];
      return { ...price, discountPercent, minimumCents, maximumCents };
    });
}

export const usage = fc.record({
  quanta: fc.integer({ min: 0, max: QUANTA_MAX }),
  events: fc.integer({ min: 0, max: 12 }),
});

export const scale = fc.integer({ min: 0, max: 2 });

/** JSON is YAML. */
export function fieldsOf(price: NaivePrice, scale: number): string {
  const fields = {
    kind: price.kind,
    ...ownFields(price, scale),
    included: formatUnits(BigInt(price.included), scale),
    discount_percent: price.discountPercent,
    minimum: price.minimumCents === undefined ? undefined : money(price.minimumCents),
    maximum: price.maximumCents === undefined ? undefined : money(price.maximumCents),
  };
  return JSON.stringify(fields).slice(1, -1);
}

function ownFields(price: NaivePrice, scale: number): object {
  const { kind, per } = price;
  switch (kind) {
    case 'flat':
      return { amount: money(price.cents) };
    case 'per_unit':
    case 'package':
      return { unit_price: money(price.cents), per };
    case 'graduated':
    case 'volume':
      return { per, tiers: price.tiers.map((tier) => unitTier(tier, scale)) };
    case 'graduated_percentage':
      return { tiers: price.tiers.map((tier) => percentTier(tier, scale)) };
    case 'percentage': {
      const { percent, freeEvents } = price;
      return { percent, fixed_fee: money(price.cents), free_events: freeEvents };
    }
    case 'multiplier':
      return { factor: money(price.cents) };
  }
}

function unitTier(tier: NaiveTier, scale: number): object {
  const blocks =
    tier.block === undefined ? {} : { block_size: formatUnits(BigInt(tier.block), scale) };
  return { ...tierEnd(tier, scale), unit_price: money(tier.cents), ...blocks };
}

function percentTier(tier: NaiveTier, scale: number): object {
  return { ...tierEnd(tier, scale), percent: tier.percent };
}

function tierEnd({ end, feeCents }: NaiveTier, scale: number): object {
  const bound = end === undefined ? {} : { up_to: formatUnits(BigInt(end), scale) };
  return { ...bound, flat_fee: money(feeCents) };
}

function hasPer(kind: PriceKind): boolean {
  return kind === 'per_unit' || kind === 'package' || kind === 'graduated' || kind === 'volume';
}

function money(amount: number): string {
  return formatUnits(BigInt(amount), 2);
}
