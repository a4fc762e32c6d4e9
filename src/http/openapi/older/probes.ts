// `/health` and `/metrics`.

import { reference } from '../values.js';
import type { OlderPaths } from './older-path.js';
import { flag, number, reply } from './shapes.js';

export const probes: OlderPaths = {
  paths: [
    {
      verb: 'GET',
      template: '/health',
      id: 'GetHealth',
      summary: 'Says that the server serves',
      performs: [],
      status: 200,
      answer: reference('OlderHealth'),
    },
    {
      verb: 'GET',
      template: '/metrics',
      id: 'GetMetrics',
      summary: 'Metrics of the server',
      about: 'Three of them in JSON where `Accept` asks for it, else all for Prometheus.',
      performs: [],
      status: 200,
      answer: reference('OlderMetrics'),
      textType: 'text/plain',
    },
  ],
  schemas: {
    OlderHealth: reply({
      status: { const: 'ok' },
      service: { const: 'tollgate' },
      simulation_mode: flag('Payments go nowhere by themselves.'),
      stripe_configured: flag(),
    }),
    OlderMetrics: reply({
      billing_usage_records_total: number('Events since the start of the process.'),
      billing_active_tenants: number('Organisations with state.'),
      billing_invoices_total: number('Invoices that were ever made.'),
    }),
  },
};
