// A price turns a quantity of one meter into an amount. Versions of a price share its meter and
// match and differ in `effectiveFromMs`; an event is rated by the version in force at its time.

import type { Decimal } from '../../base/decimal.js';
import type { Fraction } from '../../base/fraction.js';
import type { EpochMs, Quanta } from '../../base/units.js';
import { type Dimensions, type Match, matches } from '../metering/dimensions.js';

export const PRICE_KINDS = [
  'flat',
  'per_unit',
  'graduated',
  'volume',
  'package',
  'percentage',
  'graduated_percentage',
  'multiplier',
] as const;
export type PriceKind = (typeof PRICE_KINDS)[number];

/** What every kind of price can have besides. */
export interface PriceConditions {
  /** Free quantity at the start of each period. */
  readonly included: Quanta;
  /** What a period costs at least, topped up once it is over. */
  readonly minimum: Fraction | undefined;
  /** What a period costs at most. */
  readonly maximum: Fraction | undefined;
  /** Taken off before minimum and maximum; 0 for none. */
  readonly discountPercent: Decimal;
  /** Whether a part period has a part of flat fees, included quantity, minimum and maximum. */
  readonly prorate: boolean;
  readonly effectiveFromMs: EpochMs;
}

export interface Flat {
  readonly kind: 'flat';
  /** Per period, whatever the usage. */
  readonly amount: Fraction;
}

export interface PerUnit {
  readonly kind: 'per_unit' | 'package';
  /** Price of `per` units of the meter, up to 14 decimals; of a package: begun ones count whole. */
  readonly unitPrice: Decimal;
  readonly per: Decimal;
}

export interface Tier {
  /** Greatest quantity, inclusive; undefined on the last one. */
  readonly upTo: Quanta | undefined;
  /** Price of the price's `per` units, or of a block. */
  readonly unitPrice: Decimal;
  /** A begun block counts whole; undefined: no blocks. */
  readonly block: Quanta | undefined;
  /** Of the metered money; graduated_percentage only. */
  readonly percent: Decimal;
  /** Due as soon as the tier is reached; the first one's even without usage. */
  readonly flatFee: Fraction;
}

export interface Tiered {
  readonly kind: 'graduated' | 'volume' | 'graduated_percentage';
  readonly tiers: readonly Tier[];
  readonly per: Decimal;
}

export interface Percentage {
  readonly kind: 'percentage';
  readonly percent: Decimal;
  /** Per event beyond the free ones. */
  readonly fixedFee: Decimal;
  readonly freeEvents: number;
}

export interface Multiplier {
  readonly kind: 'multiplier';
  readonly factor: Decimal;
}

export type PriceTerms = Flat | PerUnit | Tiered | Percentage | Multiplier;
export type PriceVersion = PriceConditions & PriceTerms;

export interface Price {
  readonly meter: string;
  readonly match: Match;
  readonly source: 'plan' | 'price_list';
  /** Ascending by `effectiveFromMs`. */
  readonly versions: readonly PriceVersion[];
}

export function versionAt(price: Price, atMs: EpochMs): PriceVersion | undefined {
  return price.versions.findLast((version) => version.effectiveFromMs <= atMs);
}

/** `prices` are in order of precedence: plan before list, then most labels first. */
export function priceFor(
  prices: readonly Price[],
  dimensions: Dimensions,
  atMs: EpochMs,
): Price | undefined {
  return prices.find(
    (price) => matches(price.match, dimensions) && versionAt(price, atMs) !== undefined,
  );
}

export function inPrecedence(prices: readonly Price[]): readonly Price[] {
  return [...prices].sort(
    (a, b) =>
      Number(a.source === 'price_list') - Number(b.source === 'price_list') ||
      b.match.length - a.match.length,
  );
}

/** Two prices of equal rank that one event could meet: which wins would be chance. */
export function ties(a: Match, b: Match): boolean {
  if (a.length !== b.length) return false;
  const values = new Map(a);
  const sameKeys = b.filter(([key]) => values.has(key));
  return sameKeys.every(([key, value]) => values.get(key) === value) && sameKeys.length < a.length;
}
