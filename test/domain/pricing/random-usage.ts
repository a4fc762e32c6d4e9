// Usage as segments of a period, one for each day from the epoch on.

import { NO_PROOF } from '../../../src/domain/invoicing/proof.js';
import type { Segment, UsagePart } from '../../../src/domain/invoicing/usage-lines.js';
import { labels } from '../given.js';
import type { NaiveUsage } from './naive.js';

export const DAY_MS = 86_400_000;

export function partOf({ quanta, events }: NaiveUsage, sequence = 1, dimensions = {}): UsagePart {
  const sequences = { firstSequence: sequence, lastSequence: sequence };
  const proof = { ...sequences, events, hashLow: sequence, hashHigh: 0 };
  return {
    dimensions: labels(dimensions),
    quanta: BigInt(quanta),
    // A level that was carried over rests on no event of the period.
    proof: events === 0 ? NO_PROOF : proof,
  };
}

/** One segment for each day, from the epoch on; nothing on a day without usage. */
export function dailyUsage(used: readonly NaiveUsage[]): readonly Segment[] {
  return daily(
    used.map((each, day) => {
      return each.quanta === 0 && each.events === 0 ? [] : [partOf(each, day + 1)];
    }),
  );
}

export function daily(days: readonly (readonly UsagePart[])[]): readonly Segment[] {
  return days.map((parts, day) => ({ startMs: day * DAY_MS, endMs: (day + 1) * DAY_MS, parts }));
}

export function sumUsage(list: readonly NaiveUsage[]): NaiveUsage {
  return {
    quanta: list.reduce((sum, { quanta }) => sum + quanta, 0),
    events: list.reduce((sum, { events }) => sum + events, 0),
  };
}
