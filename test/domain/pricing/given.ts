// Prices as an operator writes them: YAML in, the exact cost or the lines of a period out.

import { formatDecimal, formatUnits } from '../../../src/base/decimal.js';
import { type Fraction, fractionToDecimal } from '../../../src/base/fraction.js';
import {
  type RatedPart,
  type Segment,
  type UsageLine,
  type UsagePart,
  usageLines,
} from '../../../src/domain/invoicing/usage-lines.js';
import type { Aggregation, Meter } from '../../../src/domain/metering/meter.js';
import { compilePrices } from '../../../src/domain/plans/compile-prices.js';
import type { PriceDocument } from '../../../src/domain/plans/document.js';
import { formatMinor } from '../../../src/domain/pricing/money.js';
import { inPrecedence, type Price, type PriceVersion } from '../../../src/domain/pricing/price.js';
import { AMOUNT_SCALE, atLeast, rateDue } from '../../../src/domain/pricing/rate.js';
import { configOf } from '../../config/given.js';
import { givenMeter, labels, quanta, utc } from '../given.js';

export const START = utc('2026-11-01');
export const CHANGE = utc('2026-11-16');
export const END = utc('2026-12-01');
/** Field of a version that takes over at CHANGE. */
export const FROM_CHANGE = 'effective_from: 2026-11-16T00:00:00Z';

/** The minor units of these have 0, 2 and 3 digits. */
export const CURRENCIES = ['JPY', 'USD', 'KWD'] as const;
export const DIGITS: Readonly<Record<string, number>> = { JPY: 0, USD: 2, KWD: 3 };

/** Every kind at a quantity of 8 that two events report: its rate, with nothing included. */
export const KINDS: readonly (readonly [fields: string, rate: string])[] = [
  ['kind: flat, amount: 200', '200.00'],
  ['kind: per_unit, unit_price: 25', '200.00'],
  ['kind: package, unit_price: 100, per: 5', '200.00'],
  ['kind: graduated, tiers: [{up_to: 6, unit_price: 30, flat_fee: 10}, {unit_price: 5}]', '200.00'],
  ['kind: volume, tiers: [{up_to: 6, unit_price: 50}, {unit_price: 20, flat_fee: 40}]', '200.00'],
  ['kind: percentage, percent: 1000, fixed_fee: 60', '200.00'],
  ['kind: graduated_percentage, tiers: [{flat_fee: 120, percent: 1000}]', '200.00'],
  ['kind: multiplier, factor: 25', '200.00'],
];

export interface Terms {
  readonly meter: Meter;
  readonly prices: readonly Price[];
  readonly currency: string;
}

export interface GivenTerms {
  readonly scale?: number;
  readonly currency?: string;
  readonly aggregation?: Aggregation;
  /** Prices of the price list, after those of the plan. */
  readonly list?: readonly string[];
}

/** Each price is the inside of a flow mapping: `kind: flat, amount: 5`. */
export function termsOf(prices: string | readonly string[], given: GivenTerms = {}): Terms {
  const { scale = 0, currency = 'USD', aggregation = 'SUM', list = [] } = given;
  const unique = aggregation === 'UNIQUE' ? ', dimension: user' : '';
  const catalogue = `catalogue:
  default_plan: plan
  meters:
    - {key: usage, unit: unit, scale: ${scale}, aggregation: ${aggregation},
       rollup_keys: [model, region]${unique}}
  price_lists: [{id: list, currency: ${currency}, prices: [${yamlOf(list)}]}]
  plans: [{id: plan, currency: ${currency}, prices: [${yamlOf([prices].flat())}]}]
`;
  const { plans, price_lists } = configOf({ yaml: catalogue }).catalogue;
  const meter = givenMeter({ key: 'usage', scale, aggregation, rollupKeys: ['model', 'region'] });
  const compiled = (owners: readonly Owner[], source: Price['source']) => {
    const documents = owners.flatMap((owner) => owner.prices);
    return compilePrices(documents, source, new Map([[meter.key, meter]]));
  };
  const owned = [...compiled(plans, 'plan'), ...compiled(price_lists, 'price_list')];
  return { meter, prices: inPrecedence(owned), currency };
}

interface Owner {
  readonly prices: readonly PriceDocument[];
}

function yamlOf(prices: readonly string[]): string {
  return prices.map((fields) => `{meter: usage, ${fields}}`).join(', ');
}

/** Of the only price: its last version. */
export function versionOf({ prices }: Terms): PriceVersion {
  const version = prices.length === 1 ? prices[0]?.versions.at(-1) : undefined;
  if (version === undefined) throw new Error('not one price');
  return version;
}

/** What a whole period of `quantity` costs, as a fraction. */
export function costOf(terms: Terms, quantity: bigint, events: number): Fraction {
  const version = versionOf(terms);
  const due = rateDue(version, { quanta: quantity, events }, terms.meter.scale);
  return atLeast(due, version.minimum);
}

export function exactText(amount: Fraction): string {
  return formatDecimal(fractionToDecimal(amount, AMOUNT_SCALE));
}

/** What a whole period of `quantity` costs, unrounded. */
export function cost(fields: string, quantity: string, given: GivenUse = {}): string {
  const terms = termsOf(fields, given);
  const amount = quanta(quantity, terms.meter.scale);
  return exactText(costOf(terms, amount, given.events ?? 1));
}

export interface GivenUse extends GivenTerms {
  readonly events?: number;
}

/** Usage of one label set; `sequence` is that of its last event. */
export function used(
  { meter }: Terms,
  quantity: string,
  events = 1,
  dimensions: Readonly<Record<string, string>> = {},
  sequence = events,
): UsagePart {
  return {
    dimensions: labels(dimensions),
    quanta: quanta(quantity, meter.scale),
    proof: { events, firstSequence: 1, lastSequence: sequence, hashLow: sequence, hashHigh: 0 },
  };
}

export function whole(...parts: readonly UsagePart[]): readonly Segment[] {
  return [{ startMs: START, endMs: END, parts }];
}

export function halves(
  first: readonly UsagePart[],
  second: readonly UsagePart[],
): readonly Segment[] {
  return [
    { startMs: START, endMs: CHANGE, parts: first },
    { startMs: CHANGE, endMs: END, parts: second },
  ];
}

export function linesOf(
  { meter, prices, currency }: Terms,
  segments: readonly Segment[],
  part?: RatedPart,
): readonly UsageLine[] {
  return usageLines(meter, prices, segments, currency, part);
}

/** The lines of a whole period: "USAGE 5 0.50". Nothing used where there are 0 events. */
export function bill(fields: string, quantity: string, given: GivenUse = {}): readonly string[] {
  const terms = termsOf(fields, given);
  const { events = 1 } = given;
  const parts = events === 0 ? [] : [used(terms, quantity, events)];
  return shown(linesOf(terms, whole(...parts)), terms);
}

export function shown(lines: readonly UsageLine[], { meter, currency }: Terms): readonly string[] {
  return lines.map(({ kind, quanta: amount, amountMinor }) => {
    return `${kind} ${formatUnits(amount, meter.scale)} ${formatMinor(amountMinor, currency)}`;
  });
}

export function sumOf(lines: readonly UsageLine[]): bigint {
  return lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
}

/** The sum of the lines, with all minor digits. */
export function total(lines: readonly UsageLine[], { currency }: Terms): string {
  return formatMinor(sumOf(lines), currency);
}
