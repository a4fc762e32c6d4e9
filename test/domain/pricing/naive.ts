// A second calculator: it walks through the period quantum by quantum and event by event, and knows
// no formula. Everything is in cents.

import type { PriceKind } from '../../../src/domain/pricing/price.js';
import type { Fraction } from '../../base/naive.js';

export interface NaiveTier {
  /** Last quantum of the tier; undefined on the last one. */
  readonly end: number | undefined;
  readonly cents: number;
  readonly feeCents: number;
  /** Quanta. */
  readonly block: number | undefined;
  readonly percent: number;
}

/** Of every kind at once: each one looks at what it has use for. */
export interface NaivePrice {
  readonly kind: PriceKind;
  /** The amount, the unit price, the fee per event; of a multiplier, hundredths of its factor. */
  readonly cents: number;
  readonly per: number;
  readonly tiers: readonly NaiveTier[];
  readonly percent: number;
  readonly freeEvents: number;
  /** Quanta. */
  readonly included: number;
  readonly discountPercent: number;
  readonly minimumCents: number | undefined;
  readonly maximumCents: number | undefined;
}

export interface NaiveUsage {
  readonly quanta: number;
  readonly events: number;
}

/** Before discount and bounds. */
export function naiveGross(price: NaivePrice, usage: NaiveUsage, scale: number): Fraction {
  // One quantum of one cent per `per` units is one piece of these.
  const pieces = price.per * 10 ** scale;
  let sum = 0;
  let place = 0;
  const last = usage.quanta - price.included;
  if (price.kind === 'flat') sum += price.cents * pieces;
  if (isTiered(price)) sum += firstFee(price, last) * pieces;
  for (let quantum = 1; quantum <= usage.quanta; quantum++) {
    if (quantum <= price.included) continue;
    place++;
    sum += piecesOf(price, place, last, pieces);
  }
  if (price.kind === 'percentage') {
    for (let event = 1; event <= usage.events; event++) {
      if (event > price.freeEvents) sum += price.cents * pieces;
    }
  }
  return { over: BigInt(sum), under: BigInt(pieces) };
}

/** Of a whole period, with discount, maximum and minimum. */
export function naiveCost(price: NaivePrice, usage: NaiveUsage, scale: number): Fraction {
  const { over, under } = naiveGross(price, usage, scale);
  const left = over * BigInt(100 - price.discountPercent);
  const net = { over: left, under: under * 100n };
  const { minimumCents: minimum, maximumCents: maximum } = price;
  if (minimum !== undefined && net.over < BigInt(minimum) * net.under) {
    return { over: BigInt(minimum), under: 1n };
  }
  if (maximum !== undefined && net.over > BigInt(maximum) * net.under) {
    return { over: BigInt(maximum), under: 1n };
  }
  return net;
}

function isTiered({ kind }: NaivePrice): boolean {
  return kind === 'graduated' || kind === 'graduated_percentage' || kind === 'volume';
}

/** Of the tier in which everything lies, or of the first one. */
function firstFee(price: NaivePrice, last: number): number {
  const tier = price.kind === 'volume' ? tierAt(price, Math.max(last, 1)) : price.tiers[0];
  return tier?.feeCents ?? 0;
}

/** What the quantum at `place` of those not included adds; `last` is the place of the last one. */
function piecesOf(price: NaivePrice, place: number, last: number, pieces: number): number {
  switch (price.kind) {
    case 'flat':
      return 0;
    case 'per_unit':
      return price.cents;
    case 'package':
      return (place - 1) % pieces === 0 ? price.cents * pieces : 0;
    case 'multiplier':
      return price.cents * price.per;
    case 'percentage':
      return price.percent * price.per;
    case 'volume':
      return inTier(price, tierAt(price, last), place, pieces);
    case 'graduated':
    case 'graduated_percentage': {
      const tier = tierAt(price, place);
      const before = price.tiers[price.tiers.indexOf(tier) - 1]?.end ?? 0;
      const isEntered = place - 1 === before && before > 0;
      const fee = isEntered ? tier.feeCents * pieces : 0;
      return fee + inTier(price, tier, place - before, pieces);
    }
  }
}

function inTier(price: NaivePrice, tier: NaiveTier, place: number, pieces: number): number {
  if (price.kind === 'graduated_percentage') return tier.percent * price.per;
  if (tier.block === undefined) return tier.cents;
  return (place - 1) % tier.block === 0 ? tier.cents * pieces : 0;
}

function tierAt({ tiers }: NaivePrice, place: number): NaiveTier {
  const tier = tiers.find(({ end }) => end === undefined || place <= end);
  if (tier === undefined) throw new Error('the last tier has no end');
  return tier;
}
