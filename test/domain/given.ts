// What the tests of the domain begin with; every field can be given otherwise.

import { type Decimal, isFault, parseDecimal, parseUnits } from '../../src/base/decimal.js';
import type { UsagePart } from '../../src/domain/invoicing/usage-lines.js';
import type { Dimensions, Match } from '../../src/domain/metering/dimensions.js';
import type { Meter } from '../../src/domain/metering/meter.js';
import type { Price, PriceVersion } from '../../src/domain/pricing/price.js';
import type { RuleState } from '../../src/domain/quota/decide.js';
import { combinationOf, type Rule } from '../../src/domain/quota/rule.js';

export function decimal(text: string): Decimal {
  const value = parseDecimal(text, 14);
  if (typeof value === 'string') throw new Error(`${text}: ${value}`);
  return value;
}

export function quanta(text: string, scale: number): bigint {
  const value = parseUnits(text, scale);
  if (isFault(value)) throw new Error(`${text}: ${value}`);
  return value;
}

export function utc(text: string): number {
  return Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
}

export function labels(record: Readonly<Record<string, string>> = {}): Dimensions {
  return new Map(Object.entries(record));
}

export function givenMeter(given: Partial<Meter> = {}): Meter {
  return {
    key: 'tokens',
    unit: 'token',
    scale: 0,
    aggregation: 'SUM',
    dimension: '',
    sourceKeys: [],
    formula: 'identity',
    rollupKeys: [],
    labelSetsMax: 10_000,
    latePolicy: 'NEXT_INVOICE',
    unpriced: { kind: 'zero' },
    ...given,
  };
}

export function givenRule(given: Partial<Rule> = {}): Rule {
  const rule: Omit<Rule, 'combination'> = {
    key: 'rule',
    meter: 'run_units',
    match: [],
    limit: 100n,
    window: 'CALENDAR_MONTH',
    windowLengthMs: 0,
    mode: 'HARD',
    scope: [],
    thresholds: [80, 95],
    source: 'PLAN',
    ...given,
  };
  return { ...rule, combination: combinationOf(rule) };
}

/** A request for 1 quantum of a SUM meter that was not used yet. */
export function givenState(
  rule: Partial<Rule> = {},
  state: Partial<Omit<RuleState, 'rule'>> = {},
): RuleState {
  return {
    rule: givenRule(rule),
    aggregation: 'SUM',
    scopeValues: '',
    used: 0n,
    reserved: 0n,
    ahead: 0n,
    requested: 1n,
    windowStartMs: utc('2026-11-01'),
    windowEndMs: utc('2026-12-01'),
    opened: true,
    scale: 0,
    countingSinceMs: undefined,
    ...state,
  };
}

export interface GivenVersion {
  readonly from?: string;
  readonly unit: string;
  readonly per?: string;
  readonly included?: bigint;
}

export function givenVersion({ from, unit, per, included }: GivenVersion): PriceVersion {
  return {
    kind: 'per_unit',
    unitPrice: decimal(unit),
    per: decimal(per ?? '1'),
    included: included ?? 0n,
    minimum: undefined,
    maximum: undefined,
    discountPercent: decimal('0'),
    prorate: true,
    effectiveFromMs: from === undefined ? 0 : utc(from),
  };
}

/** A price of the plan; its versions are in the order given. */
export function givenPrice(
  match: Match,
  versions: readonly GivenVersion[],
  source: Price['source'] = 'plan',
): Price {
  return { meter: 'tokens', match, source, versions: versions.map(givenVersion) };
}

/** Usage of one label set that one event reported, at a sequence of its own. */
export function givenPart(
  amount: bigint,
  dimensions: Readonly<Record<string, string>> = {},
  sequence = 1,
): UsagePart {
  const proof = { events: 1, firstSequence: sequence, lastSequence: sequence };
  return {
    dimensions: labels(dimensions),
    quanta: amount,
    proof: { ...proof, hashLow: sequence, hashHigh: 0 },
  };
}

/** Usage of one label set of a UNIQUE meter. */
export function givenValues(
  values: readonly string[],
  dimensions: Readonly<Record<string, string>>,
  sequence = 1,
): UsagePart {
  return { ...givenPart(BigInt(values.length), dimensions, sequence), values };
}
