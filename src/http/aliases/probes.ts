// `/health` and `/metrics` of the older service: no credential, no organisation's data.

import type { Core } from '../../operations/core.js';
import { EVERY_ORGANISATION } from '../../state/records.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { JSON_TYPE } from '../transcode.js';
import type { Alias } from './alias.js';

export interface ProbesOptions {
  readonly core: Core;
  /** Where payments go: `simulated` is nowhere, by hand. */
  readonly payments: 'simulated' | 'stripe';
}

export function probes({ core, payments }: ProbesOptions): readonly Alias[] {
  const health = JSON.stringify({
    status: 'ok',
    service: 'tollgate',
    simulation_mode: payments === 'simulated',
    stripe_configured: payments === 'stripe',
  });
  return [
    {
      verb: 'GET',
      access: 'none',
      template: '/health',
      run: async () => ({ status: 200, headers: JSON_TYPE, body: health }),
    },
    {
      verb: 'GET',
      access: 'none',
      template: '/metrics',
      async run({ header }) {
        if (header('accept').includes('application/json')) {
          return { status: 200, headers: JSON_TYPE, body: JSON.stringify(figuresOf(core)) };
        }
        const { contentType, render } = core.metrics;
        return { status: 200, headers: { 'content-type': contentType }, body: await render() };
      },
    },
  ];
}

function figuresOf({ metrics, fold }: { metrics: Metrics; fold: Core['fold'] }) {
  return {
    billing_usage_records_total: metrics.events.recorded.value(),
    billing_active_tenants: fold.organisations(),
    billing_invoices_total: fold.records.count('invoice', EVERY_ORGANISATION),
  };
}
