// The way out to Prometheus: figures are kept elsewhere and read when a scrape asks. prom-client
// only writes the text.

import { type Metric, Registry } from 'prom-client';
import { assert } from '../base/assert.js';

export interface Sample {
  /** Where it differs from the family's name: `x_bucket`, `x_sum`, `x_count`. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: () => readonly Sample[];
}

export interface Exposition {
  readonly contentType: string;
  readonly register: (family: Family) => void;
  /** All families are read in one turn of the event loop, before this returns. */
  readonly render: () => Promise<string>;
}

export function makeExposition(): Exposition {
  const registry = new Registry();
  return {
    contentType: registry.contentType,
    register(family) {
      const { name, help, type } = family;
      assert(type !== 'counter' || name.endsWith('_total'), `a counter ends in _total: ${name}`);
      const metric = { name, get: () => ({ name, help, type, values: family.samples() }) };
      // A registry uses a metric's name and `get` only; the declared type is the classes that
      // prom-client brings along. A test holds this true for the version in the lock file.
      registry.registerMetric(metric as unknown as Metric);
    },
    render: () => registry.metrics(),
  };
}

/** The one sample of a family without labels. NaN means not known now, which is no sample. */
export function single(value: number): readonly Sample[] {
  return Number.isNaN(value) ? [] : [{ labels: {}, value }];
}
