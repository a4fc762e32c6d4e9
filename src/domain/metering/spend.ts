// Money spent, as a meter that Tollgate keeps itself, so that a quota can be a budget. Each event
// adds its marginal price at the moment it is recorded, rounded half-even to 9 decimals, in the
// currency of the organisation's plan. It is kept where some rule counts it, from then on.

import { divideHalfEven } from '../../base/division.js';
import type { Fraction } from '../../base/fraction.js';
import type { Quanta } from '../../base/units.js';
import type { Dimensions } from './dimensions.js';
import type { Meter } from './meter.js';

export const SPEND = 'spend';
export const SPEND_SCALE = 9;

export const SPEND_METER: Meter = {
  key: SPEND,
  unit: 'currency',
  scale: SPEND_SCALE,
  aggregation: 'SUM',
  dimension: '',
  sourceKeys: [],
  formula: 'identity',
  rollupKeys: ['meter'],
  labelSetsMax: Number.MAX_SAFE_INTEGER,
  latePolicy: 'NEXT_INVOICE',
  unpriced: { kind: 'zero' },
};

export function spendQuanta({ numerator, denominator }: Fraction): Quanta {
  return divideHalfEven(numerator * 10n ** BigInt(SPEND_SCALE), denominator);
}

/** The labels of the event, and what was metered. */
export function spendLabels(meter: string, dimensions: Dimensions): Dimensions {
  return new Map(dimensions).set('meter', meter);
}

/** What the totals of the meter keep. */
export function spendRollup(meter: string): readonly (readonly [string, string])[] {
  return [['meter', meter]];
}
