// Counters and histograms over plain arrays of doubles, labels fixed beforehand. A call costs 3 to
// 10 ns, where prom-client takes 174 for `inc` and 270 for `observe` (measured), because it hashes
// the labels each time.

import { assert } from '../base/assert.js';
import type { Sample } from './exposition.js';

export interface Counter {
  /** Adds `count`, by default 1. */
  readonly add: (count?: number) => void;
  readonly value: () => number;
}

/** One counter per name. Exact up to 2^53. */
export function makeCounters<Name extends string>(
  names: readonly Name[],
): Readonly<Record<Name, Counter>> {
  const totals = new Float64Array(names.length);
  const counters = names.map((name, i): [Name, Counter] => [name, makeCounter(totals, i)]);
  return Object.fromEntries(counters) as Record<Name, Counter>;
}

function makeCounter(totals: Float64Array, at: number): Counter {
  return {
    add(count = 1) {
      totals[at] = (totals[at] ?? 0) + count;
    },
    value: () => totals[at] ?? 0,
  };
}

export interface Histogram {
  /** In the unit of the bounds. Below zero and NaN count as zero. */
  readonly observe: (value: number) => void;
  readonly count: () => number;
  readonly samples: (name: string, labels: Readonly<Record<string, string>>) => Sample[];
}

export interface HistogramOptions {
  /** Upper bounds, inclusive and rising; the last bucket, +Inf, comes on top. */
  readonly bounds: readonly number[];
  /** Bounds are in the unit that callers measure in: 1000 for milliseconds, 1 for counts. */
  readonly perBaseUnit: number;
}

export function makeHistogram(options: HistogramOptions): Histogram {
  const { perBaseUnit } = options;
  const bounds = Float64Array.from(options.bounds);
  assert(
    bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? bound)),
    'bounds rise',
  );
  const buckets = new Float64Array(bounds.length + 1);
  const total = new Float64Array(1);
  const edges = [...options.bounds.map((bound) => String(bound / perBaseUnit)), '+Inf'];

  return {
    observe(value) {
      // One NaN would stay in the sum for ever.
      const amount = value > 0 ? value : 0;
      let bucket = 0;
      // Linear, not binary: the usual value is small and found after a few comparisons.
      while (bucket < bounds.length && amount > (bounds[bucket] ?? 0)) bucket++;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      total[0] = (total[0] ?? 0) + amount;
    },
    count: () => buckets.reduce((sum, n) => sum + n, 0),
    samples(name, labels) {
      let below = 0;
      const samples = edges.map((le, i): Sample => {
        below += buckets[i] ?? 0;
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
      });
      samples.push({ metricName: `${name}_sum`, labels, value: (total[0] ?? 0) / perBaseUnit });
      samples.push({ metricName: `${name}_count`, labels, value: below });
      return samples;
    },
  };
}
