// `/api/v1/billing`.

import { FEATURES_MAX } from '../../aliases/usage-totals.js';
import { reference } from '../values.js';
import type { OlderPaths } from './older-path.js';
import { instant, list, number, orNull, reply, text, whenText } from './shapes.js';

export const usageTotals: OlderPaths = {
  paths: [
    {
      verb: 'GET',
      template: '/api/v1/billing/tenants/{tenant_id}/usage-totals',
      id: 'GetUsageTotals',
      summary: 'What a tenant used, by feature',
      about: 'A feature is a meter. One that was not used, or that is no meter, is left out.',
      performs: ['MeteringService/GetUsage'],
      query: {
        feature_keys: {
          ...list(text(), { maxItems: FEATURES_MAX }),
          description: 'Repeated, or with commas between; all where absent.',
        },
        period_start: whenText('With `period_end`; the present month without both.'),
        period_end: whenText('A bound: what is used from then on does not count.'),
      },
      status: 200,
      answer: list(reference('OlderUsageTotal')),
    },
  ],
  schemas: {
    OlderUsageTotal: reply({
      feature_key: text(),
      unit: text(),
      quantity: number(),
      window_start: orNull(instant()),
      window_end: orNull(instant()),
    }),
  },
};
