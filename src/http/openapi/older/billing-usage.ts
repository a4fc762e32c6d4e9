// `/api/billing`: usage.

import { limits } from '../../../limits.js';
import { METER } from '../../../operations/parse.js';
import { reference } from '../values.js';
import { type OlderPath, type OlderPaths, REPORTS_BOUND } from './older-path.js';
import {
  body,
  decimal,
  flag,
  id,
  instant,
  list,
  mapOf,
  number,
  orNull,
  reply,
  text,
  whenText,
} from './shapes.js';

const meter = text(undefined, { pattern: METER.source });
const DAY = { format: 'date' };

const paths: readonly OlderPath[] = [
  {
    verb: 'POST',
    template: '/api/billing/usage:ingest',
    id: 'IngestUsage',
    summary: 'Records one event',
    about: `A repeat with the same id counts once, and is \`deduplicated\`. ${REPORTS_BOUND}`,
    performs: ['MeteringService/Record'],
    org: 'header',
    repeats: '`source_event_id`, where that is left out',
    body: {
      required: true,
      schema: reference('OlderUsage'),
      example: {
        tenant_id: 'acme',
        meter_key: 'executions',
        quantity: 1,
        source_event_id: 'job-4711',
        detail: { workflow: 'nightly' },
      },
    },
    status: 201,
    answer: reference('OlderIngested'),
  },
  {
    verb: 'GET',
    template: '/api/billing/tenants/{tenant_id}/usage/summary',
    id: 'GetUsageSummary',
    summary: 'What a tenant used over days, by meter',
    performs: ['MeteringService/GetUsage'],
    query: {
      meter_key: { ...meter, description: 'This one alone.' },
      from_date: text('First day, in UTC; that of the present month where absent.', DAY),
      to_date: text('Last day, included; today where absent. 409 before the first one.', DAY),
    },
    conflict: true,
    status: 200,
    answer: list(reference('OlderUsageSummary')),
  },
];

export const billingUsage: OlderPaths = {
  paths,
  schemas: {
    OlderUsage: body(
      { meter_key: meter },
      {
        tenant_id: id('Organisation.'),
        quantity: decimal('At least 1.', { minimum: 1, default: 1 }),
        occurred_at: whenText('Now where absent.'),
        source_event_id: text('The server makes one where absent, and a repeat counts again.', {
          maxLength: limits.eventIdChars,
          pattern: '^[ -~]+$',
        }),
        detail: {
          ...mapOf({}, 'Labels: texts as they are, other values as JSON, null left out.'),
          maxProperties: limits.dimensions,
          propertyNames: { minLength: 1, maxLength: limits.dimensionKeyChars },
        },
      },
    ),
    OlderIngested: reply({
      event: reply({
        id: text(),
        tenant_id: text(),
        meter_key: text(),
        quantity: number(),
        occurred_at: orNull(instant()),
        source_event_id: text(),
        detail: mapOf(text()),
      }),
      deduplicated: flag('It was recorded before, and counts once.'),
    }),
    OlderUsageSummary: reply({
      meter_key: text(),
      total_quantity: number(),
      from_date: text(undefined, DAY),
      to_date: text(undefined, DAY),
    }),
  },
};
