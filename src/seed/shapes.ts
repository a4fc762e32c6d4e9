// The shape of each part of the catalogue, and how it becomes a document: every default filled in,
// decimals and times in their one form, maps sorted. What parts say about each other is checked in
// checks.ts.

import { z } from 'zod';
import { AGGREGATIONS } from '../domain/metering/meter.js';
import type { OverrideDocument, QuotaDocument } from '../domain/plans/document.js';
import { isCurrency } from '../domain/pricing/money.js';
import { MODES, WINDOW_KINDS } from '../domain/quota/rule.js';
import { limits } from '../limits.js';
import { RUN_UNITS } from './example.js';
import {
  decimal,
  dimensionKey,
  dimensionValue,
  id,
  instant,
  integer,
  isRefused,
  label,
  lengthMs,
  meterKey,
  oneOf,
  orEmpty,
  type Read,
  refuse,
  trueOrFalse,
} from './scalars.js';
import { list, map, scalar, sorted } from './shape.js';

const ROLLUP_KEYS_MAX = 4;
const LABEL_SETS_MAX = 1_000_000;
const THRESHOLDS_MAX = 16;
const UNIT_CHARS_MAX = 64;
const UNLIMITED: readonly string[] = ['', 'null', '~', 'unlimited'];

const limit: Read<string | null> = (text) =>
  UNLIMITED.includes(text) ? null : decimal(limits.quantityScale)(text);

export const currency: Read<string> = (text) =>
  isCurrency(text) ? text : refuse('must be an ISO 4217 code such as USD');

const unpriced: Read<'zero' | 'reject' | { readonly default: string }> = (text) => {
  if (text === 'zero' || text === 'reject') return text;
  const amount = /^default\(([^()]*)\)$/.exec(text)?.[1];
  if (amount === undefined) return refuse('must be zero, reject or default(0.01)');
  const value = decimal(limits.priceScale)(amount);
  return isRefused(value) ? value : { default: value };
};

export const meterShape = z.strictObject({
  key: scalar(meterKey),
  unit: scalar(label(UNIT_CHARS_MAX)),
  scale: scalar(integer(0, limits.quantityScale)),
  aggregation: scalar(oneOf(AGGREGATIONS)),
  dimension: scalar(orEmpty(dimensionKey)).default(''),
  source_keys: list(dimensionKey, limits.dimensions).default([]),
  formula: scalar(oneOf(['identity', 'run_units'])).default('identity'),
  rollup_keys: list(dimensionKey, ROLLUP_KEYS_MAX).default([]),
  label_sets_max: scalar(integer(1, LABEL_SETS_MAX)).default(limits.labelSetsPerMonth),
  late_policy: scalar(oneOf(['NEXT_INVOICE', 'REJECT'])).default('NEXT_INVOICE'),
  unpriced: z.preprocess(defaultAsText, scalar(unpriced)).default('zero'),
});

const quotaFields = {
  key: scalar(id),
  meter: scalar(meterKey),
  match: map(dimensionKey, dimensionValue, limits.dimensions).default({}),
  limit: scalar(limit).default(null),
  window: scalar(oneOf(WINDOW_KINDS)).default('CALENDAR_MONTH'),
  window_length: scalar(lengthMs).optional(),
  mode: scalar(oneOf(MODES)).default('HARD'),
  scope: list(dimensionKey, limits.dimensions).default([]),
  thresholds: list(integer(1, 100), THRESHOLDS_MAX).default([80, 95]),
};
const quotaObject = z.strictObject(quotaFields);

export const quotaShape = quotaObject.transform(
  (fields, context): QuotaDocument => toQuota(fields, context),
);

export const overrideShape = z
  .strictObject({
    ...quotaFields,
    replaces: scalar(orEmpty(id)).default(''),
    expires: scalar(instantOrNever).default(null),
    reason: scalar(orEmpty(label(limits.reasonChars))).default(''),
  })
  .transform(({ replaces, expires, reason, ...fields }, context): OverrideDocument => {
    return { ...toQuota(fields, context), replaces, expires, reason };
  });

/** Lists within these parts are read item by item, so that one bad item hides no other. */
export const items = z.unknown().optional();

export const priceListShape = z.strictObject({
  id: scalar(id),
  currency: scalar(currency).default('USD'),
  prices: items,
});

export const organisationShape = z.strictObject({
  id: scalar(id),
  plan: scalar(orEmpty(id)).default(''),
  suspended: scalar(trueOrFalse).default(false),
  quota_overrides: items,
});

export const runUnitsShape = z.strictObject({
  tiers: map(dimensionValue, decimal(limits.priceScale), limits.runUnitTiers).default(
    RUN_UNITS.tiers,
  ),
  overheads: map(dimensionValue, decimal(limits.priceScale), limits.runUnitOverheads)
    .transform((given) => sorted({ default: RUN_UNITS.overheads['default'] ?? '0', ...given }))
    .default(RUN_UNITS.overheads),
  floor: scalar(decimal(limits.priceScale)).default(RUN_UNITS.floor),
});

export const catalogueShape = z.strictObject({
  default_plan: scalar(id),
  unknown_org: scalar(oneOf(['accept', 'reject'])).default('accept'),
  meters: items,
  price_lists: items,
  plans: items,
  default_quotas: items,
  organizations: items,
  run_units: items,
  seller: items,
});

/** `{ default: "0.01" }` and `default(0.01)` mean the same. */
function defaultAsText(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const [entry, ...others] = Object.entries(given);
  return entry?.[0] === 'default' && others.length === 0 ? `default(${entry[1]})` : '';
}

function instantOrNever(text: string): ReturnType<Read<string | null>> {
  return text === '' || text === 'null' || text === '~' ? null : instant(text);
}

function toQuota(
  { window_length, ...fields }: z.output<typeof quotaObject>,
  context: z.RefinementCtx,
): QuotaDocument {
  const needed = fields.window === 'FIXED_FROM_FIRST_USE';
  if (needed !== (window_length !== undefined)) {
    const message = needed
      ? 'is required for FIXED_FROM_FIRST_USE'
      : 'belongs to FIXED_FROM_FIRST_USE only';
    context.addIssue({ code: 'custom', path: ['window_length'], message });
  }
  return {
    key: fields.key,
    meter: fields.meter,
    match: fields.match,
    limit: fields.limit,
    window: fields.window,
    window_length_ms: window_length ?? 0,
    mode: fields.mode,
    // Counters are kept by the scope's keys in order: one order, one counter.
    scope: [...fields.scope].sort(),
    thresholds: [...fields.thresholds].sort((a, b) => a - b),
  };
}
