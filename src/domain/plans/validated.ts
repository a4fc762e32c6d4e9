// Texts of a validated document as numbers: a fault in one here is a bug.

import { assert } from '../../base/assert.js';
import { type Decimal, isFault, parseDecimal, parseUnits } from '../../base/decimal.js';
import type { Quanta } from '../../base/units.js';
import { limits } from '../../limits.js';

export function decimal(text: string): Decimal {
  const value = parseDecimal(text, limits.priceScale);
  assert(typeof value !== 'string', `a validated decimal: ${text}`);
  return value;
}

export function quantity(text: string, scale: number): Quanta {
  const value = parseUnits(text, scale);
  assert(!isFault(value), `a validated quantity: ${text}`);
  return value;
}
