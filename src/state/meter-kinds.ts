// What each meter is, in whatever catalogue it stands: its quanta mean nothing without scale and
// aggregation, and the totals can answer for a rollup key only since they keep it.

import type { EpochMs } from '../base/units.js';
import type { Meter } from '../domain/metering/meter.js';

export interface MeterKind extends Pick<Meter, 'scale' | 'aggregation'> {
  /** By rollup key of now: since when the totals keep it; 0 from the meter's beginning. */
  readonly rollupSince: Readonly<Record<string, EpochMs>>;
}

export function kindOf(
  { scale, aggregation, rollupKeys }: Meter,
  known: MeterKind | undefined,
  atMs: EpochMs,
): MeterKind {
  const sinceMs = known === undefined ? 0 : atMs;
  const rollupSince = rollupKeys.map((key) => [key, known?.rollupSince[key] ?? sinceMs]);
  return { scale, aggregation, rollupSince: Object.fromEntries(rollupSince) };
}
