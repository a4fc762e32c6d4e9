// A price turns a quantity of one meter into an amount. Versions of a price share its meter and
// match and differ in `effectiveFromMs`; an event is rated by the version in force at its time.

import type { Decimal } from '../../base/decimal.js';
import type { EpochMs, Quanta } from '../../base/units.js';
import { type Dimensions, type Match, matches } from '../metering/dimensions.js';

export interface PriceVersion {
  readonly kind: 'per_unit';
  /** Price of `per` units of the meter, up to 14 decimals. */
  readonly unitPrice: Decimal;
  readonly per: Decimal;
  /** Free quantity at the start of each period. */
  readonly included: Quanta;
  readonly effectiveFromMs: EpochMs;
}

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
