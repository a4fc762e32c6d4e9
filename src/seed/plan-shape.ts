// The shape of a plan and of who sells it. What a plan can do without is not in its document where
// it says nothing, so that equal plans are equal texts.

import { z } from 'zod';
import type {
  PartyDocument,
  PlanDocument,
  PriceDocument,
  QuotaDocument,
} from '../domain/plans/document.js';
import { BILLING_INTERVALS } from '../domain/subscriptions/period.js';
import { limits } from '../limits.js';
import {
  decimal,
  id,
  integer,
  label,
  matching,
  oneOf,
  orEmpty,
  type Read,
  refuse,
  trueOrFalse,
} from './scalars.js';
import { map, scalar } from './shape.js';
import { currency, items } from './shapes.js';

const TAX_NAME_CHARS_MAX = 64;
const TAX_SCALE = 6;

const price = decimal(limits.priceScale);

const featureKey = matching(/^[a-z0-9_.-]{1,64}$/, 'must be 1 to 64 characters of a-z 0-9 _ . -');

const taxPercent: Read<string> = (text) => {
  const value = decimal(TAX_SCALE)(text);
  return typeof value === 'string' && Number(value) > 100 ? refuse('must be at most 100') : value;
};

const taxRateShape = z.strictObject({
  name: scalar(label(TAX_NAME_CHARS_MAX)),
  percent: scalar(taxPercent),
});

const taxRates = z
  .preprocess((given) => (given === '' ? [] : given), z.array(taxRateShape))
  .refine((rates) => rates.length <= limits.taxRates, `must have at most ${limits.taxRates} items`);

export const planShape = z.strictObject({
  id: scalar(id),
  name: scalar(orEmpty(label(limits.nameChars))).default(''),
  currency: scalar(currency).default('USD'),
  quotas: items,
  prices: items,
  base_interval: scalar(oneOf(BILLING_INTERVALS)).default('MONTH'),
  usage_interval: scalar(oneOf(BILLING_INTERVALS)).default('MONTH'),
  base_price: scalar(price).default('0'),
  seat_price: scalar(price).default('0'),
  included_seats: scalar(integer(0, limits.seats)).default(0),
  trial_days: scalar(integer(0, limits.trialDays)).default(0),
  features: map(featureKey, trueOrFalse, limits.featuresPerPlan).default({}),
  org_id: scalar(orEmpty(id)).default(''),
  self_serve: scalar(trueOrFalse).default(false),
  tax_rates: taxRates.default([]),
  requires_payment_method: scalar(trueOrFalse).default(false),
});
export type PlanFields = z.output<typeof planShape>;

/** The keys of a plan's document, in the order that they stand in. */
export const PLAN_KEYS: readonly (keyof PlanDocument)[] = [
  'id',
  'name',
  'currency',
  'quotas',
  'prices',
  'base_interval',
  'usage_interval',
  'base_price',
  'seat_price',
  'included_seats',
  'trial_days',
  'features',
  'org_id',
  'self_serve',
  'tax_rates',
  'requires_payment_method',
];

export function toPlanDocument(
  fields: PlanFields,
  quotas: readonly QuotaDocument[],
  prices: readonly PriceDocument[],
): PlanDocument {
  const { id: planId, name, base_interval, usage_interval, features, tax_rates } = fields;
  const told = Object.entries({
    base_interval: unless('MONTH', base_interval),
    usage_interval: unless('MONTH', usage_interval),
    base_price: unless('0', fields.base_price),
    seat_price: unless('0', fields.seat_price),
    included_seats: unless(0, fields.included_seats),
    trial_days: unless(0, fields.trial_days),
    features: Object.keys(features).length === 0 ? undefined : features,
    org_id: unless('', fields.org_id),
    self_serve: unless(false, fields.self_serve),
    tax_rates: tax_rates.length === 0 ? undefined : tax_rates,
    requires_payment_method: unless(false, fields.requires_payment_method),
  }).filter(([, value]) => value !== undefined);
  return {
    id: planId,
    name: name === '' ? planId : name,
    currency: fields.currency,
    quotas,
    prices,
    ...Object.fromEntries(told),
  };
}

function unless<T>(nothing: T, value: T): T | undefined {
  return value === nothing ? undefined : value;
}

const lines: Read<string> = (text) => {
  const read = text.replace(/\n+$/, '');
  if (/^(\P{Cc}|\n){0,1024}$/u.test(read)) return read;
  return refuse('must be at most 1024 characters, of control characters only line breaks');
};

const mail = matching(/^(?=.{1,256}$)[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$/u, 'must be a mail address');

export const sellerShape = z
  .strictObject({
    legal_name: scalar(label(limits.nameChars)),
    address: scalar(lines).default(''),
    tax_id: scalar(orEmpty(label(64))).default(''),
    email: scalar(orEmpty(mail)).default(''),
  })
  .transform((seller): PartyDocument => seller);
