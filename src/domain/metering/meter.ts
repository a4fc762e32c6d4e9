// A meter says what is measured and how the events of a window become one value.

import type { Decimal } from '../../base/decimal.js';

export const AGGREGATIONS = ['SUM', 'COUNT', 'MAX', 'LAST', 'UNIQUE'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** What to do with usage that no price matches; it is always shown, never dropped. */
export type UnpricedPolicy =
  | { readonly kind: 'zero' }
  | { readonly kind: 'default'; readonly amount: Decimal }
  | { readonly kind: 'reject' };

export interface Meter {
  readonly key: string;
  readonly unit: string;
  /** Decimal places kept, 0–9: one quantum is 10^−scale units. */
  readonly scale: number;
  readonly aggregation: Aggregation;
  /** The dimension whose distinct values UNIQUE counts; '' on other aggregations. */
  readonly dimension: string;
  /** LAST only: dimensions that tell its sources apart; none means one source. */
  readonly sourceKeys: readonly string[];
  readonly formula: 'identity' | 'run_units';
  /** Dimensions kept in the totals, at most four. */
  readonly rollupKeys: readonly string[];
  /** Distinct rollup label sets per organisation and month. */
  readonly labelSetsMax: number;
  readonly latePolicy: 'NEXT_INVOICE' | 'REJECT';
  readonly unpriced: UnpricedPolicy;
}

/** Where usage stands in the totals beyond the cap on label sets. */
export function otherLabels({ rollupKeys }: Meter): readonly (readonly [string, string])[] {
  return rollupKeys.map((key) => [key, 'other'] as const);
}

/** COUNT and UNIQUE count things: every event is 1, and another quantity means nothing. */
export function countsEvents(aggregation: Aggregation): boolean {
  return aggregation === 'COUNT' || aggregation === 'UNIQUE';
}
