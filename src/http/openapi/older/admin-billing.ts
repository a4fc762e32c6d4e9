// `/admin/billing`.

import { limits } from '../../../limits.js';
import { reference } from '../values.js';
import type { OlderPath, OlderPaths } from './older-path.js';
import {
  flag,
  instant,
  list,
  mapOf,
  number,
  orNull,
  reply,
  text,
  whenText,
  whole,
} from './shapes.js';

const MONTH = { pattern: '^[0-9]{4}-[0-9]{2}$', examples: ['2026-11'] };
const limit = whole(`A lower one is 1, a higher one ${limits.pageMax}.`, {
  minimum: 1,
  maximum: limits.pageMax,
  default: limits.pageDefault,
});

const paths: readonly OlderPath[] = [
  {
    verb: 'GET',
    template: '/admin/billing/usage',
    id: 'GetRunUnits',
    summary: 'Run units of a month, by tool and tier',
    performs: ['MeteringService/GetUsage'],
    org: 'header',
    query: { period: text('A calendar month; the present one where absent.', MONTH) },
    status: 200,
    answer: reference('OlderRunUnits'),
  },
  {
    verb: 'GET',
    template: '/admin/billing/usage/history',
    id: 'ListRunUnits',
    summary: 'Single records of run units, newest first',
    performs: ['MeteringService/ListUsageEvents'],
    org: 'header',
    query: {
      start_date: whenText('From then on.'),
      end_date: whenText('Up to then; a day is included.'),
      limit,
    },
    status: 200,
    answer: reference('OlderRunUnitRecords'),
  },
  {
    verb: 'GET',
    template: '/admin/billing/quota',
    id: 'GetRunUnitQuota',
    summary: 'Where the quota on run units stands',
    performs: ['MeteringService/CheckQuota'],
    org: 'header',
    status: 200,
    answer: reference('OlderRunUnitQuota'),
  },
];

const record = reply({
  id: text(),
  org_id: text(),
  user_id: orNull(text('The label `user`.')),
  thread_id: orNull(text('The label `thread`.')),
  tool_name: text('The label `tool`; `default` without.'),
  run_units: number(),
  tier: text('The label `tier`; `standard` without.'),
  cpu_seconds: orNull(number('As measured; null where a quantity was reported.')),
  gpu_seconds: orNull(number()),
  latency_ms: orNull(number()),
  created_at: orNull(instant('When it was used.')),
  period: orNull(text('The month of that in UTC.', MONTH)),
});

export const adminBilling: OlderPaths = {
  paths,
  schemas: {
    OlderRunUnits: reply({
      total_run_units: number(),
      record_count: whole(),
      by_tool: mapOf(number(), 'Run units by tool; `default` without one.'),
      by_tier: mapOf(number(), 'Run units by tier; `standard` without one.'),
      period: text(undefined, MONTH),
    }),
    OlderRunUnitRecord: record,
    OlderRunUnitRecords: reply({
      records: list(reference('OlderRunUnitRecord')),
      count: whole('Of these records.'),
    }),
    OlderRunUnitQuota: reply({
      allowed: flag('Whether there is room.'),
      current_usage: number(),
      limit: number('-1 is unlimited.'),
      remaining: number('-1 is unlimited.'),
      period: text('The present month.', MONTH),
      org_id: text(),
      plan: text(),
    }),
  },
};
