// `/usage/report`, `/billing/usage` and `/billing/invoice`: usage of services.

import { DAYS_DEFAULT, DAYS_MAX } from '../../aliases/usage-reports.js';
import { reference } from '../values.js';
import { type OlderPath, type OlderPaths, REPORTS_BOUND } from './older-path.js';
import { body, decimal, id, list, number, orNull, reply, text, whole } from './shapes.js';

const paths: readonly OlderPath[] = [
  {
    verb: 'POST',
    template: '/usage/report',
    id: 'ReportUsage',
    summary: 'Records usage of a service',
    about: REPORTS_BOUND,
    performs: ['MeteringService/Record'],
    org: 'header',
    repeats: 'the id of the report, without which a repeat counts again',
    body: {
      required: true,
      schema: reference('OlderReport'),
      example: {
        tenant_id: 'acme',
        service: 'marketplace',
        usage_type: 'wpk_upload',
        quantity: 1,
      },
    },
    status: 200,
    answer: reference('OlderReported'),
  },
  {
    verb: 'GET',
    template: '/billing/usage/{tenant}',
    id: 'GetServiceUsage',
    summary: 'What a tenant used of services over the last days',
    performs: ['MeteringService/GetUsage'],
    query: {
      days: whole('Up to now.', { minimum: 1, maximum: DAYS_MAX, default: DAYS_DEFAULT }),
    },
    status: 200,
    answer: reference('OlderServiceUsage'),
  },
  {
    verb: 'GET',
    template: '/billing/invoice/{tenant}',
    id: 'GetServiceInvoice',
    summary: 'What a tenant owes, as it is now',
    about: 'A preview: its id names nothing that is stored.',
    performs: ['MeteringService/GetInvoice', 'InvoiceService/PreviewInvoice'],
    query: {
      period: text(`The running period; any other text is the last ${DAYS_DEFAULT} days.`, {
        default: 'current',
      }),
    },
    status: 200,
    answer: reference('OlderServiceInvoice'),
  },
];

const service = text('Such as `marketplace`.', { minLength: 1 });
const usage_type = text('Such as `wpk_upload`.', { minLength: 1 });
const seconds = 'Unix seconds.';

export const usageReports: OlderPaths = {
  paths,
  schemas: {
    OlderReport: body(
      { service, usage_type, quantity: decimal('How much.') },
      {
        tenant_id: id('Organisation.'),
        timestamp: number('Unix seconds: absent is now, 0 is 1970.'),
      },
    ),
    OlderReported: reply({
      id: text('The id of the event.'),
      status: { const: 'recorded' },
      tenant_id: text(),
      quantity: number(),
      message: text(),
    }),
    OlderServiceUsage: reply({
      tenant_id: text(),
      period_days: whole(),
      usage_summary: list(
        reply({
          service: text(),
          usage_type: text(),
          total_quantity: number(),
          record_count: whole(),
        }),
      ),
      total_services: whole('Different services.'),
    }),
    OlderServiceInvoice: reply({
      id: text(),
      tenant_id: text(),
      period_start: orNull(whole(seconds)),
      period_end: orNull(whole(seconds)),
      items: list(
        reply({
          service: text('The service; else the meter, or what the line is called.'),
          usage_type: text(),
          quantity: number(),
          rate: orNull(number('Of one unit; null where tiers say it.')),
          amount: number(),
        }),
      ),
      total_amount: number('The sum of the items.'),
      currency: text('ISO 4217.'),
      status: { const: 'generated' },
    }),
  },
};
