// Exact decimals of the contract as JSON numbers, which is what older callers parse. What is added
// up is added exactly, and becomes a double once, at the end.

import { assert } from '../../base/assert.js';
import {
  add,
  type Decimal,
  formatDecimal,
  formatUnits,
  parseDecimal,
  powerOfTen,
  roundHalfAway,
  ZERO,
} from '../../base/decimal.js';
import { ratioOf, roundFraction } from '../../base/fraction.js';
import { minorDigits } from '../../domain/pricing/money.js';
import { limits } from '../../limits.js';

/** Stands for "unlimited" in the older run-unit quota. */
export const UNLIMITED = -1;

/** The double next to a decimal text of the contract. */
export function toNumber(text: string): number {
  return Number(text);
}

export function toNumberOrNull(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text);
}

/** Sums by name, each exact until the end. */
export function sumsBy<Row>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  amountOf: (row: Row) => string,
): Record<string, number> {
  const sums = new Map<string, Decimal>();
  for (const row of rows) {
    const name = nameOf(row);
    sums.set(name, add(sums.get(name) ?? ZERO, toDecimal(amountOf(row))));
  }
  // `fromEntries` defines properties: a name like `__proto__` is one like any other.
  return Object.fromEntries([...sums].map(([name, sum]) => [name, Number(formatDecimal(sum))]));
}

export function sumOf(texts: readonly string[]): number {
  const sum = texts.reduce((so, text) => add(so, toDecimal(text)), ZERO);
  return Number(formatDecimal(sum));
}

/** Minor units of money; a price may have more digits than its currency, and is rounded. */
export function toCents(text: string, currency: string): number {
  return Number(roundHalfAway(toDecimal(text), minorDigits(currency)));
}

function toDecimal(text: string): Decimal {
  const value = parseDecimal(text, limits.priceScale);
  assert(typeof value === 'object', `the contract's decimal ${text}`);
  return value;
}

/** More than a double has. */
const RATE_DECIMALS = 24;

/** A price for so many units as the price of one; null where tiers say it. */
export function rateOf(unitPrice: string, per: string): number | null {
  if (unitPrice === '') return null;
  const [price, size] = [toDecimal(unitPrice), toDecimal(per === '' ? '1' : per)];
  const rate = ratioOf(price.units * powerOfTen(size.scale), size.units * powerOfTen(price.scale));
  return Number(formatUnits(roundFraction(rate, RATE_DECIMALS), RATE_DECIMALS));
}
