// `/api/billing`: quotas of a tenant.

import { limits } from '../../../limits.js';
import { METER } from '../../../operations/parse.js';
import { MODES } from '../../aliases/quota-fields.js';
import { reference } from '../values.js';
import type { OlderPath, OlderPaths } from './older-path.js';
import {
  among,
  body,
  decimal,
  flag,
  id,
  instant,
  list,
  number,
  orNull,
  reply,
  text,
  whenText,
} from './shapes.js';

const OVERRIDES = '/api/billing/tenants/{tenant_id}/quotas/overrides';
const mode = among(Object.keys(MODES));
const source = among(['PLAN', 'OVERRIDE']);
const limit = orNull(number('Null is unlimited.'));

const paths: readonly OlderPath[] = [
  {
    verb: 'PUT',
    template: OVERRIDES,
    id: 'PutQuotaOverrides',
    summary: 'Overrides quotas of a tenant, by key',
    about:
      'Other overrides stay. Each is put by itself: where one is refused, those before it hold.',
    performs: [
      'SubscriptionService/GetEffectiveQuotas',
      'SubscriptionService/PutQuotaOverride',
      'SubscriptionService/ListQuotaOverrides',
    ],
    body: {
      required: true,
      schema: reference('OlderQuotaOverrides'),
      example: {
        overrides: [{ quota_key: 'executions', quota_limit: 20000, reason: 'agreed with sales' }],
      },
    },
    status: 200,
    answer: list(reference('OlderQuotaOverride')),
  },
  {
    verb: 'GET',
    template: OVERRIDES,
    id: 'ListQuotaOverrides',
    summary: 'Lists the overrides of a tenant, by key',
    performs: ['SubscriptionService/ListQuotaOverrides'],
    status: 200,
    answer: list(reference('OlderQuotaOverride')),
  },
  {
    verb: 'GET',
    template: '/api/billing/tenants/{tenant_id}/quotas',
    id: 'GetQuotas',
    summary: 'The quotas that hold for a tenant, by key',
    performs: ['SubscriptionService/GetEffectiveQuotas'],
    status: 200,
    answer: reference('OlderQuotas'),
  },
  {
    verb: 'POST',
    template: '/api/billing/tenants/{tenant_id}/quotas:check',
    id: 'CheckQuota',
    summary: 'Whether so much of a meter would fit',
    about: 'Changes nothing, holds nothing.',
    performs: ['MeteringService/CheckQuota'],
    body: {
      required: true,
      schema: reference('OlderQuotaQuestion'),
      example: { meter_key: 'executions', quantity: 5 },
    },
    status: 200,
    answer: reference('OlderQuotaDecision'),
  },
];

const meter = text(undefined, { pattern: METER.source });

const newQuota = body(
  {
    quota_key: { ...meter, description: 'A meter: a calendar month of it is limited.' },
    quota_limit: orNull(decimal('Null is unlimited.')),
  },
  { enforcement_mode: { ...mode, default: 'HARD' } },
);

const change = body(
  { quota_key: id('Of a rule that holds already, or a meter: a new rule limits that.') },
  {
    quota_limit: decimal('Null is unlimited. Absent: what the rule has; a new one must say it.'),
    enforcement_mode: { ...mode, description: 'Absent: what the rule has; HARD for a new one.' },
    expires_at: whenText('It holds until then; a day is included.'),
    reason: text(undefined, { maxLength: limits.reasonChars }),
  },
);

export const billingQuotas: OlderPaths = {
  paths,
  schemas: {
    OlderNewQuota: newQuota,
    OlderQuota: reply({ quota_key: text(), quota_limit: limit, enforcement_mode: mode }),
    OlderQuotaOverrideChange: change,
    OlderQuotaOverrides: {
      description: 'One override, a list of them, or the same under `overrides`.',
      anyOf: [
        body({ overrides: list(reference('OlderQuotaOverrideChange')) }),
        list(reference('OlderQuotaOverrideChange')),
        reference('OlderQuotaOverrideChange'),
      ],
    },
    OlderQuotaOverride: reply({
      quota_key: text(),
      quota_limit: limit,
      enforcement_mode: mode,
      reason: text(),
      expires_at: orNull(instant()),
      updated_at: orNull(instant()),
    }),
    OlderQuotas: reply({
      tenant_id: text(),
      subscription_id: orNull(text()),
      plan_id: text(),
      plan_code: text(),
      computed_at: orNull(instant()),
      quotas: list(
        reply({ quota_key: text(), quota_limit: limit, enforcement_mode: mode, source }),
      ),
    }),
    OlderQuotaQuestion: body(
      { meter_key: meter },
      {
        quantity: decimal('At least 1.', { minimum: 1, default: 1 }),
        as_of: whenText("A time in the quota's present window."),
      },
    ),
    OlderQuotaDecision: reply({
      allowed: flag(),
      reason: among([
        'within_limit',
        'hard_limit_exceeded',
        'soft_limit_exceeded',
        'quota_not_configured',
        'suspended',
        'degraded',
      ]),
      source: among(['PLAN', 'OVERRIDE', 'NO_RULE'], 'Of the rule that decides.'),
      used: number(),
      requested: number(),
      projected: number('Used and requested.'),
      limit,
    }),
  },
};
