// The shape of a price: which fields belong to which kind, and how it becomes a document.

import { z } from 'zod';
import { compare } from '../base/decimal.js';
import type { PriceDocument, TierDocument } from '../domain/plans/document.js';
import { decimal as exact } from '../domain/plans/validated.js';
import { PRICE_KINDS, type PriceKind } from '../domain/pricing/price.js';
import { limits } from '../limits.js';
import {
  decimal,
  dimensionKey,
  dimensionValue,
  instant,
  integer,
  meterKey,
  oneOf,
  type Read,
  refuse,
  trueOrFalse,
} from './scalars.js';
import { map, scalar } from './shape.js';

const ALWAYS = '1970-01-01T00:00:00Z';
const TIERS_MAX = 100;
const FREE_EVENTS_MAX = 1_000_000_000;

const price: Read<string> = decimal(limits.priceScale);
const quantity: Read<string> = decimal(limits.quantityScale);

const aboveZero =
  (read: Read<string>): Read<string> =>
  (text) => {
    const value = read(text);
    return value === '0' ? refuse('must be greater than 0') : value;
  };

const percentOff: Read<string> = (text) => {
  const value = price(text);
  if (typeof value !== 'string' || Number(value) <= 100) return value;
  return refuse('must be at most 100');
};

const UNLIMITED: readonly string[] = ['', 'null', '~'];
const upTo: Read<string | null> = (text) =>
  UNLIMITED.includes(text) ? null : aboveZero(quantity)(text);

const tierShape = z
  .strictObject({
    up_to: scalar(upTo).default(null),
    unit_price: scalar(price).default('0'),
    flat_fee: scalar(price).default('0'),
    percent: scalar(price).default('0'),
    block_size: scalar(aboveZero(quantity)).default(''),
  })
  .transform((tier): TierDocument => tier);

const fields = z.strictObject({
  meter: scalar(meterKey),
  match: map(dimensionKey, dimensionValue, limits.dimensions).default({}),
  kind: scalar(oneOf(PRICE_KINDS)).default('per_unit'),
  amount: scalar(price).optional(),
  unit_price: scalar(price).optional(),
  per: scalar(aboveZero(price)).optional(),
  tiers: z.array(tierShape).optional(),
  percent: scalar(price).optional(),
  fixed_fee: scalar(price).optional(),
  free_events: scalar(integer(0, FREE_EVENTS_MAX)).optional(),
  factor: scalar(price).optional(),
  included: scalar(quantity).default('0'),
  minimum: scalar(price).optional(),
  maximum: scalar(price).optional(),
  discount_percent: scalar(percentOff).optional(),
  prorate: scalar(trueOrFalse).default(true),
  effective_from: scalar(instant).default(ALWAYS),
});
type Fields = z.output<typeof fields>;
type Own = 'amount' | 'unit_price' | 'per' | 'tiers' | 'percent' | 'fixed_fee' | 'free_events';

/** What a kind needs, then what it may have. */
const FIELDS_OF: Record<PriceKind, readonly [needed: Own | 'factor', ...others: Own[]]> = {
  flat: ['amount'],
  per_unit: ['unit_price', 'per'],
  package: ['unit_price', 'per'],
  graduated: ['tiers', 'per'],
  volume: ['tiers', 'per'],
  percentage: ['percent', 'fixed_fee', 'free_events'],
  graduated_percentage: ['tiers'],
  multiplier: ['factor'],
};
const OWN = new Set(Object.values(FIELDS_OF).flat());
/** Kinds whose price is that of a quantity. */
export const PRICED_PER: ReadonlySet<string> = new Set(
  Object.entries(FIELDS_OF).flatMap(([kind, fields]) => (fields.includes('per') ? [kind] : [])),
);

export const priceShape = fields.transform((given, context): PriceDocument => {
  const belongs: readonly string[] = FIELDS_OF[given.kind];
  const [needed] = FIELDS_OF[given.kind];
  if (given[needed] === undefined) {
    report(context, [needed], `is required for the kind ${given.kind}`);
  }
  for (const field of OWN) {
    if (given[field] === undefined || belongs.includes(field)) continue;
    report(context, [field], `does not belong to the kind ${given.kind}`);
  }
  checkTiers(given, context);
  const { minimum, maximum } = given;
  if (minimum !== undefined && maximum !== undefined && isGreater(minimum, maximum)) {
    report(context, ['minimum'], 'must not be greater than the maximum');
  }
  return toDocument(given);
});

/** Only what says something is in the document, so that equal prices are equal texts. */
function toDocument(given: Fields): PriceDocument {
  const { unit_price, per, included, effective_from, prorate, discount_percent, ...rest } = given;
  const told = Object.entries({
    amount: rest.amount,
    tiers: rest.tiers,
    percent: rest.percent,
    fixed_fee: unless('0', rest.fixed_fee),
    free_events: rest.free_events === 0 ? undefined : rest.free_events,
    factor: rest.factor,
    minimum: unless('0', rest.minimum),
    maximum: rest.maximum,
    discount_percent: unless('0', discount_percent),
    prorate: prorate ? undefined : false,
  }).filter(([, value]) => value !== undefined);
  return {
    meter: rest.meter,
    match: rest.match,
    kind: rest.kind,
    ...(unit_price === undefined ? {} : { unit_price }),
    per: per ?? '1',
    included,
    effective_from,
    ...Object.fromEntries(told),
  };
}

function unless(nothing: string, text: string | undefined): string | undefined {
  return text === nothing ? undefined : text;
}

/** Each tier begins where the one before it ends; the last one has no end. */
function checkTiers({ kind, tiers }: Fields, context: z.RefinementCtx): void {
  if (tiers === undefined) return;
  if (tiers.length === 0) report(context, ['tiers'], 'must have at least one tier');
  if (tiers.length > TIERS_MAX) report(context, ['tiers'], `must have at most ${TIERS_MAX} tiers`);
  let before: string | null = '0';
  for (const [i, tier] of tiers.entries()) {
    const at = (field: string) => ['tiers', i, field];
    const isLast = i === tiers.length - 1;
    if (isLast && tier.up_to !== null) {
      report(context, at('up_to'), 'must be absent on the last tier: it has no upper end');
    }
    if (!isLast && tier.up_to === null) report(context, at('up_to'), 'is required but on the last');
    if (tier.up_to !== null && before !== null && !isGreater(tier.up_to, before)) {
      report(context, at('up_to'), 'must be greater than that of the tier before');
    }
    before = tier.up_to;
    if (kind !== 'graduated_percentage' && tier.percent !== '0') {
      report(context, at('percent'), 'belongs to the kind graduated_percentage only');
    }
    if (kind !== 'graduated_percentage') continue;
    if (tier.unit_price !== '0') {
      report(context, at('unit_price'), 'does not belong to the kind graduated_percentage');
    }
    if (tier.block_size !== '') {
      report(context, at('block_size'), 'does not belong to the kind graduated_percentage');
    }
  }
}

/** Of validated decimals, whatever their length. */
function isGreater(a: string, b: string): boolean {
  return compare(exact(a), exact(b)) > 0;
}

function report(
  context: z.RefinementCtx,
  path: readonly (string | number)[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path: [...path], message });
}
