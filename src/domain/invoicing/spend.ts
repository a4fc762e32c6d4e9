// Money that was counted at record time, against what the usage comes to on its invoices: rounding
// per line, minima, flat fees, late usage that moved tiers. The difference goes to the budgets that
// still run.

import { powerOfTen } from '../../base/decimal.js';
import type { EpochMs, Quanta } from '../../base/units.js';
import { SPEND_SCALE } from '../metering/spend.js';
import { minorDigits } from '../pricing/money.js';
import type { LineDocument } from './document.js';

/** Quanta of money, by meter. */
export type SpendByMeter = ReadonlyMap<string, Quanta>;

/** As an invoice shows it; integer text of quanta. */
export interface SpendDocument {
  readonly counted: string;
  readonly difference: string;
}

/** Of one invoice: what it corrects. Id is the invoice's. */
export interface SpendCorrectionRecord {
  readonly counters: readonly {
    readonly combination: string;
    readonly window_start_ms: EpochMs;
    /** Integer text of quanta. */
    readonly delta: string;
  }[];
}

/** What the lines of a rating come to. */
export function billedSpend(lines: readonly LineDocument[], currency: string): SpendByMeter {
  const one = powerOfTen(SPEND_SCALE - minorDigits(currency));
  const sums = new Map<string, Quanta>();
  for (const { meter, amount } of lines) {
    sums.set(meter, (sums.get(meter) ?? 0n) + BigInt(amount) * one);
  }
  return sums;
}

export function plusSpend(a: SpendByMeter, b: SpendByMeter, sign: 1n | -1n = 1n): SpendByMeter {
  const sums = new Map(a);
  for (const [meter, quanta] of b) sums.set(meter, (sums.get(meter) ?? 0n) + sign * quanta);
  return sums;
}

export function totalSpend(spend: SpendByMeter): Quanta {
  return [...spend.values()].reduce((sum, quanta) => sum + quanta, 0n);
}
