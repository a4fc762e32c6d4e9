// Percentages as decimal text with 2 decimals, from exact integers.

import { formatFixed } from '../../base/decimal.js';
import { divideFloor, divideHalfAway } from '../../base/division.js';

const SCALE = 2;
const HUNDREDTHS = 10_000n;

/** Rounded half away from zero; undefined where there was nothing before. */
export function changePercent(now: bigint, before: bigint): string | undefined {
  if (before === 0n) return undefined;
  return formatFixed(divideHalfAway((now - before) * HUNDREDTHS, before), SCALE);
}

/** Hundredths of a percent of the limit, rounded down; 100 % of a limit of 0. */
export function usedHundredths(used: bigint, limit: bigint): bigint {
  return limit === 0n ? HUNDREDTHS : divideFloor(used * HUNDREDTHS, limit);
}

export function percentText(hundredths: bigint): string {
  return formatFixed(hundredths, SCALE);
}
