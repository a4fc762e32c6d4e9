// What Kill Bill bills in advance and how it prorates, as facts: fractions of a base price.

import { expect, test } from 'vitest';
import { roundFraction } from '../../../src/base/fraction.js';
import { shareOf } from '../../../src/domain/invoicing/base-lines.js';
import { anchorOf } from '../../../src/domain/subscriptions/anchor.js';
import { periodAt } from '../../../src/domain/subscriptions/period.js';
import { sharedFile } from '../../support/shared-files.js';
import { utc } from '../given.js';
import { DAY_MS } from './given.js';

interface PeriodRow {
  readonly id: string;
  readonly start: string;
  readonly end: string | null;
  readonly target: string;
  readonly bill_cycle_day: number;
  readonly expect_periods: string;
}
interface RatioRow {
  readonly id: string;
  readonly from_date: string;
  readonly to_date: string;
  readonly days_in_period: string;
  readonly expect_ratio: string;
  readonly places: number;
}

const vectors = sharedFile('pricing-vectors/pricing_vectors.json');

/**
 * Rows that do not map. Kill Bill divides the days of a first part by those of the month that ends
 * at its end, counted back from it (28 January to 28 February: 31 days). Here the whole is the
 * period of the anchor, from 31 January to 28 February: 28 days.
 */
const OTHERWISE: Readonly<Record<string, string>> = { 'bcd-31': '1+14/28' };

/** "7/31+1+3/31": the base periods charged by the target day, whole ones as a sum. */
function charged({ start, end, target, bill_cycle_day: day }: PeriodRow): string {
  const own = anchorOf(utc(start), day, 'UTC');
  const endMs = end === null ? Number.POSITIVE_INFINITY : utc(end);
  const parts: string[] = [];
  let wholes = 0;
  for (let atMs = utc(start); atMs <= utc(target) && atMs < endMs; ) {
    const whole = periodAt(own, 'MONTH', atMs);
    const untilMs = Math.min(whole.endMs, endMs);
    const share = shareOf({ startMs: atMs, endMs: untilMs }, whole);
    if (share.numerator === share.denominator) wholes++;
    else parts.push(`${share.numerator / BigInt(DAY_MS)}/${share.denominator / BigInt(DAY_MS)}`);
    atMs = untilMs;
  }
  return [...(wholes > 0 ? [`${wholes}`] : []), ...parts].join('+');
}

/** The order of the terms, and 14/28 as 1/2, mean nothing. */
function worth(text: string): number {
  return text.split('+').reduce((sum, term) => {
    const [numerator = 0, denominator = 1] = term.split('/').map(Number);
    return sum + numerator / denominator;
  }, 0);
}

test.skipIf(vectors.absent)(
  `base periods charged by a day are those of Kill Bill, but for one${vectors.note}`,
  () => {
    const { billing_periods: rows } = vectors.read<{
      readonly billing_periods: readonly PeriodRow[];
    }>();
    expect(rows).toHaveLength(11);
    for (const row of rows) {
      const expected = OTHERWISE[row.id] ?? row.expect_periods;
      expect(worth(charged(row)), `${row.id}: ${charged(row)}`).toBeCloseTo(worth(expected), 12);
    }
    const differing = rows.filter((row) => worth(charged(row)) !== worth(row.expect_periods));
    expect(differing.map(({ id }) => id)).toEqual(Object.keys(OTHERWISE));
  },
);

test.skipIf(vectors.absent)(
  `a part of a period has the ratio that Kill Bill gives it${vectors.note}`,
  () => {
    const { proration_ratio: rows } = vectors.read<{
      readonly proration_ratio: readonly RatioRow[];
    }>();
    expect(rows).toHaveLength(3);
    for (const { id, from_date, to_date, days_in_period, expect_ratio, places } of rows) {
      const day = Number(to_date.slice(8));
      const whole = periodAt(anchorOf(utc(from_date), day, 'UTC'), 'MONTH', utc(from_date));
      expect((whole.endMs - whole.startMs) / DAY_MS, id).toBe(Number(days_in_period));
      expect(whole.endMs, id).toBe(utc(to_date));
      const share = shareOf({ startMs: utc(from_date), endMs: utc(to_date) }, whole);
      expect(Number(roundFraction(share, places)) / 10 ** places, id).toBe(Number(expect_ratio));
    }
  },
);
